"""Looking again at what a redaction wrote, because a redaction is only as good as its proof.

The output, not the plan, is scanned with the same detectors. What they find outside the regions
on record is masked and scanned again; what is left after the last round, and any error, leaves
the file unverified, and an unverified file goes nowhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hitlsite.errors import DomainError
from review.privacy import media
from review.privacy.faces import FaceScan, FaceScanner
from review.privacy.redact import redact_clip, redact_image
from review.privacy.regions import (
    COVERED_SHARE,
    Region,
    Timeline,
    covered_share,
    leaves_nothing,
    padded,
)

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class RedactionReport:
    """What was hidden, how, and whether a second look agrees.

    Attributes:
        method: the method asked for; residual regions are masked whatever it is.
        regions: everything hidden, residuals included: keep them, a later check needs them.
        residuals: what is still seen outside the regions.
        rounds: how often residual regions had to be masked and the output scanned once more.
        verified: nothing is left and nothing went wrong; otherwise no file was written.
        error: one sentence where something did.
    """

    method: str
    regions: tuple[Region, ...]
    residuals: tuple[Region, ...]
    rounds: int
    verified: bool
    error: str = ""


def redact_and_verify_image(
    src: Path,
    dst: Path,
    scan: FaceScan,
    method: str,
    scanner: FaceScanner,
    *,
    drawn: Sequence[Region] = (),
    rounds: int = ROUNDS,
) -> RedactionReport:
    """Redact a still until a re-scan of the output finds nothing; ``dst`` exists if verified.

    Raises:
        DomainError: disk_full.
        ValueError: the method is unknown.
    """
    return _redact_and_verify(
        _Kind(redact_image, check_image), src, dst, (*scan.regions, *drawn), method, scanner, rounds
    )


def redact_and_verify_clip(
    src: Path,
    dst: Path,
    scan: FaceScan,
    method: str,
    scanner: FaceScanner,
    *,
    drawn: Sequence[Region] = (),
    rounds: int = ROUNDS,
) -> RedactionReport:
    """Redact a clip until a re-scan of the output finds nothing; ``dst`` exists if verified.

    Raises:
        DomainError: disk_full.
        ValueError: the method is unknown.
    """
    return _redact_and_verify(
        _Kind(redact_clip, check_clip), src, dst, (*scan.regions, *drawn), method, scanner, rounds
    )


def check_image(path: Path, recorded_regions: Sequence[Region], scanner: FaceScanner) -> FaceScan:
    """Scan a redacted still again; the result is "clear" when nothing is seen outside."""
    if leaves_nothing(recorded_regions):
        return _read_whole(lambda: media.read_image(path) is not None)
    return _judged(scanner.scan_image(path), recorded_regions)


def check_clip(path: Path, recorded_regions: Sequence[Region], scanner: FaceScanner) -> FaceScan:
    """Scan a redacted clip again; the result is "clear" when nothing is seen outside."""
    if leaves_nothing(recorded_regions):
        return _read_whole(lambda: media.count_frames(path))
    return _judged(scanner.scan_clip(path), recorded_regions)


def _read_whole(read: Callable[[], int]) -> FaceScan:
    """Judge a file with nothing of it left uncovered, which needs no detector."""
    try:
        return FaceScan("clear", (), (), int(read()))
    except DomainError as error:
        return FaceScan("failed", (), (), 0, error.message)


def _judged(scan: FaceScan, recorded: Sequence[Region]) -> FaceScan:
    """Return a scan with only what recorded regions leave uncovered."""
    residuals = _residuals(scan.regions, recorded)
    if scan.result == "failed":
        return replace(scan, regions=residuals)
    return replace(scan, result="faces" if residuals else "clear", regions=residuals)


def _residuals(found: Sequence[Region], recorded: Sequence[Region]) -> tuple[Region, ...]:
    timeline = Timeline(recorded)
    covers: dict[float | None, list] = {}
    for region in found:
        at = region.at_seconds
        if at not in covers:
            held = recorded if at is None else timeline.at(at)
            covers[at] = [padded(one) for one in held]
    return tuple(
        region
        for region in found
        if covered_share(region.box_xyxy, covers[region.at_seconds]) < COVERED_SHARE
    )


@dataclass(frozen=True, slots=True)
class _Kind:
    redact: Callable
    check: Callable


def _redact_and_verify(kind, src, dst, regions, method, scanner, rounds) -> RedactionReport:
    """Work on a draft, so that ``dst`` never holds anything unverified."""
    regions, number = tuple(regions), 0
    try:
        with media.written_whole(dst) as draft:
            kind.redact(src, draft, regions, method)
            check = kind.check(draft, regions, scanner)
            while check.result == "faces" and number < rounds:
                regions += tuple(replace(seen, source="residual") for seen in check.regions)
                kind.redact(src, draft, regions, method)
                check = kind.check(draft, regions, scanner)
                number += 1
            if check.result != "clear":
                raise _Unverified(check)
    except _Unverified as unverified:
        check = unverified.check
        return RedactionReport(method, regions, check.regions, number, False, check.error)
    except DomainError as error:
        if error.code == "disk_full":
            raise
        return RedactionReport(method, regions, (), number, False, error.message)
    return RedactionReport(method, regions, (), number, True)


class _Unverified(Exception):
    """Leaves the draft's context so that the draft is thrown away."""

    def __init__(self, check: FaceScan):
        super().__init__(check.error)
        self.check = check
