"""A frozen dataset of windows as a folder of arrays, for people with tools of their own.

The folder is written aside and gets its name once it is whole. It says which dataset it is, so that
training from the folder is training on the dataset, with all that is known of it.
"""

import json
import shutil
import uuid
from pathlib import Path

from hitlsite import storage
from hitlsite.errors import DomainError
from training.models import Dataset
from training.services import slot_work
from training.services.slot_work import task_windows

FORMAT = 1
METADATA = "metadata.json"
SPLITS = ("train", "val", "test")
_AT_ONCE = 2048


def write(dataset, target, progress=None) -> dict:
    """Write ``X_SPLIT.npy``, ``y_SPLIT.npy`` and ``metadata.json``; return the metadata.

    X is (m, S, C) float32, z-scores by what trains, NaN where nothing is known; y is (m,) int64,
    places in the classes. An earlier folder of this kind is replaced.

    Args:
        progress: called with (done, total).

    Raises:
        DomainError: no_windows, windows_missing, output_exists, output_unwritable, disk_full.
    """
    target = Path(target).absolute()
    meta = task_windows.meta_of(dataset)
    require_free(target)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
    try:
        aside.mkdir(parents=True)
        told = _metadata(dataset, meta)
        total, done = dataset.entries.filter(split__in=SPLITS).count(), 0
        for split in SPLITS:
            for many in _arrays(dataset, meta, split, aside):
                done += many
                if progress:
                    progress(done, total)
        told["files"] = {path.name: storage.sha256_of(path) for path in sorted(aside.glob("*.npy"))}
        (aside / METADATA).write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        _swap(aside, target)
    except OSError as error:
        full = storage.disk_full(target.parent, error)
        if full is not error:
            raise full from error
        message = f"{target} cannot be written: {error.strerror or error}."
        raise DomainError("output_unwritable", message) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return told


def dataset_in(folder) -> Dataset:
    """Return the dataset that a folder was written from.

    Raises:
        DomainError: folder_unreadable, dataset_unknown.
    """
    path = Path(folder) / METADATA
    try:
        told = json.loads(path.read_text())
        named = told["dataset"], told["manifest_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{folder} is no folder that build_task_dataset wrote."
        raise DomainError("folder_unreadable", message) from error
    found = Dataset.objects.filter(manifest_sha256=str(named[1])).first()
    if found is None:
        message = f"{folder} was written from a dataset that is not of this installation."
        raise DomainError("dataset_unknown", message)
    return found


def require_free(target):
    """Refuse to replace anything but an empty folder or an earlier dataset.

    Raises:
        DomainError: output_exists.
    """
    target = Path(target)
    if not target.exists():
        return
    if target.is_dir():
        inside = {path.name for path in target.iterdir()}
        if not inside or (METADATA in inside and inside <= _names()):
            return
    raise DomainError("output_exists", f"{target} is there already and is no dataset's folder.")


def _names():
    return {METADATA, *(f"{kind}_{split}.npy" for kind in "Xy" for split in SPLITS)}


def _swap(aside, target):
    """Give a whole folder its name; what had it before goes only then."""
    before = target.with_name(f".{target.name}.{uuid.uuid4().hex}.before")
    if target.exists():
        target.rename(before)
    try:
        aside.rename(target)
    except OSError:
        if before.exists():
            before.rename(target)
        raise
    shutil.rmtree(before, ignore_errors=True)


def _arrays(dataset, meta, split, folder):
    """Write both arrays of a split part by part; yield how many windows each part has."""
    import numpy as np

    from detection.vision.windows import WindowSpec
    from training.learning.standardising import scaled

    places = {name: place for place, name in enumerate(dataset.class_names)}
    rows = slot_work.entries_of(dataset, split)
    many = rows.count()
    steps = WindowSpec.from_dict(meta["spec"]).steps
    shape = (many, steps, len(meta["columns"]))
    answers = np.empty(many, dtype=np.int64)
    with (folder / f"X_{split}.npy").open("wb") as stream:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for first in range(0, many, _AT_ONCE):
            part = list(rows[first : first + _AT_ONCE])
            windows = task_windows.windows_of(part)
            stream.write(scaled(windows, **meta["scaler"]).astype("<f4").data)
            labels = [places[entry.label["label"]] for entry in part]
            answers[first : first + len(part)] = labels
            yield len(part)
    np.save(folder / f"y_{split}.npy", answers)


def _metadata(dataset, meta):
    return {
        "format": FORMAT,
        "dataset": dataset.pk,
        "name": str(dataset),
        "manifest_sha256": dataset.manifest_sha256,
        "test_sha256": dataset.test_sha256,
        "test_revision": dataset.test_revision,
        "feature_names": meta["columns"],
        "dropped_columns": meta["dropped_columns"],
        "detector_mode": meta["mode"],
        "scaler": {"kind": "z-score", "fitted_on": "train", "is_applied": True, **meta["scaler"]},
        "label_set": meta["label_set_name"] or None,
        "label_map": {name: place for place, name in enumerate(dataset.class_names)},
        "windowing": meta["spec"],
        "frames_per_second": meta["frames_per_second"],
        "sample_rate": meta["sample_rate"],
        "balance": meta["balance"],
        "seed": meta["seed"],
        "ratios": meta["shares"],
        "splits": {
            split: {
                "windows": dataset.counts["by_split"][split],
                "groups": dataset.counts["groups"][split],
                "classes": {row["name"]: row[split] for row in dataset.counts["classes"]},
            }
            for split in SPLITS
        },
        "left_out": dataset.counts["left_out"],
        "warnings": dataset.counts["warnings"],
        "inputs": meta["inputs"],
        "videos": meta["videos"],
        "options": dataset.options,
    }
