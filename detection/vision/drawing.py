"""Boxes, zones and the time drawn into a still, so that evidence explains itself."""

import cv2
import numpy as np

PALETTE_BGR = (
    (75, 25, 230),
    (75, 180, 60),
    (200, 130, 0),
    (48, 130, 245),
    (180, 30, 145),
    (240, 240, 70),
    (230, 50, 240),
    (60, 245, 210),
)
ZONE_BGR = (255, 220, 90)


def draw_boxes(image, observations, *, zones=(), caption=""):
    """Return a copy of a BGR image with boxes, zones and a caption drawn into it.

    Args:
        image: (H, W, 3) uint8 BGR.
        observations: things with ``box_xyxy`` (normalised), ``class_name``, ``score`` and
            ``track_id``.
        zones: polygons of (x, y) in 0..1, or things with such a ``polygon``.
        caption: a line of text, such as the time, put at the top left.
    """
    drawn = np.array(image, copy=True, order="C")
    height, width = drawn.shape[:2]
    scale = max(0.4, width / 1600)
    for zone in zones:
        corners = np.asarray(getattr(zone, "polygon", zone), np.float64) * (width, height)
        cv2.polylines(drawn, [np.round(corners).astype(np.int32)], True, ZONE_BGR, 2)
    for observation in observations:
        _draw_observation(drawn, observation, scale)
    if caption:
        _draw_text(drawn, caption, (0, 0), (0, 0, 0), scale)
    return drawn


def _draw_observation(drawn, observation, scale):
    height, width = drawn.shape[:2]
    colour = PALETTE_BGR[observation.track_id % len(PALETTE_BGR)]
    left, top, right, bottom = np.asarray(observation.box_xyxy) * (width, height, width, height)
    corners = (round(left), round(top)), (round(right), round(bottom))
    cv2.rectangle(drawn, *corners, colour, max(1, round(width / 500)))
    text = f"{observation.class_name} {observation.track_id} {observation.score:.2f}"
    _draw_text(drawn, text, corners[0], colour, scale, is_above=True)


def _draw_text(drawn, text, corner, colour, scale, *, is_above=False):
    """Draw text on a filled bar whose top left, or bottom left, is ``corner``, inside the image."""
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(scale * 2))
    (text_width, text_height), baseline = cv2.getTextSize(text, font, scale, thickness)
    bar_height = text_height + baseline + 4
    left = max(0, min(corner[0], drawn.shape[1] - text_width - 4))
    top = max(0, corner[1] - bar_height if is_above else corner[1])
    cv2.rectangle(drawn, (left, top), (left + text_width + 4, top + bar_height), colour, -1)
    is_dark = sum(colour) < 380
    ink = (255, 255, 255) if is_dark else (0, 0, 0)
    place = (left + 2, top + text_height + 2)
    cv2.putText(drawn, text, place, font, scale, ink, thickness, cv2.LINE_AA)
