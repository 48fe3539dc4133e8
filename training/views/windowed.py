"""What the page of a dataset shows of its windows: how they were cut, and which videos they are."""

from training.models import DatasetEntry
from training.services.slot_work.task_windows import COUNTED_AS

SPLITS = [name for name, _ in DatasetEntry.Split.choices if name != "marked"]
BALANCES = {
    "none": "as many of a class as there are",
    "downsample": "down to the rarest class in what trains",
    "upsample": "up to the most frequent class in what trains",
}


def context(dataset, tables):
    """Return what the template needs of a dataset of windows, nothing for any other.

    Args:
        tables: (title, rows) of every dataset; nobody knows the light of a window.
    """
    meta = dataset.counts.get(COUNTED_AS)
    if not meta:
        return {}
    used = [row for row in meta["videos"] if sum(row[split] for split in SPLITS)]
    return {
        "tables": [table for table in tables if table[0] != "Light"],
        "windows": _facts(meta),
        "window_videos": [
            (row["name"], row["feature_set"], [row[split] for split in SPLITS]) for row in used
        ],
        "window_columns": meta["columns"],
        "window_dropped": meta["dropped_columns"],
        "unused_videos": len(meta["videos"]) - len(used),
    }


def _facts(meta):
    """Return (name, value) in the order of the page."""
    spec, shares = meta["spec"], meta["shares"]
    each = " / ".join(f"{100 * shares[split]:g} %" for split in SPLITS)
    repeated = f", {meta['repeated']:,} of them again" if meta["repeated"] else ""
    return [
        ("Labels", meta["label_set_name"] or "those that came with the features"),
        ("Features", f"{meta['mode']}, {meta['frames_per_second']:g} rows a second"),
        ("Window", f"{spec['window_seconds']:g} s, a point every {spec['grid_seconds']:g} s"),
        (
            "Ends",
            f"every {spec['step_seconds']:g} s, never across a gap of more than"
            f" {spec['gap_seconds']:g} s",
        ),
        ("Classes", BALANCES[meta["balance"]] + repeated),
        ("Asked for", f"{each} to train, validate and test; earlier splits stay"),
    ]
