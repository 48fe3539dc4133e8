"""What a model said of every entry of a split, kept as a file so that pages can show it later."""

import gzip
import json

from django.core.files.storage import default_storage

from hitlsite import storage


def keep(scores):
    """Store what ``read`` will return; return (name in storage, sha256).

    Args:
        scores: {entry position: {class name: (boxes (n, 4), scores (n,))}}, or any other values
            that are plain or have ``tolist``.
    """
    path = storage.scratch_path(".json.gz")
    try:
        # Without a time in its head the same scores are the same file.
        with path.open("wb") as sink, gzip.GzipFile(fileobj=sink, mode="wb", mtime=0) as packed:
            packed.write(json.dumps(_plain(scores), separators=(",", ":")).encode())
        name, sha256, _ = storage.keep_shared("scores", path)
    except OSError as error:
        raise storage.disk_full(path.parent, error) from error
    finally:
        path.unlink(missing_ok=True)
    return name, sha256


def read(evaluation):
    """Return {entry position: {class name: [[x1, y1, x2, y2, score], ...]}}; {} if it is lost."""
    if not evaluation.scores_path or not default_storage.exists(evaluation.scores_path):
        return {}
    with default_storage.open(evaluation.scores_path, "rb") as source:
        kept = json.loads(gzip.decompress(source.read()))
    return {int(position): said for position, said in kept.items()} if kept else {}


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _said(one) for key, one in value.items()}
    return _rounded(value)


def _said(one):
    if not isinstance(one, dict):
        return _rounded(one)
    return {
        name: [
            [*map(_rounded, box), _rounded(score)] for box, score in zip(boxes, scores, strict=True)
        ]
        for name, (boxes, scores) in one.items()
    }


def _rounded(value):
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_rounded(one) for one in value]
    return round(value, 5) if isinstance(value, float) else value
