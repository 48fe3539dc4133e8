"""A version as a folder for people: its files, its figures, and its plots as pictures.

The folder is written aside and gets its name once it is whole.
"""

import json
import shutil
import uuid
from pathlib import Path

from django.conf import settings

from detection.services import model_store
from hitlsite import storage
from hitlsite.errors import DomainError
from training.models import GateDecision
from training.services import version_reports

METRICS = "metrics.json"


def write(version, target):
    """Write the folder and return what stands in ``metrics.json``; an earlier one is replaced.

    Raises:
        DomainError: output_exists, output_unwritable, disk_full, artifact_missing,
            artifact_damaged.
    """
    from detection.vision import libraries
    from training.learning import task_plots

    libraries.prepare(settings.CACHE_DIR)
    target = Path(target).absolute()
    require_free(target)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
    told = _metrics(version)
    try:
        aside.mkdir(parents=True)
        kept = model_store.local_folder(version.files)
        for row in version.files:
            shutil.copyfile(kept / row["name"], aside / row["name"])
        tested = told["evaluations"].get("test", {})
        plots = task_plots.write(aside, tested, told["importance"], told["ablations"])
        told["files"] = [*(row["name"] for row in version.files), *plots]
        (aside / METRICS).write_text(json.dumps(told, indent=2, default=str) + "\n")
        shutil.rmtree(target, ignore_errors=True)
        aside.rename(target)
    except OSError as error:
        full = storage.disk_full(target.parent, error)
        if full is not error:
            raise full from error
        message = f"{target} cannot be written: {error.strerror or error}."
        raise DomainError("output_unwritable", message) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return told


def require_free(target):
    """Refuse to replace anything but an empty folder or an earlier one of this kind.

    Raises:
        DomainError: output_exists.
    """
    target = Path(target)
    if not target.exists():
        return
    if target.is_dir() and (not any(target.iterdir()) or (target / METRICS).is_file()):
        return
    raise DomainError("output_exists", f"{target} is there already and is no version's folder.")


def _metrics(version):
    run = version.run
    decision = GateDecision.objects.filter(version=version).first()
    newest = {}
    for row in version.evaluations.filter(dataset=version.dataset).order_by("pk"):
        newest[row.split] = row.figures
    return {
        "version": version.name,
        "slot": version.slot,
        "algorithm": version.algorithm,
        "parameters": run.parameters,
        "seed": run.seed,
        "dataset": {"id": version.dataset_id, "manifest_sha256": version.dataset.manifest_sha256},
        "classes": version.class_names,
        "forms": version.forms,
        "history": run.history,
        "evaluations": newest,
        "gate": {"outcome": decision.outcome, **decision.report} if decision else None,
        "importance": version_reports.importance(version),
        "ablations": version_reports.ablations(version),
    }
