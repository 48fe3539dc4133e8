"""Turning rows into export records, each file looked at in the moment in which it leaves.

What fails here leaves one item out, under a reason; only a face that nobody hid stops the whole
export, because then the review itself cannot be trusted.
"""

import hashlib
from contextlib import contextmanager
from time import perf_counter

from django.core.files.storage import default_storage

from detection.models import Evidence
from hitlsite.errors import DomainError
from review.models import TrainingItem
from review.services import privacy
from training.exporting.records import Item, Picture, boxes_of

NOT_PRIVATE = "not_private"
# Clips stay here: their bytes are compared with what was verified, but nobody is shown them.
STILLS = frozenset(Evidence.Kind.values) - {Evidence.Kind.CLIP}


class LeftOut(Exception):
    """An item that cannot be exported; its argument is the reason it is counted under."""


class ItemReader:
    """Builds records and writes their pictures; ``seconds`` says what the time went into.

    Args:
        writer: the SnapshotWriter that the pictures go to.
        corrected: boxes by the sha256 of a still, see selectors.corrected_boxes.
    """

    def __init__(self, writer, corrected):
        self._writer, self._corrected = writer, corrected
        self._scanner = None
        self.seconds = {"files": 0.0, "privacy": 0.0}

    def read(self, row):
        """Return the record of one row of selectors.item_rows, its pictures written.

        Raises:
            LeftOut: a file is missing, altered or unreadable, or there is no still.
            DomainError: not_private, naming item and file.
        """
        with self._timed("files"):
            stills = self._stills(row)
        with self._timed("privacy"):
            self._check(row["id"])
        with self._timed("files"):
            for evidence, content, _size in stills:
                if not self._writer.has_image(evidence["sha256"]):
                    self._writer.write_image(_file_name(evidence), content)
        pictures = tuple([self._picture(row, *still) for still in stills])
        decision, reviewer = row["decision"] or (None, "")
        return Item(
            item_id=row["id"],
            category=row["category"],
            camera=row["camera"],
            reviewer=reviewer,
            privacy=row["privacy"],
            pictures=pictures,
            answer=_answer(row),
            provenance=_provenance(row, decision),
        )

    def _stills(self, row):
        """Return (evidence, content, size) of every still, clips hashed as well."""
        from training.exporting.pictures import size_of

        stills = []
        for evidence in row["evidence"]:
            name = f"{evidence['kind']} of item {row['id']}"
            if evidence["kind"] == Evidence.Kind.CLIP:
                _hash_or_leave_out(evidence)
                continue
            content = _content(evidence)
            try:
                stills.append((evidence, content, size_of(content, name)))
            except DomainError as error:
                raise LeftOut(error.code) from error
        if not stills:
            raise LeftOut("no_picture")
        return stills

    def _check(self, pk):
        """Look for faces again; one scanner serves the whole export."""
        try:
            if self._scanner is None:
                self._scanner = privacy.face_scanner()
            item = TrainingItem.objects.select_related("incident").get(pk=pk)
            privacy.check_item(item, scanner=self._scanner, leaving=STILLS)
        except DomainError as error:
            if error.code == NOT_PRIVATE:
                raise
            raise LeftOut(error.code) from error

    def _picture(self, row, evidence, content, size):
        sha256 = evidence["sha256"]
        corrected = self._corrected.get(sha256)
        applied_sha256, method, regions = row["redactions"].get(evidence["id"], ("", "", ""))
        is_redacted = applied_sha256 == sha256
        return Picture(
            file_name=_file_name(evidence),
            sha256=sha256,
            byte_count=len(content),
            width=size[0],
            height=size[1],
            kind=evidence["kind"],
            at_seconds=evidence["at_seconds"],
            boxes=boxes_of(corrected or _seen_at(evidence)),
            boxes_from="reviewer" if corrected else "detector",
            method=method if is_redacted else "",
            regions=regions if is_redacted else "[]",
        )

    @contextmanager
    def _timed(self, what):
        begun = perf_counter()
        try:
            yield
        finally:
            self.seconds[what] += perf_counter() - begun


def _file_name(evidence):
    suffix = evidence["path"].rpartition(".")[2].lower()
    return f"images/{evidence['sha256']}.{suffix}"


def _content(evidence):
    try:
        with default_storage.open(evidence["path"], "rb") as stream:
            content = stream.read()
    except FileNotFoundError as error:
        raise LeftOut("missing_file") from error
    except OSError as error:
        raise LeftOut("unreadable_file") from error
    if hashlib.sha256(content).hexdigest() != evidence["sha256"]:
        raise LeftOut("altered_file")
    return content


def _hash_or_leave_out(evidence):
    try:
        with default_storage.open(evidence["path"], "rb") as stream:
            digest = hashlib.sha256()
            while part := stream.read(1 << 20):
                digest.update(part)
    except FileNotFoundError as error:
        raise LeftOut("missing_file") from error
    except OSError as error:
        raise LeftOut("unreadable_file") from error
    if digest.hexdigest() != evidence["sha256"]:
        raise LeftOut("altered_file")


def _seen_at(evidence):
    """Return the observations of a still's own moment."""
    seen, at_seconds = evidence["observations"], evidence["at_seconds"]
    times = {one.get("at_seconds", at_seconds) for one in seen}
    if len(times) < 2:
        return seen
    nearest = min(times, key=lambda time: (abs(time - at_seconds), time))
    return [one for one in seen if one.get("at_seconds", at_seconds) == nearest]


def _answer(row):
    zones = list(dict.fromkeys(zone for _, _, zone in row["hits"] if zone))
    lasted = (row["closed"] or 0.0) - (row["opened"] or 0.0)
    return {
        "confidence": round(row["peak_score"] or 0.0, 4),
        "description": _description(row, zones, lasted),
        "zones": zones,
        "duration_seconds": round(max(lasted, 0.0), 3),
        "rules": [{"name": name, "kind": kind} for name, kind, _ in row["hits"]],
    }


def _description(row, zones, lasted):
    """Return the rule's own sentence, or another one where a person chose another category."""
    if row["category"] == row["proposed_category"] and row["why"]:
        return row["why"]
    what = f"{row['class_name'] or 'object'}: {row['category'].replace('_', ' ')}"
    where = f" in {', '.join(zones)}" if zones else ""
    return f"{what}{where} for {round(max(lasted, 0.0))} s"


def _provenance(row, decision):
    return {
        "incident": row["key"],
        "collection_method": row["collection_method"],
        "code_version": row["code_version"],
        "footage": {"id": row["footage"], "sha256": row["footage_sha256"]},
        "deployment": row["deployment"],
        "decision": decision,
    }
