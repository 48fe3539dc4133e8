"""The ledger of what serves: append a row for every model, in the form in which it runs."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from detection.models import Deployment
from detection.services import serving
from detection.slots import OBJECT_DETECTOR
from hitlsite.errors import Conflict

IMPORTS_SLOT = "import"


def record_champion(detector, *, threshold=0.0, at=None):
    """Return the active deployment of this detector, made on its first use.

    The same weights on another backend, input size or precision are a deployment of their own:
    a prediction must say what really made it.
    """
    form = {
        "slot": OBJECT_DETECTOR,
        "role": Deployment.Role.CHAMPION,
        "source": Deployment.Source.OBSERVED,
        "sha256": detector.weights_sha256 or "",
        "backend": detector.backend,
        "input_size": detector.input_size,
        "precision": detector.precision,
        "retired_at": None,
    }
    found = Deployment.objects.filter(**form).first()
    if found:
        return found
    try:
        with transaction.atomic():
            return Deployment.objects.create(
                **form,
                name=detector.name,
                artifact_path=str(getattr(detector, "weights_path", "") or ""),
                class_names=list(detector.class_names),
                threshold=threshold,
                activated_at=at or timezone.now(),
            )
    except IntegrityError:
        return Deployment.objects.get(**form)


def activate(slot, *, role=Deployment.Role.CHAMPION, share=0.0, at=None, **columns):
    """Enter a promoted model in the ledger in place of the one that has its role; return its row.

    Args:
        columns: name, files, sha256, backend, input_size, precision, class_names, threshold and
            model_version_uuid of what is to serve.

    Raises:
        Conflict: somebody else deployed to this slot in the same moment.
    """
    is_champion = role == Deployment.Role.CHAMPION
    before = serving.champion(slot) if is_champion else None
    return _instead(slot, role, at, {**columns, "share": share, "replaces": before})


def roll_back(slot, *, at=None):
    """Let what served before the promoted champion serve again; return (its row or None, before).

    None: nothing promoted serves any more, and what a camera or the setting names does again.

    Raises:
        Conflict: nothing promoted serves, or somebody else was faster.
    """
    present = serving.champion(slot)
    if present is None:
        raise Conflict(
            f"Nothing that was deployed serves as {slot}: there is nothing to go back from.",
            code="nothing_deployed",
        )
    target = present.replaces
    if target is None:
        _retire(present, at)
        return None, present
    columns = {name: getattr(target, name) for name in _COPIED}
    return _instead(slot, Deployment.Role.CHAMPION, at, columns), present


def retire_challenger(slot, *, at=None):
    """End a challenger's time, in shadow or with a share; return its row.

    Raises:
        Conflict: there is none.
    """
    found = serving.challenger(slot)
    if found is None:
        raise Conflict(f"No challenger runs as {slot}.", code="no_challenger")
    _retire(found, at)
    return found


_COPIED = (
    "name",
    "files",
    "sha256",
    "backend",
    "input_size",
    "precision",
    "class_names",
    "threshold",
    "model_version_uuid",
    "replaces",
)


def _instead(slot, role, at, columns):
    at = at or timezone.now()
    try:
        with transaction.atomic():
            Deployment.objects.filter(
                slot=slot, role=role, source=Deployment.Source.PROMOTED, retired_at__isnull=True
            ).update(retired_at=at)
            return Deployment.objects.create(
                slot=slot,
                role=role,
                source=Deployment.Source.PROMOTED,
                activated_at=at,
                **columns,
            )
    except IntegrityError as error:
        raise Conflict(
            f"Somebody else has just deployed another {slot}.", code="deployed_meanwhile"
        ) from error


def _retire(deployment, at):
    found = Deployment.objects.filter(pk=deployment.pk, retired_at__isnull=True)
    if not found.update(retired_at=at or timezone.now()):
        raise Conflict(f"{deployment.name} has just been retired.", code="deployed_meanwhile")


def of_imports():
    """Return the entry that imported incidents point at: another system's, and never one to serve.

    Its slot is no model's, and it is retired from the start.
    """
    now = timezone.now()
    named = {"slot": IMPORTS_SLOT, "name": "another system"}
    found = Deployment.objects.filter(**named).order_by("pk").first()
    return found or Deployment.objects.create(**named, activated_at=now, retired_at=now)
