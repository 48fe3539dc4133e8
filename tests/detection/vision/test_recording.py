import hashlib
import subprocess
import sys
import textwrap
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from detection.vision.recording import EvidenceRecorder, draw_boxes, encode_jpeg
from detection.vision.types import Observation
from detection.vision.video import open_source
from tests.detection.vision.scenes import counted_image, empty_scene, frame_of, number_in

REPOSITORY = Path(__file__).resolve().parents[3]


def recorder_at(folder, **options):
    return EvidenceRecorder(folder, width=160, height=96, **options)


def feed(recorder, times):
    for at_seconds in times:
        recorder.add(frame_of(counted_image(round(at_seconds * 10) % 256), at_seconds))


def tenths(first, last):
    return [number / 10 for number in range(round(first * 10), round(last * 10) + 1)]


def decoded(clip):
    """Return (stream's facts, times, numbers) of a clip."""
    with av.open(str(clip.path)) as container:
        stream = container.streams.video[0]
        frames = [
            (frame.time, frame.to_ndarray(format="bgr24")) for frame in container.decode(stream)
        ]
        facts = (stream.codec_context.name, stream.codec_context.profile, stream.pix_fmt)
    return facts, [at for at, _ in frames], [number_in(image) for _, image in frames]


class TestClips:
    def test_a_clip_has_its_seconds_before_and_after(self, tmp_path):
        recorder = recorder_at(tmp_path)
        feed(recorder, tenths(0, 5))
        recorder.open("loitering:1", 5.0)
        feed(recorder, tenths(5.1, 7))
        recorder.close("loitering:1", 7.0)
        assert recorder.finished() == []
        feed(recorder, tenths(7.1, 12))
        (clip,) = recorder.finished()
        facts, times, numbers = decoded(clip)
        assert facts == ("h264", "High", "yuv420p")
        assert numbers == list(range(20, 101))
        assert times == pytest.approx([number / 10 for number in range(81)], abs=1e-3)
        assert (clip.key, clip.start_seconds, clip.end_seconds) == ("loitering:1", 2.0, 10.0)
        assert (clip.width, clip.height, clip.frames) == (160, 96, 81)
        assert clip.sha256 == hashlib.sha256(clip.path.read_bytes()).hexdigest()
        assert recorder.finished() == []

    def test_the_index_is_in_front_and_nothing_else_is_in_the_folder(self, tmp_path):
        recorder = recorder_at(tmp_path)
        recorder.open("a", 0.0)
        feed(recorder, tenths(0, 2))
        (clip,) = recorder.flush()
        content = clip.path.read_bytes()
        assert 0 < content.find(b"moov") < content.find(b"mdat")
        assert [path.name for path in tmp_path.iterdir()] == [clip.path.name]

    def test_uneven_times_are_kept(self, tmp_path):
        times = [0.0, 0.1, 0.45, 0.5, 1.7, 1.8, 3.0]
        recorder = recorder_at(tmp_path, clip_fps=25)
        recorder.open("a", 0.0)
        feed(recorder, times)
        (clip,) = recorder.flush()
        assert decoded(clip)[1] == pytest.approx(times, abs=1e-3)

    @pytest.mark.parametrize(("source_fps", "expected"), [(5, 50), (10, 100), (25, 100), (30, 100)])
    def test_the_rate_is_limited(self, tmp_path, source_fps, expected):
        recorder = recorder_at(tmp_path)
        recorder.open("a", 0.0)
        feed(recorder, [number / source_fps for number in range(source_fps * 10)])
        (clip,) = recorder.flush()
        assert clip.frames == expected

    def test_a_clip_ends_at_its_longest(self, tmp_path):
        recorder = recorder_at(tmp_path, max_seconds=4.0)
        feed(recorder, tenths(0, 10))
        recorder.open("a", 10.0)
        feed(recorder, tenths(10.1, 20))
        (clip,) = recorder.finished()
        assert clip.start_seconds == pytest.approx(7.0)
        assert clip.end_seconds < 11.0
        with av.open(str(clip.path)) as container:
            assert container.duration / av.time_base <= 4.0
        recorder.close("a", 20.0)
        assert recorder.flush() == []

    def test_a_close_in_the_past_ends_at_once(self, tmp_path):
        recorder = recorder_at(tmp_path, post_seconds=1.0)
        recorder.open("a", 0.0)
        feed(recorder, tenths(0, 5))
        recorder.close("a", 2.0)
        assert [clip.key for clip in recorder.finished()] == ["a"]

    def test_opening_a_closing_clip_keeps_it_going(self, tmp_path):
        recorder = recorder_at(tmp_path, post_seconds=1.0)
        recorder.open("a", 0.0)
        feed(recorder, tenths(0, 2))
        recorder.close("a", 2.0)
        recorder.open("a", 2.5)
        feed(recorder, tenths(2.1, 6))
        (clip,) = recorder.flush()
        assert clip.end_seconds == pytest.approx(6.0)

    def test_two_clips_overlap(self, tmp_path):
        recorder = recorder_at(tmp_path)
        recorder.open("a", 0.0)
        feed(recorder, tenths(0, 4))
        recorder.open("b", 4.0)
        feed(recorder, tenths(4.1, 6))
        clips = {clip.key: decoded(clip)[2] for clip in recorder.flush()}
        assert clips == {"a": list(range(61)), "b": list(range(10, 61))}

    def test_a_clip_without_a_frame_is_no_file(self, tmp_path):
        recorder = recorder_at(tmp_path)
        recorder.open("a", 3.0)
        assert recorder.flush() == []
        assert list(tmp_path.iterdir()) == []

    def test_closing_what_is_not_open_does_nothing(self, tmp_path):
        recorder_at(tmp_path).close("nobody", 1.0)

    @pytest.mark.parametrize(
        ("size", "expected"),
        [((1920, 1080), (960, 540)), ((161, 97), (160, 96)), ((64, 48), (64, 48))],
    )
    def test_sizes_are_even_and_limited(self, tmp_path, size, expected):
        width, height = size
        recorder = EvidenceRecorder(tmp_path, width=width, height=height)
        recorder.open("a", 0.0)
        recorder.add(frame_of(empty_scene(height, width), 0.0))
        (clip,) = recorder.flush()
        assert (clip.width, clip.height) == expected
        source = open_source(clip.path)
        assert (source.width, source.height) == expected

    def test_very_large_frames_are_reduced_in_the_ring(self, tmp_path):
        recorder = EvidenceRecorder(tmp_path, width=3840, height=2160)
        recorder.add(frame_of(np.full((2160, 3840, 3), 90, np.uint8), 0.0))
        recorder.open("a", 0.0)
        (clip,) = recorder.flush()
        assert (clip.width, clip.height) == (960, 540)

    def test_private_polygons_are_black_in_every_frame(self, tmp_path):
        private = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]
        recorder = recorder_at(tmp_path, private_polygons=[private])
        bright = np.full((96, 160, 3), 230, np.uint8)
        recorder.add(frame_of(bright, 0.0))
        recorder.open("a", 0.0)
        recorder.add(frame_of(bright, 0.1))
        (clip,) = recorder.flush()
        for frame in open_source(clip.path).frames():
            assert frame.image()[:, :78].max() < 24
            assert frame.image()[:, 84:].min() > 200


class TestRestart:
    def test_a_restarted_recorder_makes_the_same_clip(self, tmp_path):
        whole = recorder_at(tmp_path / "whole")
        feed(whole, tenths(0, 5))
        whole.open("a", 5.0)
        feed(whole, tenths(5.1, 7))
        saved = whole.state()

        resumed = recorder_at(tmp_path / "resumed")
        resumed.restore(saved)
        assert resumed.resume_from_seconds() == pytest.approx(2.0)
        feed(resumed, tenths(2, 7))
        for recorder in (whole, resumed):
            feed(recorder, tenths(7.1, 8))
            recorder.close("a", 8.0)
            feed(recorder, tenths(8.1, 12))
        (first,), (second,) = whole.finished(), resumed.finished()
        assert decoded(first)[1:] == decoded(second)[1:]
        assert (first.start_seconds, first.end_seconds) == (
            second.start_seconds,
            second.end_seconds,
        )

    def test_the_pre_roll_is_asked_for_too(self, tmp_path):
        recorder = recorder_at(tmp_path)
        assert recorder.resume_from_seconds() is None
        feed(recorder, tenths(0, 9))
        recorder.restore(recorder.state())
        assert 5.0 <= recorder.resume_from_seconds() <= 6.0

    def test_a_closing_clip_still_closes(self, tmp_path):
        recorder = recorder_at(tmp_path)
        feed(recorder, tenths(0, 5))
        recorder.open("a", 5.0)
        recorder.close("a", 5.0)
        recorder.restore(recorder.state())
        feed(recorder, tenths(2, 9))
        assert [clip.end_seconds for clip in recorder.finished()] == [8.0]

    def test_discarding_leaves_nothing(self, tmp_path):
        recorder = recorder_at(tmp_path, post_seconds=0.0)
        for key in ("a", "b"):
            recorder.open(key, 0.0)
        feed(recorder, tenths(0, 2))
        recorder.close("a", 1.0)
        assert len(list(tmp_path.iterdir())) == 1
        recorder.discard()
        assert list(tmp_path.iterdir()) == []
        assert recorder.flush() == []


def test_a_full_disk_is_named_and_leaves_no_half_file(tmp_path):
    """The limit on the size of a file stands in for a full disk, in a process of its own."""
    script = f"""
        import resource
        import numpy as np
        from detection.vision.frames import SourceFrame
        from detection.vision.recording import EvidenceRecorder
        from hitlsite.errors import DomainError

        recorder = EvidenceRecorder({str(tmp_path)!r}, width=320, height=240)
        recorder.open("a", 0.0)
        noise = np.random.default_rng(1)
        for number in range(20):
            image = noise.integers(0, 255, (240, 320, 3), np.uint8)
            recorder.add(SourceFrame.from_image(image, number / 10))
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            recorder.flush()
        except DomainError as error:
            print(error.code, error.message)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("disk_full")
    assert str(tmp_path) in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_real_footage_gives_a_playable_clip(footage, tmp_path):
    source = open_source(footage / "one-by-one-person-detection.mp4")
    recorder = EvidenceRecorder(tmp_path, width=source.width, height=source.height)
    for frame in source.frames(50.0):
        recorder.add(frame)
        if frame.at_seconds == pytest.approx(55.0):
            recorder.open("visit", frame.at_seconds)
        if frame.at_seconds == pytest.approx(57.0):
            recorder.close("visit", frame.at_seconds)
        if frame.at_seconds > 61.0:
            break
    (clip,) = recorder.finished()
    assert (clip.start_seconds, clip.end_seconds) == pytest.approx((52.0, 60.0))
    original = next(source.frames(55.0)).image()
    copied = next(open_source(clip.path).frames(3.0)).image()
    assert np.abs(original.astype(int) - copied).mean() < 6


class TestStills:
    OBSERVATION = Observation(1.0, 7, "person", 0.9, (0.25, 0.25, 0.5, 0.75))

    def test_boxes_are_drawn_into_a_copy(self):
        image = empty_scene()
        before = image.copy()
        drawn = draw_boxes(image, [self.OBSERVATION], zones=[[(0.6, 0.1), (0.9, 0.1), (0.9, 0.9)]])
        assert np.array_equal(image, before)
        changed = (drawn != image).any(axis=2)
        assert changed[90, 80]
        assert changed[135, 120]
        assert not changed[90, 120]
        assert changed[18, 200:280].mean() > 0.9

    @pytest.mark.parametrize("box", [(-0.2, -0.2, 1.3, 1.3), (0.99, 0.99, 1.0, 1.0)])
    def test_boxes_at_the_edge_are_no_trouble(self, box):
        seen = Observation(1.0, 1, "person", 0.5, box)
        assert draw_boxes(empty_scene(), [seen], caption="00:01").shape == (180, 320, 3)

    def test_the_caption_is_at_the_top_left(self):
        image = empty_scene()
        drawn = draw_boxes(image, [], caption="2026-01-02 03:04:05")
        assert (drawn != image)[:12, :60].any()
        assert not (drawn != image)[60:].any()

    def test_jpeg_round_trip(self):
        image = empty_scene()
        content = encode_jpeg(image, quality=95)
        assert content[:2] == b"\xff\xd8"
        back = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        assert np.abs(back.astype(int) - image).mean() < 3
