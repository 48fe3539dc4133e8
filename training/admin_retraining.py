"""Retraining in the admin: the policies to be changed, the training history to be read."""

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.utils import timezone

from detection.slots import SLOTS
from hitlsite.admin import ReadOnlyAdmin, VisibleAdmin
from hitlsite.errors import DomainError
from hitlsite.models import Site
from training.models import RetrainingPolicy, TrainingEvent
from training.selectors import training_status
from training.services import policies, retraining

FIELDS = [
    "slot",
    "would_do",
    "enabled",
    "interval_hours",
    "min_samples",
    "algorithm",
    "parameters",
    "label_source",
    "window_from",
    "window_until",
    "clock_of",
    "auto_promote",
    "purpose",
    "auto_rollback",
    "decided_for",
    "changed_by",
    "changed_at",
]


class PolicyForm(forms.ModelForm):
    """What the service refuses is said beside the field at fault."""

    class Meta:
        model = RetrainingPolicy
        fields = "__all__"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        known = SLOTS[self.instance.slot].algorithms
        if "algorithm" not in self.fields:
            return
        usual = f"the usual one ({known[0]})" if known else "none yet"
        self.fields["algorithm"] = forms.ChoiceField(
            choices=[("", usual), *((name, name) for name in known)], required=False
        )

    def clean_parameters(self):
        return self.cleaned_data["parameters"] or {}

    def clean(self):
        cleaned = super().clean()
        changed = RetrainingPolicy(slot=self.instance.slot)
        for name, value in cleaned.items():
            setattr(changed, name, value)
        if self.errors:
            return cleaned
        try:
            policies.check(changed)
        except DomainError as error:
            raise ValidationError(dict(error.messages)) from error
        return cleaned


@admin.register(RetrainingPolicy)
class RetrainingPolicyAdmin(VisibleAdmin):
    """One row a slot, made when somebody looks; a service stores what is changed."""

    form = PolicyForm
    list_display = ["slot", "enabled", "interval_hours", "min_samples", "would_do", "changed_by"]
    list_select_related = ["clock_of", "changed_by"]
    fields = FIELDS
    readonly_fields = ["slot", "would_do", "decided_for", "changed_by", "changed_at"]

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_queryset(self, request):
        policies.ensure_policies()
        return super().get_queryset(request)

    def get_fields(self, request, obj=None):
        """Leave out whose clock it is where that is a site that the asker may not know of."""
        sites = Site.objects.visible_to(request.user)
        is_foreign = obj and obj.clock_of_id and not sites.filter(pk=obj.clock_of_id).exists()
        return [name for name in FIELDS if not (is_foreign and name == "clock_of")]

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "clock_of":
            kwargs["queryset"] = Site.objects.visible_to(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.display(description="What it would do now, and why")
    def would_do(self, policy):
        return retraining.foretell(policy.slot, timezone.now()).message

    def save_model(self, request, obj, form, change):
        policies.save(obj, by=request.user)


@admin.register(TrainingEvent)
class TrainingEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "event_type", "slot", "message"]
    list_filter = ["event_type", "slot"]
    search_fields = ["message"]
    date_hierarchy = "at"
    show_full_result_count = False

    def get_queryset(self, request):
        return training_status.readable_events(request.user)
