"""Finding every place in a picture or clip that may show a face.

No single detector sees every face, so the scan is a union: a face model, and the head part of
every person box whether or not a face is visible in it. What cannot be scanned counts as faces:
a scan that could not run says "failed" and names the largest region it can stand for.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from detection.vision.people import is_person
from hitlsite.errors import DomainError
from review.privacy import media, motion
from review.privacy.regions import HOLD_SECONDS, WHOLE_PICTURE, Region, clipped, has_area, head_part

__all__ = ["FaceScan", "FaceScanner", "Region", "YuNet"]

FILLING_PX, MIDDLE_PX = 160, 480
KEPT_NETS = 8
LEAST_FULL_PX, MOST_FULL_PX = 960, 1920
MOVING = "moving"
NO_DETECTOR = "Neither a face detector nor a person detector could run."


@dataclass(frozen=True, slots=True)
class FaceScan:
    """What a scan of one file found.

    Attributes:
        result: "clear", "faces" or "failed".
        regions: unpadded.
        detectors: which of "yunet" and "head" ran on every frame.
        frames_scanned: 1 for a still.
        error: one sentence where the result is "failed", else "".
    """

    result: str
    regions: tuple[Region, ...]
    detectors: tuple[str, ...]
    frames_scanned: int
    error: str = ""


class YuNet:
    """The face model, run on several sizes and turns of the same picture.

    Measured on real footage: a face that fills the picture is found at 160 px in 98 of 100
    cases, at 480 px in 79; faces in a crowd need the picture's own size; a face that lies on
    its side or head down is found in 35 of 100 unless the picture is turned. The turned passes
    and the small ones together cost less than the one at full size.

    Not safe for two threads at once.
    """

    def __init__(self, path: Path, score: float):
        self._path = str(path)
        self._score = score
        self._nets = OrderedDict()
        self._net((MIDDLE_PX, MIDDLE_PX))

    def faces(self, image: np.ndarray) -> list[tuple[tuple, float]]:
        """Return (box normalised, score) of every face in a BGR picture, duplicates included."""
        full_px = min(max(*image.shape[:2], LEAST_FULL_PX), MOST_FULL_PX)
        found = [*self._pass(image, FILLING_PX, 0), *self._pass(image, full_px, 0)]
        for turns in range(4):
            found += self._pass(image, MIDDLE_PX, turns)
        return found

    def _pass(self, image, longest_px, turns):
        scale = longest_px / max(image.shape[:2])
        size = [max(round(side * scale), 32) for side in image.shape[1::-1]]
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = np.rot90(cv2.resize(image, size, interpolation=method), turns)
        height, width = small.shape[:2]
        rows = self._net((width, height)).detect(np.ascontiguousarray(small))[1]
        for x, y, w, h, *_landmarks, score in [] if rows is None else rows.tolist():
            turned = (x / width, y / height, (x + w) / width, (y + h) / height)
            box = _turned_back(turned, turns)
            if has_area(box):
                yield clipped(box), float(score)

    def _net(self, size):
        """Return the network for a size; changing the size of one costs more than running it."""
        if size not in self._nets:
            self._nets[size] = cv2.FaceDetectorYN.create(
                self._path, "", size, self._score, 0.3, 5000
            )
        self._nets.move_to_end(size)
        if len(self._nets) > KEPT_NETS:
            self._nets.popitem(last=False)
        return self._nets[size]


def _turned_back(box, turns):
    """Undo quarter turns (counter-clockwise, as ``numpy.rot90`` makes them) of a box."""
    for _ in range(turns):
        x1, y1, x2, y2 = box
        box = (1 - y2, x1, 1 - y1, x2)
    return box


class _Findings:
    """What accumulates over the frames of one file."""

    def __init__(self):
        self.regions: list[Region] = []
        self.error = ""
        self.frames = 0
        self.runs = {"yunet": 0, "head": 0}

    def fail(self, sentence):
        self.error = self.error or sentence

    @property
    def detectors(self):
        return tuple(name for name, runs in self.runs.items() if runs and runs == self.frames)

    def scan(self) -> FaceScan:
        result = "failed" if self.error else "faces" if self.regions else "clear"
        return FaceScan(result, tuple(self.regions), self.detectors, self.frames, self.error)


class FaceScanner:
    """The union of detectors.

    Args:
        yunet_path: the face model's file; None, or a path where no file is, means without it.
        person_detector: a Detector; one whose backend is "motion" cannot tell people from
            anything else and counts as none.
        yunet_score: faces at or above it count, 0..1; low, so that doubt counts as a face.
        person_score: person boxes at or above it count, 0..1.
        sample_fps: how many frames of each second of a clip are looked at, 2 or more.
    """

    def __init__(
        self,
        *,
        yunet_path: Path | None,
        person_detector=None,
        yunet_score: float = 0.4,
        person_score: float = 0.25,
        sample_fps: float = 5.0,
    ):
        if sample_fps < 1 / HOLD_SECONDS:
            raise ValueError(f"sample_fps must be {1 / HOLD_SECONDS:g} or more.")
        self.sample_fps = sample_fps
        self._people = None if _is_motion(person_detector) else person_detector
        self._yunet_path = yunet_path and Path(yunet_path)
        self.yunet_score = yunet_score
        self.person_score = person_score
        self._yunet = None

    def scan_image(self, path: Path, *, person_boxes: Iterable = ()) -> FaceScan:
        """Scan a still; what cannot be read is "failed", never an exception.

        Args:
            person_boxes: boxes already known, normalised: plain xyxy (a person), or anything
                with ``class_name`` and ``box_xyxy``.
        """
        findings = _Findings()
        try:
            image = media.read_image(path)
        except DomainError as error:
            findings.fail(error.message)
            return findings.scan()
        given = list(person_boxes)
        self._look(image, None, findings)
        _add_given(findings, given, _aspect_ratio(image), at_seconds=lambda _box: None)
        if not findings.detectors:
            findings.fail(NO_DETECTOR)
            findings.regions += _whole_boxes(given) or [Region(WHOLE_PICTURE, MOVING, 1.0)]
        return findings.scan()

    def scan_clip(self, path: Path, *, person_tracks: Iterable = ()) -> FaceScan:
        """Scan the sampled frames of a clip and its last; damage is "failed", no exception.

        Args:
            person_tracks: Observations, ``at_seconds`` on the clip's clock.
        """
        findings, small = _Findings(), motion.SmallFrames()
        last = None
        try:
            with media.open_clip(path) as container:
                for last in media.clip_frames(container, Path(path).name):
                    if small.wants(last.at_seconds, self.sample_fps):
                        self._look_at(last, findings, small)
        except DomainError as error:
            findings.fail(error.message)
        if last is None:
            return findings.scan()
        if small.last_seconds != last.at_seconds:
            self._look_at(last, findings, small)
        given = _within(person_tracks, last.at_seconds)
        _add_given(findings, given, small.aspect_ratio, at_seconds=lambda seen: seen.at_seconds)
        if not findings.detectors:
            findings.fail(NO_DETECTOR)
            findings.regions += motion.moving_regions(small) + _whole_boxes(given)
        return findings.scan()

    def _look_at(self, clip_frame, findings, small):
        image = clip_frame.bgr()
        small.add(clip_frame.at_seconds, image)
        self._look(image, clip_frame.at_seconds, findings)

    def _look(self, image, at_seconds, findings):
        findings.frames += 1
        for name, detect in (("yunet", self._faces), ("head", self._heads)):
            try:
                found = detect(image, at_seconds)
            except Exception as error:  # a detector that breaks in any way must not pass as clear
                findings.fail(f"The {name} detector failed: {error}")
                continue
            if found is not None:
                findings.runs[name] += 1
                findings.regions += found

    def _faces(self, image, at_seconds) -> list[Region] | None:
        if self._yunet is None and (self._yunet_path is None or not self._yunet_path.is_file()):
            return None
        if self._yunet is None:
            self._yunet = YuNet(self._yunet_path, self.yunet_score)
        found = self._yunet.faces(image)
        return [Region(box, "yunet", score, at_seconds) for box, score in found]

    def _heads(self, image, at_seconds) -> list[Region] | None:
        if self._people is None:
            return None
        seen = self._people.detect(image, at_seconds or 0.0)
        rows = zip(seen.boxes_xyxy.tolist(), seen.scores.tolist(), seen.class_names, strict=True)
        aspect_ratio = _aspect_ratio(image)
        return [
            Region(head_part(clipped(box), aspect_ratio), "head", float(score), at_seconds)
            for box, score, class_name in rows
            if score >= self.person_score and is_person(class_name) and has_area(box)
        ]


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
