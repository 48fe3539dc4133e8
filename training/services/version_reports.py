"""What a version's own files tell beside its figures: what columns are worth, and what sets of."""

import json

from django.core.files.storage import default_storage

from training.services.slot_work.task_train import ABLATIONS_FILE, IMPORTANCE_FILE


def importance(version):
    """Return what each column is worth, see ``slot_work.task_train``; None where nobody asked."""
    return _read(version, IMPORTANCE_FILE)


def ablations(version):
    """Return how sets of columns compare, see ``slot_work.task_ablations``; None likewise."""
    return _read(version, ABLATIONS_FILE)


def _read(version, name):
    row = next((row for row in version.files if row["name"] == name), None)
    if row is None:
        return None
    try:
        with default_storage.open(row["path"], "rb") as stored:
            return json.loads(stored.read())
    except (FileNotFoundError, ValueError):
        # The page of a version shows what there is; a download of the file names what is wrong.
        return None
