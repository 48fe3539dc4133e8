"""What becomes of footage that could not be ingested to its end.

Its incidents are completed with what there is of them, so that people see them; and it can be
tried again, as a whole, once the disk has room or the file is back.
"""

from contextlib import suppress

from django.db import transaction

from detection import checkpoints
from detection.models import Footage, Incident, Segment
from detection.services import incidents
from hitlsite import audit, jobs
from hitlsite.errors import Conflict, DomainError, NotFound


def settle_failed():
    """Complete what failed segments left open or unfinished; return how many incidents."""
    failed = Segment.objects.filter(
        state=Segment.State.FAILED, footage__incidents__evidence_complete_at__isnull=True
    )
    return sum(settle(pk) for pk in set(failed.values_list("pk", flat=True)))


@transaction.atomic
def settle(segment_id):
    """Close and complete the incidents of a failed segment's footage as of its last checkpoint.

    Returns:
        how many that were; 0 where the segment has been queued again in the meantime.
    """
    segment = (
        Segment.objects.select_for_update(of=("self",))
        .select_related("footage__camera__site")
        .filter(pk=segment_id, state=Segment.State.FAILED)
        .first()
    )
    if segment is None:
        return 0
    footage = segment.footage
    unfinished = list(footage.incidents.filter(evidence_complete_at__isnull=True))
    stills = _stills_of(segment) if unfinished else {}
    for incident in unfinished:
        incidents.close_unfinished(incident, segment.checkpoint_seconds or segment.start_seconds)
        # Where there is no room for the pictures, the incident goes without them.
        with suppress(DomainError, OSError):
            for kind, still in stills.get(incident.key, {}).items():
                incidents.store_still(incident, kind, still)
        incidents.mark_complete(incident)
    if unfinished:
        detail = {"error": segment.error_code, "incidents": [one.pk for one in unfinished]}
        audit.record("footage.given_up", footage, site=footage.camera.site, detail=detail)
    return len(unfinished)


def _stills_of(segment):
    """Return {incident key: {kind: Still}} of what the last checkpoint kept."""
    from detection.vision.stills import StillKeeper

    if not segment.checkpoint:
        return {}
    kept = checkpoints.decode(segment.checkpoint)["stills"]
    keeper = StillKeeper()
    keeper.restore(kept)
    return {key: keeper.pop(key) for key in kept}


def find(footage_id):
    """Return a footage by its id, or raise NotFound."""
    footage = Footage.objects.select_related("camera__site").filter(pk=footage_id).first()
    if footage is None:
        raise NotFound(f"There is no footage {footage_id}.")
    return footage


@transaction.atomic
def requeue(footage, *, by=None):
    """Let workers take failed or waiting footage at once, with every attempt before it.

    It goes on at its last checkpoint. Incidents that were completed when it failed stay as people
    have seen them; what still goes on there becomes an incident of its own.

    Raises:
        Conflict: it is all ingested, or a worker has it.
    """
    if not jobs.requeue(Segment.objects.filter(footage=footage)):
        state = "has been ingested" if footage.ended_at else "is being ingested"
        raise Conflict(f"Footage {footage.pk} ({footage}) {state}; there is nothing to try again.")
    audit.record("footage.requeued", footage, actor=by, site=footage.camera.site)


def is_settled(footage, keys):
    """Whether any of the incidents with these keys was completed when the footage failed."""
    complete = Incident.objects.filter(footage=footage, evidence_complete_at__isnull=False)
    return complete.filter(key__in=list(keys)).exists()
