"""The manifest: what an export holds, where every line comes from, and what was left out.

It is the only one of the three files that knows the time, so that the other two can be the same
bytes whenever the same items are exported. Its long lists are written as they come.
"""

import json
import re
import shutil
from pathlib import Path

from training.exporting.records import IMAGE_FOLDER, Item, Picture, canonical

FORMAT, FORMAT_VERSION = "second-look-export", 1
PROVIDER_WARNING = (
    "People are in the picture: providers of fine-tuning are known to drop such a line, whether "
    "or not faces are hidden."
)
LISTS = ("images", "lines", "provider_warnings")
REQUIRED = {
    "format": str,
    "format_version": int,
    "name": str,
    "created_at": str,
    "files": list,
    "images": list,
    "lines": list,
    "provider_warnings": list,
    "counts": dict,
    "rejections": dict,
    "privacy": dict,
    "reviewers": list,
    "query": dict,
    "deployments": list,
    "audit_head": dict,
}
FILE_NAME = re.compile(r"(?:training_dataset|coco_annotations)_[0-9A-Za-z_-]{1,60}\.(?:jsonl|json)")
IMAGE_NAME = re.compile(IMAGE_FOLDER + r"/[0-9a-f]{64}\.(?:jpg|jpeg|png)")
MANIFEST_NAME = re.compile(r"manifest_[0-9A-Za-z_-]{1,60}\.json")


def image_row(picture: Picture) -> str:
    """Return the row of a picture, with the regions that a later check needs."""
    redaction = "null"
    if picture.method:
        redaction = f'{{"method":"{picture.method}","regions":{picture.regions}}}'
    return (
        f'{{"boxes_from":"{picture.boxes_from}","byte_count":{picture.byte_count},'
        f'"file_name":"{picture.file_name}","height":{picture.height},"redaction":{redaction},'
        f'"sha256":"{picture.sha256}","width":{picture.width}}}'
    )


def line_row(number: int, item: Item) -> str:
    """Return where line ``number`` of the JSONL comes from."""
    methods = sorted({picture.method for picture in item.pictures if picture.method})
    return canonical(
        {
            **item.provenance,
            "line": number,
            "item": item.item_id,
            "category": item.category,
            "camera": item.camera,
            "reviewer": item.reviewer,
            "privacy": {"state": item.privacy, "methods": methods},
            "image": item.main.file_name,
            "images": [picture.file_name for picture in item.pictures],
        }
    )


def warning_row(number: int, item: Item, people: int) -> str:
    return canonical({"line": number, "item": item.item_id, "people": people})


class JsonRows:
    """A JSON list in a file of its own until it becomes part of a larger document."""

    def __init__(self, path: Path):
        self.path, self.count = path, 0
        self._stream = path.open("w", encoding="utf-8", newline="")

    def add(self, text: str) -> None:
        self._stream.write(f",\n{text}" if self.count else text)
        self.count += 1

    def close(self) -> None:
        self._stream.close()


def write_document(path: Path, values: dict, lists: dict[str, JsonRows]) -> None:
    """Write an object whose keys are sorted and whose ``lists`` are copied from their files."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write("{")
        for position, key in enumerate(sorted([*values, *lists])):
            stream.write(",\n" if position else "")
            stream.write(f'"{key}":')
            if key in values:
                stream.write(canonical(values[key]))
                continue
            lists[key].close()
            stream.write("[")
            with lists[key].path.open(encoding="utf-8", newline="") as rows:
                shutil.copyfileobj(rows, stream, 1 << 16)
            stream.write("]")
        stream.write("}\n")


class ManifestError(ValueError):
    """One sentence about what is wrong with a manifest."""


def read(path: Path) -> dict:
    """Read a manifest whose every name stays inside the export's folder.

    Raises:
        ManifestError: it is not JSON, not of this format, or names a file elsewhere.
    """
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"is not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ManifestError(f"is not a manifest of the format {FORMAT}")
    wrong = [key for key, kind in REQUIRED.items() if not isinstance(content.get(key), kind)]
    if wrong:
        raise ManifestError(f"lacks a sound {', '.join(wrong)}")
    if content["format_version"] != FORMAT_VERSION:
        raise ManifestError(f"has format_version {content['format_version']}, not {FORMAT_VERSION}")
    _require_safe_names(content)
    return content


def _require_safe_names(content):
    rows = [(row, "name", FILE_NAME) for row in content["files"]]
    rows += [(row, "file_name", IMAGE_NAME) for row in content["images"]]
    for row, key, pattern in rows:
        name = row.get(key) if isinstance(row, dict) else None
        if not isinstance(name, str) or not pattern.fullmatch(name):
            raise ManifestError(f"names a file that cannot belong to an export: {name!r}")
        if not re.fullmatch("[0-9a-f]{64}", str(row.get("sha256"))):
            raise ManifestError(f"gives no sha256 of {name}")
    if sorted(_kind(row["name"]) for row in content["files"]) != ["coco", "jsonl"]:
        raise ManifestError("does not name one JSONL and one COCO file")


def _kind(name: str) -> str:
    return "jsonl" if name.endswith(".jsonl") else "coco"
