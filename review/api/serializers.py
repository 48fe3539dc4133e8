"""How items, decisions and acts look in JSON."""

from django.urls import reverse
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from detection.models import Evidence, Incident, RuleHit
from hitlsite.api.serializers import ShownSerializer, StrictSerializer
from review import selectors
from review.models import Decision, Redaction, TrainingItem
from review.services.regions import MOST_NOTE_CHARACTERS
from review.services.verdicts import GIVEN_CHOICES


@extend_schema_field({"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4})
class CornersField(serializers.JSONField):
    """x1, y1, x2, y2 as shares of width and height; the service checks them."""


class SecondsField(serializers.FloatField):
    """A float that says no to a number too large for one."""

    def to_internal_value(self, data):
        try:
            return super().to_internal_value(data)
        except OverflowError:
            self.fail("invalid")


class DrawnBoxSerializer(serializers.Serializer):
    box_xyxy = CornersField()
    class_name = serializers.CharField(required=False, allow_blank=True)
    evidence = serializers.IntegerField(required=False, allow_null=True)


@extend_schema_field(DrawnBoxSerializer(many=True))
class DrawnBoxesField(serializers.JSONField):
    """Boxes as they are stored."""


class PersonField(serializers.CharField):
    """A user by name."""

    def to_representation(self, value):
        return value.get_full_name() or value.get_username()


class CameraSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    site = serializers.CharField(source="site.name")


class RuleHitSerializer(ShownSerializer):
    numbers = serializers.DictField(read_only=True, help_text="what made the rule fire")
    parameters = serializers.DictField(read_only=True, help_text="the rule's, as it was then")

    class Meta:
        model = RuleHit
        fields = [
            "rule_name",
            "kind",
            "zone",
            "opened_at_seconds",
            "closed_at_seconds",
            "why",
            "numbers",
            "parameters",
        ]
        read_only_fields = fields


class EvidenceSerializer(ShownSerializer):
    url = serializers.SerializerMethodField(help_text="null where you may not see the file")

    class Meta:
        model = Evidence
        fields = [
            "id",
            "kind",
            "at_seconds",
            "end_seconds",
            "width",
            "height",
            "byte_count",
            "sha256",
            "url",
        ]
        read_only_fields = fields

    def get_url(self, evidence) -> str | None:
        return reverse("review:evidence", args=[evidence.pk])


class IncidentSerializer(ShownSerializer):
    duration_seconds = serializers.FloatField(read_only=True, allow_null=True)
    track_ids = serializers.ListField(child=serializers.IntegerField(), read_only=True)

    class Meta:
        model = Incident
        fields = [
            "id",
            "origin",
            "why",
            "class_name",
            "opened_at",
            "closed_at",
            "opened_at_seconds",
            "closed_at_seconds",
            "duration_seconds",
            "close_reason",
            "peak_score",
            "track_ids",
        ]
        read_only_fields = fields


class ItemSerializer(ShownSerializer):
    """An item as lists show it."""

    # The context holds the user: who may see its media depends on that.
    camera = CameraSerializer(read_only=True)
    incident = IncidentSerializer(read_only=True, allow_null=True)
    claimed_by = PersonField(read_only=True, allow_null=True)
    evidence = serializers.SerializerMethodField()

    class Meta:
        model = TrainingItem
        fields = [
            "id",
            "status",
            "category",
            "proposed_category",
            "severity",
            "priority",
            "privacy",
            "proposal",
            "version",
            "collection_method",
            "camera",
            "incident",
            "stack",
            "represented_by",
            "evidence",
            "claimed_by",
            "claim_expires_at",
            "created_at",
            "decided_at",
        ]
        read_only_fields = fields

    @extend_schema_field(EvidenceSerializer(many=True))
    def get_evidence(self, item):
        rows = [self._of_evidence.to_representation(row) for row in item.evidence]
        if not selectors.may_see_media(self.context["user"], item):
            rows = [{**row, "url": None} for row in rows]
        return rows

    @cached_property
    def _of_evidence(self):
        """One serializer for the files of every item on a page: making one costs most of it."""
        return EvidenceSerializer()


class DecisionSerializer(ShownSerializer):
    reviewer = PersonField(read_only=True)
    reason = serializers.ChoiceField(
        choices=Decision.Reason.choices, allow_blank=True, read_only=True
    )
    category = serializers.ChoiceField(
        choices=Incident.Category.choices,
        allow_blank=True,
        read_only=True,
        help_text="if it was corrected",
    )
    boxes = DrawnBoxesField(read_only=True)

    class Meta:
        model = Decision
        fields = [
            "id",
            "item",
            "reviewer",
            "role",
            "verdict",
            "reason",
            "note",
            "category",
            "boxes",
            "effect",
            "batch",
            "guideline_version",
            "undoes",
            "seconds_taken",
            "status_before",
            "item_version",
            "at",
        ]
        read_only_fields = fields


class ItemDetailSerializer(ItemSerializer):
    """An item with its rules, provenance and history."""

    provenance = serializers.DictField(read_only=True, help_text="where the item comes from")
    rules = serializers.SerializerMethodField()
    history = serializers.SerializerMethodField()

    class Meta(ItemSerializer.Meta):
        fields = [*ItemSerializer.Meta.fields, "provenance", "rules", "history"]
        read_only_fields = fields

    @extend_schema_field(RuleHitSerializer(many=True))
    def get_rules(self, item):
        rows = item.incident.rule_hits.all() if item.incident else []
        return RuleHitSerializer(rows, many=True).data

    @extend_schema_field(DecisionSerializer(many=True))
    def get_history(self, item):
        return DecisionSerializer(selectors.history(item, self.context["user"]), many=True).data


class PageSerializer(serializers.Serializer):
    results = ItemSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class StatsSerializer(serializers.Serializer):
    pending_review = serializers.IntegerField()
    confirmed = serializers.IntegerField()
    rejected = serializers.IntegerField()
    needs_review = serializers.IntegerField()
    fine_tune_ready = serializers.IntegerField(help_text="confirmed items whose files may leave")
    min_confirmed = serializers.IntegerField(help_text="how many the first fine-tuning needs")
    is_capped = serializers.BooleanField(
        help_text=f"with filters: counting stopped at {selectors.MOST_COUNTED} of a status"
    )


class StandingSerializer(ShownSerializer):
    """Where an item stands after an act, and no more: an act is answered quickly."""

    class Meta:
        model = TrainingItem
        fields = ["id", "status", "category", "privacy", "proposal", "version", "decided_at"]
        read_only_fields = fields


class DecidedSerializer(serializers.Serializer):
    item = StandingSerializer()
    decision = DecisionSerializer()
    message = serializers.CharField(
        allow_blank=True, help_text="what became of a verdict that is not simply in force"
    )


class DrawnRegionSerializer(serializers.Serializer):
    box_xyxy = CornersField()
    evidence = serializers.IntegerField(
        required=False, allow_null=True, help_text="one file; without it, every file"
    )
    at_seconds = SecondsField(
        required=False, allow_null=True, help_text="on the clip's clock; without it, throughout"
    )


class DecideSerializer(StrictSerializer):
    verdict = serializers.ChoiceField(choices=GIVEN_CHOICES)
    reason = serializers.ChoiceField(
        choices=Decision.Reason.choices, required=False, allow_blank=True
    )
    note = serializers.CharField(required=False, allow_blank=True, max_length=MOST_NOTE_CHARACTERS)
    category = serializers.ChoiceField(
        choices=Incident.Category.choices, required=False, allow_blank=True
    )
    boxes = DrawnBoxSerializer(many=True, required=False)
    version = serializers.IntegerField(required=False, allow_null=True)
    seconds_taken = SecondsField(required=False, allow_null=True)


class RedactSerializer(StrictSerializer):
    method = serializers.ChoiceField(choices=Redaction.Method.choices, required=False)
    regions = DrawnRegionSerializer(many=True, required=False)


class UndoSerializer(StrictSerializer):
    decision = serializers.IntegerField(required=False, allow_null=True)


class ReopenSerializer(StrictSerializer):
    note = serializers.CharField(max_length=MOST_NOTE_CHARACTERS)
    version = serializers.IntegerField(required=False, allow_null=True)
