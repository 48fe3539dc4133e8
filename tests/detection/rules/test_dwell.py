"""Loitering and presence: what counts as a stay, and of whom."""

from dataclasses import replace

import pytest

from detection.rules.base import RuleSpec, Timing, format_seconds
from tests.detection.rules.scenes import HALL, OUTSIDE, Visit, film, loitering, make_engine, run


@pytest.mark.parametrize("seconds, count", [(4.8, 0), (5.0, 1), (12.0, 1)])
def test_a_stay_fires_when_it_reaches_the_threshold(seconds, count):
    assert len(run([loitering(5)], [Visit(1, 0, seconds)])) == count


@pytest.mark.parametrize("gap, opened", [(0.2, 5.0), (2.0, 5.0), (3.0, 11.0)])
def test_gaps_up_to_the_grace_are_bridged(gap, opened):
    away = Visit(1, 3.1, 2.9 + gap, feet=OUTSIDE)
    visits = [Visit(1, 0, 3), away, Visit(1, 3 + gap, 20)]
    (incident,) = run([loitering(5)], visits)
    assert incident.opened_at_seconds == pytest.approx(opened, abs=0.2)


def test_a_jittering_box_at_the_zones_edge_is_one_stay():
    visits = []
    for step in range(40):
        inside = step % 3 != 1
        visits.append(Visit(1, step / 2, step / 2 + 0.49, feet=0.7 if inside else 0.69))
    (incident,) = run([loitering(5)], visits)
    assert 5.0 <= incident.opened_at_seconds < 5.8  # outside from 5.0 to 5.5
    assert incident.closed_at_seconds == pytest.approx(19.9, abs=0.2)


def test_the_grace_is_a_parameter():
    visits = [Visit(1, 0, 3), Visit(1, 3.1, 6.9, feet=OUTSIDE), Visit(1, 7, 12)]
    assert len(run([loitering(6, grace_seconds=4)], visits)) == 1
    assert run([loitering(6, grace_seconds=1)], visits) == []


@pytest.mark.parametrize("classes, count", [((), 2), (("person",), 1), (("dog", "cat"), 1)])
def test_a_rule_takes_its_classes_and_without_any_takes_all(classes, count):
    visits = [Visit(1, 0, 9, x=0.2), Visit(2, 0, 9, x=0.8, class_name="dog")]
    assert len(run([replace(loitering(), classes=classes)], visits)) == count


def test_without_zones_the_whole_frame_counts():
    rule = replace(loitering(), zones=())
    (incident,) = run([rule], [Visit(1, 0, 9, feet=OUTSIDE)], zones=[])
    assert incident.hits[0].zone == "frame"
    assert incident.hits[0].why == "person loitering in frame for 9 s"


def test_dwell_is_counted_in_each_zone_by_itself():
    left = replace(HALL, name="left", polygon=((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
    right = replace(HALL, name="right", polygon=((0.5, 0), (1, 0), (1, 1), (0.5, 1)))
    rule = replace(loitering(5), zones=("left", "right"))
    visits = [Visit(1, 0, 4, x=0.4), Visit(1, 4.1, 12, x=0.6)]
    (incident,) = run([rule], visits, zones=[left, right])
    assert [(hit.zone, hit.opened_at_seconds) for hit in incident.hits] == [("right", 9.2)]


@pytest.mark.parametrize(
    "class_name, category",
    [
        ("person", "person_detected"),
        ("car", "vehicle_detected"),
        ("truck", "vehicle_detected"),
        ("bus", "vehicle_detected"),
        ("motorcycle", "vehicle_detected"),
        ("bicycle", "vehicle_detected"),
        ("train", "vehicle_detected"),
        ("moving", "unknown"),
        ("dog", "unknown"),
    ],
)
def test_presence_is_named_for_who_is_present(class_name, category):
    rule = RuleSpec("presence", "presence")
    (incident,) = run([rule], [Visit(1, 0, 4, class_name=class_name)])
    assert incident.category == category
    assert incident.opened_at_seconds == 1.0
    assert incident.hits[0].why == f"{class_name} present in frame for 4 s"


@pytest.mark.parametrize("fps, stay", [(10, 1.0), (2, 1.0), (3, 1.0), (1, 1.0), (0.2, 0.0)])
def test_a_threshold_is_rounded_down_to_the_sampling_grid(fps, stay):
    timing = Timing(sample_seconds=1 / fps, lost_seconds=2.0)
    assert timing.shortest_stay(1.0) == pytest.approx(stay, abs=0.003)


def test_pictures_further_apart_than_the_threshold_still_fire():
    engine = make_engine([loitering(5)], fps=0.1)
    frames = film([Visit(1, 0, 40)], fps=0.1)
    assert [t.kind for frame in frames for t in engine.update(frame)][:1] == ["opened"]


@pytest.mark.parametrize(
    "seconds, text", [(0.0, "0 s"), (1.25, "1.2 s"), (9.0, "9 s"), (9.97, "10 s"), (45.3, "45 s")]
)
def test_durations_are_written_for_people(seconds, text):
    assert format_seconds(seconds) == text
