"""Proving an export from its folder alone: hashes, forms, boxes, and no face that was not hidden.

Everything that is wrong is one sentence; an export is proved when there is none. The folder may
hold several exports beside each other. Names from a manifest are trusted with nothing before
they look like names that an export writes.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hitlsite.errors import DomainError
from review.privacy.faces import FaceScan
from review.privacy.regions import Region
from training.exporting import coco, hidden, manifest, openai_jsonl, pictures
from training.exporting.hashed import sha256_of
from training.exporting.verify_formats import Masks, check_tables, check_yolo, people_outside

Scan = Callable[[Path, Sequence[Region], str], FaceScan]


@dataclass
class Report:
    """What was looked at, and one sentence for everything that is wrong."""

    problems: list[str] = field(default_factory=list)
    exports: int = 0
    items: int = 0
    images: int = 0
    detectors: tuple[str, ...] = ()

    @property
    def is_proved(self) -> bool:
        return not self.problems


def verify(
    folder: Path,
    *,
    scan: Scan,
    person_detector: Callable[[], object] = lambda: None,
    recorded_sha256: Callable[[str], Collection[str]] = lambda name: (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Check every export in a folder.

    Args:
        scan: looks for faces outside the given regions; its result must be "clear". It is told
            the hash of the picture as it was reviewed, which is another where people are masked.
        person_detector: returns what looks for people where they are said to be masked, or None.
        recorded_sha256: returns what the hashes of manifests of a name were when they were
            written, none where that is not known; two folders may each hold one.
        progress: called with (pictures scanned, pictures in all).

    Raises:
        DomainError: not_a_folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DomainError("not_a_folder", f"{folder} is not a folder.")
    report = Report()
    present = _present(folder, report.problems)
    names = sorted(name for name in present if manifest.MANIFEST_NAME.fullmatch(name))
    if not names:
        report.problems.append(f"{folder} holds no manifest.")
    accounted = set(names)
    for name in names:
        export = _Export(folder, name, present, report)
        accounted |= export.check(scan, person_detector, recorded_sha256, progress)
    report.problems += [
        f"{name}: no manifest names this file." for name in sorted(present - accounted)
    ]
    return report


def _present(folder, problems):
    """Return the names of all files below a folder; links are problems of their own."""
    names = set()
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            problems.append(f"{name}: this is a link.")
        elif path.is_file():
            names.add(name)
        elif not path.is_dir():
            problems.append(f"{name}: this is no file.")
    return names


class _Export:
    """The check of one manifest and of what it names."""

    def __init__(self, folder, name, present, report):
        self._folder, self._name, self._present = folder, name, present
        self._report = report
        self._sound: set[str] = set()
        self._covered: dict[str, tuple[Region, ...]] = {}

    def _say(self, name, sentence):
        self._report.problems.append(f"{name}: {sentence}.")

    def check(self, scan, person_detector, recorded_sha256, progress) -> set[str]:
        """Check everything; return the names of the files that the manifest accounts for."""
        self._report.exports += 1
        path = self._folder / self._name
        try:
            self._manifest = manifest.read(path)
        except manifest.ManifestError as error:
            self._say(self._name, str(error))
            return set()
        recorded = recorded_sha256(self._name)
        if recorded and sha256_of(path) not in recorded:
            self._say(self._name, "is not the manifest that was written at the time")
        self._images = {row["file_name"]: row for row in self._manifest["images"]}
        rows = [(row["name"], row) for row in self._manifest["files"]] + [*self._images.items()]
        for name, row in rows:
            self._check_file(name, row)
        named = {manifest.kind_of(row["name"]): row["name"] for row in self._manifest["files"]}
        lines = self._check_lines(named["jsonl"])
        document = self._check_coco(named["coco"])
        self._check_counts(lines, document)
        labels = self._check_forms(named, document)
        is_masked = self._manifest.get("variant") == manifest.MASKED
        masks = Masks(self._folder, person_detector()) if is_masked else None
        self._check_pictures(scan, masks, progress)
        for name in people_outside(document, self._covered) if is_masked else ():
            self._say(name, "has a person's box that is not masked")
        self._report.items += lines
        self._report.images += len(self._images)
        return {name for name, _ in rows} | labels

    def _check_forms(self, named, document) -> set[str]:
        """Check warnings, tables and YOLO; return the names of YOLO's labels."""
        if "warnings" in named:
            self._check_warnings(named["warnings"])
        check_tables(self._folder, self._manifest, named, self._say_of)
        if "yolo" not in named:
            return set()
        return check_yolo(self._folder, self._manifest, named, document, self._say_of)

    def _say_of(self, name, sentence):
        """Say it of a file that is there; one that is missing was said to be."""
        if name in self._present:
            self._say(name, sentence)

    def _check_warnings(self, name):
        """Compare the warnings beside the lines with those of the manifest."""
        if name not in self._present:
            return
        given = [
            {key: row.get(key) for key in ("item", "line", "people")}
            for row in self._manifest["provider_warnings"]
            if isinstance(row, dict)
        ]
        try:
            text = (self._folder / name).read_text(encoding="utf-8")
            rows = [json.loads(line) for line in text.splitlines()]
            found = [{key: row[key] for key in ("item", "line", "people")} for row in rows]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self._say(name, f"is not what an export warns with: {error}")
            return
        if found != given:
            self._say(name, "warns of other lines than the manifest")
        if self._manifest["counts"].get("provider_warnings") != len(given):
            self._say(self._name, "counts its warnings wrongly")

    def _check_file(self, name, row):
        path = self._folder / name
        if name not in self._present:
            self._say(name, "is missing")
        elif path.stat().st_size != row.get("byte_count"):
            self._say(name, f"has {path.stat().st_size} bytes, not {row.get('byte_count')}")
        elif sha256_of(path) != row["sha256"]:
            self._say(name, "is not the file that was written: its sha256 differs")
        elif name in self._images and row["sha256"] not in name:
            self._say(name, "is not named after its content")
        else:
            self._sound.add(name)

    def _check_lines(self, name) -> int:
        """Check every line against the manifest's row of it; return how many there are."""
        if name not in self._present:
            return 0
        rows, count = self._manifest["lines"], 0
        with (self._folder / name).open("rb") as stream:
            for count, raw in enumerate(stream, start=1):
                row = rows[count - 1] if count <= len(rows) else None
                try:
                    self._check_line(raw, row)
                except (openai_jsonl.LineError, UnicodeDecodeError) as error:
                    self._say(f"{name} line {count}", str(error))
        if count != len(rows):
            self._say(name, f"has {count} lines where the manifest has {len(rows)}")
        return count

    def _check_line(self, raw, row):
        url, answer = openai_jsonl.read_line(raw.decode())
        if not isinstance(row, dict):
            raise openai_jsonl.LineError("is not in the manifest")
        image = self._images.get(str(row.get("image")))
        if image is None:
            raise openai_jsonl.LineError("shows a picture that the manifest does not name")
        if url.startswith("data:"):
            content = openai_jsonl.data_url_content(url)
            if hashlib.sha256(content).hexdigest() != image["sha256"]:
                raise openai_jsonl.LineError("holds another picture than the manifest says")
        elif url != row["image"]:
            raise openai_jsonl.LineError(f"points at {url!r}, not at {row['image']}")
        if answer["category"] != row.get("category"):
            raise openai_jsonl.LineError("has another category than the manifest")
        for number, seen in enumerate(answer["objects"]):
            if not openai_jsonl.is_object(seen):
                raise openai_jsonl.LineError(f"has an object {number} without a box inside 0..1")

    def _check_coco(self, name) -> dict:
        """Check the annotations against the pictures; return the document, {} if it is unsound."""
        if name not in self._present:
            return {}
        try:
            document = json.loads((self._folder / name).read_bytes())
        except (ValueError, RecursionError) as error:
            self._say(name, f"is not JSON: {error}")
            return {}
        found = coco.problems(document)
        for sentence in found:
            self._say(name, sentence)
        if found:
            return {}
        self._compare_images(name, document)
        return document

    def _compare_images(self, name, document):
        described = {row["file_name"]: row for row in document["images"]}
        labelled = {
            file_name
            for file_name, row in self._images.items()
            if row.get("labelled", "boxes") != "no"
        }
        for missing in sorted(labelled - set(described)):
            self._say(name, f"does not describe {missing}")
        for unknown in sorted(set(described) - set(self._images)):
            self._say(name, f"describes {unknown!r}, which the manifest does not name")
        for extra in sorted(set(described) & set(self._images) - labelled):
            self._say(name, f"describes {extra}, which nobody looked through")
        if self._manifest["format_version"] > 1:
            self._compare_empty(name, document)
        for file_name in sorted(set(described) & self._sound):
            given = (described[file_name]["width"], described[file_name]["height"])
            try:
                real = pictures.size_of((self._folder / file_name).read_bytes(), file_name)
            except DomainError as error:
                self._say(file_name, error.message.rstrip("."))
                continue
            if given != real:
                self._say(name, f"gives {file_name} as {given}, which really is {real}")

    def _compare_empty(self, name, document):
        """Find pictures without boxes that no person called empty, and the other way round."""
        boxed = {row["image_id"] for row in document["annotations"]}
        for row in document["images"]:
            labelled = self._images.get(row["file_name"], {}).get("labelled")
            is_negative = labelled == "negative" and row.get("is_negative") is True
            if row["id"] not in boxed and not is_negative:
                self._say(name, f"has {row['file_name']} without boxes, which nobody called empty")
            elif row["id"] in boxed and labelled != "boxes":
                self._say(name, f"has boxes on {row['file_name']}, which was called empty")

    def _check_counts(self, lines, document):
        given = self._manifest["counts"]
        names = {row["id"]: row["name"] for row in document.get("categories", ())}
        classes = Counter(names[row["category_id"]] for row in document.get("annotations", ()))
        counted = {
            "items": lines,
            "images": len(self._images),
            "annotations": sum(classes.values()),
            "by_class": dict(classes),
            "by_category": self._tally("category"),
            "by_camera": self._tally("camera"),
        }
        for key, value in counted.items():
            if given.get(key) != value:
                self._say(self._name, f"counts {key} {given.get(key)}, not {value}")
        rows = [row for row in self._manifest["reviewers"] if isinstance(row, dict)]
        reviewers = {str(row.get("username")): row.get("items") for row in rows}
        if reviewers != self._tally("reviewer"):
            self._say(self._name, "counts its reviewers' items wrongly")
        if len(self._images) != len(self._manifest["images"]):
            self._say(self._name, "names a picture twice")

    def _tally(self, key) -> dict:
        rows = (row for row in self._manifest["lines"] if isinstance(row, dict))
        return dict(Counter(str(row.get(key)) for row in rows))

    def _check_pictures(self, scan, masks, progress):
        detectors = set(self._report.detectors)
        for done, (name, row) in enumerate(self._images.items(), start=1):
            if name in self._present:
                try:
                    detectors.update(self._check_picture(name, row, scan, masks))
                except DomainError as error:
                    self._say(name, error.message.rstrip("."))
            progress(done, len(self._images))
        self._report.detectors = tuple(sorted(detectors))

    def _check_picture(self, name, row, scan, masks) -> tuple[str, ...]:
        """Look for faces, and for people where they are masked; return what looked."""
        method, regions = _redaction(row, name)
        covered = self._covered[name] = _covered(row, name)
        if masks:
            for sentence in masks.problems(name, covered):
                self._say(name, sentence)
        found = scan(self._folder / name, [*regions, *covered], _reviewed_sha256(row))
        if found.result == "faces":
            where = ", ".join(_place(region) for region in found.regions)
            self._say(name, f"shows an unredacted face: {where}")
        elif found.result != "clear":
            self._say(name, f"could not be checked: {found.error.rstrip('.')}")
        elif found.detectors and "yunet" not in found.detectors:
            self._say(name, "could not be checked: there is no face detector on this machine")
        shown = hidden.shown_beside(self._folder / name, regions, method, covered)
        if shown:
            where = ", ".join(_place(region) for region in shown)
            self._say(name, f"is said to be redacted but is not: {where}")
        return found.detectors


def _redaction(row, name):
    """Return (method, regions) of a manifest's row of a picture."""
    redaction = row.get("redaction")
    if redaction is None:
        return "", ()
    try:
        method = redaction["method"]
        regions = tuple(Region.from_dict(values) for values in redaction["regions"])
        if method not in hidden.MOST_CHANGE or not all(_is_sound(region) for region in regions):
            raise ValueError
    except (KeyError, TypeError, ValueError) as error:
        raise DomainError(
            "manifest_invalid", f"{name} has a redaction of no known form."
        ) from error
    return method, regions


def _covered(row, name):
    """Return the regions of a manifest's row in which people are masked."""
    masked = row.get("people_masked")
    if masked is None:
        return ()
    try:
        regions = tuple(Region.from_dict(values) for values in masked["regions"])
        if not all(_is_sound(region) for region in regions):
            raise ValueError
    except (KeyError, TypeError, ValueError) as error:
        raise DomainError("manifest_invalid", f"{name} is masked in no known form.") from error
    return regions


def _reviewed_sha256(row) -> str:
    """Return the hash of the picture that people reviewed, before anybody in it was masked."""
    masked = row.get("people_masked")
    given = masked.get("source_sha256") if isinstance(masked, dict) else None
    return given if manifest.is_sha256(given) else row["sha256"]


def _is_sound(region) -> bool:
    sides = region.box_xyxy
    return len(sides) == 4 and 0 <= sides[0] < sides[2] <= 1 and 0 <= sides[1] < sides[3] <= 1


def _place(region) -> str:
    sides = ", ".join(f"{side:.3f}" for side in region.box_xyxy)
    return f"{region.source} {region.score:.2f} at ({sides})"
