"""What a second look at drawn boxes is for, before they teach anything.

Nothing here refuses: each finding may be as it should be, and the person who drew it says so.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

TINY_PX = 4.0
TINY_SHARE = 0.0002
SAME_IOU = 0.9
MODEL_IOU = 0.7
MODEL_SCORE = 0.7
ODD_DEVIATIONS = 5.0
ENOUGH_HISTORY = 20
# Boxes of one class may all be alike; less spread than this is no yardstick (log units).
LEAST_SPREAD = 0.1
MAD_TO_DEVIATION = 1.4826

Edges = Sequence[float]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth another look.

    Attributes:
        code: tiny, duplicate, odd_shape, odd_size, model_disagrees or unboxed.
        box: position of the box in the list, from 0; None where there is no box.
        detection: position of the detection that it is about, from 0, or None.
        message: a sentence that numbers boxes from 1.
    """

    code: str
    message: str
    box: int | None = None
    detection: int | None = None

    @property
    def field(self):
        return f"boxes.{self.box}" if self.box is not None else f"detections.{self.detection}"


@dataclass(frozen=True, slots=True)
class Seen:
    """A detection of the model that serves, its class as a label where there is one."""

    label: int | None
    class_name: str
    score: float
    box_xyxy: tuple[float, float, float, float]


def iou(a: Edges, b: Edges) -> float:
    """Return the intersection of two boxes over their union."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (_area(a) + _area(b) - shared)


def _area(box: Edges) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def findings(
    boxes: Sequence[tuple[int, Edges]],
    *,
    size: tuple[int, int],
    names: Mapping[int, str],
    exhaustive: Sequence[int] = (),
    history: Mapping[int, Sequence[tuple[float, float]]] | None = None,
    detections: Sequence[Seen] = (),
) -> list[Finding]:
    """Return what is worth a second look about the boxes of one picture.

    Args:
        boxes: (label, [x1, y1, x2, y2] as shares).
        size: width and height of the picture in pixels.
        names: {label: name}, for the sentences.
        history: {label: (log of width over height, log of area) of earlier boxes}, see ``shape``.
    """
    found = []
    for position, (label, box) in enumerate(boxes):
        found += _tiny(position, box, size)
        found += _odd(position, label, box, size, names, (history or {}).get(label, ()))
        found += _contradicted(position, label, box, names, detections)
    found += _duplicates(boxes, names)
    found += _unboxed(boxes, exhaustive, names, detections)
    return found


def shape(box: Edges, size: tuple[int, int]) -> tuple[float, float]:
    """Return (log of width over height in pixels, log of the area as a share)."""
    width, height = (box[2] - box[0]) * size[0], (box[3] - box[1]) * size[1]
    return math.log(width / height), math.log(_area(box))


def _tiny(position, box, size):
    width, height = (box[2] - box[0]) * size[0], (box[3] - box[1]) * size[1]
    if min(width, height) >= TINY_PX and _area(box) >= TINY_SHARE:
        return []
    message = f"Box {position + 1} is tiny: {width:.0f} by {height:.0f} px."
    return [Finding("tiny", message, position)]


def _odd(position, label, box, size, names, history):
    if len(history) < ENOUGH_HISTORY:
        return []
    told = (
        ("odd_shape", ("narrower", "wider"), "shape"),
        ("odd_size", ("smaller", "larger"), "size"),
    )
    found = []
    for axis, ((code, words, what), value) in enumerate(zip(told, shape(box, size), strict=True)):
        z = robust_z(value, [one[axis] for one in history])
        if abs(z) > ODD_DEVIATIONS:
            message = (
                f"Box {position + 1} is far {words[z > 0]} than {names.get(label, 'others')} boxes"
                f" here usually are ({what} {abs(z):.0f} deviations off)."
            )
            found.append(Finding(code, message, position))
    return found


def robust_z(value: float, history: Sequence[float]) -> float:
    """Return how many deviations a value lies from the median, deviations by the MAD."""
    middle = median(history)
    spread = MAD_TO_DEVIATION * median(abs(one - middle) for one in history)
    return (value - middle) / max(spread, LEAST_SPREAD)


def _contradicted(position, label, box, names, detections):
    for number, seen in enumerate(detections):
        is_other = seen.label is not None and seen.label != label
        if is_other and seen.score > MODEL_SCORE and iou(box, seen.box_xyxy) > MODEL_IOU:
            message = (
                f"Box {position + 1} says {names.get(label, label)}; the detector is sure"
                f" ({seen.score:.2f}) that it is {seen.class_name}."
            )
            return [Finding("model_disagrees", message, position, number)]
    return []


def _duplicates(boxes, names):
    found = []
    for second, (label, box) in enumerate(boxes):
        for first in range(second):
            if boxes[first][0] == label and iou(boxes[first][1], box) > SAME_IOU:
                message = (
                    f"Box {second + 1} lies on box {first + 1}, both {names.get(label, label)}."
                )
                found.append(Finding("duplicate", message, second))
                break
    return found


def _unboxed(boxes, exhaustive, names, detections):
    found = []
    for number, seen in enumerate(detections):
        if seen.label not in exhaustive or seen.score <= MODEL_SCORE:
            continue
        if any(iou(box, seen.box_xyxy) > 0.5 for _, box in boxes):
            continue
        message = (
            f"Every {names.get(seen.label, seen.class_name)} is said to be boxed, but the detector"
            f" is sure ({seen.score:.2f}) of one without a box."
        )
        found.append(Finding("unboxed", message, None, number))
    return found
