"""Writing one snapshot: pictures, chat lines, COCO, manifest and the formats that are asked for.

Memory does not grow with the number of items but for one short key a picture. Everything is
written into a folder that nobody else knows; whoever made it renames it once it is whole.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from training.exporting import coco, manifest, openai_jsonl, tables, yolo
from training.exporting.hashed import HashedFile, sha256_of
from training.exporting.records import IMAGE_FOLDER, Item, Picture

DATA_URL, FILE = "data_url", "file"
BOXES, NEGATIVE, NOT_LABELLED = "boxes", "negative", "no"
MASKED_METHOD = "mask"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was written: ``files`` are rows of name, sha256 and byte_count."""

    name: str
    files: list[dict]
    counts: dict


class SnapshotWriter:
    """Collects items into ``folder``; ``finish`` gives the files their names.

    Args:
        class_index: returns the index of a class's name, for ever the same.
        formats: besides JSONL, COCO and manifest: any of yolo, csv, parquet.
        variant: what the manifest says about the pictures; hiding people is the reader's work.
    """

    def __init__(
        self,
        folder: Path,
        *,
        class_index: Callable[[str], int],
        image_form: str = FILE,
        formats: tuple[str, ...] = (),
        variant: str = manifest.REVIEWED,
    ):
        self._folder, self._image_form = Path(folder), image_form
        (self._folder / IMAGE_FOLDER).mkdir(parents=True, exist_ok=True)
        self._class_index = class_index
        self._formats, self._variant = tuple(sorted(formats)), variant
        self.labels_yolo = "yolo" in self._formats
        if self.labels_yolo:
            (self._folder / yolo.LABEL_FOLDER).mkdir(exist_ok=True)
        parts = (*manifest.LISTS, "coco_images", "coco_annotations")
        self._rows = {name: manifest.JsonRows(self._folder / f".{name}") for name in parts}
        self._streams = {
            name: HashedFile(self._folder / f".{name}") for name in ("jsonl", "warnings", "listed")
        }
        self._tables = {
            name: tables.WRITERS[name](self._folder / f".{name}")
            for name in self._formats
            if name in tables.WRITERS
        }
        self._images: set[str] = set()
        self._categories: dict[str, int] = {}
        self._tallies = {name: Counter() for name in ("category", "camera", "class", "labelled")}
        self._privacy, self._reviewers = Counter(), Counter()

    def has_image(self, sha256: str) -> bool:
        return sha256 in self._images

    def write_image(self, file_name: str, content: bytes) -> None:
        (self._folder / file_name).write_bytes(content)

    def add(self, item: Item) -> None:
        """Append an item whose pictures have been written."""
        lines = self._rows["lines"]
        number = lines.count + 1
        for picture in item.pictures:
            if picture.sha256 not in self._images:
                self._add_picture(picture)
        main = item.main
        self._streams["jsonl"].write(openai_jsonl.line(item, self._url(main)) + "\n")
        lines.add(manifest.line_row(number, item))
        if main.people:
            self._warn(number, item)
        for table in self._tables.values():
            table.add(number, item)
        self._tallies["category"][item.category] += 1
        self._tallies["camera"][item.camera] += 1
        self._privacy[item.privacy] += 1
        self._reviewers[item.reviewer] += 1

    def _warn(self, number, item):
        row = manifest.warning_row(number, item)
        self._rows["provider_warnings"].add(row)
        self._streams["warnings"].write(f'{row[:-1]},"warning":{_WARNING}}}\n')

    def _add_picture(self, picture):
        self._images.add(picture.sha256)
        boxes = []
        for box in picture.boxes:
            pixels = coco.pixel_box(box, picture)
            if pixels:
                boxes.append((self._category(box.class_name), box.class_name, pixels))
        kind = BOXES if boxes else NEGATIVE if picture.is_negative else NOT_LABELLED
        label = None
        if kind != NOT_LABELLED:
            self._annotate(picture, boxes)
            label = self._label(picture, boxes) if self.labels_yolo else None
        self._tallies["labelled"][kind] += 1
        self._rows["images"].add(manifest.image_row(picture, kind, label))

    def _annotate(self, picture, boxes):
        images, annotations = self._rows["coco_images"], self._rows["coco_annotations"]
        number, tally = images.count + 1, self._tallies["class"]
        exhaustive = picture.exhaustive and sorted(set(map(self._category, picture.exhaustive)))
        images.add(coco.image_text(number, picture, exhaustive))
        for category, name, pixels in boxes:
            annotations.add(coco.annotation_text(annotations.count + 1, number, category, pixels))
            tally[name] += 1

    def _category(self, name):
        number = self._categories.get(name)
        if number is None:
            number = self._categories[name] = coco.category_id(self._class_index(name))
        return number

    def _label(self, picture: Picture, boxes) -> tuple[str, int]:
        lines = [
            yolo.label_line(category - 1, pixels, picture) for category, _name, pixels in boxes
        ]
        content = "".join(lines).encode()
        (self._folder / yolo.label_name(picture.sha256)).write_bytes(content)
        self._streams["listed"].write(yolo.listed(picture.file_name))
        return hashlib.sha256(content).hexdigest(), len(content)

    def _url(self, picture):
        if self._image_form == FILE:
            return picture.file_name
        path = self._folder / picture.file_name
        return openai_jsonl.data_url(path.read_bytes(), path.suffix)

    def finish(self, *, at: datetime, told: dict, taken, class_names: dict[int, str]):
        """Name the files, write COCO, data.yaml and manifest, and return the Snapshot.

        Args:
            told: what the manifest says besides: query, audit_head, rejections, deployments.
            taken: says of a name, ``<time>_<hash>``, whether it is in use already.
            class_names: every class of the site by its index, used here or not. Those above the
                highest one that is used are left out: a class more changes no export.
        """
        highest = max(self._categories.values(), default=0) - 1
        class_names = {n: class_name for n, class_name in class_names.items() if n <= highest}
        hashes = {"coco": self._write_coco()}
        for part, stream in self._streams.items():
            hashes[part] = stream.close()
        for part, table in self._tables.items():
            table.close()
            hashes[part] = sha256_of(self._folder / f".{part}")
        name = _free_name(at, [hashes["jsonl"], hashes["coco"]], taken)
        files = [self._named(*row) for row in self._parts(name, hashes, class_names)]
        head = {"name": name, "created_at": at.isoformat(), "files": files, **told}
        counts, written = self._write_manifest(head, class_names)
        files = [*files, self._named(".manifest", f"manifest_{name}.json", written)]
        self.close()
        return Snapshot(name, files, counts)

    def _parts(self, name, hashes, class_names):
        """Return (draft, final name, sha256) of every file but the manifest."""
        parts = [
            (".jsonl", f"training_dataset_{name}.jsonl", hashes["jsonl"]),
            (".coco", f"coco_annotations_{name}.json", hashes["coco"]),
            (".warnings", f"provider_warnings_{name}.jsonl", hashes["warnings"]),
        ]
        if self.labels_yolo:
            list_name = f"yolo_images_{hashes['listed'][:16]}.txt"
            content = yolo.data_yaml(list_name, class_names).encode()
            (self._folder / ".yolo").write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            parts += [(".listed", list_name, hashes["listed"])]
            parts += [(".yolo", f"data_{name}.yaml", digest)]
        parts += [
            (f".{part}", f"training_items_{name}.{part}", hashes[part]) for part in self._tables
        ]
        return parts

    def _write_coco(self):
        head = {
            "info": coco.INFO,
            "licenses": [],
            "categories": coco.categories(self._categories),
        }
        lists = {"images": self._rows["coco_images"], "annotations": self._rows["coco_annotations"]}
        return manifest.write_document(self._folder / ".coco", head, lists)

    def _write_manifest(self, head, class_names):
        """Write the manifest; return the counts in it and its sha256."""
        counts = self._counts()
        reviewers = sorted(self._reviewers.items())
        head = {
            **head,
            "format": manifest.FORMAT,
            "format_version": manifest.FORMAT_VERSION,
            "variant": self._variant,
            "masking": {"method": MASKED_METHOD} if self._variant == manifest.MASKED else None,
            "formats": list(self._formats),
            "classes": [{"index": n, "name": class_names[n]} for n in sorted(class_names)],
            "counts": counts,
            "privacy": dict(self._privacy),
            "reviewers": [{"username": name, "items": total} for name, total in reviewers],
            "provider_warning": manifest.PROVIDER_WARNING,
        }
        lists = {key: self._rows[key] for key in manifest.LISTS}
        return counts, manifest.write_document(self._folder / ".manifest", head, lists)

    def close(self) -> None:
        """Close and remove what was only needed while writing."""
        for stream in self._streams.values():
            stream.close()
        for table in self._tables.values():
            table.close()
        (self._folder / ".listed").unlink(missing_ok=True)
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
            "provider_warnings": self._rows["provider_warnings"].count,
            **{f"by_{name}": dict(tally) for name, tally in self._tallies.items()},
        }


_WARNING = json.dumps(manifest.PROVIDER_WARNING)


def _free_name(at, hashes, taken):
    digest = hashlib.sha256("".join(hashes).encode()).hexdigest()
    wanted = f"{at:%Y%m%dT%H%M%SZ}_{digest[:8]}"
    name, number = wanted, 1
    while taken(name):
        number += 1
        name = f"{wanted}-{number}"
    return name
