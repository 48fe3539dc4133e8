"""Runs, versions, evaluations, judgements and promotions in the admin, to be read."""

from django.contrib import admin
from django.db.models import Q

from hitlsite.admin import ReadOnlyAdmin
from training.models import Evaluation, GateDecision, ModelVersion, Promotion, TrainingRun


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "algorithm", "state", "stage", "trigger", "created_by", "created_at"]
    list_filter = ["slot", "state", "trigger"]
    list_select_related = ["created_by"]
    search_fields = ["uuid", "inputs_sha256"]


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "slot", "algorithm", "run", "dataset", "created_at"]
    list_filter = ["slot", "algorithm"]
    list_select_related = ["run", "dataset"]
    search_fields = ["uuid"]


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnlyAdmin):
    list_display = ["name", "slot", "dataset", "split", "backend", "precision", "evaluated_at"]
    list_filter = ["slot", "split"]
    list_select_related = ["dataset"]
    search_fields = ["name", "sha256"]


@admin.register(GateDecision)
class GateDecisionAdmin(ReadOnlyAdmin):
    list_display = ["version", "outcome", "decided_at"]
    list_filter = ["outcome"]
    list_select_related = ["version"]


@admin.register(Promotion)
class PromotionAdmin(ReadOnlyAdmin):
    list_display = ["slot", "act", "version", "purpose", "decided_by", "decided_at"]
    list_filter = ["slot", "act"]
    list_select_related = ["version", "decided_by"]

    def get_queryset(self, request):
        """Return what was done with versions that the asker may see, or with none of ours."""
        seen = ModelVersion.objects.visible_to(request.user)
        return super().get_queryset(request).filter(Q(version=None) | Q(version__in=seen))
