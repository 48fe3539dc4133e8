"""Make the parts of a viewing copy one after another, each verified before the next is begun.

A part that is done is kept beside a note of what it was made from and what was seen in it, so that
another worker goes on from there. Drafts show faces: they are deleted as soon as their part is
done, and first of all whenever work begins.
"""

import json
import math
from contextlib import contextmanager
from dataclasses import dataclass, replace

from django.conf import settings

from detection.models import Footage
from detection.services import excerpts, sources
from hitlsite import storage
from hitlsite.errors import DomainError
from review.services import scanning


@dataclass(frozen=True, slots=True)
class Made:
    """What a whole copy took; ``seconds`` is how long it plays, rounded up."""

    regions: int
    rounds: int
    seconds: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """A stretch and the scan of its draft; ``note`` where its part is done already."""

    stretch: object
    scan: object
    note: dict | None


def make_parts(copy, folder, target, made_from, tell, scanner=None):
    """Write the verified copy of a video to ``target`` and return Made.

    Args:
        folder: for drafts and parts; what lies there and is not of this copy is deleted.
        made_from: ``viewing_copies.fingerprint`` of the footage.
        tell: called with the seconds that are done; may raise to stop the work.
        scanner: a FaceScanner; by default the union of detectors that this machine has.

    Raises:
        DomainError: footage_gone, footage_altered, scan_failed, faces_remain, what
            ``stretches`` and ``join`` raise, disk_full.
    """
    from review.privacy import stretches

    work = _Work(copy.footage, folder, made_from, tell, scanner or _scanner())
    work.begin()
    with _source(copy.footage) as path:
        drafts = stretches.stretches(
            path,
            folder,
            polygons=excerpts.private_polygons(copy.footage),
            is_wanted=lambda index: work.note_of(index) is None,
        )
        work.carry_out(drafts)
    tell(work.seconds)
    stretches.join(work.parts, target)
    return Made(work.regions, work.rounds, work.seconds)


def _scanner():
    try:
        return scanning.face_scanner()
    except Exception as error:  # without a scanner there is no copy, whatever the reason
        raise DomainError(
            "scan_failed", f"The face scanner could not be started: {error}"
        ) from error


@contextmanager
def _source(footage):
    """Give the path of a video whose content is what its row says."""
    reason = excerpts.why_gone(footage)
    if reason or footage.kind == Footage.Kind.IMAGES:
        told = reason or "a folder of pictures is no video"
        raise DomainError("footage_gone", f"{footage}: {told}.")
    with sources.local_path(footage) as path:
        if storage.sha256_of(path) != footage.sha256:
            raise DomainError("footage_altered", f"{footage}: another file lies in its place.")
        yield path


class _Work:
    """The stretches of one video on their way; each is redacted once the one after it was seen."""

    def __init__(self, footage, folder, made_from, tell, scanner):
        self._footage, self._folder, self._made_from = footage, folder, made_from
        self._tell, self._scanner = tell, scanner
        self.parts, self.regions, self.rounds, self.seconds = [], 0, 0, 0

    def begin(self):
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            # A hidden file is one that was not yet whole.
            if not path.name.startswith("part-"):
                path.unlink(missing_ok=True)

    def carry_out(self, drafts):
        before = here = None
        try:
            for stretch in drafts:
                after = self._look(stretch)
                if here is not None:
                    self._finish(before, here, after)
                before, here = here, after
            self._finish(before, here, None)
        finally:
            for path in self._folder.glob("draft-*"):
                path.unlink(missing_ok=True)

    def _part(self, index):
        return self._folder / f"part-{index:05d}.mp4"

    def note_of(self, index):
        """Return the note of a part that is done and whole, None of any other."""
        path = self._part(index)
        try:
            note = json.loads(path.with_suffix(".json").read_text())
            is_same = note["made_from"] == self._made_from
            return note if is_same and note["sha256"] == storage.sha256_of(path) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _look(self, stretch):
        from review.privacy.faces import FaceScan
        from review.privacy.regions import Region

        if stretch.path is None:
            note = self.note_of(stretch.index)
            regions = tuple(Region.from_dict(one) for one in note["seen"])
            return _Seen(stretch, FaceScan("faces", regions, (), 0), note)
        scan = self._scanner.scan_clip(stretch.path, person_tracks=self._tracked(stretch))
        if scan.result == "failed":
            raise DomainError(
                "scan_failed", f"{self._where(stretch)} could not be scanned: {scan.error}"
            )
        return _Seen(stretch, scan, None)

    def _tracked(self, stretch):
        """Return who was tracked in a stretch, on its clock."""
        from detection.vision.types import Observation

        first, end = stretch.first_seconds, stretch.last_seconds + 1e-3
        return [
            Observation(
                at_seconds=one["at_seconds"] - first,
                track_id=one["track_id"],
                class_name=one["class_name"],
                score=one["score"],
                box_xyxy=tuple(one["box_xyxy"]),
            )
            for one in excerpts.observed(self._footage, first, end)
        ]

    def _finish(self, before, here, after):
        note = here.note or self._redacted(before, here, after)
        self.parts.append((self._part(here.stretch.index), here.stretch.first_seconds))
        self.regions += note["regions"]
        self.rounds = max(self.rounds, note["rounds"])
        self.seconds = math.ceil(here.stretch.last_seconds)
        self._tell(self.seconds)

    def _redacted(self, before, here, after):
        """Write the verified part of a stretch and its note, and delete its draft."""
        from review.privacy import stretches, verify

        stretch, part = here.stretch, self._part(here.stretch.index)
        around = [other and (other.stretch, other.scan.regions) for other in (before, after)]
        regions = stretches.regions_around(here.scan.regions, around[0], stretch, around[1])
        needed = scanning.needed_detectors(here.scan)
        report = verify.redact_and_verify_clip(
            stretch.path,
            part,
            replace(here.scan, regions=regions, detectors=needed),
            settings.REDACTION_METHOD,
            self._scanner,
            redact=stretches.redact_stretch,
        )
        if not report.verified:
            told = report.error or "what may be a face can still be seen after it was hidden."
            raise DomainError("faces_remain", f"{self._where(stretch)}: {told}")
        note = {
            "made_from": self._made_from,
            "sha256": storage.sha256_of(part),
            "seen": [region.as_dict() for region in here.scan.regions],
            "regions": len(report.regions),
            "rounds": report.rounds,
        }
        part.with_suffix(".json").write_text(json.dumps(note))
        stretch.path.unlink()
        return note

    def _where(self, stretch):
        return f"From {stretch.first_seconds:.1f} to {stretch.last_seconds:.1f} s"
