"""Photos in the Django admin, marked by the service of the pages, and their marks to read."""

import logging

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Prefetch
from django.urls import reverse
from django.utils.html import format_html

from detection.admin import PhotoAdmin
from detection.models import Photo
from hitlsite.admin import ReadOnlyAdmin
from hitlsite.errors import DomainError
from review import tasks
from review.models import Mark
from review.selectors import photos as library
from review.selectors.photo_rows import STANDING
from review.services import marks

logger = logging.getLogger(__name__)

MOST_MESSAGES = 20


class MarkActionForm(ActionForm):
    """What the actions of the list may need besides the chosen photos."""

    reason = forms.ChoiceField(
        required=False, choices=[("", "reason to mark"), *Mark.Reason.choices]
    )
    note = forms.CharField(required=False, max_length=marks.MOST_NOTE_CHARACTERS)


class MarkedFilter(admin.SimpleListFilter):
    title = "marked for retraining"
    parameter_name = "marked"

    def lookups(self, request, model_admin):
        return [("yes", "Yes"), ("no", "No")]

    def queryset(self, request, queryset):
        if self.value() not in ("yes", "no"):
            return queryset
        standing = Mark.objects.filter(STANDING).values("photo")
        if self.value() == "yes":
            return queryset.filter(pk__in=standing)
        return queryset.exclude(pk__in=standing)


class MarkInline(admin.TabularInline):
    """Marks that only the service writes."""

    model = Mark
    extra = 0
    can_delete = False
    fields = ["reason", "note", "marked_by", "marked_at", "unmarked_by", "unmarked_at"]
    readonly_fields = fields

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("marked_by", "unmarked_by")


admin.site.unregister(Photo)


@admin.register(Photo)
class MarkablePhotoAdmin(PhotoAdmin):
    list_display = ["id", "camera", "origin", "captured_at", "mark", "device", "width", "height"]
    list_display_links = ["id"]
    list_filter = [*PhotoAdmin.list_filter, "origin", MarkedFilter]
    list_per_page = 50
    action_form = MarkActionForm
    actions = ["mark_for_retraining", "unmark"]
    inlines = [*PhotoAdmin.inlines, MarkInline]

    def get_queryset(self, request):
        standing = Prefetch("marks", Mark.objects.filter(STANDING), to_attr="standing_marks")
        photos = super().get_queryset(request).select_related("camera", "device__camera", "item")
        return photos.prefetch_related(standing)

    def get_list_display(self, request):
        @admin.display(description="")
        def thumbnail(photo):
            return _thumbnail(request.user, photo)

        return [thumbnail, *super().get_list_display(request)]

    @admin.display(description="marked")
    def mark(self, photo):
        return ", ".join(mark.get_reason_display() for mark in photo.standing_marks)

    def view_on_site(self, photo):
        return reverse("review:photo", args=[photo.pk])

    def has_mark_permission(self, request):
        return request.user.has_perm("review.add_mark")

    def has_unmark_permission(self, request):
        return request.user.has_perm("review.change_mark")

    def response_action(self, request, queryset):
        try:
            return super().response_action(request, queryset)
        except (ValueError, OverflowError):
            self.message_user(request, "The selection names no photos.", messages.ERROR)
            return None

    @admin.action(
        description="Mark for retraining, for the reason chosen here", permissions=["mark"]
    )
    def mark_for_retraining(self, request, queryset):
        reason, note = request.POST.get("reason", ""), request.POST.get("note", "")

        def act(photo):
            tasks.scan_soon(marks.mark(photo.pk, by=request.user, reason=reason, note=note))

        self._each(request, queryset, act, "marked")

    @admin.action(description="Take the mark back", permissions=["unmark"])
    def unmark(self, request, queryset):
        self._each(
            request, queryset, lambda photo: marks.unmark(photo.pk, by=request.user), "unmarked"
        )

    def _each(self, request, queryset, act, outcome):
        """Act on every chosen photo by itself and say what became of which."""
        done, refused = [], []
        for photo in queryset:
            try:
                act(photo)
                done.append(str(photo.pk))
            except DomainError as error:
                refused.append(f"Photo {photo.pk}: {error.message}")
            except Exception:
                logger.exception("The action on photo %d failed.", photo.pk)
                refused.append(f"Photo {photo.pk}: something went wrong here.")
        if done:
            self.message_user(request, f"{outcome}: {', '.join(done)}", messages.SUCCESS)
        for sentence in refused[:MOST_MESSAGES]:
            self.message_user(request, sentence, messages.ERROR)
        if len(refused) > MOST_MESSAGES:
            more = f"{len(refused) - MOST_MESSAGES} more photos were refused."
            self.message_user(request, more, messages.ERROR)


@admin.register(Mark)
class MarkAdmin(ReadOnlyAdmin):
    list_display = ["id", "photo", "reason", "marked_by", "marked_at", "unmarked_by", "unmarked_at"]
    list_filter = ["reason", ("unmarked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["photo__camera", "marked_by", "unmarked_by"]
    show_full_result_count = False


def _thumbnail(user, photo):
    if not library.may_see_photo(user, photo):
        return "-"
    address = reverse("review:photo_thumb", args=[photo.pk])
    return format_html('<img src="{}" alt="" width="96" loading="lazy">', address)
