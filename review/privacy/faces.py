"""Finding every place in a picture or clip that may show a face.

No single detector sees every face, so the scan is a union: a face model, and the head part of
every person box whether or not a face is visible in it. What cannot be scanned counts as faces:
a scan that could not run says "failed" and names the largest region it can stand for.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from detection.vision.people import is_person
from hitlsite.errors import DomainError
from review.privacy import media, mediapipe_faces, motion
from review.privacy.regions import HOLD_SECONDS, WHOLE_PICTURE, Region, clipped, has_area, head_part
from review.privacy.yunet import YuNet

__all__ = ["FaceScan", "FaceScanner", "Region", "YuNet"]

MOVING = "moving"
NO_DETECTOR = "Neither a face detector nor a person detector could run."

# A file shows faces if a finding reaches its detector's score. Then the doubtful findings down to
# HIDE_MARGIN below it are hidden as well, and a second look at what was written counts all down to
# STRICT_MARGIN below: stricter than the first look, and still above what a new encoding, which
# shifts every score a little, could lift out of what was left alone. If it counts any, what is
# doubtful in it is hidden too, for the same reason: one more encoding follows.
HIDE_MARGIN, STRICT_MARGIN = 0.1, 0.05
THREADS = 2


@dataclass(frozen=True, slots=True)
class FaceScan:
    """What a scan of one file found.

    Attributes:
        result: "clear", "faces" or "failed".
        regions: unpadded.
        detectors: which of "yunet", "mediapipe" and "head" ran on every frame.
        frames_scanned: 1 for a still.
        error: one sentence where the result is "failed", else "".
        doubtful: what a second look saw that is too faint to count as seen, unpadded.
    """

    result: str
    regions: tuple[Region, ...]
    detectors: tuple[str, ...]
    frames_scanned: int
    error: str = ""
    doubtful: tuple[Region, ...] = ()


@dataclass
class _Findings:
    """What accumulates over the frames of one file.

    Attributes:
        least: the score from which a finding of a detector makes the file one with faces.
        floors: the score from which a finding is kept if the file is one.
        is_second: keep apart what does not reach ``least``.
    """

    least: dict[str, float]
    floors: dict[str, float]
    is_second: bool
    regions: list[Region] = field(default_factory=list)
    error: str = ""
    frames: int = 0
    runs: dict[str, int] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def fail(self, sentence):
        self.error = self.error or sentence

    @property
    def detectors(self):
        return tuple(name for name, runs in self.runs.items() if runs and runs == self.frames)

    def scan(self) -> FaceScan:
        counted, faint = [], []
        for one in self.regions:
            (counted if one.score >= self.least.get(one.source, 0.0) else faint).append(one)
        result = "failed" if self.error else "faces" if counted else "clear"
        regions = () if result == "clear" else tuple(counted if self.is_second else self.regions)
        doubtful = tuple(faint) if self.is_second else ()
        return FaceScan(result, regions, self.detectors, self.frames, self.error, doubtful)


class FaceScanner:
    """The union of detectors.

    Args:
        yunet_path: the face model's file; None, or a path where no file is, means without it.
        person_detector: a Detector; one whose backend is "motion" cannot tell people from
            anything else and counts as none.
        mediapipe_path: the file of mediapipe's short-range face model, as ``yunet_path``.
        yunet_score: faces at or above it count, 0..1; low, so that doubt counts as a face.
        mediapipe_score: as ``yunet_score``.
        person_score: person boxes at or above it count, 0..1.
        sample_fps: how many frames of each second of a clip are looked at, 2 or more.
    """

    def __init__(
        self,
        *,
        yunet_path: Path | None,
        person_detector=None,
        mediapipe_path: Path | None = None,
        yunet_score: float = 0.4,
        mediapipe_score: float = 0.5,
        person_score: float = 0.25,
        sample_fps: float = 5.0,
    ):
        if sample_fps < 1 / HOLD_SECONDS:
            raise ValueError(f"sample_fps must be {1 / HOLD_SECONDS:g} or more.")
        self.sample_fps = sample_fps
        self.scores = {"yunet": yunet_score, "mediapipe": mediapipe_score, "head": person_score}
        self._people = None if _is_motion(person_detector) else person_detector
        self._paths = {
            name: path and Path(path)
            for name, path in (("yunet", yunet_path), ("mediapipe", mediapipe_path))
        }
        self._yunet = None

    def scan_image(
        self, path: Path, *, person_boxes: Iterable = (), is_second: bool = False
    ) -> FaceScan:
        """Scan a still; what cannot be read is "failed", never an exception.

        Args:
            person_boxes: boxes already known, normalised: plain xyxy (a person), or anything
                with ``class_name`` and ``box_xyxy``.
            is_second: look at what a redaction wrote, more strictly.
        """
        findings = self._begin(is_second)
        try:
            image = media.read_image(path)
        except DomainError as error:
            findings.fail(error.message)
            return findings.scan()
        given = list(person_boxes)
        with ThreadPoolExecutor(THREADS) as pool:
            self._look(image, None, findings, pool)
        _add_given(findings, given, _aspect_ratio(image), at_seconds=lambda _box: None)
        if not findings.detectors:
            findings.fail(NO_DETECTOR)
            findings.regions += _whole_boxes(given) or [Region(WHOLE_PICTURE, MOVING, 1.0)]
        return findings.scan()

    def scan_clip(
        self, path: Path, *, person_tracks: Iterable = (), is_second: bool = False
    ) -> FaceScan:
        """Scan the sampled frames of a clip and its last; damage is "failed", no exception.

        A second look takes the first frame, and then those half a step beside the first look's.

        Args:
            person_tracks: Observations, ``at_seconds`` on the clip's clock.
            is_second: look at what a redaction wrote, more strictly.
        """
        looks = _Looks(self._begin(is_second), phase=0.5 if is_second else 0.0)
        findings, small, last = looks.findings, looks.small, None
        with ThreadPoolExecutor(THREADS) as pool:
            try:
                with media.open_clip(path) as container:
                    for last in media.clip_frames(container, Path(path).name):
                        if small.wants(last.at_seconds, self.sample_fps, looks.phase):
                            self._look_at(last, looks, pool)
            except DomainError as error:
                findings.fail(error.message)
            if last is None:
                return findings.scan()
            if small.last_seconds != last.at_seconds:
                self._look_at(last, looks, pool)
        given = _within(person_tracks, last.at_seconds)
        _add_given(findings, given, small.aspect_ratio, at_seconds=lambda seen: seen.at_seconds)
        if not findings.detectors:
            findings.fail(NO_DETECTOR)
            findings.regions += motion.moving_regions(small) + _whole_boxes(given)
        return findings.scan()

    def _begin(self, is_second):
        counts = STRICT_MARGIN if is_second else 0.0
        return _Findings(
            least={name: score - counts for name, score in self.scores.items()},
            floors={name: score - HIDE_MARGIN for name, score in self.scores.items()},
            is_second=is_second,
        )

    def _look_at(self, clip_frame, looks, pool):
        """Look at a frame, or note again what was found in the one before if they are identical.

        Identical to the last pixel, that is: what differs in anything may show a face.
        """
        image, findings = clip_frame.bgr(), looks.findings
        looks.small.add(clip_frame.at_seconds, image)
        if looks.is_repeated(image):
            findings.frames += 1
            for name in looks.ran:
                findings.runs[name] += 1
            found = [replace(one, at_seconds=clip_frame.at_seconds) for one in looks.found]
            findings.regions += found
            return
        before, runs = len(findings.regions), dict(findings.runs)
        self._look(image, clip_frame.at_seconds, findings, pool)
        looks.image = image
        looks.found = findings.regions[before:]
        looks.ran = [name for name, count in findings.runs.items() if count > runs.get(name, 0)]

    def _look(self, image, at_seconds, findings, pool):
        findings.frames += 1
        waiting = [
            (name, pool.submit(detect, image, at_seconds))
            for name, detect in (
                ("yunet", self._faces),
                ("mediapipe", self._mediapipe_faces),
                ("head", self._heads),
            )
            if name not in findings.broken
        ]
        for name, answer in waiting:
            try:
                found = answer.result()
            except Exception as error:  # a detector that breaks in any way must not pass as clear
                findings.fail(f"The {name} detector failed: {error}")
                if name == "mediapipe":  # starting it anew for every frame would take minutes
                    findings.broken.add(name)
                continue
            if found is not None:
                findings.runs[name] = findings.runs.get(name, 0) + 1
                floor = findings.floors[name]
                findings.regions += [one for one in found if one.score >= floor]

    def _faces(self, image, at_seconds) -> list[Region] | None:
        if self._yunet is None and not self._has("yunet"):
            return None
        if self._yunet is None:
            self._yunet = YuNet(self._paths["yunet"], self.scores["yunet"] - HIDE_MARGIN)
        found = self._yunet.faces(image)
        return [Region(box, "yunet", score, at_seconds) for box, score in found]

    def _mediapipe_faces(self, image, at_seconds) -> list[Region] | None:
        if not self._has("mediapipe"):
            return None
        floor = self.scores["mediapipe"] - HIDE_MARGIN
        found = mediapipe_faces.kept(self._paths["mediapipe"], floor).faces(image)
        return [Region(box, "mediapipe", score, at_seconds) for box, score in found]

    def _has(self, name) -> bool:
        return self._paths[name] is not None and self._paths[name].is_file()

    def _heads(self, image, at_seconds) -> list[Region] | None:
        if self._people is None:
            return None
        seen = self._people.detect(image, at_seconds or 0.0)
        rows = zip(seen.boxes_xyxy.tolist(), seen.scores.tolist(), seen.class_names, strict=True)
        aspect_ratio = _aspect_ratio(image)
        return [
            Region(head_part(clipped(box), aspect_ratio), "head", float(score), at_seconds)
            for box, score, class_name in rows
            if is_person(class_name) and has_area(box)
        ]


@dataclass
class _Looks:
    """The looks at one clip: what was found so far, and what the last one saw."""

    findings: _Findings
    phase: float
    small: motion.SmallFrames = field(default_factory=motion.SmallFrames)
    image: np.ndarray | None = None
    found: list[Region] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)

    def is_repeated(self, image):
        return (
            self.image is not None and not self.findings.error and np.array_equal(self.image, image)
        )


def _is_motion(detector) -> bool:
    return getattr(detector, "backend", None) == "motion"


def _aspect_ratio(image) -> float:
    return image.shape[1] / image.shape[0]


def _class_and_box(given) -> tuple[str, Sequence[float]]:
    return (given.class_name, given.box_xyxy) if hasattr(given, "box_xyxy") else ("person", given)


def _add_given(findings, given, aspect_ratio, *, at_seconds):
    for known in given:
        class_name, box = _class_and_box(known)
        try:
            box = clipped(box)
        except (TypeError, ValueError) as error:
            findings.fail(str(error))
            continue
        score = float(getattr(known, "score", 1.0))
        if class_name == MOVING:
            findings.regions.append(Region(box, MOVING, score, at_seconds(known)))
        elif is_person(class_name):
            head = head_part(box, aspect_ratio)
            findings.regions.append(Region(head, "head", score, at_seconds(known)))


def _whole_boxes(given) -> list[Region]:
    """Return every given box of any class as it is, for want of a detector to tell them apart."""
    whole = []
    for known in given:
        try:
            box = clipped(_class_and_box(known)[1])
        except (TypeError, ValueError):
            continue
        whole.append(Region(box, MOVING, 1.0, getattr(known, "at_seconds", None)))
    return whole


def _within(tracks, end_seconds) -> list:
    """Return the observations that reach into a clip with the time they hold."""
    return [
        seen for seen in tracks if -HOLD_SECONDS <= seen.at_seconds <= end_seconds + HOLD_SECONDS
    ]
