import functools
import http.server
import threading

import cv2
import numpy as np
import pytest

from detection.vision.video import Sampler, open_source, prefetch
from hitlsite.errors import DomainError
from tests.detection.vision.scenes import (
    counted_image,
    empty_scene,
    frame_of,
    number_in,
    write_video,
)

UNEVEN_TIMES = [0.0, 0.04, 0.2, 0.25, 0.3, 0.9, 1.0, 1.4, 2.0, 2.05]


@pytest.fixture
def uneven_video(tmp_path):
    images = [counted_image(number) for number in range(len(UNEVEN_TIMES))]
    return write_video(tmp_path / "uneven.mp4", images, UNEVEN_TIMES)


@pytest.fixture
def long_video(tmp_path):
    times = [number / 10 for number in range(200)]
    images = [counted_image(number) for number in range(200)]
    return write_video(tmp_path / "long.mp4", images, times, options={"movflags": "faststart"})


class TestVideoFile:
    def test_times_are_presentation_times_in_order(self, uneven_video):
        source = open_source(uneven_video)
        frames = list(source.frames())
        assert [frame.at_seconds for frame in frames] == pytest.approx(UNEVEN_TIMES, abs=1e-3)
        assert [number_in(frame.image()) for frame in frames] == list(range(10))
        assert [frame.index for frame in frames] == list(range(10))
        assert source.damage is None
        assert (source.width, source.height) == (160, 96)

    @pytest.mark.parametrize(
        ("start_seconds", "first"), [(0.0, 0), (0.05, 1), (12.34, 124), (12.3, 123), (19.9, 199)]
    )
    def test_reading_begins_at_the_first_frame_not_before_the_start(
        self, long_video, start_seconds, first
    ):
        source = open_source(long_video)
        frames = list(source.frames(start_seconds))
        assert number_in(frames[0].image()) == first
        assert len(frames) == 200 - first

    def test_a_start_after_the_end_yields_nothing(self, long_video):
        assert list(open_source(long_video).frames(500.0)) == []

    def test_frames_may_be_read_twice(self, uneven_video):
        source = open_source(uneven_video)
        assert len(list(source.frames())) == len(list(source.frames())) == 10

    @pytest.mark.parametrize(("rotation", "quarter_turns"), [(0, 0), (90, 1), (180, 2), (-90, 3)])
    def test_rotation_metadata_is_applied_everywhere(self, tmp_path, rotation, quarter_turns):
        image = np.zeros((64, 128, 3), np.uint8)
        image[:32, :64] = 220
        path = write_video(tmp_path / "turned.mp4", [image] * 3, [0.0, 0.1, 0.2], rotation=rotation)
        source = open_source(path)
        frame = next(source.frames())
        expected = np.rot90(image, quarter_turns)
        assert (source.height, source.width) == expected.shape[:2]
        assert np.abs(frame.image().astype(int) - expected).mean() < 6
        assert np.abs(frame.small_gray(128).astype(int) - expected[..., 0]).mean() < 20
        picture = frame.picture(frame.width, frame.height).to_ndarray(format="bgr24")
        assert np.abs(picture.astype(int) - expected).mean() < 6

    def test_a_truncated_file_gives_what_is_there_and_says_so(self, long_video, tmp_path):
        content = long_video.read_bytes()
        cut = tmp_path / "cut.mp4"
        cut.write_bytes(content[: len(content) * 6 // 10])
        source = open_source(cut)
        frames = list(source.frames())
        assert 20 < len(frames) < 190
        assert "cut.mp4" in source.damage
        assert "truncated" in source.damage

    def test_a_file_with_a_damaged_middle_is_read_to_its_end(self, long_video, tmp_path):
        content = bytearray(long_video.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 200] = bytes(200)
        damaged = tmp_path / "scratched.mp4"
        damaged.write_bytes(content)
        frames = list(open_source(damaged).frames())
        assert frames[-1].at_seconds == pytest.approx(19.9)

    def test_real_footage(self, footage):
        source = open_source(footage / "one-by-one-person-detection.mp4")
        assert (source.width, source.height) == (768, 432)
        assert source.duration_seconds == pytest.approx(139.4)
        times = [frame.at_seconds for frame in prefetch(source.frames(130.0))]
        assert times == pytest.approx([130 + number / 10 for number in range(94)])


class TestRefusals:
    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(DomainError) as refusal:
            open_source(tmp_path / "nowhere.mp4")
        assert refusal.value.code == "source_missing"
        assert "nowhere.mp4" in refusal.value.message

    @pytest.mark.parametrize(
        ("name", "content", "code"),
        [
            ("empty.mp4", b"", "source_empty"),
            ("text.mp4", b"not a video at all\n" * 40, "source_unreadable"),
            ("list.mp4", b"ffconcat version 1.0\nfile long.mp4\n", "source_unreadable"),
            ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nlong.mp4\n", "source_unreadable"),
        ],
    )
    def test_what_is_not_a_video_is_named(self, long_video, tmp_path, name, content, code):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DomainError) as refusal:
            open_source(path)
        assert refusal.value.code == code
        assert name in refusal.value.message

    def test_half_a_header_is_unreadable(self, tmp_path):
        times = [number / 25 for number in range(10)]
        whole = write_video(tmp_path / "a.mp4", [counted_image(1)] * 10, times)
        cut = tmp_path / "headless.mp4"
        cut.write_bytes(whole.read_bytes()[:-300])
        with pytest.raises(DomainError, match=r"headless\.mp4"):
            open_source(cut)

    def test_an_address_is_named_without_its_password(self):
        with pytest.raises(DomainError) as refusal:
            open_source("rtsp://viewer:secret@127.0.0.1:1/live?token=x", timeout_seconds=2)
        assert refusal.value.code == "source_unreadable"
        assert "rtsp://127.0.0.1:1/live" in refusal.value.message
        assert "secret" not in refusal.value.message
        assert "token" not in refusal.value.message


class TestStream:
    """A stream is read over the loopback interface, as a camera's HTTP feed would be."""

    @pytest.fixture
    def address(self, tmp_path):
        handler = functools.partial(QuietHandler, directory=str(tmp_path))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            serving = threading.Thread(target=server.serve_forever, daemon=True)
            serving.start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()
            serving.join()

    def test_a_camera_that_sets_its_clock_back_does_not_set_ours_back(self, tmp_path, address):
        times = [number / 10 for number in range(30)]
        images = [counted_image(number) for number in range(30)]
        once = write_video(tmp_path / "once.ts", images, times).read_bytes()
        (tmp_path / "feed.ts").write_bytes(once + once)
        source = open_source(f"{address}/feed.ts")
        frames = list(source.frames())
        rising = [frame.at_seconds for frame in frames]
        assert rising == sorted(set(rising))
        assert rising[-1] == pytest.approx(5.9, abs=0.3)
        assert len(frames) >= 58
        assert source.duration_seconds is None
        assert "the stream ended" in source.damage
        source.close()

    def test_a_stream_that_is_not_there(self, address):
        with pytest.raises(DomainError, match=r"absent\.ts"):
            open_source(f"{address}/absent.ts")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Say nothing about each request."""


class TestImageFolder:
    @pytest.fixture
    def folder(self, tmp_path):
        for number in (2, 0, 1):
            cv2.imwrite(str(tmp_path / f"{number:03}.png"), counted_image(number))
        (tmp_path / "notes.txt").write_text("not an image")
        return tmp_path

    def test_images_come_in_the_order_of_their_names(self, folder):
        source = open_source(folder, image_fps=2.0)
        frames = list(source.frames())
        assert [frame.at_seconds for frame in frames] == [0.0, 0.5, 1.0]
        assert [number_in(frame.image()) for frame in frames] == [0, 1, 2]
        assert source.average_fps == pytest.approx(2.0)
        assert source.duration_seconds == pytest.approx(1.5)
        assert [frame.index for frame in source.frames(0.4)] == [1, 2]

    def test_times_may_be_given(self, folder):
        source = open_source(folder, image_times=[0.0, 0.1, 7.0])
        assert [frame.at_seconds for frame in source.frames()] == [0.0, 0.1, 7.0]

    @pytest.mark.parametrize("times", [[0.0, 1.0], [0.0, 2.0, 1.0]])
    def test_times_that_do_not_fit_are_refused(self, folder, times):
        with pytest.raises(DomainError, match="must rise"):
            open_source(folder, image_times=times)

    def test_a_broken_image_is_passed_over_and_named(self, folder):
        (folder / "001.png").write_bytes(b"\x89PNG broken")
        source = open_source(folder)
        assert [frame.index for frame in source.frames()] == [0, 2]
        assert "001.png" in source.damage

    def test_an_empty_folder_is_refused(self, tmp_path):
        with pytest.raises(DomainError) as refusal:
            open_source(tmp_path)
        assert refusal.value.code == "source_empty"

    def test_a_folder_of_broken_images_is_refused(self, tmp_path):
        (tmp_path / "a.jpg").write_bytes(b"nothing")
        with pytest.raises(DomainError) as refusal:
            open_source(tmp_path)
        assert refusal.value.code == "source_unreadable"


class TestSmallGray:
    def test_it_is_the_area_average_at_a_whole_factor(self):
        image = np.zeros((90, 400, 3), np.uint8)
        image[:, 200:] = 200
        small = frame_of(image, 0.0).small_gray(160)
        assert small.shape == (30, 133)
        assert small[:, :60].max() == 0
        assert small[:, 70:].min() == 200

    def test_a_narrow_frame_stays_as_it_is(self):
        assert frame_of(empty_scene(20, 30), 0.0).small_gray(160).shape == (20, 30)


class TestSampler:
    @pytest.mark.parametrize(
        ("source_fps", "fps", "expected"),
        [
            (10, 5, 50),
            (25, 5, 50),
            (25, 2, 20),
            (30, 5, 50),
            (12, 5, 50),
            (5, 10, 50),
            (10, 10, 100),
        ],
    )
    def test_one_frame_a_period(self, source_fps, fps, expected):
        sampler = Sampler(fps)
        times = [number / source_fps for number in range(source_fps * 10)]
        assert sum(sampler.wants(at_seconds) for at_seconds in times) == expected

    def test_times_rounded_to_milliseconds_change_nothing(self):
        times = [number / 30 for number in range(300)]
        exact, rounded = Sampler(10), Sampler(10)
        for at_seconds in times:
            assert exact.wants(at_seconds) == rounded.wants(round(at_seconds, 3))

    @pytest.mark.parametrize("start", [3.0, 3.2, 3.11])
    def test_the_choice_does_not_depend_on_the_start(self, start):
        times = [number / 25 for number in range(250)]
        whole, late = Sampler(5), Sampler(5)
        chosen = [at_seconds for at_seconds in times if whole.wants(at_seconds)]
        again = [
            at_seconds for at_seconds in times if at_seconds >= start if late.wants(at_seconds)
        ]
        assert [at for at in again if at > start + 0.2] == [at for at in chosen if at > start + 0.2]

    def test_state_carries_over(self):
        first = Sampler(5)
        assert first.wants(0.0)
        second = Sampler(5)
        second.restore(first.state())
        assert not second.wants(0.1)
        assert second.wants(0.2)

    @pytest.mark.parametrize("fps", [0, -1])
    def test_nonsense_is_refused(self, fps):
        with pytest.raises(ValueError, match="fps"):
            Sampler(fps)


class TestPrefetch:
    def test_order_is_kept(self):
        assert list(prefetch(iter(range(100)), depth=3)) == list(range(100))

    def test_leaving_early_ends_the_thread(self):
        closed = []

        def endless():
            try:
                number = 0
                while True:
                    yield number
                    number += 1
            finally:
                closed.append(True)

        before = threading.active_count()
        frames = prefetch(endless(), depth=2)
        assert next(frames) == 0
        frames.close()
        assert closed == [True]
        assert threading.active_count() == before

    def test_an_error_arrives_in_its_place(self):
        def failing():
            yield 1
            raise DomainError("source_unreadable", "camera.mp4: gone.")

        frames = prefetch(failing())
        assert next(frames) == 1
        with pytest.raises(DomainError, match=r"camera\.mp4"):
            next(frames)
