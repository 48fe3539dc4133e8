"""A camera that changes its resolution in mid-stream: everything goes on, normalised.

Clips keep the size that they began with, whatever comes: a wider picture is squeezed into it, so
that boxes, zones and private polygons lie where they lie in the picture.
"""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from detection.vision import recording
from detection.vision.boxes import Letterbox
from detection.vision.motion import MotionDetector, MotionGate
from detection.vision.recording import EvidenceRecorder
from detection.vision.static_objects import StaticForeground
from detection.vision.stills import StillKeeper
from detection.vision.tracking import make_tracker
from detection.vision.types import Detections, Observation, TrackedFrame
from detection.vision.video import open_source
from tests.detection.vision.scenes import HEIGHT, WIDTH, empty_scene, frame_of, with_person

# The same shape larger and smaller, another shape, upright, and odd numbers.
SIZES = [(640, 360), (160, 90), (240, 180), (180, 320), (321, 181)]
PRIVATE = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))


def scaled(image, size):
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def scene(at_seconds, size=(WIDTH, HEIGHT), *, walks=True):
    """Return a frame of somebody who walks to the right, in any size."""
    image = with_person(empty_scene(), 20 + 12 * at_seconds if walks else 140)
    return frame_of(scaled(image, size), at_seconds)


def walker_box(at_seconds):
    left = (20 + 12 * at_seconds) / WIDTH
    return (left, 60 / HEIGHT, left + 34 / WIDTH, 150 / HEIGHT)


class TestGate:
    @pytest.mark.parametrize("size", SIZES)
    def test_looks_at_the_first_frame_of_another_shape_and_rests_again(self, size):
        gate, tracked = MotionGate(), TrackedFrame(0.0)
        times = [k / 5 for k in range(40)]
        asked = [
            at
            for at in times
            if gate.needs_detection(
                scene(at, size if at >= 3 else (WIDTH, HEIGHT), walks=False), tracked
            )
        ]
        assert len(asked) <= 6
        if size[0] * HEIGHT != size[1] * WIDTH:
            assert 3.0 in asked

    @pytest.mark.parametrize("size", SIZES)
    def test_a_state_from_before_serves_after(self, size):
        gate, other = MotionGate(), MotionGate()
        for number in range(10):
            gate.needs_detection(scene(number / 5), TrackedFrame(number / 5))
        other.restore(gate.state())
        assert other.needs_detection(scene(2.0, size), TrackedFrame(1.8)) in (True, False)


class TestMotionDetector:
    @pytest.mark.parametrize("size", [(640, 360), (160, 90), (321, 181)])
    def test_the_same_picture_in_another_size_is_no_new_scene(self, size):
        """Somebody who stands there must not become background when the resolution changes."""
        detector = MotionDetector()
        for number in range(60):
            at = number / 5
            image = empty_scene() if at < 6 else scene(at, walks=False).image()
            detector.detect(image, at)
        found = detector.detect(scene(12.0, size, walks=False).image(), 12.0)
        assert len(found) == 1
        wanted = np.array((140 / WIDTH, 60 / HEIGHT, 174 / WIDTH, 150 / HEIGHT))
        assert np.abs(found.boxes_xyxy[0] - wanted).max() < 0.05

    @pytest.mark.parametrize("size", [(240, 180), (180, 320)])
    def test_another_shape_is_learnt_anew(self, size):
        detector = MotionDetector()
        for number in range(30):
            detector.detect(empty_scene(), number / 5)
        for number in range(30, 60):
            detector.detect(scaled(empty_scene(), size), number / 5)
        found = detector.detect(scene(12.0, size, walks=False).image(), 12.0)
        assert len(found) == 1
        assert ((found.boxes_xyxy >= 0) & (found.boxes_xyxy <= 1)).all()


@pytest.mark.parametrize("size", SIZES)
def test_letterboxes_give_the_same_normalised_box(size):
    width, height = size
    letterbox = Letterbox.fit(height, width, size=640)
    wanted = np.array([[0.25, 0.4, 0.5, 0.9]])
    inside = np.array([letterbox.scaled_width, letterbox.scaled_height] * 2)
    offset = np.array([letterbox.left, letterbox.top] * 2)
    assert letterbox.to_picture(wanted * inside + offset) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("kind", ["botsort", "bytetrack"])
def test_a_track_goes_on(kind):
    """The tracker sees normalised boxes only: a change of resolution is no change at all."""
    tracker = make_tracker(kind, sampling_fps=5, frame_size=(WIDTH, HEIGHT))
    ids = set()
    for number in range(30):
        box = np.array([walker_box(number / 5)], np.float32)
        tracked = tracker.update(
            Detections(box, np.array([0.9], np.float32), ("person",)), number / 5
        )
        ids |= {one.track_id for one in tracked.observations}
    assert ids == {1}


@pytest.mark.parametrize("size", SIZES)
def test_what_came_to_rest_stays_or_is_found_anew(size):
    """A bag put down before the change is still there after it, where it was."""
    statics, last = StaticForeground(), ()
    for number in range(250):
        at = number / 5
        image = empty_scene()
        if at >= 10:
            image[130:150, 200:216] = (20, 20, 200)
        frame = frame_of(scaled(image, size if at >= 30 else (WIDTH, HEIGHT)), at)
        last = statics.update(frame, TrackedFrame(at))
        for one in last:
            assert all(-0.01 <= edge <= 1.01 for edge in one.box_xyxy)
    # Another shape may be a new scene, in which the bag was from the start.
    assert len(last) <= 1
    wanted = (200 / WIDTH, 130 / HEIGHT, 216 / WIDTH, 150 / HEIGHT)
    for one in last:
        assert one.box_xyxy == pytest.approx(wanted, abs=0.06)


class TestRecorder:
    def record(self, folder, sizes, **options):
        recorder = EvidenceRecorder(
            folder, width=WIDTH, height=HEIGHT, clip_fps=5.0, pre_seconds=1.0, **options
        )
        for number, size in enumerate(sizes):
            recorder.add(scene(number / 5, size))
            if number == 5:
                recorder.open("a", 1.0)
        (clip,) = recorder.flush()
        return clip

    @pytest.mark.parametrize("size", SIZES)
    def test_a_clip_keeps_its_size_and_has_every_frame(self, size, tmp_path):
        clip = self.record(tmp_path, [(WIDTH, HEIGHT)] * 10 + [size] * 10)
        assert (clip.width, clip.height, clip.frames) == (WIDTH, HEIGHT, 20)
        source = open_source(clip.path)
        frames = list(source.frames())
        source.close()
        assert {(frame.width, frame.height) for frame in frames} == {(WIDTH, HEIGHT)}
        wanted = scene(19 / 5).image().astype(int)
        assert np.abs(frames[-1].image().astype(int) - wanted).mean() < 8

    @pytest.mark.parametrize("size", SIZES)
    def test_private_zones_stay_black(self, size, tmp_path):
        clip = self.record(
            tmp_path, [(WIDTH, HEIGHT)] * 10 + [size] * 10, private_polygons=[PRIVATE]
        )
        source = open_source(clip.path)
        for frame in source.frames():
            assert frame.image()[:, WIDTH // 2 + 4 :].mean() < 6
        source.close()

    def test_a_larger_picture_does_not_fill_the_memory(self, tmp_path, monkeypatch):
        """The ring holds reduced pictures as soon as they are large, not only from the start."""
        monkeypatch.setattr(recording, "RING_PIXELS", WIDTH * HEIGHT)
        recorder = EvidenceRecorder(tmp_path, width=WIDTH, height=HEIGHT, clip_fps=5.0)
        for number in range(10):
            recorder.add(scene(number / 5, (WIDTH, HEIGHT) if number < 5 else (640, 360)))
        kept = {(frame.width, frame.height) for frame in recorder._ring}
        assert kept == {(WIDTH, HEIGHT)}


@pytest.mark.parametrize("size", SIZES)
def test_stills_have_the_size_of_their_frame_and_black_private_zones(size):
    stills = StillKeeper(private_polygons=[PRIVATE])
    for at, shape in ((1.0, (WIDTH, HEIGHT)), (2.0, size)):
        seen = (Observation(at, 1, "person", 0.9, walker_box(at)),)
        stills.see(scene(at, shape), TrackedFrame(at, seen), [("a", at, at)])
    last = stills.peek("a", "frame_last")
    assert (last.width, last.height) == size
    image = cv2.imdecode(np.frombuffer(last.jpeg(), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[:2] == size[::-1]
    assert image[:, size[0] // 2 + 4 :].mean() < 6


def write_changing_film(path, parts):
    """Write a transport stream whose encoder is replaced: (images, first second) of each part."""
    base = Fraction(1, 90_000)
    with av.open(str(path), "w", format="mpegts") as container:
        stream = None
        for images, start in parts:
            height, width = images[0].shape[:2]
            encoder = av.CodecContext.create("libx264", "w")
            encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
            encoder.time_base, encoder.framerate = base, Fraction(5)
            encoder.options = {"crf": "10", "bf": "0", "x264-params": "annexb=1:repeat-headers=1"}
            if stream is None:
                stream = container.add_stream("libx264", rate=5)
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                stream.time_base = base
            for packet in _encoded(encoder, images, start, base):
                packet.stream = stream
                container.mux(packet)
    return path


def _encoded(encoder, images, start, base):
    for number, image in enumerate(images):
        picture = av.VideoFrame.from_ndarray(image, format="bgr24")
        picture.pts, picture.time_base = round((start + number / 5) / base), base
        yield from encoder.encode(picture)
    yield from encoder.encode()


@pytest.mark.parametrize("size", [(640, 360), (240, 180), (180, 320)])
def test_a_film_whose_pictures_change_their_size_is_read_to_the_end(size, tmp_path):
    first = [scene(k / 5).image() for k in range(15)]
    second = [scene(k / 5, size).image() for k in range(15, 30)]
    path = write_changing_film(tmp_path / "changing.ts", [(first, 0.0), (second, 3.0)])
    source = open_source(path)
    assert (source.width, source.height) == (WIDTH, HEIGHT)
    frames = list(source.frames())
    source.close()
    times = [frame.at_seconds for frame in frames]
    assert times == pytest.approx([k / 5 for k in range(30)], abs=0.01)
    assert [(frame.width, frame.height) for frame in frames] == [(WIDTH, HEIGHT)] * 15 + [size] * 15
    for frame in frames:
        assert frame.image().shape == (frame.height, frame.width, 3)
        assert max(frame.small_gray(160).shape) <= 320


def test_a_folder_of_mixed_sizes_is_read_to_the_end(tmp_path):
    for number, size in enumerate(SIZES):
        cv2.imwrite(str(tmp_path / f"{number}.png"), scene(number, size).image())
    source = open_source(tmp_path)
    assert (source.width, source.height) == SIZES[0]
    assert [(frame.width, frame.height) for frame in source.frames()] == SIZES
    assert source.damage is None
