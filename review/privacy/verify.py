"""Looking again at what a redaction wrote, because a redaction is only as good as its proof.

The output, not the plan, is scanned with the same detectors, set to a lower threshold and at other
frames than the first scan. What they find outside the regions on record is masked and scanned
again. A clear output is then held against its source, in case nothing was hidden at all. What is
left after the last round, a detector of the first scan that is no longer there, a region that still
shows what it did, and any error leave the file unverified, and an unverified file goes nowhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hitlsite.errors import DomainError
from review.privacy import detail, media
from review.privacy.faces import MOVING, NO_DETECTOR, FaceScan, FaceScanner
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
SAME_BODY_SHARE = 0.9
LEAST_WIDTH_SHARE = 0.33
NECK_SHARE = 0.2


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
        _Kind(redact_image, check_image, detail.require_hidden_image, scanner, scan.detectors),
        src,
        dst,
        (*scan.regions, *drawn),
        method,
        rounds,
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
    redact: Callable = redact_clip,
) -> RedactionReport:
    """Redact a clip until a re-scan of the output finds nothing; ``dst`` exists if verified.

    Args:
        redact: ``redact_clip``, or the same with other settings of the encoder.

    Raises:
        DomainError: disk_full.
        ValueError: the method is unknown.
    """
    return _redact_and_verify(
        _Kind(redact, check_clip, detail.require_hidden_clip, scanner, scan.detectors),
        src,
        dst,
        (*scan.regions, *drawn),
        method,
        rounds,
    )


def check_image(
    path: Path,
    recorded_regions: Sequence[Region],
    scanner: FaceScanner,
    *,
    needed: Sequence[str] = (),
) -> FaceScan:
    """Scan a redacted still again; the result is "clear" when nothing is seen outside.

    Args:
        needed: detectors without which the second look would be weaker than the first.
    """
    if leaves_nothing(recorded_regions):
        return _read_whole(lambda: media.read_image(path) is not None)
    scan = scanner.scan_image(path, is_second=bool(recorded_regions))
    return _judged(scan, recorded_regions, needed)


def check_clip(
    path: Path,
    recorded_regions: Sequence[Region],
    scanner: FaceScanner,
    *,
    needed: Sequence[str] = (),
) -> FaceScan:
    """Scan a redacted clip again; the result is "clear" when nothing is seen outside.

    Args:
        needed: detectors without which the second look would be weaker than the first.
    """
    if leaves_nothing(recorded_regions):
        return _read_whole(lambda: media.count_frames(path))
    scan = scanner.scan_clip(path, is_second=bool(recorded_regions))
    return _judged(scan, recorded_regions, needed)


def _read_whole(read: Callable[[], int]) -> FaceScan:
    """Judge a file with nothing of it left uncovered, which needs no detector."""
    try:
        return FaceScan("clear", (), (), int(read()))
    except DomainError as error:
        return FaceScan("failed", (), (), 0, error.message)


def _judged(scan: FaceScan, recorded: Sequence[Region], needed: Sequence[str]) -> FaceScan:
    """Return a scan with only what recorded regions leave uncovered."""
    missing = sorted(set(needed) - set(scan.detectors))
    is_of_motion = any(region.source == MOVING for region in recorded)
    if scan.error == NO_DETECTOR and is_of_motion and not missing:
        return _judged_by_motion(scan, recorded)
    residuals = _residuals(scan.regions, recorded)
    seen = replace(scan, regions=residuals, doubtful=_residuals(scan.doubtful, recorded))
    if scan.result == "failed":
        return seen
    if missing:
        error = f"The {missing[0]} detector looked at it first and could not look again."
        return replace(seen, result="failed", error=error)
    return replace(seen, result="faces" if residuals else "clear")


def _judged_by_motion(scan: FaceScan, recorded: Sequence[Region]) -> FaceScan:
    """Judge where nothing can tell faces: whatever moves must be hidden, person or not.

    The first scan put all that moved on record. A still cannot be looked at again without a
    detector; in a clip, what moves in the output must lie where something was hidden at some
    time, since what is hidden comes and goes and is itself seen to move.
    """
    moving = [region for region in scan.regions if region.at_seconds is not None]
    throughout = [replace(region, at_seconds=None) for region in recorded]
    residuals = _residuals(moving, throughout)
    result = "faces" if residuals else "clear"
    return replace(scan, result=result, regions=residuals, error="")


def _residuals(found: Sequence[Region], recorded: Sequence[Region]) -> tuple[Region, ...]:
    timeline = Timeline(recorded)
    held: dict[float | None, Sequence[Region]] = {None: recorded}
    for region in found:
        if region.at_seconds not in held:
            held[region.at_seconds] = timeline.at(region.at_seconds)
    return tuple(region for region in found if _is_residual(region, held[region.at_seconds]))


def _is_residual(seen: Region, held: Sequence[Region]) -> bool:
    if covered_share(seen.box_xyxy, [padded(region) for region in held]) >= COVERED_SHARE:
        return False
    return seen.source != "head" or not any(_hangs_from(seen, region) for region in held)


def _hangs_from(seen: Region, recorded: Region) -> bool:
    """Say whether what looks like a head is the body below a head that is hidden already.

    A person detector that no longer sees the head draws its box from the neck down; its "head
    part" is then a chest. It is known by a recorded head right above it that ends where the new
    box begins and is about as wide.
    """
    if recorded.source not in ("head", "residual"):
        return False
    left, _, right, lowest = padded(recorded)
    _, top, _, bottom = recorded.box_xyxy
    width = seen.box_xyxy[2] - seen.box_xyxy[0]
    shared = min(right, seen.box_xyxy[2]) - max(left, seen.box_xyxy[0])
    is_same_body = shared >= SAME_BODY_SHARE * width and width >= LEAST_WIDTH_SHARE * (right - left)
    return is_same_body and top <= seen.box_xyxy[1] <= lowest + NECK_SHARE * (bottom - top)


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a kind of file is redacted, looked at again, and held against its source."""

    redact: Callable
    look: Callable
    require_hidden: Callable
    scanner: FaceScanner
    needed: Sequence[str]

    def check(self, path, regions) -> FaceScan:
        return self.look(path, regions, self.scanner, needed=self.needed)


def _redact_and_verify(kind, src, dst, regions, method, rounds) -> RedactionReport:
    """Work on a draft, so that ``dst`` never holds anything unverified."""
    regions, number = tuple(regions), 0
    try:
        with media.written_whole(dst) as draft:
            kind.redact(src, draft, regions, method)
            check = kind.check(draft, regions)
            while check.result == "faces" and number < rounds:
                regions += tuple(_masked(seen, number) for seen in check.regions + check.doubtful)
                kind.redact(src, draft, regions, method)
                check = kind.check(draft, regions)
                number += 1
            if check.result != "clear":
                raise _Unverified(check)
            kind.require_hidden(src, draft, regions, method)
    except _Unverified as unverified:
        check = unverified.check
        return RedactionReport(method, regions, check.regions, number, False, check.error)
    except DomainError as error:
        if error.code == "disk_full":
            raise
        return RedactionReport(method, regions, (), number, False, error.message)
    return RedactionReport(method, regions, (), number, True)


def _masked(seen: Region, round_number: int) -> Region:
    """Return a residual as a region; what a first mask did not settle is masked throughout."""
    at_seconds = seen.at_seconds if round_number == 0 else None
    return replace(seen, source="residual", at_seconds=at_seconds)


class _Unverified(Exception):
    """Leaves the draft's context so that the draft is thrown away."""

    def __init__(self, check: FaceScan):
        super().__init__(check.error)
        self.check = check
