"""How batches, claims of several items and stacks look in JSON."""

from rest_framework import serializers

from detection.models import Incident
from hitlsite.api.serializers import StrictSerializer
from hitlsite.bounds import as_id
from review.api.serializers import CameraSerializer, DecisionSerializer, ItemSerializer
from review.models import Decision, TrainingItem
from review.services.bulk import MOST_AT_ONCE
from review.services.queue import MOST_CLAIMED
from review.services.regions import MOST_NOTE_CHARACTERS
from review.services.verdicts import GIVEN_CHOICES


class WholeNumberField(serializers.IntegerField):
    """A number that is one in JSON too: no text, no float, no boolean."""

    def to_internal_value(self, data):
        if type(data) is not int:
            self.fail("invalid")
        return data


class IdField(WholeNumberField):
    """The id of a row, whether or not there is one."""

    def to_internal_value(self, data):
        number = super().to_internal_value(data)
        if as_id(number) is None:
            self.fail("invalid")
        return number


class DecideManySerializer(StrictSerializer):
    ids = serializers.ListField(
        child=IdField(), allow_empty=False, help_text=f"up to {MOST_AT_ONCE} items"
    )
    verdict = serializers.ChoiceField(choices=GIVEN_CHOICES)
    reason = serializers.ChoiceField(
        choices=Decision.Reason.choices, required=False, allow_blank=True
    )
    note = serializers.CharField(required=False, allow_blank=True, max_length=MOST_NOTE_CHARACTERS)

    def validate_ids(self, ids):
        if len(ids) > MOST_AT_ONCE:
            raise serializers.ValidationError(f"At most {MOST_AT_ONCE} items at once.")
        return ids


class RefusedSerializer(serializers.Serializer):
    item = serializers.IntegerField()
    message = serializers.CharField()


class OutcomeSerializer(serializers.Serializer):
    batch = serializers.UUIDField(help_text="by which all of it is taken back at once")
    decisions = DecisionSerializer(many=True)
    refused = RefusedSerializer(many=True)


class UndoManySerializer(StrictSerializer):
    batch = serializers.UUIDField()


class UndoneSerializer(serializers.Serializer):
    decisions = DecisionSerializer(many=True)


class ClaimSerializer(StrictSerializer):
    count = WholeNumberField(required=False, min_value=1, max_value=MOST_CLAIMED)
    camera = IdField(required=False)
    category = serializers.ChoiceField(choices=Incident.Category.choices, required=False)
    since = serializers.CharField(required=False, max_length=40)
    until = serializers.CharField(required=False, max_length=40)
    deployment = IdField(required=False)
    origin = serializers.ChoiceField(choices=Incident.Origin.choices, required=False)
    mode = serializers.ChoiceField(choices=TrainingItem.Mode.choices, required=False)


class ClaimedSerializer(serializers.Serializer):
    results = ItemSerializer(many=True)


class StackSerializer(serializers.Serializer):
    id = serializers.IntegerField(source="head.pk", help_text="of its first item")
    camera = CameraSerializer(source="head.camera")
    category = serializers.CharField(source="head.category")
    rule_name = serializers.CharField()
    zone = serializers.CharField()
    waiting = serializers.IntegerField(help_text="items that wait for a verdict of yours")
    total = serializers.IntegerField()
    first_at = serializers.DateTimeField(help_text="when the first of it opened")
    last_at = serializers.DateTimeField(help_text="when the last of it opened")


class StacksSerializer(serializers.Serializer):
    results = StackSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
