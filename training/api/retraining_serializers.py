"""The forms in which training is asked for and told over the API."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from detection.slots import SLOTS
from hitlsite.api.serializers import StrictSerializer
from hitlsite.bounds import LARGEST_ID
from training.models import TrainingEvent, TrainingRun
from training.services import asking

SLOT_NAMES = tuple(SLOTS)
LOG_CHARACTERS = 4000


class TrainSerializer(StrictSerializer):
    slot = serializers.ChoiceField(choices=SLOT_NAMES)
    force = serializers.BooleanField(
        default=False,
        help_text="skips the least number of new samples and `unchanged`, never the gate",
    )
    dataset_id = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    sample_source = serializers.ChoiceField(
        choices=asking.SOURCES,
        required=False,
        help_text="without a dataset: `new` (this if nothing is said) freezes what is there now, "
        "`newest` takes the last frozen dataset; for slots of rows `human`, `outcome` and "
        "`decision` freeze rows with labels of that kind and of those before it",
    )
    algorithm = serializers.CharField(
        required=False, max_length=40, help_text="the policy's, or the slot's usual one"
    )


class TrainingRunSerializer(serializers.ModelSerializer):
    dataset = serializers.IntegerField(source="dataset_id")
    created_by = serializers.CharField(source="created_by.username", default=None)
    version = serializers.SerializerMethodField(help_text="name of the version that it made")
    parameters = serializers.SerializerMethodField()
    history = serializers.ListField(
        child=serializers.DictField(), help_text="the figures of every epoch"
    )
    result = serializers.DictField(help_text="version, figure and the gate's outcome at the end")
    log = serializers.SerializerMethodField(help_text="its last lines")

    class Meta:
        model = TrainingRun
        fields = (
            "id",
            "uuid",
            "slot",
            "number",
            "dataset",
            "algorithm",
            "parameters",
            "seed",
            "code_version",
            "trigger",
            "state",
            "stage",
            "progress_done",
            "progress_total",
            "progress_message",
            "history",
            "log",
            "result",
            "version",
            "error_code",
            "error_message",
            "cancel_asked_at",
            "created_by",
            "created_at",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields

    def get_version(self, run) -> str | None:
        version = getattr(run, "version", None)
        return version.name if version else None

    @extend_schema_field(serializers.DictField())
    def get_parameters(self, run):
        """Return what it was asked with, but for places on the machine of whoever asked."""
        return {name: value for name, value in run.parameters.items() if not _is_path(name)}

    def get_log(self, run) -> str:
        return run.log[-LOG_CHARACTERS:]


def _is_path(name):
    return name.endswith("path")


class TrainedSerializer(serializers.Serializer):
    """What came of asking for a training."""

    run = TrainingRunSerializer(
        allow_null=True, help_text="null while the dataset is being frozen: `status` tells of it"
    )
    is_unchanged = serializers.BooleanField(
        help_text="the run is an earlier one with the same inputs; nothing is trained"
    )
    is_preparing = serializers.BooleanField(
        help_text="a dataset of what is new is being frozen; the run follows by itself"
    )


class TrainingRunPageSerializer(serializers.Serializer):
    results = TrainingRunSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class TrainingEventSerializer(serializers.ModelSerializer):
    timestamp = serializers.DateTimeField(source="at")
    details = serializers.DictField()

    class Meta:
        model = TrainingEvent
        fields = ("timestamp", "event_type", "message", "details")
        read_only_fields = fields


class TrainingStatusSerializer(serializers.Serializer):
    training_in_progress = serializers.BooleanField()
    last_training_time = serializers.DateTimeField(allow_null=True)
    auto_training_enabled = serializers.BooleanField()
    auto_training_interval_hours = serializers.IntegerField()
    min_samples_required = serializers.IntegerField()
    recent_training_history = TrainingEventSerializer(many=True, help_text="the newest first")
