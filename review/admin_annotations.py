"""What was drawn and the classes it is of, in the admin: read there, changed by the services."""

from django.contrib import admin

from hitlsite.admin import ReadOnlyAdmin
from review.models import Annotation, LabelClass


@admin.register(LabelClass)
class LabelClassAdmin(ReadOnlyAdmin):
    list_display = ["index", "name", "merged_into", "site", "created_at"]
    list_display_links = ["name"]
    list_select_related = ["site", "merged_into"]
    search_fields = ["name"]


@admin.register(Annotation)
class AnnotationAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "item",
        "version",
        "is_current",
        "box_count",
        "is_negative",
        "annotated_by",
        "annotated_at",
    ]
    list_filter = ["is_current", "is_negative"]
    list_select_related = ["item", "annotated_by"]
    raw_id_fields = ["item", "evidence"]
    show_full_result_count = False
    ordering = ["-pk"]

    @admin.display(description="boxes")
    def box_count(self, annotation):
        return len(annotation.boxes)
