"""The ledger of what serves: append a row for every model, in the form in which it runs."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from detection.models import Deployment
from detection.slots import OBJECT_DETECTOR

IMPORTS_SLOT = "import"


def record_champion(detector, *, threshold=0.0, at=None):
    """Return the active deployment of this detector, made on its first use.

    The same weights on another backend, input size or precision are a deployment of their own:
    a prediction must say what really made it.
    """
    form = {
        "slot": OBJECT_DETECTOR,
        "role": Deployment.Role.CHAMPION,
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


def of_imports():
    """Return the entry that imported incidents point at: another system's, and never one to serve.

    Its slot is no model's, and it is retired from the start.
    """
    now = timezone.now()
    named = {"slot": IMPORTS_SLOT, "name": "another system"}
    found = Deployment.objects.filter(**named).order_by("pk").first()
    return found or Deployment.objects.create(**named, activated_at=now, retired_at=now)
