"""The manifest: what an export holds, where every line comes from, and what was left out.

It is the only one of the three files that knows the time, so that the other two can be the same
bytes whenever the same items are exported. Its long lists are written as they come.
"""

import json
import re
from pathlib import Path

from training.exporting.hashed import HashedFile
from training.exporting.records import IMAGE_FOLDER, Item, Picture, canonical, plain, quoted

FORMAT, FORMAT_VERSION = "second-look-export", 2
# The first version had three files and described every picture in COCO.
KNOWN_VERSIONS = (1, 2)
REVIEWED, MASKED = "reviewed", "masked"
PROVIDER_WARNING = (
    "People are in the picture: providers of fine-tuning are known to drop such a line, whether "
    "or not faces are hidden."
)
ROWS_AT_ONCE = 500
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
# What each kind of file is called; a hash stands instead of the export's name where the content
# of another file depends on it.
FILE_NAMES = {
    "jsonl": r"training_dataset_{name}\.jsonl",
    "coco": r"coco_annotations_{name}\.json",
    "warnings": r"provider_warnings_{name}\.jsonl",
    "yolo": r"data_{name}\.yaml",
    "yolo_list": r"yolo_images_[0-9a-f]{{16}}\.txt",
    "csv": r"training_items_{name}\.csv",
    "parquet": r"training_items_{name}\.parquet",
}
ALWAYS = {1: {"jsonl", "coco"}, 2: {"jsonl", "coco", "warnings"}}
_PATTERNS = {
    kind: re.compile(pattern.format(name="[0-9A-Za-z_-]{1,60}"))
    for kind, pattern in FILE_NAMES.items()
}
IMAGE_NAME = re.compile(IMAGE_FOLDER + r"/[0-9a-f]{64}\.(?:jpg|jpeg|png)")
MANIFEST_NAME = re.compile(r"manifest_[0-9A-Za-z_-]{1,60}\.json")


def kind_of(name: str) -> str | None:
    """Return which file of an export a name belongs to, None if to none.

    >>> kind_of("data_20260302T090000Z_0123abcd.yaml"), kind_of("../data.yaml")
    ('yolo', None)
    """
    return next((kind for kind, one in _PATTERNS.items() if one.fullmatch(name)), None)


def image_row(picture: Picture, labelled: str, label: tuple[str, int] | None) -> str:
    """Return the row of a picture, with the regions that a later check needs.

    Args:
        labelled: "boxes", "negative" or "no", see ``snapshot.labelled``.
        label: sha256 and size of its YOLO file, where there is one.
    """
    redaction = masks = yolo = "null"
    if picture.method:
        redaction = f'{{"method":"{picture.method}","regions":{picture.regions}}}'
    if picture.masks:
        masks = f'{{"regions":{picture.masks},"source_sha256":"{picture.source_sha256}"}}'
    if label:
        yolo = f'{{"byte_count":{label[1]},"sha256":"{label[0]}"}}'
    exhaustive = canonical(picture.exhaustive) if picture.exhaustive else "[]"
    return (
        f'{{"boxes_from":"{picture.boxes_from}","byte_count":{picture.byte_count},'
        f'"exhaustive":{exhaustive},"file_name":"{picture.file_name}",'
        f'"height":{picture.height},"labelled":"{labelled}","people_masked":{masks},'
        f'"redaction":{redaction},"sha256":"{picture.sha256}","width":{picture.width},'
        f'"yolo":{yolo}}}'
    )


def line_row(number: int, item: Item) -> str:
    """Return where line ``number`` of the JSONL comes from, in canonical JSON."""
    told, pictures = item.provenance, item.pictures
    methods = ",".join(sorted({f'"{one.method}"' for one in pictures if one.method}))
    images = '","'.join([picture.file_name for picture in pictures])
    return (
        f'{{"camera":{quoted(item.camera)},"category":{quoted(item.category)},'
        f'"code_version":{plain(told["code_version"])},'
        f'"collection_method":{quoted(told["collection_method"])},'
        f'"decision":{plain(told["decision"])},"deployment":{plain(told["deployment"])},'
        f'"footage":{_source(told["footage"], "sha256")},"image":"{item.main.file_name}",'
        f'"images":["{images}"],"incident":{plain(told["incident"])},"item":{item.item_id},'
        f'"line":{number},"photo":{_source(told["photo"], "received_sha256")},'
        f'"privacy":{{"methods":[{methods}],"state":{quoted(item.privacy)}}},'
        f'"reviewer":{quoted(item.reviewer)}}}'
    )


def _source(told: dict | None, hash_name: str) -> str:
    if told is None:
        return "null"
    return f'{{"id":{told["id"]},"{hash_name}":{quoted(told[hash_name])}}}'


def warning_row(number: int, item: Item) -> str:
    return f'{{"item":{item.item_id},"line":{number},"people":{item.main.people}}}'


class JsonRows:
    """A JSON list in a file of its own until it becomes part of a larger document."""

    def __init__(self, path: Path):
        self.path, self.count = path, 0
        self._stream = path.open("w", encoding="utf-8", newline="")
        self._waiting: list[str] = []

    def add(self, text: str) -> None:
        self.count += 1
        self._waiting.append(text)
        if len(self._waiting) >= ROWS_AT_ONCE:
            self._flush()

    def _flush(self):
        if self._waiting:
            is_first = self.count == len(self._waiting)
            self._stream.write(("" if is_first else ",\n") + ",\n".join(self._waiting))
            self._waiting = []

    def close(self) -> None:
        if not self._stream.closed:
            self._flush()
            self._stream.close()


def write_document(path: Path, values: dict, lists: dict[str, JsonRows]) -> str:
    """Write an object whose keys are sorted and whose ``lists`` are copied from their files.

    Returns:
        Its sha256.
    """
    document = HashedFile(path)
    try:
        document.write("{")
        for position, key in enumerate(sorted([*values, *lists])):
            document.write(",\n" if position else "")
            document.write(f'"{key}":')
            if key in values:
                document.write(canonical(values[key]))
                continue
            lists[key].close()
            document.write("[")
            document.copy(lists[key].path)
            document.write("]")
        document.write("}\n")
    finally:
        digest = document.close()
    return digest


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
    if content["format_version"] not in KNOWN_VERSIONS:
        raise ManifestError(f"has format_version {content['format_version']}, not {FORMAT_VERSION}")
    _require_safe_names(content)
    _require_files(content)
    return content


def _require_safe_names(content):
    rows = [(row, "name", kind_of) for row in content["files"]]
    rows += [(row, "file_name", IMAGE_NAME.fullmatch) for row in content["images"]]
    for row, key, belongs in rows:
        name = row.get(key) if isinstance(row, dict) else None
        if not isinstance(name, str) or not belongs(name):
            raise ManifestError(f"names a file that cannot belong to an export: {name!r}")
        if not is_sha256(row.get("sha256")):
            raise ManifestError(f"gives no sha256 of {name}")
        label = row.get("yolo")
        if label is not None and not (isinstance(label, dict) and is_sha256(label.get("sha256"))):
            raise ManifestError(f"gives no sha256 of the labels of {name}")


def is_sha256(given) -> bool:
    """Say whether something read from a file is written as a SHA-256 is."""
    return isinstance(given, str) and re.fullmatch("[0-9a-f]{64}", given) is not None


def _require_files(content):
    """Refuse a manifest that does not name each file of its version and formats just once."""
    formats, version = content.get("formats", []), content["format_version"]
    if not isinstance(formats, list) or not set(map(str, formats)) <= {"yolo", "csv", "parquet"}:
        raise ManifestError("has formats that no export has")
    if content.get("variant", REVIEWED) not in (REVIEWED, MASKED):
        raise ManifestError(f"is of no known variant: {content['variant']!r}")
    wanted = ALWAYS[version] | set(formats) | ({"yolo_list"} if "yolo" in formats else set())
    kinds = [kind_of(row["name"]) for row in content["files"]]
    if sorted(kinds) != sorted(wanted):
        raise ManifestError(f"does not name one file each of {', '.join(sorted(wanted))}")
