"""Which windows a dataset may hold: those of labelled stretches of measured videos.

A video is a group: none of its windows tests what another has trained. With three videos or fewer
there would be nothing to part, so each is cut into contiguous blocks, which is said aloud.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from detection.slots import TASK_CLASSIFIER
from hitlsite import storage
from hitlsite.errors import DomainError
from training.models import DatasetEntry, FeatureSet, GroupSplit, LabelSet
from training.services.slot_work import Candidate, Gathered, task_options, task_taxonomy

NOT_IN_SET, BETWEEN = "label_not_in_set", "between_blocks"
UNMEASURED, UNLABELLED_VIDEO = "videos_without_features", "videos_without_labels"
_DIGITS = 6
Mode = FeatureSet.Detector


@dataclass(slots=True)
class _Video:
    """One video that was cut.

    Attributes:
        group: its name among groups, when it is not cut into blocks.
        told: what the dataset's page says of it.
        duration: (first, last) second of its features.
    """

    row: FeatureSet
    group: str
    path: str
    cut: object
    hashes: list
    duration: tuple
    told: dict


def gather(options, sites, report):
    """Return a candidate for every window that has a label; see ``task_options``.

    Raises:
        DomainError: invalid, features_mixed, features_damaged and the like.
    """
    sites = sorted(sites, key=lambda site: site.pk)
    label_set = LabelSet.objects.filter(pk=options["label_set"] or None).first()
    left_out = Counter()
    chosen = _chosen(options, label_set, sites, left_out)
    mode = _mode(options, [row for row, _ in chosen])
    spec = task_options.spec_of(options)
    videos, warnings = [], _about_mode(mode, [row for row, _ in chosen])
    for number, (row, annotation) in enumerate(chosen):
        report.progress(number, len(chosen), f"windows of {row.name}"[:200])
        video = _cut(row, annotation, label_set, mode, spec)
        left_out.update(video.cut.left_out)
        videos.append(video)
    candidates = _candidates(videos, spec, left_out, warnings)
    names = {one.label["label"] for one in candidates}
    taxonomy = task_taxonomy.of(label_set, names)
    about = {
        "mode": mode,
        "spec": spec.as_dict(),
        "stored_columns": list(_columns(mode)),
        "label_set": label_set.pk if label_set else None,
        "label_set_name": label_set.name if label_set else "",
        "inputs": [video.told for video in videos],
        "warnings": warnings,
    }
    return Gathered(candidates, taxonomy, dict(left_out), about)


def _columns(mode):
    from detection.vision.task_columns import names_of

    return names_of(mode)


def _chosen(options, label_set, sites, left_out):
    """Return (features, their annotation or None) of the videos to cut, in a fixed order."""
    rows = FeatureSet.objects.filter(state=FeatureSet.State.DONE, site__in=sites)
    rows = rows.select_related("footage__camera", "site").order_by("pk")
    if "feature_sets" in options:
        rows = list(rows.filter(pk__in=options["feature_sets"]))
    else:
        rows = _newest(rows, options.get("detector_mode"))
    said = _annotations(label_set)
    if label_set is not None:
        measured = {row.footage_id for row in rows}
        unmeasured = sum(bool(one.spans) for pk, one in said.items() if pk not in measured)
        left_out.update({UNMEASURED: unmeasured} if unmeasured else {})
    labelled = []
    for row in rows:
        annotation = said.get(row.footage_id)
        has_labels = annotation.spans if annotation else row.figures.get("labels", True)
        if has_labels or "feature_sets" in options:
            labelled.append((row, annotation))
        else:
            left_out[UNLABELLED_VIDEO] += 1
    return labelled


def _annotations(label_set):
    if label_set is None:
        return {}
    rows = label_set.annotations.filter(is_current=True)
    return {row.footage_id: row for row in rows}


def _newest(rows, mode):
    """Return the newest features of every video; of a mode where it is named, or else fused ones.

    Fused features have the columns of every mode.
    """
    wanted = [mode, Mode.FUSION] if mode else list(Mode.values)
    best = {}
    for row in rows.filter(detector__in=wanted):
        key = row.footage_id or (row.site_id, row.name)
        earlier = best.get(key)
        if mode or earlier is None or _rank(row) >= _rank(earlier):
            best[key] = row
    return sorted(best.values(), key=lambda row: row.pk)


def _rank(row):
    return row.detector == Mode.FUSION


def _mode(options, rows):
    """Return the mode whose columns the dataset has.

    Raises:
        DomainError: features_mixed, where no mode has what all of these have.
    """
    measured = {row.detector for row in rows}
    given = options.get("detector_mode")
    alone = measured - {Mode.FUSION}
    if given is None and len(alone) < 2:
        return str(next(iter(alone), Mode.FUSION))
    lacking = [row for row in rows if row.detector not in (Mode.FUSION, given)]
    if given is None or lacking:
        told = ", ".join(sorted(f"{row.name} {row.detector}" for row in lacking or rows))
        wanted = f"of the mode {given} " if given else "of one mode "
        message = f"These are no features {wanted}: {told}."[:400]
        raise DomainError("features_mixed", message, fields={"detector_mode": message})
    return given


def _about_mode(mode, rows):
    """Return a sentence where fused features lose columns because others never had them."""
    alone = [row.name for row in rows if row.detector == mode]
    if mode == Mode.FUSION or len(alone) in (0, len(rows)):
        return []
    told = ", ".join(alone)[:200]
    return [f"Only the columns of the mode {mode} are used: {told} has no others."]


def _cut(row, annotation, label_set, mode, spec):
    from training.learning import task_cuts
    from training.services import features

    table = features.table_of(row)
    columns = _columns(mode)
    spans = None if annotation is None else annotation.spans
    cut = task_cuts.cut(table.times, spec, spans=spans, row_labels=table.labels)
    if label_set is not None:
        _drop_foreign(cut, set(label_set.label_names))
    path = storage.scratch_path(".npy")
    try:
        values = _in_order(table, columns)
        about = {"columns": list(columns)}
        hashes = task_cuts.kept(path, table.times, values, cut, spec, about)
        name, _, _ = storage.store_file(row.site_id, "windows", path)
    except OSError as error:
        raise storage.disk_full(path.parent, error) from error
    finally:
        path.unlink(missing_ok=True)
    ends = (float(table.times[0]), float(table.times[-1])) if len(table.times) else (0.0, 0.0)
    told = _told(row, annotation, table, cut, columns)
    return _Video(row, _group(row), name, cut, hashes, ends, told)


def _drop_foreign(cut, known):
    """Leave out windows whose label the label set does not have."""
    import numpy as np

    is_known = np.array([label in known for label in cut.labels], dtype=bool)
    if not is_known.all():
        cut.left_out[NOT_IN_SET] += int((~is_known).sum())
        cut.ends = cut.ends[is_known]
        cut.labels = [label for label in cut.labels if label in known]


def _in_order(table, columns):
    """Return the columns of a table in order, (n, C) float32; what it lacks is missing."""
    import numpy as np

    places = {name: place for place, name in enumerate(table.names)}
    if tuple(table.names) == tuple(columns):
        return table.values
    values = np.full((len(table.times), len(columns)), np.nan, dtype=np.float32)
    for place, name in enumerate(columns):
        if name in places:
            values[:, place] = table.values[:, places[name]]
    return values


def _told(row, annotation, table, cut, columns):
    import numpy as np

    steps = np.diff(table.times)
    step = float(np.median(steps)) if len(steps) else 0.0
    return {
        "feature_set": row.pk,
        "name": row.name,
        "footage": row.footage_id,
        "sha256": row.sha256,
        "annotation": annotation.pk if annotation else None,
        "annotation_version": annotation.version if annotation else None,
        "sample_rate": row.sample_rate,
        "frames_per_second": round(1.0 / step, 6) if step else 0.0,
        "windows": len(cut.ends),
        "left_out": dict(cut.left_out),
        "lacking": [name for name in columns if name not in table.names],
    }


def _group(row):
    """Return the group of a video; copies of one film, or of one name from elsewhere, are one.

    What came from elsewhere and is the very file of features that is here is of that video.
    """
    if row.footage_id is None:
        twins = FeatureSet.objects.filter(sha256=row.sha256).exclude(pk=row.pk)
        here = twins.exclude(footage=None).select_related("footage").order_by("pk").first()
        if here is not None:
            return _group(here)
        row = twins.filter(pk__lt=row.pk).select_related("site").order_by("pk").first() or row
        same = FeatureSet.objects.filter(site=row.site, footage=None, name=row.name)
        return f"features {same.order_by('pk').values_list('pk', flat=True)[0]}"
    footage = row.footage
    if not footage.sha256:
        return f"footage {footage.pk}"
    return f"video {footage.sha256}"


def _candidates(videos, spec, left_out, warnings):
    found = []
    for video, named in _grouped([one for one in videos if len(one.cut.ends)], spec, warnings):
        for row, group in enumerate(named):
            if group is None:
                left_out[BETWEEN] += 1
            else:
                found.append(_candidate(video, row, group, spec))
    return found


def _grouped(videos, spec, warnings):
    """Yield (video, the group of each of its windows or None)."""
    from training.learning import blocks

    of_slot = GroupSplit.objects.filter(slot=TASK_CLASSIFIER)
    pinned = set(of_slot.values_list("group", flat=True))
    groups = {video.group for video in videos}
    is_few = len(groups) <= blocks.FEW_VIDEOS
    if is_few and groups - pinned:
        told = "1 video has" if len(groups) == 1 else f"{len(groups)} videos have"
        margin = blocks.margin_of(spec.window_seconds, spec.gap_seconds)
        warnings.append(
            f"Only {told} labelled windows, so they are cut into contiguous blocks with"
            f" {margin:g} s left out between two: what tests comes from the very"
            " videos that train, and says little of other videos."
        )
    cut_before = {}
    for video in videos:
        names = cut_before.get(video.group) or blocks.names_again(video.group, pinned)
        is_new = is_few and video.group not in pinned and video.group not in cut_before
        # One that is too short to be cut is not lost where others part into train and test.
        if not names and is_new and not (len(groups) > 1 and _is_too_short(video, spec)):
            names = blocks.names(video.group, *video.duration)
        cut_before[video.group] = names
        many = len(video.cut.ends)
        yield video, _in_blocks(video, names, spec) if names else [video.group] * many


def _is_too_short(video, spec):
    from training.learning import blocks

    start, end = video.duration
    margin = blocks.margin_of(spec.window_seconds, spec.gap_seconds)
    return blocks.is_too_short(end - start, spec.window_seconds, margin)


def _in_blocks(video, names, spec):
    from training.learning import blocks

    ends = video.cut.ends
    margin = blocks.margin_of(spec.window_seconds, spec.gap_seconds)
    places = blocks.places(names, ends - spec.window_seconds, ends, margin)
    return [None if place < 0 else names[place] for place in places.tolist()]


def _candidate(video, row, group, spec):
    owner, end = video.row, float(video.cut.ends[row])
    footage = owner.footage
    start = round(end - spec.window_seconds, _DIGITS)
    label = {"label": video.cut.labels[row], "row": row, "start": start, "end": round(end, _DIGITS)}
    origin = DatasetEntry.Origin
    return Candidate(
        sha256=video.hashes[row],
        group=group,
        origin=origin.FIELD if footage else origin.IMPORT,
        label=label,
        site_id=owner.site_id,
        path=video.path,
        camera_id=footage.camera_id if footage else None,
        feature_set_id=owner.pk,
        captured_at=footage.starts_at + timedelta(seconds=max(start, 0.0)) if footage else None,
    )
