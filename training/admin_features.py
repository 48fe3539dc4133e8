"""Features of videos, label sets, labels and stretches to label in the admin, to be read."""

from django.contrib import admin

from hitlsite.admin import ReadOnlyAdmin
from training.models import FeatureSet, LabelSet, SpanAnnotation, SpanToLabel


@admin.register(FeatureSet)
class FeatureSetAdmin(ReadOnlyAdmin):
    list_display = ["name", "site", "detector", "sample_rate", "state", "frames", "created_at"]
    list_filter = ["state", "detector", ("site", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["site"]
    search_fields = ["name", "sha256", "uuid"]
    # Hundreds of points for each column; the page of the features draws them.
    exclude = ["figures"]


@admin.register(LabelSet)
class LabelSetAdmin(ReadOnlyAdmin):
    list_display = ["name", "site", "created_by", "created_at"]
    list_select_related = ["site", "created_by"]
    search_fields = ["name"]


@admin.register(SpanAnnotation)
class SpanAnnotationAdmin(ReadOnlyAdmin):
    list_display = ["label_set", "footage", "version", "is_current", "source", "annotated_by"]
    list_filter = ["is_current", "source"]
    list_select_related = ["label_set", "footage__camera__site", "annotated_by"]


@admin.register(SpanToLabel)
class SpanToLabelAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "label_set", "reason", "predicted", "confidence", "state"]
    list_filter = ["state", "reason"]
    list_select_related = ["label_set", "footage__camera__site"]
