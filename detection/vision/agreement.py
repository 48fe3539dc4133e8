"""Comparing a cheaper detector with the reference on the same pictures.

Scores near a threshold fall on either side by chance, so a box is asked for with some slack: what
the reference sees clearly, the candidate must see at all, and the other way round.
"""

import numpy as np

from detection.vision.overlaps import overlaps

CLEAR_SCORE = 0.4
VISIBLE_SCORE = 0.2
MIN_OVERLAP = 0.6
MIN_SHARE = 0.95
MIN_FRAMES = 12
MIN_BOXES = 10


def compare(reference, candidate, classes=()):
    """Compare two detectors' detections, picture by picture.

    Args:
        reference, candidate: sequences of Detections of the same pictures.
        classes: names that count; all when empty.

    Returns:
        a dict of JSON values: frames, boxes (clear ones of the reference), found (share of them
        that the candidate sees), confirmed (share of the candidate's clear boxes that the
        reference sees), agrees, and sentences for people.
    """
    boxes, found = _matched(reference, candidate, classes)
    extra_boxes, confirmed = _matched(candidate, reference, classes)
    frames = len(reference)
    is_enough = frames >= MIN_FRAMES and boxes >= MIN_BOXES
    found_share = found / boxes if boxes else 0.0
    confirmed_share = confirmed / extra_boxes if extra_boxes else 1.0
    return {
        "frames": frames,
        "boxes": boxes,
        "found": round(found_share, 4),
        "confirmed": round(confirmed_share, 4),
        "agrees": is_enough and min(found_share, confirmed_share) >= MIN_SHARE,
        "sentence": (
            f"{found} of {boxes} boxes found, {confirmed} of {extra_boxes} confirmed, "
            f"in {frames} pictures"
        ),
        "reference_sentence": _reference_sentence(frames, boxes),
    }


def _reference_sentence(frames, boxes):
    if frames < MIN_FRAMES:
        return f"{frames} sample pictures, {MIN_FRAMES} are needed to compare anything with it"
    if boxes < MIN_BOXES:
        return f"{boxes} clear boxes in {frames} sample pictures, {MIN_BOXES} are needed to compare"
    return "no faster candidate finds the same boxes"


def _matched(asking, answering, classes):
    asked = matched = 0
    for wanted, given in zip(asking, answering, strict=True):
        clear = wanted.scores >= CLEAR_SCORE
        if classes:
            clear &= np.isin(np.array(wanted.class_names, object), list(classes))
        asked += int(clear.sum())
        matched += _count_found(wanted, clear, given)
    return asked, matched


def _count_found(wanted, clear, given):
    visible = given.scores >= VISIBLE_SCORE
    if not clear.any() or not visible.any():
        return 0
    close = overlaps(wanted.boxes_xyxy[clear], given.boxes_xyxy[visible]) >= MIN_OVERLAP
    asked = np.array(wanted.class_names)[clear]
    answered = np.array(given.class_names)[visible]
    return int((close & (asked[:, None] == answered[None])).any(axis=1).sum())
