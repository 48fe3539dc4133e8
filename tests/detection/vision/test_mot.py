"""The MOT text format in and out, and our trackers over it."""

import stat

import numpy as np
import pytest

from detection.vision import mot
from detection.vision.tracking import TRACKER_KINDS, make_tracker
from hitlsite.errors import DomainError

SIZE = 640, 480


def write(tmp_path, text, name="det.txt"):
    path = tmp_path / name
    path.write_text(text)
    return path


def line(frame, x=100.0, *, score=0.9, y=100.0, number=-1):
    return f"{frame},{number},{x},{y},40,100,{score},-1,-1,-1\n"


def follow(rows, kind="botsort", *, fps=5.0, **options):
    tracker = make_tracker(kind, sampling_fps=fps, frame_size=SIZE)
    return mot.track(rows, tracker, fps=fps, frame_size=SIZE, **options)


def test_a_line_is_read_as_it_is_written(tmp_path):
    rows = mot.read_rows(
        write(tmp_path, "1,-1,10.5,20,30,40.25,-3.5\n 2 , 7 ,1,2,3,4,99,0,0,0 \n\n")
    )

    assert rows.frames.tolist() == [1, 2]
    assert rows.ids.tolist() == [-1, 7]
    assert rows.boxes.tolist() == [[10.5, 20, 30, 40.25], [1, 2, 3, 4]]
    assert rows.scores.tolist() == [-3.5, 99]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        (line(1) + "1,-1,10,10,5\n", "line 2: 5 columns"),
        (line(1) + "1 -1 10 10 5 5 0.5\n", "line 2: 1 columns"),
        ("1,-1,10,10,5,5,0.5,0,0,0,0\n", "line 1: 11 columns"),
        (line(1) + line(1) + "1,-1,x,10,5,5,0.5\n", "line 3: 'x' is no number"),
        ("1,-1,10,10,5,5,nan\n", "line 1: 'nan' is no number"),
        ("1,-1,10,inf,5,5,1\n", "line 1: 'inf' is no number"),
        ("1,-1,10,10,5,5,\n", "line 1: '' is no number"),
        ("1,-1,10,10,5,5,0.5,,,\n", "line 1: '' is no number"),
        ("1,-1,10,10,-5,5,0.5\n", "line 1: a box of -5 x 5 px"),
        ("1,-1,10,10,5,0,0.5\n", "line 1: a box of 5 x 0 px"),
        (line(4) + line(3), "line 2: frame 3 after frame 4"),
        (line(0), "line 1: frame 0 is no whole number from 1 on"),
        (line(1.5), "line 1: frame 1.5 is no whole number"),
        (line(1e300), "line 1: frame 1e\\+300 is no whole number"),
        (line(1, number=1.5), "line 1: id 1.5"),
        (line(1, number=1e300), "line 1: id 1e\\+300"),
        (line(21), "line 1: frame 21, but the sequence has 20"),
    ],
)
def test_the_first_line_at_fault_is_named(tmp_path, text, words):
    path = write(tmp_path, text)

    with pytest.raises(DomainError, match=words) as refusal:
        mot.read_rows(path, length=20)

    assert str(path) in refusal.value.message


def test_what_is_no_text_and_what_is_not_there_is_named(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(DomainError, match=r"picture\.png is not a text file"):
        mot.read_rows(path)
    with pytest.raises(DomainError, match=r"absent\.txt cannot be read: No such file"):
        mot.read_rows(tmp_path / "absent.txt")
    with pytest.raises(DomainError, match="cannot be read"):
        mot.read_rows(tmp_path)


INFO = "[Sequence]\nname=Yard\nframeRate=25\nseqLength=71\nimWidth=640\nimHeight=480\n"


def test_a_sequence_knows_its_size_and_rate(tmp_path):
    write(tmp_path, INFO, "seqinfo.ini")

    assert mot.read_sequence_info(tmp_path) == mot.SequenceInfo("Yard", 25.0, (640, 480), 71)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("frameRate=25\n", "is no sequence file"),
        ("[Camera]\nframeRate=25\n", r"no section \[Sequence\]"),
        (INFO.replace("frameRate=25\n", ""), "lacks frameRate"),
        (INFO.replace("640", "wide"), "imWidth must be a number above 0, not 'wide'"),
        (INFO.replace("=25", "=0"), "frameRate must be"),
        (INFO.replace("=25", "=nan"), "frameRate must be"),
        (INFO.replace("71", "-1"), "seqLength must be"),
        (INFO + "imWidth=3\n", "is no sequence file"),
    ],
)
def test_what_is_wrong_with_a_sequence_is_named(tmp_path, text, words):
    if text is not None:
        write(tmp_path, text, "seqinfo.ini")

    with pytest.raises(DomainError, match=words) as refusal:
        mot.read_sequence_info(tmp_path)

    assert "seqinfo.ini" in refusal.value.message
    assert "\n" not in refusal.value.message


@pytest.mark.parametrize(
    ("scores", "scale", "expected", "used"),
    [
        ([0.2, 0.9], "auto", [0.2, 0.9], "given"),
        ([10, 20, 30], "auto", [0, 0.5, 1], "minmax"),
        ([-1, -1], "auto", [1, 1], "minmax"),
        ([1, 1], "auto", [1, 1], "given"),
        ([0, 0], "auto", [1, 1], "minmax"),
        ([0.2, 0.6], "minmax", [0, 1], "minmax"),
        ([0, 1000, -1000], "logistic", [0.5, 1, 0], "logistic"),
    ],
)
def test_scores_come_to_between_0_and_1(scores, scale, expected, used):
    scaled, told = mot.scale_scores(np.array(scores, float), scale)

    assert scaled == pytest.approx(expected, abs=1e-9)
    assert told == used


def test_scores_given_beyond_1_are_refused():
    with pytest.raises(DomainError, match="from -3 to 40"):
        mot.scale_scores(np.array([-3.0, 40.0]), "given")


@pytest.mark.parametrize("kind", TRACKER_KINDS)
def test_two_walkers_keep_their_ids(tmp_path, kind):
    text = "".join(line(n, 20.0 * n) + line(n, 500.0 - 15 * n, y=300.0) for n in range(1, 13))

    found = follow(mot.read_rows(write(tmp_path, text)), kind)

    assert found.frames.tolist() == [n for n in range(1, 13) for _ in range(2)]
    assert found.ids.tolist() == [1, 2] * 12
    assert found.boxes[2] == pytest.approx([40, 100, 40, 100], abs=1e-3)


def test_a_first_sighting_is_told_once_and_a_single_one_never(tmp_path):
    text = line(1) + line(2) + line(2, 400.0) + line(3)

    found = follow(mot.read_rows(write(tmp_path, text)))

    assert found.frames.tolist() == [1, 2, 3]


def test_nothing_sure_enough_gives_no_tracks(tmp_path):
    found = follow(mot.read_rows(write(tmp_path, line(1, score=0.01) + line(2, score=0.01))))

    assert len(found) == 0
    assert found.boxes.shape == (0, 4)


def test_only_the_chosen_frames_are_looked_at(tmp_path):
    rows = mot.read_rows(write(tmp_path, "".join(line(n) for n in range(1, 21))))

    found = follow(rows, frames=range(1, 21, 5))

    assert found.frames.tolist() == [1, 6, 11, 16]


def test_a_long_silence_costs_no_steps_and_ends_every_track(tmp_path):
    rows = mot.read_rows(write(tmp_path, line(1) + line(2) + line(90_000_000) + line(90_000_001)))
    steps = []

    found = follow(rows, progress=steps.append)

    assert len(steps) < 30
    assert found.ids.tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize("gap", [3, 9, 11, 14, 18, 30])
def test_leaving_out_the_silence_changes_nothing(tmp_path, gap):
    text = "".join(line(n) for n in (*range(1, 6), *range(6 + gap, 12 + gap)))
    rows = mot.read_rows(write(tmp_path, text))

    short, whole = follow(rows), follow(rows, frames=range(1, 12 + gap))

    assert short.ids.tolist() == whole.ids.tolist()


def test_what_is_written_can_be_read_again(tmp_path):
    text = "".join(line(n, 20.0 * n) for n in range(1, 6))
    found = follow(mot.read_rows(write(tmp_path, text)))
    path = tmp_path / "out.txt"

    mot.write_rows(path, found)

    again = mot.read_rows(path)
    assert again.ids.tolist() == found.ids.tolist()
    assert again.boxes == pytest.approx(found.boxes, abs=1e-3)
    assert path.read_text().splitlines()[0] == "1,1,20.000,100.000,40.000,100.000,0.9000,-1,-1,-1"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_folder_that_cannot_be_written_is_named_and_stays_clean(tmp_path):
    rows = mot.read_rows(write(tmp_path, line(1)))
    with pytest.raises(DomainError, match="nowhere"):
        mot.write_rows(tmp_path / "nowhere" / "out.txt", rows)

    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(DomainError, match="folder"):
        mot.write_rows(folder, rows)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["det.txt", "folder"]
