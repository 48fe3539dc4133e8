"""Track logs: what the rules saw comes back bit by bit, and so does what they make of it."""

import io
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.storage import default_storage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detection.rules.base import RuleSpec
from detection.rules.config import RulesConfig
from detection.services import replay, stored_tracks
from detection.services.tracklogs import TrackRows, pack_times, unpack_times
from detection.vision.types import Observation, TrackedFrame
from hitlsite import storage
from tests.detection.rules.scenes import HALL, VAULT, Visit, closed, film, make_engine, play
from tests.detection.rules.test_engine import ALL_RULES, crowded_film, scenarios
from tests.detection.track_logs import SIZE, store_frames

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

LEFT = RuleSpec("left", "object_left_unattended", parameters={"threshold_seconds": 10.0})
RUNNING = [RuleSpec("running", "rapid_movement"), RuleSpec("fight", "aggression"), LEFT]
boxes = st.tuples(*[st.floats(-0.2, 1.2)] * 4)
shown = st.builds(
    Observation,
    at_seconds=st.just(0.0),
    track_id=st.integers(1, 2**40),
    class_name=st.sampled_from(["person", "moving", "a bag"]),
    score=st.floats(0, 1),
    box_xyxy=boxes,
    limb_speed=st.none() | st.floats(0, 10),
)
frames_of_tracks = st.lists(
    st.tuples(
        st.floats(0.01, 20.0),
        st.lists(shown, max_size=3, unique_by=lambda one: one.track_id),
        st.lists(shown, max_size=2),
        st.lists(shown, max_size=2),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


def read_back(row):
    """Return the frames of a session as its logs give them."""
    frames = []
    for path in row.track_logs.order_by("segment__position").values_list("path", flat=True):
        columns = stored_tracks.read(path)
        script = stored_tracks.LogFrames(columns, columns.empty_at_seconds)
        for empty, frame, start, end in script:
            frames += [TrackedFrame(at) for at in empty]
            if frame is not None:
                frames.append(frame)
                told = [one.box_xyxy for one in frame.observations]
                assert script.boxes[start:end].tolist() == [list(box) for box in told]
    return frames


def in_order(frame):
    """Return a frame as a log keeps it: tracks by id, everything at the time of its frame.

    What rests, some of it first seen earlier, comes in the order of time.
    """
    seen = [replace(one, at_seconds=frame.at_seconds) for one in frame.observations]
    is_told = seen or frame.earlier or frame.foreground
    return replace(
        frame,
        observations=tuple(sorted(seen, key=lambda one: one.track_id)),
        foreground=tuple(sorted(frame.foreground, key=lambda one: (one.at_seconds, one.track_id))),
        is_held=frame.is_held if is_told else False,
    )


@given(steps=frames_of_tracks, cuts=st.sets(st.integers(0, 8), max_size=2))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_value_comes_back(db, steps, cuts):
    frames, at_seconds = [], 0.0
    for pause, seen, earlier, static, is_held in steps:
        at_seconds += pause
        past = [replace(one, at_seconds=at_seconds - 0.37) for one in earlier]
        rest = [replace(one, at_seconds=at_seconds - 1.3 * at) for at, one in enumerate(static)]
        frames.append(TrackedFrame(at_seconds, tuple(seen), tuple(past), is_held, tuple(rest)))
    row = store_frames(frames, restarts=cuts)
    assert read_back(row) == [in_order(frame) for frame in frames]


def noisy_film(scenario, seed, pause):
    """Return frames with late confirmations, held frames, things at rest and a long silence."""
    frames = crowded_film(scenario, seed)
    told = []
    for number, frame in enumerate(frames):
        at = frame.at_seconds + (pause if number > len(frames) // 2 else 0.0)
        if at != frame.at_seconds:
            move = [replace(one, at_seconds=one.at_seconds + pause) for one in frame.earlier]
            frame = replace(frame, at_seconds=at, earlier=tuple(move))
        bag = Observation(at, 1, "suitcase", 0.9, (0.4, 0.8, 0.45, 0.9))
        rest = (bag,) if 30 < number < 60 and seed % 2 else ()
        is_held = bool(frame.observations) and (number + seed) % 7 == 0 and not frame.earlier
        told.append(replace(frame, foreground=rest, is_held=is_held))
        if number == len(frames) // 2:
            told += [TrackedFrame(at + k / 5) for k in range(1, int(pause * 5) + 1)]
    return told


@given(
    scenario=scenarios,
    seed=st.integers(0, 1000),
    pause=st.sampled_from([0, 3, 45]),
    restarts=st.sets(st.integers(0, 150), max_size=3),
    segment_seconds=st.sampled_from([2.0, 13.0, 60.0]),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_replay_is_the_engine_run_on_the_same_frames(
    db, scenario, seed, pause, restarts, segment_seconds
):
    frames = noisy_film(scenario, seed, pause)
    rules = [*ALL_RULES, *RUNNING]
    row = store_frames(frames, restarts=restarts, segment_seconds=segment_seconds)
    direct = closed(play(make_engine(rules), frames))
    found = replay.replay(row.camera, RulesConfig((HALL, VAULT), tuple(rules)))
    assert [
        (one.key, one.opened_at_seconds, one.closed_at_seconds, one.close_reason, one.track_ids)
        for one in found
    ] == [
        (one.key, one.opened_at_seconds, one.closed_at_seconds, one.close_reason, one.track_ids)
        for one in direct
    ]
    assert [[hit["why"] for hit in one.hits] for one in found] == [
        [hit.why for hit in one.hits] for one in direct
    ]
    assert [[hit["numbers"] for hit in one.hits] for one in found] == [
        [hit.numbers for hit in one.hits] for one in direct
    ]


class TestRows:
    def bag(self, at_seconds):
        return Observation(at_seconds, -7, "suitcase", 0.9, (0.4, 0.8, 0.45, 0.9))

    def test_what_rests_is_told_late_and_is_seen_in_the_clip(self):
        late = TrackedFrame(14.0, foreground=(self.bag(3.0), self.bag(14.0)))
        row = store_frames([*film([Visit(1, 0, 9)], until=13.9), late])
        assert read_back(row)[-1] == late
        tables = [pq.read_table(default_storage.path(log.path)) for log in row.track_logs.all()]
        assert set(tables[0]["source"].to_pylist()) == {"detector"}
        assert tables[1]["source"].to_pylist() == ["foreground"] * 2
        rows = TrackRows()
        rows.add(late)
        told = [(one["at_seconds"], one["track_id"]) for one in rows.between(0, 20)]
        assert told == [(3.0, -7), (14.0, -7)]

    def test_what_rests_reaches_the_rules(self):
        frames = [
            replace(frame, foreground=(self.bag(frame.at_seconds),))
            if frame.at_seconds >= 5
            else frame
            for frame in film([Visit(1, 0, 8, x=0.45)], until=40)
        ]
        (found,) = replay.replay(store_frames(frames).camera, RulesConfig((HALL,), (LEFT,)))
        (direct,) = closed(play(make_engine([LEFT], zones=(HALL,)), frames))
        assert (found.key, found.why) == (direct.key, direct.hits[0].why)
        assert found.category == "object_left_unattended"

    def resting(self, until=120.0):
        """Return frames of 32 things at rest, of which one is hidden now and then."""
        frames = []
        for k in range(int(until * 5)):
            at = k / 5
            rest = [
                Observation(at, -number, "unknown object", 0.97, (0.1, 0.1, 0.2, 0.2))
                for number in range(1, 33)
            ]
            if int(at) % 10 == 3:
                rest[6] = replace(rest[6], score=0.6)
            shown = rest[: 20 if 30 <= at < 40 else 32]
            frames.append(TrackedFrame(at, foreground=tuple(shown), is_held=60 <= at < 70))
        return frames

    def test_what_rests_has_a_row_only_where_something_about_it_changed(self):
        frames = self.resting()
        row = store_frames(frames, segment_seconds=60.0, restarts=(101, 333))
        assert read_back(row) == [in_order(frame) for frame in frames]
        assert sum(log.row_count for log in row.track_logs.all()) < 300

    def test_what_rests_is_in_every_frame_of_a_clip(self):
        rows = TrackRows()
        for frame in self.resting():
            rows.add(frame)
        told = rows.between(25.0, 45.0)
        times = [one["at_seconds"] for one in told if one["track_id"] == -30]
        assert times == [k / 5 for k in range(125, 226) if not 30 <= k / 5 < 40]
        assert {one["track_id"] for one in rows.between(25, 45, at_rest=[-3])} == {-3}

    def test_what_has_rested_for_long_is_in_a_clip_of_the_next_segment(self):
        rows = TrackRows()
        for frame in self.resting():
            if frame.at_seconds in (60.0, 100.0):
                rows.forget_before(frame.at_seconds - 20.0)
            rows.add(frame)
        told = [one["at_seconds"] for one in rows.between(81, 119, at_rest=[-1])]
        assert told == [k / 5 for k in range(405, 596)]

    def test_a_frame_given_twice_is_one(self):
        rows = TrackRows()
        for at_seconds in (1.0, 1.0, 0.5, 2.0):
            rows.add(film([Visit(1, 0, 9)], phase=at_seconds, until=at_seconds + 0.1)[0])
        assert rows.count_from(0.0) == 2
        assert [one["at_seconds"] for one in rows.between(0, 9)] == [1.0, 2.0]

    def test_an_empty_session(self):
        row = store_frames([TrackedFrame(k / 5) for k in range(200)])
        assert [log.row_count for log in row.track_logs.all()] == [0] * 4
        assert read_back(row) == [TrackedFrame(k / 5) for k in range(200)]
        config = RulesConfig((HALL, VAULT), tuple(ALL_RULES))
        assert replay.replay(row.camera, config) == []

    def test_the_session_is_told_of(self):
        row = store_frames(film([Visit(1, 0, 2)], until=4), fps=4.5)
        columns = stored_tracks.read(row.track_logs.get().path)
        assert (columns.sampling_fps, columns.frame_size) == (4.5, SIZE)
        assert columns.last_seconds == pytest.approx(3.8)

    @given(st.lists(st.floats(0, 1e9), max_size=30))
    def test_times_are_packed_exactly(self, times):
        import numpy as np

        array = np.array(sorted(times), np.float64)
        assert unpack_times(pack_times(array)).tolist() == array.tolist()


def test_logs_of_an_older_version_are_replayed_with_defaults():
    """Such files know neither held frames nor empty ones, nor the session's sampling rate."""
    frames = film([Visit(1, 1, 9), Visit(2, 20, 31)], until=40)
    config = RulesConfig((HALL, VAULT), tuple(ALL_RULES))
    row = store_frames(frames)
    before = replay.replay(row.camera, config)
    for log in row.track_logs.all():
        table = pq.read_table(default_storage.path(log.path)).replace_schema_metadata(None)
        new = ["limb_speed", "known_at_seconds", "is_held", "is_static"]
        table = table.drop_columns(new)
        for name in ("score", "x1", "y1", "x2", "y2"):
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, table[name].cast(pa.float32()))
        stream = io.BytesIO()
        pq.write_table(table, stream)
        log.path, log.sha256, _ = storage.store_bytes(1, "tracks", stream.getvalue(), suffix=".p")
        log.save()
    after = replay.replay(row.camera, config)
    assert [(one.key, one.closed_at_seconds, one.why) for one in after] == [
        (one.key, one.closed_at_seconds, one.why) for one in before
    ]
