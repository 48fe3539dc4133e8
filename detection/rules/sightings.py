"""What no tracker should say of a frame, refused before any rule has seen it.

A box of NaN is in no zone and near nobody, so that a broken detector would look like an empty
scene. It is cheaper to test all boxes of a frame at once and to look for the one at fault only
when there is one.
"""

import math
from collections.abc import Sequence

import numpy as np

from detection.vision.types import Observation, TrackedFrame
from hitlsite.errors import DomainError


def check_time(at_seconds: float) -> None:
    """Refuse a frame at no time with the DomainError observation_invalid."""
    if not math.isfinite(at_seconds):
        raise _refusal(f"A frame's at_seconds must be a finite number, not {at_seconds}.")


def check_sightings(tracked: TrackedFrame, boxes: np.ndarray) -> None:
    """Refuse a frame whose observations make no sense.

    Args:
        boxes: (N, 4) xyxy of ``tracked.observations``, in any order.

    Raises:
        DomainError: observation_invalid, naming the track and what is wrong with it.
    """
    seen = tracked.observations
    if seen and not (_are_sound(boxes) and _are_named(seen)):
        _name_fault(seen, tracked.at_seconds)
    for one in (*tracked.earlier, *tracked.foreground):
        fault = _find_fault(one)
        if fault:
            raise _refusal(f"Track {one.track_id} at {tracked.at_seconds} s: {fault}.")


def _are_sound(boxes):
    # One edge that is no number, or infinite, makes the sum of squares so.
    if not math.isfinite(np.vdot(boxes, boxes)):
        return False
    return bool((boxes[:, 2:] >= boxes[:, :2]).all())


def _are_named(seen):
    """Say whether every observation has a score, and a track of its own."""
    if len({one.track_id for one in seen}) < len(seen):
        return False
    return math.isfinite(sum([one.score for one in seen]))


def _name_fault(seen: Sequence[Observation], at_seconds):
    known = set()
    for one in seen:
        fault = _find_fault(one)
        if fault is None and one.track_id in known:
            fault = "it is there twice"
        if fault:
            raise _refusal(f"Track {one.track_id} at {at_seconds} s: {fault}.")
        known.add(one.track_id)


def _find_fault(one: Observation) -> str | None:
    left, top, right, bottom = one.box_xyxy
    if not math.isfinite(left + top + right + bottom):
        return f"box_xyxy has an edge that is no finite number: {_spell_box(one)}"
    if right < left or bottom < top:
        return f"box_xyxy ends before it begins: {_spell_box(one)}"
    if not math.isfinite(one.score):
        return f"score must be a finite number, not {one.score}"
    if not math.isfinite(one.at_seconds):
        return f"at_seconds must be a finite number, not {one.at_seconds}"
    return None


def _spell_box(one):
    return tuple(float(edge) for edge in one.box_xyxy)


def _refusal(message):
    return DomainError("observation_invalid", message)
