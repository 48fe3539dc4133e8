"""Admin of the foundation: people's sites can be edited, jobs and audit can be read."""

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.http import Http404

from hitlsite import people, sites
from hitlsite.models import AuditDetail, AuditEntry, Job, Membership, Site


class VisibleAdmin(admin.ModelAdmin):
    """Rows of the asker's own sites; any other is not there, and says no more than that."""

    def get_queryset(self, request):
        queryset = super().get_queryset(request)
        visible_to = getattr(queryset, "visible_to", None)
        return visible_to(request.user) if visible_to else queryset

    def get_object(self, request, object_id, from_field=None):
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404(f"There is no {self.opts.verbose_name} {str(object_id)[:20]}.")
        return found


class ReadOnlyAdmin(VisibleAdmin):
    """Rows that services write: nobody adds, changes or deletes them by form."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]

    def has_change_permission(self, request, obj=None):
        return False


@admin.register(Site)
class SiteAdmin(VisibleAdmin):
    """A site and its people; both are stored, and recorded, by a service."""

    list_display = ["name", "time_zone", "created_at"]
    inlines = [MembershipInline]

    def has_delete_permission(self, request, obj=None):
        return False

    def save_model(self, request, obj, form, change):
        sites.save_site(obj, by=request.user)

    def save_formset(self, request, form, formset, change):
        added = formset.save(commit=False)
        for membership in formset.deleted_objects:
            sites.end_membership(membership, by=request.user)
        for membership in added:
            sites.add_membership(membership.site, membership.user, by=request.user)


admin.site.unregister(get_user_model())


@admin.register(get_user_model())
class PersonAdmin(UserAdmin):
    """Django's own form of a person; which roles and rights it gave is in the audit."""

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        changed = form.changed_data if change else ()
        people.record_rights(form.instance, changed, by=request.user, is_new=not change)


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "key", "state", "attempts", "progress_message", "created_at"]
    list_filter = ["kind", "state"]


class AuditDetailInline(admin.StackedInline):
    model = AuditDetail
    extra = 0
    can_delete = False
    fields = ["content", "blanked_at"]
    readonly_fields = fields

    def has_add_permission(self, request, obj=None):
        return False


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["sequence", "at", "actor", "action", "object_type", "object_id"]
    list_filter = ["action"]
    search_fields = ["object_id"]
    show_full_result_count = False
    inlines = [AuditDetailInline]
