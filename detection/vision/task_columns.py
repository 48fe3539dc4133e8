"""The columns of measured features: one list that extraction, tables, models and the page share.

``VALUES`` are the numbers that models see, in the order in which they always stand. A column's
source says what has to run for it: mediapipe's landmarkers, a detector ("yolo"), or both.
"""

from dataclasses import dataclass

from hitlsite.errors import DomainError

MEDIAPIPE, YOLO, FUSION = "mediapipe", "yolo", "fusion"
MODES = (FUSION, MEDIAPIPE, YOLO)
SIDES = ("right", "left")
JOINTS = {
    "elbow": "upper arm and forearm",
    "shoulder": "upper arm and trunk",
    "hip": "trunk and thigh",
    "knee": "thigh and shin",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table of features.

    Attributes:
        name: as it stands in files.
        unit: what its numbers count, or the type of what is no number.
        source: "mediapipe", "yolo", "fusion" (both are needed) or "" (always there).
        meaning: one sentence without its full stop.
        missing: when there is no value.
    """

    name: str
    unit: str
    source: str
    meaning: str
    missing: str


_NO_HAND = "neither the wrist of the body nor that of the hand is seen"
_NO_SPEED = (
    "the hand or a shoulder is not seen, the hand was not seen in the last second before, or the"
    " person is another one than before"
)
_NO_PERSON = "no person is in the picture"


def _angles():
    for joint, between in JOINTS.items():
        for side in SIDES:
            yield Column(
                f"{side}_{joint}_angle",
                "degrees, 0 to 180",
                MEDIAPIPE,
                f"Angle between {between} at the {side} {joint}",
                "one of its three points is hidden or out of view",
            )


def _hands():
    for side in SIDES:
        of_hand = f"of the {side} hand's wrist"
        yield Column(
            f"{side}_hand_x", "share of the width", MEDIAPIPE, f"Place {of_hand}", _NO_HAND
        )
        yield Column(
            f"{side}_hand_y",
            "share of the height, downwards",
            MEDIAPIPE,
            f"Place {of_hand}",
            _NO_HAND,
        )
        for part, meaning in (
            ("vx", "Velocity to the right"),
            ("vy", "Velocity downwards"),
            ("speed", "Speed"),
        ):
            yield Column(
                f"{side}_hand_{part}",
                "shoulder widths per second",
                MEDIAPIPE,
                f"{meaning} {of_hand}",
                _NO_SPEED,
            )


VALUES: tuple[Column, ...] = (
    *_angles(),
    *_hands(),
    Column(
        "hand_obj_dist",
        "shoulder widths",
        FUSION,
        "From the hand to the edge of the object that are nearest to each other; 0 inside",
        "no hand, no object or no shoulder is seen",
    ),
    Column(
        "num_objects",
        "count",
        YOLO,
        "Objects seen by the detector that are no persons",
        "never: none is 0",
    ),
    Column("num_people", "count", YOLO, "Persons seen by the detector", "never: none is 0"),
    Column(
        "person_x",
        "share of the width",
        YOLO,
        "Middle of the box of the largest person",
        _NO_PERSON,
    ),
    Column(
        "person_y",
        "share of the height, downwards",
        YOLO,
        "Bottom of the box of the largest person",
        _NO_PERSON,
    ),
    Column(
        "person_height",
        "share of the height",
        YOLO,
        "Height of the box of the largest person",
        _NO_PERSON,
    ),
    *(
        Column(
            f"person_{part}",
            "box heights per second",
            YOLO,
            f"Velocity of the largest person {way}",
            "no person is in the picture, none was in the last second before, or it is another"
            " one than before",
        )
        for part, way in (("vx", "to the right"), ("vy", "downwards"))
    ),
)

_BODY = "list of 33 lists of x, y, z, float32"
_HAND = "list of 21 lists of x, y, z, float32"
OTHERS: tuple[Column, ...] = (
    Column("video_id", "text", "", "What the video is called, the same in every row", "never"),
    Column("frame_index", "whole number", "", "Number of the frame in the video, from 0", "never"),
    Column("t", "seconds, float64", "", "Time of the frame on the video's clock", "never"),
    Column(
        "mp_pose_landmarks",
        _BODY,
        MEDIAPIPE,
        "Points of the body of the nearest person",
        "nobody is found; a point that is hidden or out of view has three empty numbers",
    ),
    *(
        Column(
            f"mp_{side}_hand_landmarks",
            _HAND,
            MEDIAPIPE,
            f"Points of that person's {side} hand",
            "the hand is not found; a point out of view has three empty numbers",
        )
        for side in reversed(SIDES)
    ),
    Column(
        "yolo_objects",
        "list of texts",
        YOLO,
        "Class names of what the detector saw, persons included",
        "never: nothing is an empty list",
    ),
    Column(
        "yolo_boxes",
        "list of lists of x1, y1, x2, y2, shares, float32",
        YOLO,
        "Boxes of the same objects, in the same order",
        "never: nothing is an empty list",
    ),
    Column(
        "yolo_confidences",
        "list of 0 to 1, float32",
        YOLO,
        "Scores of the same objects, in the same order",
        "never: nothing is an empty list",
    ),
    Column(
        "label",
        "text",
        "",
        "What people call the stretch that the frame lies in",
        "the frame is not labelled",
    ),
)
REQUIRED = ("frame_index", "t")


def is_in(mode: str, column: Column) -> bool:
    """Tell whether a mode can have a column.

    Raises:
        DomainError: detector_unknown.
    """
    if mode not in MODES:
        raise DomainError("detector_unknown", f"{mode!r} is none of {', '.join(MODES)}.")
    return mode == FUSION or column.source in ("", mode)


def names_of(mode: str) -> tuple[str, ...]:
    """Return the names of the ``VALUES`` that a mode can have, in order."""
    return tuple(column.name for column in VALUES if is_in(mode, column))


def mode_of(names) -> str:
    """Return the narrowest mode that can have all these columns of ``VALUES``."""
    wanted = set(names)
    return next(
        (mode for mode in (MEDIAPIPE, YOLO) if wanted <= set(names_of(mode))),
        FUSION,
    )
