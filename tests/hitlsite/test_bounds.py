"""What strangers send is bounded, and the bounds themselves are still let in."""

from datetime import date, datetime

import pytest

from hitlsite.bounds import LARGEST_ID, MOST_NESTED, as_id, is_day_in_range, read_json


@pytest.mark.parametrize(
    ("given", "pk"),
    [(0, 0), (7, 7), ("7", 7), ("007", 7), (LARGEST_ID, LARGEST_ID), (str(LARGEST_ID), LARGEST_ID)],
)
def test_an_id_is_read(given, pk):
    assert as_id(given) == pk


@pytest.mark.parametrize(
    "given",
    [-1, LARGEST_ID + 1, 10**30, "", "x", "-1", "+1", " 1", "٣", "²", "9" * 19, "9" * 5000]
    + [None, True, 1.0, float("inf"), [1], {}],
)
def test_what_can_be_no_id_is_none(given):
    assert as_id(given) is None


@pytest.mark.parametrize(
    ("day", "is_near"),
    [
        (date(1900, 1, 1), True),
        (date(8999, 12, 31), True),
        (datetime(2026, 3, 29, 2, 30), True),
        (date.min, False),
        (date.max, False),
        (datetime.max, False),
    ],
)
def test_a_day_leaves_room_around_it(day, is_near):
    assert is_day_in_range(day) is is_near


@pytest.mark.parametrize(
    "text", ['{"a": [1, 2.5, "\\u00e9", null]}', b'{"a": [1, 2.5, "\xc3\xa9", null]}']
)
def test_json_is_read_from_text_and_bytes(text):
    assert read_json(text) == {"a": [1, 2.5, "é", None]}


def test_json_may_be_nested_to_the_limit():
    assert read_json("[" * MOST_NESTED + "]" * MOST_NESTED)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * (MOST_NESTED + 1) + "]" * (MOST_NESTED + 1), "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("[NaN]", "NaN is no number"),
        ("-Infinity", "-Infinity is no number"),
        ('"\\ud800"', "surrogates not allowed"),
        (b"\xff", "decode"),
        ("", "Expecting value"),
        ("9" * 5000, "digits"),
    ],
)
def test_json_that_cannot_be_used_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        read_json(text)
