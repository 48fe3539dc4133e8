"""The forms in which exports enter and leave the API."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from detection.models import Incident
from hitlsite.api.serializers import StrictSerializer
from hitlsite.bounds import LARGEST_ID
from training.models import ExportRun
from training.services.exports import FORMATS

IMAGE_FORMS = ExportRun._meta.get_field("image_form").choices
VARIANTS = ExportRun._meta.get_field("variant").choices


class ExportFileSerializer(serializers.Serializer):
    name = serializers.CharField()
    sha256 = serializers.CharField()
    byte_count = serializers.IntegerField()
    lines = serializers.IntegerField(
        required=False, help_text="of the warnings: how many lines a provider may drop"
    )
    url = serializers.CharField()


class ExportRunSerializer(serializers.ModelSerializer):
    site = serializers.CharField(source="site.name")
    created_by = serializers.CharField(source="created_by.username", default=None)
    rejected = serializers.DictField(child=serializers.IntegerField())
    filters = serializers.DictField()
    formats = serializers.ListField(child=serializers.CharField())
    files = serializers.SerializerMethodField()

    class Meta:
        model = ExportRun
        fields = (
            "id",
            "site",
            "created_by",
            "state",
            "image_form",
            "variant",
            "formats",
            "filters",
            "name",
            "progress_done",
            "progress_total",
            "item_count",
            "image_count",
            "rejected",
            "files",
            "audit_head_sha256",
            "error_code",
            "error_message",
            "created_at",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields

    @extend_schema_field(ExportFileSerializer(many=True))
    def get_files(self, run):
        base = f"/api/v1/exports/{run.pk}/files"
        told = ("name", "sha256", "byte_count", "lines")
        return [
            {key: row[key] for key in told if key in row} | {"url": f"{base}/{row['name']}/"}
            for row in run.files
        ]


class ExportPageSerializer(serializers.Serializer):
    results = ExportRunSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ExportFiltersSerializer(StrictSerializer):
    camera = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    category = serializers.ChoiceField(choices=Incident.Category.choices, required=False)
    since = serializers.DateField(required=False, help_text="a day at the site, included")
    until = serializers.DateField(required=False, help_text="a day at the site, included")
    items = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID),
        required=False,
        allow_empty=False,
    )


class NewExportSerializer(StrictSerializer):
    site = serializers.IntegerField(
        required=False, help_text="needed where you belong to several sites"
    )
    filters = ExportFiltersSerializer(required=False)
    image_form = serializers.ChoiceField(choices=IMAGE_FORMS, default="file")
    variant = serializers.ChoiceField(
        choices=VARIANTS, default="reviewed", help_text="masked: every person is filled with black"
    )
    formats = serializers.ListField(
        child=serializers.ChoiceField(choices=FORMATS),
        default=list,
        help_text="besides JSONL, COCO and manifest",
    )
