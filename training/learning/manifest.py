"""The manifest of a dataset: one JSON line for its classes, one for every entry.

Its hash is the dataset's identity, so that the same content gives the same bytes whatever the
machine and whatever the order of the rows.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping

FORMAT = 1
TEST = "test"
ORDER = {"train": 0, "val": 1, TEST: 2, "marked": 3}


def canonical_json(content) -> str:
    """Return the one spelling of a JSON value: sorted keys, no spaces, non-ASCII kept.

    >>> canonical_json({"b": 1.0, "a": ["é"]})
    '{"a":["é"],"b":1.0}'
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def ordered(entries: Iterable[dict]) -> list[dict]:
    """Return entries in the order of the manifest: by split, group, content, then all the rest."""
    return sorted(
        entries,
        key=lambda row: (ORDER[row["split"]], row["group"], row["sha256"], canonical_json(row)),
    )


def lines(header: Mapping, entries: Iterable[dict]) -> Iterator[str]:
    """Yield the lines of a manifest; ``entries`` are in order."""
    yield canonical_json({"format": FORMAT, **header})
    yield from map(canonical_json, entries)


def content_of(header: Mapping, entries: Iterable[dict]) -> bytes:
    """Return a whole manifest."""
    return "".join(f"{line}\n" for line in lines(header, entries)).encode()


def by_place(label: dict, places: Mapping[str, int]) -> dict:
    """Return a label with numbers for class names: a rename then changes nothing.

    >>> by_place({"boxes": [["car", 0, 0, 1, 1]], "exhaustive": ["car"]}, {"car": 3})
    {'boxes': [[3, 0, 0, 1, 1]], 'exhaustive': [3]}
    """
    changed = dict(label)
    if "boxes" in label:
        boxes = [[places.get(box[0], box[0]), *box[1:]] for box in label["boxes"]]
        changed["boxes"] = sorted(boxes, key=str)
    if "exhaustive" in label:
        named = [places.get(name, name) for name in label["exhaustive"]]
        changed["exhaustive"] = sorted(named, key=str)
    if "label" in label:
        changed["label"] = places.get(label["label"], label["label"])
    return changed


def sha256_of_test(entries: Iterable[dict], places: Mapping[str, int]) -> str:
    """Return the hash of what a test split asks: content and truth of every entry of it.

    Args:
        entries: those of other splits are passed over.
        places: {class name: its place in the taxonomy}.
    """
    told = sorted(
        canonical_json([row["sha256"], row["group"], by_place(row["label"], places)])
        for row in entries
        if row["split"] == TEST
    )
    return hashlib.sha256("\n".join(told).encode()).hexdigest()
