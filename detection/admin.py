"""Admin of detection: cameras and devices are worked on here, what was recorded is only read."""

from django.contrib import admin, messages
from django.db.models import Count

from detection.forms import CameraForm
from detection.models import (
    Camera,
    Deployment,
    Device,
    Evidence,
    Fixture,
    Footage,
    Incident,
    IncidentEvent,
    Photo,
    PhotoDetection,
    Prediction,
    Rule,
    RuleHit,
    ScoreThreshold,
    Snapshot,
    Zone,
)
from detection.services import cameras, devices, fixtures
from hitlsite.admin import ReadOnlyAdmin, VisibleAdmin
from hitlsite.errors import DomainError
from hitlsite.models import Site

# A plain filter would list the names of other sites' rows.
OF_CAMERA = ("camera", admin.RelatedOnlyFieldListFilter)


@admin.display(description="category", ordering="category")
def category_name(row):
    """Name a category as the pages do: "Crowd formation"."""
    return row.get_category_display().capitalize()


class CategoryFilter(admin.ChoicesFieldListFilter):
    """Offers categories by the names that the pages give them."""

    def choices(self, changelist):
        for choice in super().choices(changelist):
            yield {**choice, "display": str(choice["display"]).capitalize()}


class ReadOnlyInline(admin.TabularInline):
    """Rows shown with their owner, to whoever may see the owner."""

    extra = 0
    can_delete = False

    def get_readonly_fields(self, request, obj=None):
        return self.fields

    def has_view_permission(self, request, obj=None):
        return True

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False


class ZoneInline(ReadOnlyInline):
    model = Zone
    fields = ["name", "kind", "polygon"]


class RuleInline(ReadOnlyInline):
    model = Rule
    fields = ["position", "name", "kind", "zones", "classes", "severity", "parameters"]


@admin.register(Camera)
class CameraAdmin(VisibleAdmin):
    """Columns by form, zones and rules as one text; both are stored, and recorded, by a service."""

    form = CameraForm
    list_display = ["name", "site", "detector", "sampling_fps", "tracker", "is_enabled"]
    list_display += ["number_of_rules"]
    list_filter = [("site", admin.RelatedOnlyFieldListFilter), "is_enabled"]
    list_select_related = ["site"]
    search_fields = ["name"]
    inlines = [ZoneInline, RuleInline]

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(rule_count=Count("rules"))

    @admin.display(description="rules", ordering="rule_count")
    def number_of_rules(self, camera):
        return camera.rule_count

    def get_fields(self, request, obj=None):
        """Leave addresses, which may hold passwords, to those who may change them."""
        if self.has_change_permission(request, obj) or self.has_add_permission(request):
            return [*CameraForm.Meta.fields, "zones_and_rules"]
        return [name for name in CameraForm.Meta.fields if not name.endswith("_url")]

    def get_readonly_fields(self, request, obj=None):
        return ["site"] if obj else []

    def get_inlines(self, request, obj):
        return self.inlines if obj else []

    def has_delete_permission(self, request, obj=None):
        return False

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "site":
            kwargs["queryset"] = Site.objects.visible_to(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request, obj, form, change):
        cameras.save_camera(obj, by=request.user, config=form.config)


@admin.register(Fixture)
class FixtureAdmin(ReadOnlyAdmin):
    """What belongs where it stands; without its row the camera speaks of it again."""

    list_display = ["id", "camera", "class_name", "box_xyxy", "incident", "created_at"]
    list_filter = [OF_CAMERA]
    list_select_related = ["camera", "incident__camera"]

    def has_delete_permission(self, request, obj=None):
        return request.user.has_perm("detection.delete_fixture")

    def delete_model(self, request, obj):
        fixtures.remove(obj, by=request.user)

    def delete_queryset(self, request, queryset):
        for fixture in queryset:
            fixtures.remove(fixture, by=request.user)


@admin.register(Device)
class DeviceAdmin(VisibleAdmin):
    """A new device's token is shown in one message, and never again."""

    list_display = ["name", "camera", "created_at", "revoked_at"]
    list_filter = [OF_CAMERA, ("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["camera"]
    search_fields = ["name"]
    actions = ["revoke", "add_token"]

    def get_fields(self, request, obj=None):
        shown = ["camera", "name"]
        return [*shown, "created_at", "revoked_at"] if obj else shown

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def has_manage_permission(self, request):
        return request.user.has_perm("detection.change_device")

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "camera":
            kwargs["queryset"] = Camera.objects.visible_to(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request, obj, form, change):
        device, token = devices.add_device(obj.camera, obj.name, by=request.user)
        obj.pk = device.pk
        obj.refresh_from_db()
        self._show(request, device, token)

    @admin.action(description="Revoke selected devices for good", permissions=["manage"])
    def revoke(self, request, queryset):
        for device in queryset:
            devices.revoke(device, by=request.user)
            self.message_user(request, f"{device} is revoked.", messages.SUCCESS)

    @admin.action(description="Make another token (shown once)", permissions=["manage"])
    def add_token(self, request, queryset):
        for device in queryset:
            try:
                self._show(request, device, devices.add_token(device, by=request.user))
            except DomainError as error:
                self.message_user(request, error.message, messages.ERROR)

    def _show(self, request, device, token):
        text = f"Token of {device}, shown only now: {token}"
        self.message_user(request, text, messages.WARNING)


@admin.register(Snapshot)
class SnapshotAdmin(ReadOnlyAdmin):
    """Of when each camera's picture is; the picture itself is shown by the camera pages only."""

    list_display = ["camera", "taken_at", "width", "height"]
    list_filter = [OF_CAMERA]
    list_select_related = ["camera"]
    exclude = ["path"]


@admin.register(Footage)
class FootageAdmin(ReadOnlyAdmin):
    list_display = ["id", "camera", "kind", "starts_at", "duration_seconds", "ended_at", "device"]
    list_filter = [OF_CAMERA, "kind"]
    list_select_related = ["camera", "device__camera"]
    show_full_result_count = False
    date_hierarchy = "starts_at"
    # A stream's location may hold a password, and a file's is nothing to click on.
    exclude = ["location"]


class RuleHitInline(ReadOnlyInline):
    model = RuleHit
    fields = ["position", "why", "rule_name", "zone", "opened_at_seconds", "closed_at_seconds"]
    fields += ["numbers", "parameters"]


class IncidentEventInline(ReadOnlyInline):
    model = IncidentEvent
    fields = ["position", "kind", "at_seconds", "recorded_at", "snapshot"]


class EvidenceInline(ReadOnlyInline):
    model = Evidence
    fields = ["kind", "at_seconds", "end_seconds", "width", "height", "byte_count", "sha256"]


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    list_display = ["id", "camera", category_name, "severity", "state", "opened_at", "why"]
    list_filter = [OF_CAMERA, "state", ("category", CategoryFilter), "severity"]
    list_select_related = ["camera"]
    show_full_result_count = False
    date_hierarchy = "opened_at"
    inlines = [RuleHitInline, IncidentEventInline, EvidenceInline]


@admin.register(Evidence)
class EvidenceAdmin(ReadOnlyAdmin):
    """What is known of each file; the files themselves are shown by the review pages only."""

    list_display = ["id", "incident", "kind", "at_seconds", "byte_count", "created_at"]
    list_filter = ["kind", ("incident__camera", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["incident__camera"]
    show_full_result_count = False
    exclude = ["path", "sealed_path"]


@admin.register(Deployment)
class DeploymentAdmin(ReadOnlyAdmin):
    list_display = ["id", "slot", "role", "name", "backend", "input_size", "precision"]
    list_display += ["activated_at", "retired_at"]
    list_filter = ["slot", "role", ("retired_at", admin.EmptyFieldListFilter)]


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    list_display = ["id", "label", "score", "deployment", "incident", "photo", "at"]
    list_select_related = ["deployment", "incident__camera", "photo__camera"]
    list_filter = ["label"]
    show_full_result_count = False


@admin.register(ScoreThreshold)
class ScoreThresholdAdmin(ReadOnlyAdmin):
    list_display = ["class_name", "camera", "value", "accepted_by", "accepted_at"]
    list_select_related = ["camera", "accepted_by"]


class PhotoDetectionInline(ReadOnlyInline):
    model = PhotoDetection
    fields = ["class_name", "score", "box_xyxy", "deployment"]


@admin.register(Photo)
class PhotoAdmin(ReadOnlyAdmin):
    list_display = ["id", "camera", "device", "captured_at", "detected_at", "width", "height"]
    list_filter = [OF_CAMERA]
    list_select_related = ["camera", "device__camera"]
    show_full_result_count = False
    date_hierarchy = "captured_at"
    inlines = [PhotoDetectionInline]
    exclude = ["path"]
