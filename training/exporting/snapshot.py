"""Writing one snapshot: pictures, chat lines, COCO and manifest, one item after another.

Memory does not grow with the number of items but for one short key a picture. Everything is
written into a folder that nobody else knows; whoever made it renames it once it is whole.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from detection.vision.people import is_person
from hitlsite.errors import DomainError
from training.exporting import coco, manifest, openai_jsonl
from training.exporting.records import IMAGE_FOLDER, Item

DATA_URL, FILE = "data_url", "file"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The trio that was written: ``files`` are rows of name, sha256 and byte_count."""

    name: str
    files: list[dict]
    counts: dict


class SnapshotWriter:
    """Collects items into ``folder``; ``finish`` gives the three files their names."""

    def __init__(self, folder: Path, *, image_form: str = FILE):
        self._folder, self._image_form = Path(folder), image_form
        (self._folder / IMAGE_FOLDER).mkdir(parents=True, exist_ok=True)
        parts = ("images", "lines", "provider_warnings", "coco_images", "coco_annotations")
        self._rows = {name: manifest.JsonRows(self._folder / f".{name}") for name in parts}
        self._lines = (self._folder / ".jsonl").open("w", encoding="utf-8", newline="")
        self._images: dict[str, int] = {}
        self._categories: dict[str, int] = {}
        self._tallies = {name: Counter() for name in ("category", "camera", "class")}
        self._privacy, self._reviewers = Counter(), Counter()

    def has_image(self, sha256: str) -> bool:
        return sha256 in self._images

    def write_image(self, file_name: str, content: bytes) -> None:
        (self._folder / file_name).write_bytes(content)

    def add(self, item: Item) -> None:
        """Append an item whose pictures have been written."""
        number = self._rows["lines"].count + 1
        for picture in item.pictures:
            if picture.sha256 not in self._images:
                self._add_picture(picture)
        self._lines.write(openai_jsonl.line(item, self._url(item.main)) + "\n")
        self._rows["lines"].add(manifest.line_row(number, item))
        people = sum(is_person(box.class_name) for box in item.main.boxes)
        if people:
            self._rows["provider_warnings"].add(manifest.warning_row(number, item, people))
        self._tallies["category"][item.category] += 1
        self._tallies["camera"][item.camera] += 1
        self._privacy[item.privacy] += 1
        self._reviewers[item.reviewer] += 1

    def _add_picture(self, picture):
        number = len(self._images) + 1
        self._images[picture.sha256] = number
        self._rows["images"].add(manifest.image_row(picture))
        self._rows["coco_images"].add(coco.image_text(number, picture))
        annotations = self._rows["coco_annotations"]
        for box in picture.boxes:
            category = self._category(box.class_name)
            row = coco.annotation_text(annotations.count + 1, number, category, box, picture)
            if row:
                annotations.add(row)
                self._tallies["class"][box.class_name] += 1

    def _category(self, name):
        number = self._categories.get(name)
        if number is None:
            number = coco.category_id(name)
            if number in self._categories.values():
                raise DomainError(
                    "class_ids_collide",
                    f"The class {name!r} has the same COCO id as another class; rename it.",
                )
            self._categories[name] = number
        return number

    def _url(self, picture):
        if self._image_form == FILE:
            return picture.file_name
        path = self._folder / picture.file_name
        return openai_jsonl.data_url(path.read_bytes(), path.suffix)

    def finish(self, *, at: datetime, told: dict, taken):
        """Name the files, write COCO and manifest, and return the Snapshot.

        Args:
            told: what the manifest says besides: query, audit_head, rejections, deployments.
            taken: says of a name, ``<time>_<hash>``, whether it is in use already.
        """
        self._lines.close()
        self._write_coco()
        hashes = [_sha256_of(self._folder / part) for part in (".jsonl", ".coco")]
        name = _free_name(at, hashes, taken)
        files = [
            self._named(".jsonl", f"training_dataset_{name}.jsonl", hashes[0]),
            self._named(".coco", f"coco_annotations_{name}.json", hashes[1]),
        ]
        head = {"name": name, "created_at": at.isoformat(), "files": files, **told}
        counts = self._write_manifest(head)
        written = _sha256_of(self._folder / ".manifest")
        files = [*files, self._named(".manifest", f"manifest_{name}.json", written)]
        self.close()
        return Snapshot(name, files, counts)

    def _write_coco(self):
        head = {
            "info": coco.INFO,
            "licenses": [],
            "categories": coco.categories(self._categories),
        }
        lists = {"images": self._rows["coco_images"], "annotations": self._rows["coco_annotations"]}
        manifest.write_document(self._folder / ".coco", head, lists)

    def _write_manifest(self, head):
        counts = self._counts()
        reviewers = sorted(self._reviewers.items())
        head = {
            **head,
            "format": manifest.FORMAT,
            "format_version": manifest.FORMAT_VERSION,
            "counts": counts,
            "privacy": dict(self._privacy),
            "reviewers": [{"username": name, "items": total} for name, total in reviewers],
            "provider_warning": manifest.PROVIDER_WARNING,
        }
        lists = {key: self._rows[key] for key in manifest.LISTS}
        manifest.write_document(self._folder / ".manifest", head, lists)
        return counts

    def close(self) -> None:
        """Close and remove what was only needed while writing."""
        self._lines.close()
        for rows in self._rows.values():
            rows.close()
            rows.path.unlink(missing_ok=True)

    def _named(self, part, name, sha256):
        path = (self._folder / part).rename(self._folder / name)
        return {"name": name, "sha256": sha256, "byte_count": path.stat().st_size}

    def _counts(self):
        return {
            "items": self._rows["lines"].count,
            "images": self._rows["images"].count,
            "annotations": self._rows["coco_annotations"].count,
            **{f"by_{name}": dict(tally) for name, tally in self._tallies.items()},
        }


def _free_name(at, hashes, taken):
    digest = hashlib.sha256("".join(hashes).encode()).hexdigest()
    wanted = f"{at:%Y%m%dT%H%M%SZ}_{digest[:8]}"
    name, number = wanted, 1
    while taken(name):
        number += 1
        name = f"{wanted}-{number}"
    return name


def _sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
