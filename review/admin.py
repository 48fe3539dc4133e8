"""The Django admin as a workplace: items with pictures, decided by the services of the pages."""

import logging

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.urls import reverse
from django.utils.html import format_html

from detection.admin import CategoryFilter, category_name
from detection.models import Camera
from hitlsite.admin import ReadOnlyAdmin
from hitlsite.errors import DomainError
from review import admin_annotations as _admin_annotations  # noqa: F401  registers its models
from review import admin_photos as _admin_photos  # noqa: F401  registers its models
from review import admin_webhooks as _admin_webhooks  # noqa: F401  registers its models
from review import selectors, tasks
from review.models import Annotation, Decision, Mark, PrivacyScan, Redaction, TrainingItem
from review.services import bulk, marks, outcomes, privacy
from review.services.regions import MOST_NOTE_CHARACTERS

logger = logging.getLogger(__name__)

MOST_MESSAGES = 20
NOT_A_PHOTO = (
    "it is an incident, and what you confirm or reject of it is used as it is: only photos are"
    " marked for retraining."
)
PREPARING = "redaction is being prepared, in place as soon as it is verified"


class VerdictActionForm(ActionForm):
    """What the actions of the list may need besides the chosen items."""

    reason = forms.ChoiceField(
        required=False, choices=[("", "reason to reject"), *Decision.Reason.choices]
    )
    mark_reason = forms.ChoiceField(
        required=False, choices=[("", "reason to mark"), *Mark.Reason.choices]
    )
    note = forms.CharField(required=False, max_length=MOST_NOTE_CHARACTERS)


class CameraFilter(admin.SimpleListFilter):
    """The cameras that the viewer may know of, and no others."""

    title = "camera"
    parameter_name = "camera"

    def lookups(self, request, model_admin):
        cameras = Camera.objects.visible_to(request.user).order_by("name")
        return [(str(pk), name) for pk, name in cameras.values_list("pk", "name")]

    def queryset(self, request, queryset):
        chosen = {key for key, _ in self.lookup_choices}
        return queryset.filter(camera=self.value()) if self.value() in chosen else queryset


class HistoryInline(admin.TabularInline):
    """Rows that only services write."""

    extra = 0
    can_delete = False
    related = ()

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def get_queryset(self, request):
        return super().get_queryset(request).select_related(*self.related).order_by("pk")


class DecisionInline(HistoryInline):
    model = Decision
    related = ("reviewer",)
    fields = ["at", "reviewer", "role", "verdict", "reason", "note", "category", "effect"]
    readonly_fields = fields

    def get_queryset(self, request):
        readable = selectors.readable_decisions(request.user)
        return super().get_queryset(request).filter(pk__in=readable.values("pk"))


class PrivacyScanInline(HistoryInline):
    model = PrivacyScan
    related = ("evidence",)
    fields = ["scanned_at", "evidence", "result", "detectors", "frames_scanned", "error"]
    readonly_fields = fields


class RedactionInline(HistoryInline):
    model = Redaction
    related = ("evidence",)
    fields = ["created_at", "evidence", "method", "state", "rounds", "error", "applied_at"]
    readonly_fields = fields


class AnnotationInline(HistoryInline):
    model = Annotation
    related = ("evidence", "annotated_by")
    fields = [
        "annotated_at",
        "annotated_by",
        "evidence",
        "version",
        "is_current",
        "box_count",
        "is_negative",
    ]
    readonly_fields = fields

    @admin.display(description="boxes")
    def box_count(self, annotation):
        return len(annotation.boxes)


@admin.register(TrainingItem)
class TrainingItemAdmin(ReadOnlyAdmin):
    list_display = ["id", category_name, "camera", "status", "privacy", "why", "opened_at"]
    list_display_links = ["id"]
    list_filter = [
        "status",
        "privacy",
        ("category", CategoryFilter),
        "severity",
        "incident__origin",
        "collection_method",
        CameraFilter,
        ("created_at", admin.DateFieldListFilter),
    ]
    list_per_page = 50
    show_full_result_count = False
    action_form = VerdictActionForm
    actions = ["confirm", "reject", "ask_for_review", "redact", "mark_for_retraining"]
    inlines = [DecisionInline, AnnotationInline, PrivacyScanInline, RedactionInline]

    def get_queryset(self, request):
        items = super().get_queryset(request)
        related = ("site", "camera", "incident", "photo__evidence", "claimed_by")
        return items.select_related(*related).prefetch_related("incident__evidence")

    def get_list_display(self, request):
        @admin.display(description="")
        def thumbnail(item):
            return _thumbnail(request.user, item)

        return [thumbnail, *super().get_list_display(request)]

    @admin.display(description="why", ordering="incident__why")
    def why(self, item):
        return item.incident.why if item.incident else "photo marked for retraining"

    @admin.display(description="opened at", ordering="incident__opened_at")
    def opened_at(self, item):
        if item.incident:
            return item.incident.opened_at
        return item.photo.captured_at if item.photo else None

    def get_exclude(self, request, obj=None):
        return () if request.user.has_perm("review.view_goldanswer") else ("mode",)

    def lookup_allowed(self, lookup, value, request):
        """Let nobody find out by an address which items measure, or were judged once."""
        wanted = lookup.partition("__")[0]
        hidden = {"decisions"}
        if not request.user.has_perm("review.view_goldanswer"):
            hidden |= {"mode", "gold"}
        return wanted not in hidden and super().lookup_allowed(lookup, value, request)

    def view_on_site(self, item):
        return reverse("review:item", args=[item.pk])

    def has_decide_permission(self, request):
        return request.user.has_perm("review.decide_trainingitem")

    def has_redact_permission(self, request):
        return request.user.has_perm("review.redact_trainingitem")

    def has_mark_permission(self, request):
        return request.user.has_perm("review.add_mark")

    def response_action(self, request, queryset):
        try:
            return super().response_action(request, queryset)
        except (ValueError, OverflowError):
            self.message_user(request, "The selection names no items.", messages.ERROR)
            return None

    @admin.action(description="Confirm", permissions=["decide"])
    def confirm(self, request, queryset):
        self._decide(request, queryset, "confirmed")

    @admin.action(description="Reject, for the reason chosen here", permissions=["decide"])
    def reject(self, request, queryset):
        reason = request.POST.get("reason", "")
        self._decide(request, queryset, "rejected", reason=reason)

    @admin.action(description="Needs review", permissions=["decide"])
    def ask_for_review(self, request, queryset):
        self._decide(request, queryset, "needs_review")

    @admin.action(description="Redact", permissions=["redact"])
    def redact(self, request, queryset):
        def act(item):
            privacy.apply_redaction(item, by=request.user)
            tasks.prepare_soon(item)
            return PREPARING if item.is_being_redacted else "redacted"

        self._each(request, queryset, act)

    @admin.action(
        description="Mark for retraining, for the reason chosen here", permissions=["mark"]
    )
    def mark_for_retraining(self, request, queryset):
        reason, note = request.POST.get("mark_reason", ""), request.POST.get("note", "")

        def act(item):
            if item.photo_id is None:
                raise DomainError("not_a_photo", NOT_A_PHOTO)
            tasks.scan_soon(marks.mark(item.photo_id, by=request.user, reason=reason, note=note))
            return "marked for retraining"

        self._each(request, queryset, act)

    def _decide(self, request, queryset, verdict, reason=""):
        given = {"verdict": verdict, "reason": reason, "note": request.POST.get("note", "")}
        try:
            chosen = queryset.values_list("pk", flat=True)[: bulk.MOST_AT_ONCE + 1]
            outcome = bulk.decide_many(list(chosen), by=request.user, **given)
        except DomainError as error:
            self.message_user(request, error.message, messages.ERROR)
            return
        done = {}
        for made in outcome.done:
            said = outcomes.sentence(made).rstrip(".") or made.get_verdict_display()
            done.setdefault(said, []).append(str(made.item_id))
        refused = [f"Item {pk}: {sentence}" for pk, sentence in outcome.refused]
        self._report(request, done, refused)

    def _each(self, request, queryset, act):
        """Act on every chosen item by itself and say what became of which."""
        done, refused = {}, []
        for item in queryset:
            try:
                done.setdefault(act(item), []).append(str(item.pk))
            except DomainError as error:
                refused.append(f"Item {item.pk}: {error.message}")
            except Exception:
                logger.exception("The action on item %d failed.", item.pk)
                refused.append(f"Item {item.pk}: something went wrong here.")
        self._report(request, done, refused)

    def _report(self, request, done, refused):
        for outcome, ids in done.items():
            self.message_user(request, f"{outcome}: {', '.join(ids)}", messages.SUCCESS)
        for sentence in refused[:MOST_MESSAGES]:
            self.message_user(request, sentence, messages.ERROR)
        if len(refused) > MOST_MESSAGES:
            more = f"{len(refused) - MOST_MESSAGES} more items were refused."
            self.message_user(request, more, messages.ERROR)


def _thumbnail(user, item):
    picture = next((row for row in item.evidence if not row.is_clip), None)
    if picture is None or not selectors.may_see_media(user, item):
        return "-"
    address = reverse("review:evidence_thumb", args=[picture.pk])
    return format_html('<img src="{}" alt="" width="96" loading="lazy">', address)
