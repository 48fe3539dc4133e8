"""What has come to rest is found, whatever the light and the sampling rate, and nothing else is."""

import numpy as np
import pytest

from detection.checkpoints import decode, encode
from detection.vision.frames import SourceFrame
from detection.vision.settled import correlate
from detection.vision.static_objects import MOST_THINGS, StaticForeground
from detection.vision.types import Observation, TrackedFrame
from tests.detection.stage import HEIGHT, PERSON, WIDTH, Stage, bag, person, room, texture

PUT_DOWN = 10.0
BAG = bag(PUT_DOWN, 999, 160)
BAG_BOX = (150 / WIDTH, 134 / HEIGHT, 170 / WIDTH, 150 / HEIGHT)
ACROSS, DOWN = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
LAMP = np.exp(-(((ACROSS - 240) / 120) ** 2) - ((DOWN - 60) / 90) ** 2)
DESK_LAMP = np.exp(-(((ACROSS - 240) / 40) ** 2) - ((DOWN - 110) / 30) ** 2)
BEAM = (abs(ACROSS - 240) < 30) & (abs(DOWN - 120) < 15)


def track(stage, at_seconds):
    """Return what a tracker would tell if it never erred: one track a detected actor."""
    seen = []
    for number, actor in enumerate(stage.actors, start=1):
        if not (actor.is_here(at_seconds) and actor.class_name and actor.is_detected(at_seconds)):
            continue
        box = actor.box(at_seconds)
        if box is not None:
            place = tuple(edge / side for edge, side in zip(box, (WIDTH, HEIGHT) * 2, strict=True))
            seen.append(Observation(at_seconds, number, actor.class_name, 0.9, place))
    return TrackedFrame(at_seconds, tuple(seen))


def watch(stage, *, fps=5, until=40, statics=None, start=0.0):
    """Return (time, observations) of every frame."""
    statics = statics or StaticForeground()
    return [
        (frame.at_seconds, statics.update(frame, track(stage, frame.at_seconds)))
        for frame in stage.frames(fps, until)
        if frame.at_seconds >= start
    ]


def seen_in(told):
    """Return {id: (first, last time)} of everything that was told."""
    spans = {}
    for _, observations in told:
        for one in observations:
            first, _ = spans.get(one.track_id, (one.at_seconds, None))
            spans[one.track_id] = (first, one.at_seconds)
    return spans


@pytest.mark.parametrize("fps", [25, 10, 5, 2])
def test_a_bag_is_found_at_its_place_from_when_it_was_put_down(fps):
    told = watch(Stage([BAG]), fps=fps, until=30)

    ((first, last),) = seen_in(told).values()
    assert first == pytest.approx(PUT_DOWN, abs=0.51)
    assert last == told[-1][0]
    settled = next(at for at, observations in told if observations)
    assert settled - first == pytest.approx(4.0, abs=0.6)
    for one in told[-1][1]:
        assert one.class_name == "unknown object"
        assert 0.9 < one.score <= 1.0
        np.testing.assert_allclose(one.box_xyxy, BAG_BOX, atol=5 / HEIGHT)


@pytest.mark.parametrize("fps", [1, 0.5, 0.25, 0.2])
def test_a_bag_is_found_as_soon_as_rare_frames_can_tell(fps):
    told = watch(Stage([BAG]), fps=fps, until=60)

    settled = next(at for at, observations in told if observations)
    assert settled <= PUT_DOWN + 4.0 + 2 / fps
    assert len(seen_in(told)) == 1


def test_a_gap_in_a_stream_is_no_time_at_rest():
    """What stood there before the gap and after it need not have stood there meanwhile."""
    statics, stage = StaticForeground(), Stage([BAG])
    watch(stage, until=11.0, statics=statics)

    frame = next(frame for frame in stage.frames(0.01, 200) if frame.at_seconds >= 100)
    assert statics.update(frame, track(stage, frame.at_seconds)) == ()


def test_the_first_sighting_is_told_once_and_everything_else_is_of_the_frame():
    told = watch(Stage([BAG]), until=30)

    backdated = [(at, one) for at, seen in told for one in seen if one.at_seconds != at]
    assert len(backdated) == 1
    assert {len(seen) for at, seen in told if at > 20} == {1}


def test_a_bag_that_is_taken_away_is_gone_and_leaves_nothing():
    told = watch(Stage([bag(10, 25, 160)]), until=60)

    ((_, last),) = seen_in(told).values()
    assert last == pytest.approx(25, abs=0.5)


def test_what_stood_there_from_the_start_is_background_and_leaves_no_ghost():
    assert seen_in(watch(Stage([bag(0, 15, 160)]), until=50)) == {}


def test_what_the_first_person_hid_was_there_from_the_start():
    first = person((0, 160, 150), (8, 160, 150), (11, 340, 150))

    assert seen_in(watch(Stage([bag(0, 99, 160), first]), until=40)) == {}


@pytest.mark.parametrize(
    "light",
    [
        lambda at: 1.5 if 10 <= at < 30 else 1.0,
        lambda at: 0.6 if 10 <= at < 30 else 1.0,
        lambda at: 1 + 0.8 * LAMP if 10 <= at < 30 else 1.0,
        lambda at: 1 + 0.6 * DESK_LAMP if 10 <= at < 30 else 1.0,
        lambda at: 1 + 0.4 * BEAM if 10 <= at < 30 else 1.0,
        lambda at: 1 - 0.5 * at / 60,
        lambda at: 1 + 0.4 * LAMP * at / 60,
    ],
    ids=["brighter", "darker", "lamp", "desk lamp", "beam", "dusk", "sun comes round"],
)
@pytest.mark.parametrize("fps", [5, 2])
def test_light_is_no_thing(light, fps):
    assert seen_in(watch(Stage([], light=light), fps=fps, until=60)) == {}


@pytest.mark.parametrize("switched_at", [11.0, 13.0, 20.0])
def test_a_bag_outlives_a_lamp(switched_at):
    def light(at_seconds):
        return 1 + 0.8 * LAMP if switched_at <= at_seconds < 30 else 1.0

    told = watch(Stage([BAG], light=light), until=50)

    ((first, last),) = seen_in(told).values()
    assert first == pytest.approx(PUT_DOWN, abs=0.5)
    assert last == told[-1][0]


def test_a_bag_outlives_dusk():
    told = watch(Stage([BAG], light=lambda at_seconds: 1 - 0.6 * at_seconds / 120), until=120)

    ((_, last),) = seen_in(told).values()
    assert last == told[-1][0]


@pytest.mark.parametrize("is_seen", [True, False], ids=["detected", "undetected"])
def test_whoever_stands_before_a_bag_does_not_end_it(is_seen):
    passers_by = [
        person((at, -20, 156), (at + 3, 160, 156), (at + 6, 160, 156), (at + 9, 340, 156))
        for at in (18, 32)
    ]
    if not is_seen:
        passers_by = [person(*one.way, is_detected=lambda at_seconds: False) for one in passers_by]
    told = watch(Stage([BAG, *passers_by]), until=50)

    bags = [span for span in seen_in(told).values() if span[0] < 12]
    assert [last for _, last in bags] == [told[-1][0]]


def test_people_who_are_detected_are_no_things():
    standing = person((3, -20, 150), (6, 160, 150), (60, 160, 150))

    assert seen_in(watch(Stage([standing]), until=60)) == {}


def test_somebody_whose_detection_flickers_now_and_then_does_not_come_to_rest():
    missed = np.random.default_rng(1).random(500) < 0.2
    standing = person(
        (3, -20, 150),
        (6, 160, 150),
        (90, 160, 150),
        is_detected=lambda at_seconds: not missed[int(at_seconds * 2)],
    )

    assert seen_in(watch(Stage([standing]), until=90)) == {}


def test_a_detected_bag_does_not_hide_itself():
    detected = bag(PUT_DOWN, 999, 160, class_name="backpack")

    assert len(seen_in(watch(Stage([detected]), until=25))) == 1


def test_two_bags_are_two_things_numbered_in_order():
    told = watch(Stage([BAG, bag(15, 99, 90, seed=52)]), until=30)

    assert list(seen_in(told)) == [-1, -2]


def test_a_bag_that_comes_into_view_in_parts_is_one():
    owner = person((5, 145, 150), (16, 145, 150), (19, -20, 150))

    told = watch(Stage([BAG, owner]), until=40)

    assert list(seen_in(told)) == [-1]
    np.testing.assert_allclose(told[-1][1][0].box_xyxy, BAG_BOX, atol=6 / HEIGHT)


def test_another_frame_size_starts_anew():
    statics = StaticForeground()
    watch(Stage([BAG]), until=20, statics=statics)
    image = np.ascontiguousarray(Stage([BAG]).image(20.0)[::2, ::2])

    after = [
        statics.update(SourceFrame.from_image(image, 20.0 + k / 5), TrackedFrame(20.0 + k / 5))
        for k in range(60)
    ]

    assert set(after) == {()}


def test_times_that_do_not_advance_change_nothing():
    statics = StaticForeground()
    told = watch(Stage([BAG]), until=20, statics=statics)
    again = SourceFrame.from_image(Stage([BAG]).image(5.0), 5.0)

    assert len(statics.update(again, TrackedFrame(5.0))) == len(told[-1][1])


@pytest.mark.parametrize("split", [0.0, 0.2, 9.0, 11.0, 13.8, 14.0, 14.2, 21.0, 26.2])
def test_a_run_split_anywhere_is_the_unsplit_run(split):
    stage = Stage([bag(10, 25, 160), person((18, -20, 156), (24, 340, 156))])
    whole = watch(stage, until=30)

    first = StaticForeground()
    before = watch(stage, until=split, statics=first)
    second = StaticForeground()
    second.restore(decode(encode(first.state())))
    after = watch(stage, until=30, statics=second, start=split)

    assert before + after == whole


def test_what_is_remembered_is_bounded():
    rng = np.random.default_rng(5)
    image = room().copy()
    clean = np.stack([image.astype(np.uint8)] * 3, axis=-1)
    for row in range(6):
        for column in range(12):
            y, x = 8 + 28 * row, 6 + 26 * column
            image[y : y + 10, x : x + 10] = rng.choice([10, 245])
    littered = np.stack([image.astype(np.uint8)] * 3, axis=-1)

    statics = StaticForeground()
    for k in range(60):
        frame = SourceFrame.from_image(clean if k < 20 else littered, k / 5)
        told = statics.update(frame, TrackedFrame(k / 5))

    assert 0 < len(told) <= MOST_THINGS


def test_shapes_are_compared_and_not_brightness():
    look = texture(4, PERSON)

    assert correlate(look, look * 1.6 + 20) > 0.95
    assert correlate(look, np.full_like(look, 90.0)) < 0.5
    assert correlate(np.full_like(look, 60.0), np.full_like(look, 90.0)) == pytest.approx(1.0)
    assert correlate(look, 255 - look) < 0
