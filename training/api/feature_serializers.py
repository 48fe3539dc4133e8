"""The forms in which features of videos enter and leave the API."""

from rest_framework import serializers

from detection.vision import task_columns
from hitlsite.api.serializers import StrictSerializer
from hitlsite.bounds import LARGEST_ID
from training.models import FeatureSet
from training.services.features import MOST_AT_ONCE, MOST_SAMPLE_RATE

_ID = {"min_value": 1, "max_value": LARGEST_ID}


class _AskedSerializer(StrictSerializer):
    detector = serializers.ChoiceField(
        choices=FeatureSet.Detector.choices, default=FeatureSet.Detector.FUSION.value
    )
    sample_rate = serializers.IntegerField(
        min_value=1, max_value=MOST_SAMPLE_RATE, default=1, help_text="every so many-th frame"
    )
    label_set = serializers.CharField(
        max_length=60,
        required=False,
        allow_blank=True,
        help_text="name of the set that the labels belong to; needed where there is not just one",
    )


class NewFeaturesSerializer(_AskedSerializer):
    footage_id = serializers.IntegerField(required=False, **_ID)
    footage_ids = serializers.ListField(
        child=serializers.IntegerField(**_ID),
        required=False,
        allow_empty=False,
        max_length=MOST_AT_ONCE,
    )
    labels = serializers.CharField(
        required=False, allow_blank=True, trim_whitespace=False, help_text="of one video"
    )

    def validate(self, attrs):
        if ("footage_id" in attrs) == ("footage_ids" in attrs):
            raise serializers.ValidationError({"footage_id": "Name one video, or several."})
        return attrs


class SentVideoSerializer(_AskedSerializer):
    video = serializers.FileField(help_text="known by its content, not by its name")
    labels = serializers.FileField(
        required=False, allow_empty_file=True, help_text="a file or, as a plain field, its text"
    )
    camera = serializers.IntegerField(
        required=False, help_text="id; without, the site's camera for such videos", **_ID
    )
    site = serializers.IntegerField(
        required=False, help_text="id; needed where you belong to several sites", **_ID
    )

    def to_internal_value(self, values):
        text = values.get("labels")
        if not isinstance(text, str):
            return super().to_internal_value(values)
        rest = {name: values[name] for name in values if name != "labels"}
        return {**super().to_internal_value(rest), "labels": text}


class FeatureSetSerializer(serializers.ModelSerializer):
    site = serializers.CharField(source="site.name")
    camera = serializers.IntegerField(source="footage.camera_id", default=None, allow_null=True)
    created_by = serializers.CharField(source="created_by.username", default=None)

    class Meta:
        model = FeatureSet
        fields = (
            *("id", "site", "footage", "camera", "name", "detector", "sample_rate", "group"),
            *("state", "progress_done", "progress_total", "progress_message", "frames"),
            *("sha256", "byte_count", "error_code", "error_message", "created_by"),
            *("created_at", "started_at", "finished_at"),
        )
        read_only_fields = fields


class AskedFeaturesSerializer(serializers.Serializer):
    group = serializers.UUIDField(allow_null=True, help_text="of those asked for together")
    results = FeatureSetSerializer(many=True)


class FeaturePageSerializer(serializers.Serializer):
    results = FeatureSetSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ColumnSerializer(serializers.Serializer):
    name = serializers.CharField()
    unit = serializers.CharField()
    source = serializers.CharField(help_text="mediapipe, yolo or fusion; empty: always there")
    meaning = serializers.CharField()
    missing = serializers.CharField(help_text="when there is no value")


class WholeFeatureSetSerializer(FeatureSetSerializer):
    figures = serializers.DictField(
        help_text="seconds, frames_per_second, missing (share by column), warnings, labels"
    )
    sources = serializers.DictField(help_text="what measured them, with hashes")
    columns = serializers.SerializerMethodField()

    class Meta(FeatureSetSerializer.Meta):
        fields = (*FeatureSetSerializer.Meta.fields, "figures", "sources", "columns")
        read_only_fields = fields

    def get_columns(self, row) -> ColumnSerializer(many=True):
        known = (*task_columns.OTHERS[:-1], *task_columns.VALUES, task_columns.OTHERS[-1])
        shown = [column for column in known if task_columns.is_in(row.detector, column)]
        return ColumnSerializer(shown, many=True).data
