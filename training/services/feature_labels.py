"""Labels that come with a video: read at once, saved when its frames are known.

What cannot be read, or names a label that the set lacks, is refused before anything is measured.
Whether a labelled frame exists shows only when the video was decoded: then the features are kept,
and what was wrong stands with them.
"""

from django.db import transaction

from detection.models import Footage
from hitlsite import storage
from hitlsite.errors import DomainError
from training.models import FeatureSet, LabelSet

SUFFIX = ".csv"
WAITING, SAVED = "labels_waiting", "labels_saved"
State = FeatureSet.State


def read(text, name, footage, by):
    """Check labels of a video and keep them for when its frames are known; return where they are.

    A label set of this name is made, with the labels of the file, where the site has none.

    Args:
        name: of the label set; "" for the only one of the site.

    Raises:
        Forbidden; DomainError: labels_unreadable, labels_unknown, label_set_needed, spans_invalid.
    """
    from training.learning.spans import checked
    from training.services import task_labels

    file, site = task_labels.parse_labels(text), footage.camera.site
    if file.spans is not None:
        checked(list(file.spans), duration=footage.duration_seconds, labels=file.label_names)
    found = _label_set(site, name)
    if found is None:
        found = task_labels.add_label_set(site, name, list(file.label_names), by)
    unknown = [label for label in file.label_names if label not in found.label_names]
    if unknown:
        told = ", ".join(one[:60] for one in unknown[:5])
        message = f"The label set {found} has no label {told}: add it to the set first."
        raise DomainError("labels_unknown", message, fields={"labels": message})
    path, sha256, _ = storage.store_bytes(site.pk, "labels", text.encode(), suffix=SUFFIX)
    told = {"label_set": found.pk, "name": found.name, "path": path, "sha256": sha256}
    return told | {"by": by.pk if by is not None else None}


def check_frames(text, path):
    """Refuse labels of a video file before it is measured where its frames do not go so far.

    Raises:
        DomainError: labels_unreadable, frames_missing, spans_invalid; and what is wrong with the
            video.
    """
    from detection.vision.video import open_source
    from training.services import task_labels

    file = task_labels.parse_labels(text)
    if file.frames is None:
        return
    source = open_source(path)
    try:
        count = 1 + max((frame.index for frame in source.frames()), default=-1)
    finally:
        source.close()
    beyond = sorted({index for index, _ in file.frames if index >= count})
    if beyond:
        message = (
            f"Frame {beyond[0]:,} does not exist in {path.name}, which has {count:,}: "
            f"{len(beyond):,} labelled frames are missing."
        )
        raise DomainError("frames_missing", message, fields={"labels": message})


def _label_set(site, name):
    """Return the label set that is meant, None where it is to be made."""
    known = LabelSet.objects.filter(site=site)
    if name:
        return known.filter(name=" ".join(name.split())).first()
    found = list(known[:2])
    if len(found) == 1:
        return found[0]
    told = "there are several" if found else "there is none yet"
    message = f"Name the label set that the labels belong to; {told}."
    raise DomainError("label_set_needed", message, fields={"label_set": message})


@transaction.atomic
def give(feature_set, given, table_of):
    """Let labels wait for features, or save them where these are done; return the FeatureSet.

    Args:
        given: what ``read`` returned.
        table_of: as ``features.table_of``.

    Raises:
        DomainError: the features are done, and the labels do not fit them.
    """
    row = _held(feature_set)
    if row.state == State.DONE:
        saved = _saved(given, row.footage, table_of(row), row.figures)
        row.figures[SAVED] = [*row.figures.get(SAVED, []), saved]
    else:
        row.figures[WAITING] = [*row.figures.get(WAITING, []), given]
    row.save(update_fields=["figures"])
    return row


def settle(feature_set, table, figures):
    """Save what waits for features that have just been measured; return their figures with that.

    To be called in the transaction that ends the extraction.
    """
    waiting = _held(feature_set).figures.get(WAITING, [])
    outcomes = []
    for given in waiting:
        try:
            with transaction.atomic():
                outcomes.append(_saved(given, feature_set.footage, table, figures))
        except DomainError as error:
            outcomes.append({**_told(given), "error": error.message})
    return figures | ({SAVED: outcomes} if outcomes else {})


def _held(feature_set):
    rows = FeatureSet.objects.select_for_update(of=("self",))
    return rows.select_related("footage__camera__site", "site").get(pk=feature_set.pk)


def _saved(given, footage, table, figures):
    from django.contrib.auth import get_user_model

    from training.services import task_labels

    by = get_user_model().objects.filter(pk=given["by"]).first() if given["by"] else None
    path, is_copy = storage.local_copy(given["path"])
    try:
        text = path.read_text(encoding="utf-8")
    finally:
        if is_copy:
            path.unlink(missing_ok=True)
    saved = task_labels.import_labels(
        LabelSet.objects.select_related("site").get(pk=given["label_set"]),
        Footage.objects.select_related("camera__site").get(pk=footage.pk),
        text,
        by=by,
        frame_times=frame_times(table, figures.get("frames_decoded")),
    )
    return {**_told(given), "version": saved.version, "spans": len(saved.spans)}


def _told(given):
    return {name: given[name] for name in ("label_set", "name", "sha256")}


def frame_times(table, decoded):
    """Return {frame index: seconds} of every frame of a video; those between samples are between.

    Args:
        decoded: how many frames the video has, None where only the table tells.
    """
    import numpy as np

    index, times = np.asarray(table.frame_index), np.asarray(table.times)
    if not len(index):
        return {}
    count = max(int(decoded or 0), int(index[-1]) + 1)
    if len(index) == count:
        return dict(zip(index.tolist(), times.tolist(), strict=True))
    step = (times[-1] - times[0]) / (index[-1] - index[0]) if len(index) > 1 else 1 / 25
    every = np.arange(int(index[0]), count)
    placed = np.interp(every, index, times)
    after = every > index[-1]
    placed[after] = times[-1] + (every[after] - index[-1]) * step
    return dict(zip(every.tolist(), placed.tolist(), strict=True))
