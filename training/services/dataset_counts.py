"""What the page of a dataset shows: counts by split, what was left out, and what has changed."""

from collections import Counter

from detection.models import Camera
from training.learning import caps
from training.learning.manifest import by_place
from training.models import DatasetEntry
from training.services.dataset_drafts import TEST, TRAIN, VAL, key_of, weights

SPLITS = tuple(str(one) for one in DatasetEntry.Split)
HELD_OUT = (VAL, TEST)


def counts(draft, previous, options):
    """Return Dataset.counts of a Draft; ``previous`` is the dataset before, or None."""
    changes, test_changes = _changes(draft, previous)
    by_split = Counter(split for split, _ in draft.rows)
    told = {
        "entries": len(draft.rows),
        "by_split": {split: by_split[split] for split in SPLITS},
        "groups": _groups(draft),
        "classes": _classes(draft),
        "negatives": _table(draft, lambda one: ["none"] if weights(one) == {"": 1} else []).get(
            "none", dict.fromkeys(SPLITS, 0)
        ),
        "cameras": _cameras(draft),
        "light": _table(draft, lambda one: [_light(one)]),
        "origins": _table(draft, lambda one: [one.origin]),
        "caps": {
            "track": draft.capped["track"],
            "camera": draft.capped["camera"],
            "frames_per_track": options.get("frames_per_track", caps.FRAMES_A_TRACK),
            "camera_share": options.get("camera_share", caps.CAMERA_SHARE),
        },
        "left_out": dict(sorted(draft.left_out.items())),
        "copies": {"train": draft.copies[TRAIN], "val": draft.copies[VAL]},
        "copy_examples": draft.copy_examples,
        "marked": {
            "train": sum(one.is_marked for one in draft.of(TRAIN)),
            "beside": by_split["marked"],
        },
        "changes": changes,
        "test_changes": test_changes,
    }
    return told | {"warnings": _warnings(draft, told, options)}


def _table(draft, keys):
    """Return {key: {split: how many}}, the keys of each entry given by a function."""
    table = {}
    for split, candidate in draft.rows:
        for key in keys(candidate):
            table.setdefault(key, dict.fromkeys(SPLITS, 0))[split] += 1
    return dict(sorted(table.items()))


def _groups(draft):
    groups = {split: {one.group for one in draft.of(split)} for split in SPLITS}
    return {split: len(names) for split, names in groups.items()}


def _names(candidate):
    """Return the class of every box, or of the entry as a whole."""
    if "boxes" in candidate.label:
        return [box[0] for box in candidate.label["boxes"]]
    return [candidate.label["label"]] if candidate.label.get("label") else []


def _classes(draft):
    """Return a row for every class of the taxonomy in its order, those without examples too."""
    table = _table(draft, _names)
    named = [row["name"] for row in draft.taxonomy]
    named += [name for name in table if name not in named]
    none = dict.fromkeys(SPLITS, 0)
    return [{"name": name, **table.get(name, none)} for name in named]


def _cameras(draft):
    table = _table(draft, lambda one: [one.camera_id] if one.camera_id else [])
    capped = draft.capped_cameras
    names = dict(Camera.objects.filter(pk__in=table).values_list("pk", "name"))
    return [
        {"id": pk, "name": names.get(pk, str(pk)), **row, "capped": capped[pk]}
        for pk, row in table.items()
    ]


def _light(candidate):
    return {None: "unknown", True: "night", False: "day"}[candidate.is_night]


def _changes(draft, previous):
    """Return what has changed in all, and in the test split alone, since the dataset before."""
    if previous is None:
        return {}, {}
    before = {
        key_of(row): (row.split, row.sha256, _truth(row.label, previous.taxonomy))
        for row in previous.entries.order_by("position").iterator(chunk_size=2000)
    }
    after = {
        key_of(one): (split, one.sha256, _truth(one.label, draft.taxonomy))
        for split, one in draft.rows
    }
    every = _compared(before, after)
    tests = [{k: row for k, row in rows.items() if row[0] == TEST} for rows in (before, after)]
    every["taxonomy"] = [row["name"] for row in draft.taxonomy] != previous.class_names
    test = _compared(*tests)
    return every, {
        "added": test["added"],
        "corrected": test["relabelled"] + test["replaced"],
        "erased": test["removed"],
    }


def _compared(before, after):
    both = before.keys() & after.keys()
    return {
        "added": len(after.keys() - before.keys()),
        "removed": len(before.keys() - after.keys()),
        "relabelled": sum(before[key][2] != after[key][2] for key in both),
        "replaced": sum(before[key][1] != after[key][1] for key in both),
        "moved": sum(before[key][0] != after[key][0] for key in both),
    }


def _truth(label, taxonomy):
    """Return a label that a rename leaves as it is; features are part of it."""
    return by_place(label, {row["name"]: place for place, row in enumerate(taxonomy)})


def _warnings(draft, told, options):
    """Return sentences about what is allowed and may still disappoint."""
    found = []
    for row in told["classes"]:
        held = sum(row[split] for split in SPLITS)
        if not held:
            found.append(f"{row['name']} has no example any more; it keeps its place.")
        elif not row[TRAIN]:
            found.append(f"{row['name']} has no example that trains.")
        elif not row[TEST]:
            found.append(f"{row['name']} has no example that tests: the gate cannot see it.")
    if told["cameras"]:
        found += _camera_warnings(told, options)
    has_boxes = any("boxes" in one.label for one in draft.of(TEST))
    if has_boxes and not told["negatives"][TEST]:
        found.append("No picture that tests is empty: false alarms on nothing are not measured.")
    if told["caps"]["track"] > told["entries"]:
        found.append("More was left out by the cap on tracks than stays.")
    return found


def _camera_warnings(told, options):
    share = options.get("camera_share", caps.CAMERA_SHARE)
    training = [row for row in told["cameras"] if row[TRAIN]]
    if share < 1.0 and len(training) * share < 1.0 - 1e-9:
        one = "One camera trains" if len(training) == 1 else f"{len(training)} cameras train"
        return [f"{one}: too few for each to have at most {share:.0%}, so none is capped."]
    if told["caps"]["camera"] > told["by_split"][TRAIN]:
        return [
            f"At most {share:.0%} a camera left {told['caps']['camera']} out, more than train now;"
            " the option camera_share raises it."
        ]
    return []
