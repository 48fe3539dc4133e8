"""Turning rows into export records, each file looked at in the moment in which it leaves.

What fails here leaves one item out, under a reason; only a face that nobody hid stops the whole
export, because then the review itself cannot be trusted.
"""

import hashlib
from bisect import bisect_left
from time import perf_counter
from typing import NamedTuple

from django.core.files.storage import default_storage

from detection.models import Evidence
from hitlsite.errors import DomainError
from review.models import TrainingItem
from review.services import first_looks, privacy
from review.services.file_records import ItemFiles
from training.exporting.records import Item, Picture
from training.selectors import StoredFile
from training.services import export_answers
from training.services.export_boxes import BoxReader

NOT_PRIVATE = "not_private"
# So many items are looked at together, and what is on record of their files is read at once.
TOGETHER = 50
# Clips stay here: their bytes are compared with what was verified, but nobody is shown them.
STILLS = frozenset(Evidence.Kind.values) - {Evidence.Kind.CLIP}


class LeftOut(Exception):
    """An item that cannot be exported; its argument is the reason it is counted under."""


class Still(NamedTuple):
    """A still that leaves; ``content`` is empty once nobody needs it."""

    file: StoredFile
    sha256: str
    file_name: str
    content: bytes
    byte_count: int
    width: int
    height: int


class ItemReader:
    """Builds records and writes their pictures; ``seconds`` says what the time went into.

    Args:
        writer: the SnapshotWriter that the pictures go to.
        classes: the SiteClasses that boxes are named by.
        drawn: what people said about boxes, see selectors.drawn_boxes.
        pks: the ids of the items, which rise.
        masker: hides people, see export_masking; None leaves pictures as they were reviewed.
    """

    def __init__(self, writer, classes, drawn, pks, masker=None):
        self._writer, self._masker, self._pks = writer, masker, pks
        self._files = ItemFiles(())
        self._boxes = BoxReader(classes, drawn)
        self._scanner = None
        self.seconds = {"files": 0.0, "privacy": 0.0, "masking": 0.0}

    def look(self, row):
        """Read an item's files and look at them once more; return what ``record`` needs of them.

        Pictures that leave as they were reviewed are written here.

        Raises:
            LeftOut: a file is missing, altered or unreadable, or there is no still.
            DomainError: not_private, naming item and file.
        """
        begun = perf_counter()
        stills = self._stills(row)
        begun = self._spent("files", begun)
        self._check(row.id)
        begun = self._spent("privacy", begun)
        if not self._masker:
            for still in stills:
                self._write(still.sha256, still.file_name, still.content)
            stills = [still._replace(content=b"") for still in stills]
        self._spent("files", begun)
        return stills

    def record(self, row, stills):
        """Return the record of one row of selectors.item_rows and of what ``look`` said of it.

        Raises:
            LeftOut: people in a picture could not be hidden where they have to be.
        """
        pictures = [self._picture(row, still) for still in stills]
        if self._masker:
            begun = perf_counter()
            pictures = [self._masked(*pair) for pair in zip(pictures, stills, strict=True)]
            self._spent("masking", begun)
        decision, reviewer = row.decision or (None, "")
        return Item(
            item_id=row.id,
            category=row.category,
            camera=row.camera,
            reviewer=reviewer,
            privacy=row.privacy,
            pictures=tuple(pictures),
            happened_at=export_answers.happened_at(row),
            answer=export_answers.answer(row, pictures),
            provenance=export_answers.provenance(row, decision),
        )

    def _stills(self, row):
        """Return a Still for every file that is none, clips hashed as well."""
        from training.exporting.pictures import size_of

        stills = []
        for file in row.evidence:
            if file.kind == Evidence.Kind.CLIP:
                _hash_or_leave_out(file)
                continue
            content = _content(file)
            try:
                width, height = size_of(content, f"{file.kind} of item {row.id}")
            except DomainError as error:
                raise LeftOut(error.code) from error
            name = f"images/{file.sha256}.{file.path.rpartition('.')[2].lower()}"
            stills.append(Still(file, file.sha256, name, content, len(content), width, height))
        if not stills:
            raise LeftOut("no_picture")
        return stills

    def _check(self, pk):
        """Look for faces again; one scanner serves the whole export."""
        try:
            if self._scanner is None:
                self._scanner = privacy.face_scanner()
            files = self._files_of(pk)
            item = files.items[pk]
            privacy.check_item(item, scanner=self._scanner, leaving=STILLS, files=files)
        except DomainError as error:
            if error.code == NOT_PRIVATE:
                raise
            raise LeftOut(error.code) from error

    def _files_of(self, pk):
        """Return the ItemFiles of an item and of those that come next."""
        if pk not in self._files.items:
            start = bisect_left(self._pks, pk)
            chosen = self._pks[start : start + TOGETHER]
            self._files = ItemFiles(TrainingItem.objects.filter(pk__in=chosen))
        return self._files

    def _picture(self, row, still):
        file = still.file
        applied_sha256, method, regions = row.redactions.get(file.id, ("", "", ""))
        is_redacted = applied_sha256 == file.sha256
        told = self._boxes.read(file)
        return Picture(
            still.file_name,
            file.sha256,
            still.byte_count,
            still.width,
            still.height,
            file.kind,
            file.at_seconds,
            told.boxes,
            told.boxes_from,
            method if is_redacted else "",
            regions if is_redacted else "[]",
            told.exhaustive,
            told.is_negative,
            told.people or int(is_redacted and _shows_heads(regions)),
        )

    def _write(self, sha256, file_name, content):
        if not self._writer.has_image(sha256):
            self._writer.write_image(file_name, content)

    def _masked(self, picture, still):
        """Return the picture with its people hidden, and write that one."""
        file = still.file
        where = self._boxes.people_in(file)
        try:
            needed = first_looks.needed_for(file.id, file.sha256)
            picture, content = self._masker.mask(
                picture, still.content, where, self._scanner, needed
            )
        except DomainError as error:
            raise LeftOut(error.code) from error
        self._write(picture.sha256, picture.file_name, content)
        return picture

    def _spent(self, what, begun):
        """Put the time since ``begun`` down to something; return the time now."""
        now = perf_counter()
        self.seconds[what] += now - begun
        return now


def _shows_heads(regions):
    """Say whether a redaction hid a head: then somebody is in the picture, box or none."""
    return '"head"' in regions or '"yunet"' in regions


def _content(file):
    try:
        with default_storage.open(file.path, "rb") as stream:
            content = stream.read()
    except FileNotFoundError as error:
        raise LeftOut("missing_file") from error
    except OSError as error:
        raise LeftOut("unreadable_file") from error
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise LeftOut("altered_file")
    return content


def _hash_or_leave_out(file):
    try:
        with default_storage.open(file.path, "rb") as stream:
            digest = hashlib.sha256()
            while part := stream.read(1 << 20):
                digest.update(part)
    except FileNotFoundError as error:
        raise LeftOut("missing_file") from error
    except OSError as error:
        raise LeftOut("unreadable_file") from error
    if digest.hexdigest() != file.sha256:
        raise LeftOut("altered_file")
