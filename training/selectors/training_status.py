"""How a slot's training stands, for the API and for whoever watches the whole."""

from django.db.models import Q

from hitlsite.models import Job
from training.models import RetrainingPolicy, TrainingEvent, TrainingRun

State = TrainingRun.State
_ACTIVE = (State.QUEUED, State.RUNNING)
PREPARING = "retraining"  # kind of the jobs that freeze a dataset and start a run on it
RECENT = 10


def is_active(slot=None):
    """Say whether a run of a slot, or of any, is being prepared, waits or goes on."""
    runs = TrainingRun.objects.filter(state__in=_ACTIVE)
    jobs = Job.objects.active().filter(kind=PREPARING)
    if slot:
        runs, jobs = runs.filter(slot=slot), jobs.filter(key=slot)
    return runs.exists() or jobs.exists()


def last_training_time(slot=None):
    """Return when the last run that made a version ended, None before the first."""
    done = TrainingRun.objects.filter(state=State.DONE)
    done = done.filter(slot=slot) if slot else done
    return done.order_by("-finished_at").values_list("finished_at", flat=True).first()


def is_any_enabled():
    """Say whether any slot is trained by itself."""
    return RetrainingPolicy.objects.filter(enabled=True).exists()


def readable_events(user):
    """Return the TrainingEvents that ``user`` may read, newest first.

    What tells of a run is for those who may see the run.
    """
    seen = TrainingRun.objects.visible_to(user)
    return TrainingEvent.objects.filter(Q(run=None) | Q(run__in=seen)).order_by("-pk")


def history(slot, user, *, count=RECENT):
    """Return the newest events of a slot that ``user`` may read."""
    return list(readable_events(user).filter(slot=slot)[:count])
