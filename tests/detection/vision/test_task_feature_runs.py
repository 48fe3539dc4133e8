"""Runs of frames: cut anywhere they give the same rows, on drawn moments and on real footage."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.vision import libraries
from detection.vision.backends import load_detector
from detection.vision.feature_tables import FeatureWriter, merge, read
from detection.vision.landmarks import Landmarks, kept
from detection.vision.task_features import FeatureExtractor
from detection.vision.video import open_source
from tests.detection.vision.task_looks import WIDE, Looks, body, seen

share = st.floats(0.0, 1.0, width=32)
place = st.tuples(share, share) | st.just((math.nan, math.nan))
boxes = st.tuples(share, share, share, share).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)


@st.composite
def moments(draw):
    """Return (landmarks, detections, seconds since the moment before)."""
    names = ("right_shoulder", "left_shoulder", "right_elbow", "right_wrist", "left_wrist")
    pose = body(**{name: draw(place) for name in names})
    hand = np.full((21, 3), (*draw(place), 0.0), np.float32)
    who = draw(st.sampled_from([Landmarks(), Landmarks(pose), Landmarks(pose, hand, hand)]))
    objects = draw(
        st.lists(st.tuples(st.sampled_from(["person", "cup"]), share, boxes), max_size=3)
    )
    return who, seen(*objects), draw(st.sampled_from([0.04, 0.1, 0.5, 1.0, 1.5]))


def stepped(extractor, rows, times, start):
    return [extractor.step(WIDE, times[start + k], start + k).values for k in range(len(rows))]


def over(rows):
    return FeatureExtractor(
        "fusion",
        landmarker=Looks([row[0] for row in rows]),
        detector=Looks([row[1] for row in rows]),
    )


@given(st.lists(moments(), min_size=1, max_size=8), st.data())
@settings(max_examples=80, deadline=None)
def test_going_on_from_a_state_gives_the_same_rows(rows, data):
    times = np.cumsum([row[2] for row in rows])
    whole = stepped(over(rows), rows, times, 0)
    cut = data.draw(st.integers(0, len(rows)))
    before = over(rows[:cut])
    first = stepped(before, rows[:cut], times, 0)
    after = over(rows[cut:])
    after.restore(json.loads(json.dumps(before.state())))
    second = stepped(after, rows[cut:], times, cut)
    assert np.array_equal(first + second, whole, equal_nan=True)


@given(st.lists(moments(), min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_no_number_is_infinite_and_angles_stay_in_their_range(rows):
    times = np.cumsum([row[2] for row in rows])
    extractor = over(rows)
    values = np.array(stepped(extractor, rows, times, 0))
    assert not np.isinf(values).any()
    angles = values[:, [name.endswith("_angle") for name in extractor.names]]
    assert np.all(np.isnan(angles) | ((angles >= 0.0) & (angles <= 180.0)))


@pytest.fixture(scope="module")
def detector(model_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    libraries.prepare(folder)
    return load_detector(
        "yolo11n.pt",
        model_dir=model_dir,
        cache_dir=folder,
        backend="openvino",
        input_size=416,
        precision="f32",
    )


def extractor_of(model_dir, detector):
    return FeatureExtractor("fusion", landmarker=kept(model_dir), detector=detector)


def frames_of(path, *, every, start=0.0, most=None):
    frames = (frame for frame in open_source(path).frames(start) if frame.index % every == 0)
    return itertools.islice(frames, most)


@pytest.mark.slow
def test_a_film_that_was_cut_is_the_same_to_the_byte(model_dir, detector, footage, tmp_path):
    film = footage / "worker-zone-detection-preview.mp4"
    made = []
    for name, cuts in (("whole", [10**6]), ("cut", [3, 7, 10**6])):
        for most in cuts:
            extractor = extractor_of(model_dir, detector)
            writer = FeatureWriter(
                tmp_path / name, "film", "fusion", part_rows=5, state_of=extractor.state
            )
            first, state = writer.resume_from()
            extractor.restore(state or {})
            wanted = (f for f in frames_of(film, every=4) if f.index >= first)
            for frame in itertools.islice(wanted, most):
                writer.add(extractor.step(frame.image(), frame.at_seconds, frame.index))
        writer.flush()
        merge(tmp_path / name, tmp_path / f"{name}.parquet")
        made.append((tmp_path / f"{name}.parquet").read_bytes())
    assert made[0] == made[1]
    table = read(tmp_path / "whole.parquet")
    assert table.frame_index.tolist() == list(range(0, 71, 4))


def column(table, name):
    return table.values[:, table.names.index(name)]


@pytest.mark.slow
def test_somebody_at_a_table_is_measured_and_an_empty_room_is_not(
    model_dir, detector, footage, tmp_path
):
    name = "one-by-one-person-detection"
    truth = json.loads((footage / f"{name}.events.json").read_text())
    extractor = extractor_of(model_dir, detector)
    writer = FeatureWriter(tmp_path / "parts", name, "fusion")
    for frame in frames_of(footage / f"{name}.mp4", every=5, most=140):
        writer.add(extractor.step(frame.image(), frame.at_seconds, frame.index))
    writer.flush()
    merge(tmp_path / "parts", tmp_path / "film.parquet")
    table = read(tmp_path / "film.parquet")
    stays = within(table.times, [visit["in_zone_s"] for visit in truth["visits"]])
    empty = ~within(table.times, [visit["visible_s"] for visit in truth["visits"]], leeway=1.0)
    assert stays.sum() > 30
    assert empty.sum() > 10
    people = column(table, "num_people")
    assert np.mean(people[stays] == 1) > 0.95
    assert np.mean(people[empty] == 0) > 0.95
    assert np.array_equal(np.isnan(column(table, "person_x")), people == 0)
    angles = [place for place, name in enumerate(table.names) if name.endswith("_angle")]
    has_angle = ~np.isnan(table.values[:, angles]).all(axis=1)
    assert has_angle[stays].mean() > 0.5
    assert has_angle[empty].mean() < 0.05


def within(times, spans, leeway=0.0):
    return np.any([(times >= a - leeway) & (times <= b + leeway) for a, b in spans], axis=0)


@pytest.mark.slow
def test_a_film_without_people_is_a_table_of_nobody(model_dir, detector, footage, tmp_path):
    extractor = extractor_of(model_dir, detector)
    writer = FeatureWriter(tmp_path / "parts", "cars", "fusion")
    for frame in frames_of(footage / "car-detection.mp4", every=40):
        writer.add(extractor.step(frame.image(), frame.at_seconds, frame.index))
    writer.flush()
    merge(tmp_path / "parts", tmp_path / "cars.parquet")
    table = read(tmp_path / "cars.parquet")
    of_mediapipe = [name.endswith(("_angle", "_x", "_dist")) for name in table.names]
    assert np.isnan(table.values[:, of_mediapipe]).all()
    assert (column(table, "num_people") == 0).all()
    assert (column(table, "num_objects") > 0).any()
