"""Model versions: what a run left in its folder becomes rows and files in storage."""

from django.db import transaction
from django.db.models import Max

from detection.services import model_store
from training.models import ModelVersion


def register(run, trained, folder):
    """Keep what was trained and return the ModelVersion; a run has one, whoever asks again.

    Args:
        trained: see ``slot_work.Trained``.
    """
    found = ModelVersion.objects.filter(run=run).first()
    if found:
        return found
    files = model_store.keep([folder / name for name in trained.files])
    forms = [
        {
            "name": form.name,
            "backend": form.backend,
            "files": list(form.files),
            "sha256": form.sha256,
            "input_size": form.input_size,
            "precision": form.precision,
            "milliseconds": form.milliseconds,
            "serves": False,
        }
        for form in trained.forms
    ]
    with transaction.atomic():
        highest = ModelVersion.objects.filter(slot=run.slot).aggregate(found=Max("number"))
        return ModelVersion.objects.create(
            slot=run.slot,
            number=(highest["found"] or 0) + 1,
            run=run,
            dataset=run.dataset,
            algorithm=run.algorithm,
            base=trained.base,
            class_names=list(trained.class_names),
            files=files,
            forms=forms,
        )
