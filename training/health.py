"""How the whole does: what serves, what waits, and whether anything learns."""

from datetime import timedelta

from django.conf import settings
from django.http import JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from detection.models import Incident, Segment
from detection.selectors import active_deployments
from detection.slots import SLOTS
from hitlsite.health import may_read_figures, refuse
from review.models import TrainingItem
from training.selectors import training_status

RECENT = timedelta(days=1)


@require_safe
@never_cache
def health(request):
    """Answer staff, with the figures of their sites, or whoever holds METRICS_TOKEN, with all.

    Models serve every site: what serves and whether anything learns is told as it is.
    """
    if not may_read_figures(request):
        return refuse()
    figures = _figures(request.user if request.user.is_authenticated else None)
    return JsonResponse(
        {
            "status": "degraded" if figures["segments_failed_last_day"] else "ok",
            "version": settings.CODE_VERSION,
            "models": {slot: [_served(row) for row in active_deployments(slot)] for slot in SLOTS},
            **figures,
            "last_training_time": training_status.last_training_time(),
            "training_in_progress": training_status.is_active(),
            "auto_training_enabled": training_status.is_any_enabled(),
        }
    )


def _figures(person):
    """Count what is going on at the person's sites; at every site for None."""

    def rows(model):
        return model.objects.visible_to(person) if person else model.objects.all()

    segments = rows(Segment)
    failed = segments.filter(state=Segment.State.FAILED, finished_at__gte=timezone.now() - RECENT)
    return {
        "segments_queued": segments.filter(state=Segment.State.QUEUED).count(),
        "segments_running": segments.filter(state=Segment.State.RUNNING).count(),
        "segments_failed_last_day": failed.count(),
        "open_incidents": rows(Incident).filter(state=Incident.State.OPEN).count(),
        "items_pending": rows(TrainingItem)
        .filter(status=TrainingItem.Status.PENDING_REVIEW)
        .count(),
    }


def _served(deployment):
    return {
        "deployment": deployment.pk,
        "role": deployment.role,
        "name": deployment.name,
        "backend": deployment.backend,
        "input_size": deployment.input_size,
        "precision": deployment.precision,
        "sha256": deployment.sha256,
        "activated_at": deployment.activated_at.isoformat(),
    }
