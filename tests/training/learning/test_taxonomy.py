"""Places of classes outlive renames, merges and their undoing, and no name stands twice."""

from hypothesis import given
from hypothesis import strategies as st

from training.learning.taxonomy import Labelled, placed


def names(rows):
    return [row["name"] for row in rows]


def test_classes_with_boxes_get_places_in_order():
    classes = [Labelled(1, "person"), Labelled(2, "bicycle"), Labelled(3, "car")]

    rows, places = placed([], classes, {3, 1})

    assert names(rows) == ["person", "car"]
    assert places == {1: 0, 3: 1}


def test_a_rename_touches_the_name_only():
    rows, _ = placed([], [Labelled(1, "person"), Labelled(2, "car")], {1, 2})

    renamed = [Labelled(1, "human", ("person",)), Labelled(2, "car")]
    rows, places = placed(rows, renamed, {1, 2})

    assert names(rows) == ["human", "car"]
    assert rows[0]["former"] == ["person"]
    assert places == {1: 0, 2: 1}


def test_a_merged_class_keeps_its_place_and_its_boxes_count_elsewhere():
    first, _ = placed([], [Labelled(1, "car"), Labelled(2, "truck")], {1, 2})

    rows, places = placed(first, [Labelled(1, "car"), Labelled(2, "truck", (), 1)], {1})

    assert names(rows) == ["car", "truck (merged)"]
    assert rows[1]["merged_into"] == "car" and rows[1]["label_classes"] == [2]
    assert rows[0]["former"] == ["truck"]
    assert places == {1: 0, 2: 0}

    back, places = placed(rows, [Labelled(1, "car"), Labelled(2, "truck")], {1, 2})
    assert (names(back), places) == (["car", "truck"], {1: 0, 2: 1})
    assert "merged_into" not in back[1] and back[0]["former"] == []


def test_a_new_class_never_takes_a_used_place():
    first, _ = placed([], [Labelled(1, "car"), Labelled(2, "truck")], {1, 2})
    classes = [Labelled(1, "car"), Labelled(2, "truck", (), 1), Labelled(3, "truck")]

    rows, places = placed(first, classes, {1, 3})

    assert names(rows) == ["car", "truck (merged)", "truck"]
    assert places == {1: 0, 2: 0, 3: 2}
    assert rows[0]["former"] == []


def test_a_class_that_vanished_keeps_its_place():
    first, _ = placed([], [Labelled(1, "car"), Labelled(2, "truck")], {1, 2})

    rows, places = placed(first, [Labelled(1, "car")], {1})

    assert names(rows) == ["car", "truck"]
    assert places == {1: 0}


def test_two_places_that_come_to_one_name_are_one_class():
    first, _ = placed([], [Labelled(1, "car"), Labelled(9, "van")], {1, 9})

    rows, places = placed(first, [Labelled(1, "van", ("car",)), Labelled(9, "van")], {1, 9})

    assert names(rows) == ["van", "van (merged)"]
    assert places == {1: 0, 9: 0}


steps = st.lists(
    st.tuples(st.sampled_from(["rename", "merge", "split"]), st.integers(1, 6), st.integers(1, 6)),
    max_size=12,
)


@given(steps, st.sets(st.integers(1, 6), min_size=1))
def test_whatever_happens_names_are_unique_and_places_stay(happened, used):
    classes = {pk: Labelled(pk, f"class {pk % 4}") for pk in range(1, 7)}
    rows, places = placed([], classes.values(), used)
    for act, pk, other in happened:
        one, target = classes[pk], classes[other]
        if act == "rename":
            classes[pk] = Labelled(pk, f"name {other}", (*one.former, one.name), one.standing)
        elif act == "merge" and pk != other and not target.is_merged and not one.is_merged:
            if not any(held.standing == pk for held in classes.values()):
                classes[pk] = Labelled(pk, one.name, one.former, other)
        elif act == "split":
            classes[pk] = Labelled(pk, one.name, one.former)
        before = rows
        rows, places = placed(rows, classes.values(), used)

        assert [row["label_classes"] for row in rows][: len(before)] == [
            seat["label_classes"] + rows[at]["label_classes"][len(seat["label_classes"]) :]
            for at, seat in enumerate(before)
        ]
        folded = [name.casefold() for name in names(rows)]
        assert len(set(folded)) == len(folded)
        assert all("merged_into" not in rows[place] for place in places.values())
