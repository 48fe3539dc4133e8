"""The arithmetic behind measured features: angles at joints, the body's scale, distances.

Points are (x, y) in picture heights: x is a share of the width times the picture's width over its
height, so that a length is the same in every direction. What is missing is NaN, and whatever is
computed from it is missing too.
"""

import math

import numpy as np

from detection.vision import landmarks as points_of_body

LEAST_SCALE = 0.005
# A person walks some four shoulder widths, or one height, a second; a body or a box that is
# farther off than this is that of somebody else.
SHOULDER_LEEWAY, SHOULDERS_A_SECOND = 1.0, 8.0
HEIGHT_LEEWAY, HEIGHTS_A_SECOND = 0.5, 3.0

# What meets at a joint: (from, joint, to), in mediapipe's numbers of the right side.
_JOINTS = {
    "elbow": ("SHOULDER", "ELBOW", "WRIST"),
    "shoulder": ("ELBOW", "SHOULDER", "HIP"),
    "hip": ("SHOULDER", "HIP", "KNEE"),
    "knee": ("HIP", "KNEE", "ANKLE"),
}


def points(landmarks, aspect):
    """Return (N, 2) points in picture heights of (N, 3) landmarks, float64."""
    return landmarks[:, :2].astype(np.float64) * (aspect, 1.0)


def angle_at(joint, start, end):
    """Return the angle between the lines from a joint to two points, degrees 0..180.

    With u = start - joint and v = end - joint it is atan2(|u x v|, u . v), which follows from
    |u x v| = |u| |v| sin a and u . v = |u| |v| cos a and stays exact near 0 and 180 degrees, where
    the arc cosine of the cosine alone loses half its digits (W. Kahan, How Futile are Mindless
    Assessments of Roundoff in Floating-Point Computation?, 2006, section 12). NaN where a point
    is missing or two of them are one.
    """
    ux, uy = start[0] - joint[0], start[1] - joint[1]
    vx, vy = end[0] - joint[0], end[1] - joint[1]
    if not (math.hypot(ux, uy) > 0.0 and math.hypot(vx, vy) > 0.0):
        return math.nan
    return math.degrees(math.atan2(abs(ux * vy - uy * vx), ux * vx + uy * vy))


def joint_angles(body):
    """Return {"right_elbow_angle": degrees, ...} of (33, 2) points in picture heights."""
    angles = {}
    for joint, names in _JOINTS.items():
        for side in ("right", "left"):
            start, middle, end = (
                body[getattr(points_of_body, f"{side.upper()}_{name}")] for name in names
            )
            angles[f"{side}_{joint}_angle"] = angle_at(middle, start, end)
    return angles


def shoulder_width(pose, aspect):
    """Return the distance between the shoulders in picture heights, NaN where one is missing.

    It is sqrt(dx^2 + dy^2 + dz^2) with dz in the scale of x, as mediapipe gives it: somebody who
    turns sideways keeps the width, which the two dimensions of the picture alone would shrink
    towards nothing, and speeds in shoulder widths would grow beyond bounds with it.
    """
    across = pose[points_of_body.LEFT_SHOULDER] - pose[points_of_body.RIGHT_SHOULDER]
    width = math.hypot(*(across.astype(np.float64) * (aspect, 1.0, aspect)))
    return width if width >= LEAST_SCALE else math.nan


def shoulder_middle(body):
    """Return the point between the shoulders of (33, 2) points."""
    middle = (body[points_of_body.LEFT_SHOULDER] + body[points_of_body.RIGHT_SHOULDER]) / 2
    return float(middle[0]), float(middle[1])


def is_another_body(moved, elapsed_seconds, width):
    """Tell whether shoulders that moved so far cannot be the same person's.

    More than ``SHOULDER_LEEWAY + SHOULDERS_A_SECOND * elapsed_seconds`` shoulder widths.
    """
    return moved > (SHOULDER_LEEWAY + SHOULDERS_A_SECOND * elapsed_seconds) * width


def is_another_box(moved, elapsed_seconds, height):
    """Tell whether a box that moved so far cannot be the same person's, as ``is_another_body``."""
    return moved > (HEIGHT_LEEWAY + HEIGHTS_A_SECOND * elapsed_seconds) * height


def distance_to_box(point, box, aspect):
    """Return how far a point is from a box (x1, y1, x2, y2 in shares), heights; 0 inside."""
    x1, y1, x2, y2 = (float(side) for side in box)
    across = max(x1 * aspect - point[0], 0.0, point[0] - x2 * aspect)
    along = max(y1 - point[1], 0.0, point[1] - y2)
    return math.hypot(across, along)
