"""What stands with a dataset of windows: its columns, its scaler, its videos, and what to mind."""

from collections import Counter

from detection.services import serving
from detection.slots import TASK_CLASSIFIER
from hitlsite.errors import DomainError
from training.learning.splits import SPLITS, TRAIN
from training.services.slot_work import task_options, task_taxonomy, task_windows

FEW_WINDOWS = 10
MOST_NAMED = 5


def describe(gathered, made, options):
    """Return (what is added to Dataset.counts, warnings) of a split dataset.

    Raises:
        DomainError: no_columns, where everything is missing in what trains.
    """
    about = dict(gathered.about)
    warnings = about.pop("warnings")
    training = made.of(TRAIN)
    columns, dropped, scaler = _columns(about["stored_columns"], training)
    videos = _videos(about["inputs"], made)
    meta = about | {
        "columns": columns,
        "dropped_columns": dropped,
        "scaler": scaler,
        "balance": options["balance"],
        "seed": options["seed"],
        "shares": task_options.shares_of(options),
        "repeated": sum("repeat" in one.label for one in training),
        "videos": videos,
        **_rates(about["inputs"], training),
    }
    warnings += _of_columns(dropped, about["inputs"])
    warnings += _of_balance(options, training) + _of_label_sets(meta, made)
    return {task_windows.COUNTED_AS: meta}, warnings


def _columns(stored, training):
    """Return (columns, those wholly missing in what trains, the scaler of the columns)."""
    from training.learning.standardising import mean_and_std

    mean, std, known = mean_and_std(task_windows.parts_of(training), len(stored))
    columns = [name for name, count in zip(stored, known, strict=True) if count]
    if not columns:
        raise DomainError(
            "no_columns",
            "Nothing was measured in the windows that train: every column of them is missing.",
        )
    scaler = {
        name: [value for value, count in zip(row.tolist(), known, strict=True) if count]
        for name, row in (("mean", mean), ("std", std))
    }
    return columns, [name for name in stored if name not in columns], scaler


def _rates(inputs, training):
    """Return the usual frames a second, and every how many-th frame, of the videos that train."""
    import numpy as np

    used = {one.feature_set_id for one in training}
    rates = [row["frames_per_second"] for row in inputs if row["feature_set"] in used]
    sampled = [row["sample_rate"] for row in inputs if row["feature_set"] in used]
    return {
        "frames_per_second": round(float(np.median(rates)), 4),
        "sample_rate": int(np.median(sampled)),
    }


def _videos(inputs, made):
    """Return {"name", "feature_set", "footage", each split: windows} of every video."""
    counted = Counter((one.feature_set_id, split) for split, one in made.rows)
    return [
        {
            **{name: row[name] for name in ("name", "feature_set", "footage")},
            **{split: counted[row["feature_set"], split] for split in SPLITS},
        }
        for row in inputs
    ]


def _of_columns(dropped, inputs):
    found = []
    if dropped:
        told = ", ".join(dropped)
        found.append(f"Wholly missing in what trains, so left out: {told}.")
    lacking = [row for row in inputs if set(row["lacking"]) - set(dropped)]
    for row in lacking[:MOST_NAMED]:
        told = ", ".join(name for name in row["lacking"] if name not in dropped)
        found.append(f"The features of {row['name']} have no {told}: it is missing there.")
    if len(lacking) > MOST_NAMED:
        found.append(f"So do those of {len(lacking) - MOST_NAMED} other videos lack columns.")
    return found


def _of_balance(options, training):
    held = Counter(one.label["label"] for one in training)
    least = min(held, key=held.get)
    if options["balance"] == "downsample" and held[least] < FEW_WINDOWS:
        return [f"Downsampling leaves {held[least]} windows of every class: {least} has no more."]
    if options["balance"] == "upsample":
        distinct = Counter(one.label["label"] for one in training if "repeat" not in one.label)
        rare = min(distinct, key=distinct.get)
        if distinct[rare] < FEW_WINDOWS:
            return [f"Upsampling repeats the {distinct[rare]} windows of {rare} again and again."]
    return []


def _of_label_sets(meta, made):
    """Say where what serves, or what was frozen last, answers another question."""
    from training.services.dataset_storing import last

    found, names = [], [row["name"] for row in made.taxonomy]
    earlier = last(TASK_CLASSIFIER)
    if earlier is not None and earlier != task_taxonomy.before(meta["label_set"]):
        found.append(
            f"Dataset {earlier.number} is of another label set: what has changed since says"
            " little, and figures of the two cannot be compared."
        )
    champion = serving.champion(TASK_CLASSIFIER)
    if champion is not None and not set(champion.class_names) & set(names):
        found.append(
            f"What serves now, {champion.name}, answers another question"
            f" ({', '.join(champion.class_names)[:120]}): on this dataset it is never right, so"
            " the gate says nothing about which of the two is better."
        )
    elif champion is not None and set(names) - set(champion.class_names):
        told = ", ".join(name for name in names if name not in champion.class_names)
        found.append(f"What serves now, {champion.name}, does not know {told}: it errs on these.")
    return found
