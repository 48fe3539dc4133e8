"""Thresholds of score: what verdicts say of them, and a person's choice of one."""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from detection.models import Camera, Deployment, Incident, ScoreThreshold
from detection.services import score_thresholds
from hitlsite import audit
from hitlsite.bounds import as_id
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import Site
from training.learning import thresholds
from training.selectors import threshold_verdicts

SEE, ADD = "detection.view_scorethreshold", "detection.add_scorethreshold"
DIGITS = 4


@dataclass(frozen=True)
class Offer:
    """What verdicts say of a class at a camera, or at all of them.

    Attributes:
        curve: None where there are too few verdicts; ``refusal`` then says what is lacking.
        present: the value in force there, None where nobody chose one.
        proposed: the best value, rounded so that it keeps what the best one keeps.
    """

    class_name: str
    camera: Camera | None
    found: threshold_verdicts.Found
    curve: thresholds.Curve | None
    refusal: DomainError | None
    present: float | None
    proposed: float | None


def camera_for(user, pk):
    """Return a camera that a person may know of; None for no camera in particular.

    Raises:
        NotFound: there is none of this number for ``user``.
    """
    if pk in (None, ""):
        return None
    camera = Camera.objects.visible_to(user).select_related("site").filter(pk=as_id(pk)).first()
    if camera is None:
        raise NotFound(f"There is no camera {str(pk)[:20]}.", code="camera_unknown")
    return camera


def curve_for(user, class_name, camera=None, wish=None):
    """Return the Offer for a class at a camera, or at all cameras that ``user`` knows.

    Raises:
        NotFound, Forbidden: not for ``user``.
    """
    if not user.has_perm(SEE):
        raise Forbidden("Only supervisors see thresholds.")
    _require_known(user, camera)
    found = threshold_verdicts.evidence_of(user, class_name, camera)
    curve = refusal = proposed = None
    try:
        curve = thresholds.curve(found.verdicts, wish, unreachable=found.unreachable)
        proposed = rounded_down(curve.best.threshold)
    except DomainError as error:
        refusal = error
    present = _present(class_name, camera)
    return Offer(class_name, camera, found, curve, refusal, present, proposed)


def rounded_down(score):
    """Return a score with few digits that keeps all that the score keeps."""
    scale = 10**DIGITS
    return int(score * scale + 1e-9) / scale


def _present(class_name, camera):
    if camera is not None:
        return score_thresholds.in_force(camera).get(class_name)
    last = ScoreThreshold.objects.filter(class_name=class_name, camera=None).first()
    return last.value if last else None


def described(offer, value):
    """Return what a choice of ``value`` was made by, as ``ScoreThreshold.chosen_by`` keeps it."""
    curve = offer.curve
    if curve is None:
        return {"measure": "by hand", **_counts(offer.found.verdicts)}
    point = curve.at(value)
    is_best = offer.proposed is not None and abs(value - offer.proposed) < 10**-DIGITS / 2
    return {
        "measure": curve.wish.measure if is_best else "by hand",
        "beta": curve.wish.beta,
        "cost_false_alarm": curve.wish.cost_false_alarm,
        "cost_miss": curve.wish.cost_miss,
        "best": offer.proposed,
        "interval": [curve.lower, curve.upper],
        **{name: getattr(point, name) for name in ("precision", "recall", "f_beta", "cost")},
        "confirmed": curve.confirmed,
        "rejected": curve.rejected,
        "sampled": curve.sampled,
        "unreachable": curve.unreachable,
        "weights": sorted(offer.found.weights),
    }


def _counts(verdicts):
    confirmed = sum(1 for one in verdicts if one.is_confirmed)
    return {"confirmed": confirmed, "rejected": len(verdicts) - confirmed}


def accept(*, by, class_name, camera=None, value, chosen_by=None, at=None):
    """Append a choice and return its ScoreThreshold; ``value`` None takes the standing one back.

    It holds from the next segment of a camera's footage on, and for the photos to come.

    Args:
        camera: a Camera, or None for all cameras without a choice of their own.
        chosen_by: JSON values, see ``described``.

    Raises:
        NotFound, Forbidden: not for ``by``.
        Conflict: nothing_to_take_back.
        DomainError: class_unknown, threshold_invalid.
    """
    _require_known(by, camera)
    _require_right(by, camera)
    _require_sound(class_name, value)
    with transaction.atomic():
        last = ScoreThreshold.objects.filter(class_name=class_name, camera=camera).first()
        if value is None and (last is None or last.value is None):
            message = f"Nobody chose a threshold for {class_name} there."
            raise Conflict(message, code="nothing_to_take_back")
        row = ScoreThreshold.objects.create(
            class_name=class_name,
            camera=camera,
            value=value,
            chosen_by=chosen_by or {},
            accepted_by=by,
            accepted_at=at or timezone.now(),
        )
        audit.record(
            "score_threshold.taken_back" if value is None else "score_threshold.accepted",
            row,
            actor=by,
            site=camera.site if camera else None,
            detail={
                "class_name": class_name,
                "camera": camera.name if camera else None,
                "before": last.value if last else None,
                "value": value,
                "chosen_by": row.chosen_by,
            },
        )
    return row


def _require_known(user, camera):
    if camera is not None and not Camera.objects.visible_to(user).filter(pk=camera.pk).exists():
        raise NotFound(f"There is no camera {camera.pk}.", code="camera_unknown")


def _require_right(by, camera):
    if not by.has_perm(ADD):
        raise Forbidden("Only supervisors choose thresholds.")
    if camera is None:
        mine = Site.objects.visible_to(by).values("pk")
        if Site.objects.exclude(pk__in=mine).exists():
            raise Forbidden("A threshold for all cameras is for who works at every site.")


def _require_sound(class_name, value):
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (is_number and 0.0 <= value <= 1.0):
        message = "A threshold is a number from 0 to 1."
        raise DomainError("threshold_invalid", message, fields={"value": message})
    if not _is_class(class_name):
        message = f"No detector here knows a class {str(class_name)[:60]!r}."
        raise DomainError("class_unknown", message, fields={"class_name": message})


def _is_class(name):
    if not isinstance(name, str) or not name:
        return False
    if Incident.objects.filter(class_name=name).exists():
        return True
    lists = Deployment.objects.filter(retired_at__isnull=True).values_list("class_names", flat=True)
    return any(name in names for names in lists)
