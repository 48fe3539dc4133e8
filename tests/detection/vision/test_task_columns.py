"""The page about columns says what the code has, column by column."""

import pytest

from detection.vision.task_columns import MODES, OTHERS, VALUES, mode_of, names_of
from hitlsite.errors import DomainError
from tests.architecture.tree import ROOT

SOURCES = {"": "always", "mediapipe": "mediapipe", "yolo": "detector", "fusion": "both"}


def described(heading):
    """Return the rows of the table under a heading of the page, cells without their backticks."""
    text = (ROOT / "docs/features.md").read_text(encoding="utf-8")
    section = text.split(f"### {heading}\n")[1].split("\n#")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.parametrize(
    ("heading", "columns"), [("Numbers that models see", VALUES), ("The rest", OTHERS)]
)
def test_the_page_describes_every_column_as_it_is(heading, columns):
    assert described(heading) == [
        [one.name, one.unit, SOURCES[one.source], one.meaning, one.missing] for one in columns
    ]


def test_names_are_there_once():
    names = [column.name for column in (*VALUES, *OTHERS)]
    assert len(names) == len(set(names))


def test_what_is_promised_by_name_is_there():
    both = [f"{side}_{name}" for side in ("right", "left") for name in (
        *("elbow_angle", "shoulder_angle", "knee_angle", "hip_angle"),
        *("hand_x", "hand_y", "hand_vx", "hand_vy", "hand_speed"),
    )]  # fmt: skip
    assert {*both, "hand_obj_dist", "num_objects"} <= set(names_of("fusion"))


@pytest.mark.parametrize("mode", MODES)
def test_the_narrowest_mode_of_a_mode_s_columns_is_itself(mode):
    assert mode_of(names_of(mode)) == mode


@pytest.mark.parametrize(
    ("names", "mode"),
    [
        (["num_people"], "yolo"),
        (["right_hand_x"], "mediapipe"),
        (["right_hand_x", "num_people"], "fusion"),
        (["hand_obj_dist"], "fusion"),
    ],
)
def test_the_narrowest_mode_of_some_columns(names, mode):
    assert mode_of(names) == mode


def test_a_mode_that_is_none_is_named():
    with pytest.raises(DomainError, match="'both' is none of fusion, mediapipe, yolo"):
        names_of("both")
