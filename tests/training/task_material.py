"""Features of videos and what people call their stretches, drawn for tests of task classification.

What somebody does shows in the numbers: hands are quick and near an object at work, and slow and
far from any else.
"""

import itertools

import numpy as np

from detection.vision.task_columns import names_of
from hitlsite import storage
from tests import factories
from training.models import FeatureSet, LabelSet, SpanAnnotation

LABELS = ("work", "idle")
_numbers = itertools.count(1)


def times_of(seconds, rate=10.0, *, gaps=()):
    """Return the times of rows; ``gaps`` are (start, end) without any."""
    times = np.arange(0.0, seconds, 1.0 / rate)
    for start, end in gaps:
        times = times[(times < start) | (times >= end)]
    return times


def alternating(seconds, each=10.0, labels=LABELS):
    """Return spans that cover a video with one label after the other."""
    starts = np.arange(0.0, seconds, each)
    return [
        [float(start), float(min(start + each, seconds)), labels[number % len(labels)]]
        for number, start in enumerate(starts)
    ]


def values_of(times, spans, *, mode="fusion", seed=0, missing=()):
    """Return values (n, C) of a mode that follow the spans, with noise and some missing."""
    from training.learning.spans import label_at

    names = names_of(mode)
    rng = np.random.default_rng(seed)
    labels = label_at(spans, times)
    codes = {name: number for number, name in enumerate(sorted({one for one in labels if one}))}
    level = np.array([codes.get(one, -1) for one in labels], dtype=float)
    values = rng.normal(0, 0.3, (len(times), len(names))) + level[:, None]
    values[rng.random(values.shape) < 0.02] = np.nan
    for name in missing:
        values[:, names.index(name)] = np.nan
    return values.astype(np.float32)


def write(path, times, values, *, mode="fusion", labels=None, video="film.mp4", more=None):
    """Write features as a parquet file."""
    import polars

    names = names_of(mode)
    columns = {
        "video_id": [video] * len(times),
        "frame_index": np.arange(len(times)),
        "t": np.asarray(times, dtype=float),
        **{name: values[:, place] for place, name in enumerate(names)},
        **({"label": labels} if labels is not None else {}),
        **(more or {}),
    }
    polars.DataFrame(columns).write_parquet(path)
    return path


def feature_set(footage, times, values, *, mode="fusion", labels=None, site=None, **columns):
    """Return finished features of a footage, of None for what came from elsewhere."""
    number = next(_numbers)
    name = columns.pop("name", f"film {number}.mp4")
    path = storage.scratch_path(".parquet")
    write(path, times, values, mode=mode, labels=labels, video=name)
    owner = footage.camera.site if footage else site
    stored, sha256, size = storage.store_file(owner.pk, "features", path)
    counted = {}
    for label in labels or ():
        if label:
            counted[label] = counted.get(label, 0) + 1
    columns = {
        "state": FeatureSet.State.DONE,
        "figures": {"labels": counted},
        "sources": {"pose": "p" * 64} if footage else {},
        **columns,
    }
    return FeatureSet.objects.create(
        site=owner,
        footage=footage,
        name=name,
        detector=mode,
        path=stored,
        sha256=sha256,
        byte_count=size,
        frames=len(times),
        **columns,
    )


def label_set(site, name="table", labels=LABELS):
    rows = [{"name": label, "key": str(number + 1)} for number, label in enumerate(labels)]
    return LabelSet.objects.create(site=site, name=name, labels=rows)


def annotate(label_set, footage, spans):
    """Append spans as the current version of what people call a video."""
    rows = SpanAnnotation.objects.filter(label_set=label_set, footage=footage)
    rows.update(is_current=False)
    return SpanAnnotation.objects.create(
        label_set=label_set,
        footage=footage,
        version=rows.count() + 1,
        spans=[list(span) for span in spans],
        source=SpanAnnotation.Source.DRAWN,
    )


def video(camera, asked=None, *, seconds=60.0, rate=10.0, spans=None, gaps=(), **columns):
    """Return the finished features of a labelled video.

    Args:
        asked: the label set that is answered, None for nobody's.
    """
    spans = alternating(seconds) if spans is None else spans
    footage = columns.pop("footage", None) or factories.footage(camera, duration_seconds=seconds)
    missing, mode = columns.pop("missing", ()), columns.pop("mode", "fusion")
    times = times_of(seconds, rate, gaps=gaps)
    seed = columns.pop("seed", footage.pk)
    values = values_of(times, spans, mode=mode, seed=seed, missing=missing)
    made = feature_set(footage, times, values, mode=mode, **columns)
    if asked is not None:
        annotate(asked, footage, spans)
    return made


def elsewhere(site, *, seconds=60.0, rate=10.0, spans=None, mode="fusion", **columns):
    """Return features that came from elsewhere, with a label column of their own."""
    from training.learning.spans import label_at

    spans = alternating(seconds) if spans is None else spans
    times = times_of(seconds, rate)
    values = values_of(times, spans, mode=mode, seed=next(_numbers))
    return feature_set(
        None, times, values, mode=mode, labels=label_at(spans, times), site=site, **columns
    )
