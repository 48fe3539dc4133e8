"""The command that tracks public detections: a thin door with one line for every refusal."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from detection.vision import mot

LINES = "".join(f"{n},-1,{20 * n},100,40,100,{30 + n},-1,-1,-1\n" for n in range(1, 11))
INFO = "[Sequence]\nname=Yard\nframeRate=5\nseqLength=10\nimWidth=640\nimHeight=480\n"


@pytest.fixture
def detections(tmp_path):
    path = tmp_path / "detections.txt"
    path.write_text(LINES)
    return path


@pytest.fixture
def sequence(tmp_path):
    folder = tmp_path / "yard"
    (folder / "det").mkdir(parents=True)
    (folder / "seqinfo.ini").write_text(INFO)
    (folder / "det" / "det.txt").write_text(LINES)
    return folder


def track(*arguments):
    out = io.StringIO()
    call_command("track_detections", *map(str, arguments), stdout=out)
    return out.getvalue()


def refusal_of(*arguments):
    with pytest.raises(CommandError) as refusal:
        track(*arguments)
    assert refusal.value.returncode == 2
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("tracker", ["botsort", "bytetrack"])
def test_a_file_of_detections_becomes_tracks(detections, tmp_path, tracker):
    out, report = tmp_path / "out.txt", tmp_path / "report.json"
    size = ("--frame-size", "640x480", "--fps", 5)

    told = track(
        "--detections", detections, "--tracker", tracker, *size, "--output", out, "--json", report
    )

    found = mot.read_rows(out)
    assert set(found.ids.tolist()) == {1}
    assert told == f"1 tracks, {len(found)} boxes in {out}\n"
    facts = json.loads(report.read_text())
    assert facts["tracker"] == tracker
    assert facts["scores"] == "minmax"
    assert (facts["detections"], facts["frames"], facts["tracks"]) == (10, 10, 1)


def test_a_sequence_folder_says_the_rest_and_gives_the_same(sequence, detections, tmp_path):
    ours, same = tmp_path / "ours.txt", tmp_path / "same.txt"
    track("--sequence", sequence, "--output", ours)
    track("--detections", detections, "--frame-size", "640X480", "--fps", 5, "--output", same)

    assert ours.read_bytes() == same.read_bytes()


def test_scores_are_scaled_as_asked(detections, tmp_path):
    out = tmp_path / "out.txt"
    size = ("--frame-size", "640x480", "--fps", 5, "--output", out)

    track("--detections", detections, "--scores", "logistic", *size)

    assert mot.read_rows(out).scores.min() > 0.99
    out.unlink()
    assert "do not lie in 0..1" in refusal_of(
        "--detections", detections, "--scores", "given", *size
    )
    assert not out.exists()


def test_what_was_there_before_stays_on_a_refusal(sequence, tmp_path):
    out = tmp_path / "out.txt"
    out.write_text("kept")
    (sequence / "det" / "det.txt").write_text(LINES + "3,-1,1,1,5,5,1\n")

    assert "det.txt, line 11: frame 3 after frame 10" in refusal_of(
        "--sequence", sequence, "--output", out
    )
    assert out.read_text() == "kept"


def test_a_frame_past_the_sequence_is_refused(sequence, tmp_path):
    (sequence / "det" / "det.txt").write_text(LINES + "11,-1,1,1,5,5,1\n")

    told = refusal_of("--sequence", sequence, "--output", tmp_path / "out.txt")

    assert "line 11: frame 11, but the sequence has 10" in told


@pytest.mark.parametrize("missing", ["seqinfo.ini", "det/det.txt"])
def test_an_incomplete_folder_is_named(sequence, tmp_path, missing):
    (sequence / missing).unlink()

    told = refusal_of("--sequence", sequence, "--output", tmp_path / "out.txt")

    assert str(sequence / missing) in told
    assert not (tmp_path / "out.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--frame-size and --fps"),
        (("--fps", "5"), "--frame-size and --fps"),
        (("--frame-size", "640", "--fps", "5"), "WIDTHxHEIGHT"),
        (("--frame-size", "640x", "--fps", "5"), "WIDTHxHEIGHT"),
        (("--frame-size", "axb", "--fps", "5"), "WIDTHxHEIGHT"),
        (("--frame-size", "-640x480", "--fps", "5"), "WIDTHxHEIGHT"),
        (("--frame-size", "0x480", "--fps", "5"), "frame size must be two whole numbers"),
        (("--frame-size", "640x480", "--fps", "0"), "--fps"),
        (("--frame-size", "640x480", "--fps", "nan"), "--fps"),
        (("--frame-size", "640x480", "--fps", "-3"), "--fps"),
    ],
)
def test_an_argument_at_fault_is_named(detections, tmp_path, arguments, words):
    arguments = [f"{name}={value}" for name, value in zip(*[iter(arguments)] * 2, strict=True)]
    out = tmp_path / "out.txt"

    assert words in refusal_of("--detections", detections, *arguments, "--output", out)
    assert not out.exists()


def test_a_sequence_takes_no_other_size(sequence, tmp_path):
    told = refusal_of("--sequence", sequence, "--fps", 5, "--output", tmp_path / "out.txt")

    assert "knows its own" in told


def test_the_detections_are_never_overwritten(sequence):
    source = sequence / "det" / "det.txt"

    assert "is the file of the detections" in refusal_of("--sequence", sequence, "--output", source)
    assert source.read_text() == LINES


def test_a_folder_that_is_not_there_is_named(sequence, tmp_path):
    told = refusal_of("--sequence", sequence, "--output", tmp_path / "nowhere" / "out.txt")

    assert "nowhere" in told


@pytest.mark.parametrize("name", ["PETS09-S2L1", "TUD-Campus", "TUD-Stadtmitte"])
def test_real_detections_give_about_as_many_tracks_as_people(material, tmp_path, name):
    folder = material / "tracks" / "mot15" / name
    out = tmp_path / "out.txt"

    track("--sequence", folder, "--output", out)

    people = set(mot.read_rows(folder / "gt" / "gt.txt").ids.tolist())
    tracks = set(mot.read_rows(out).ids.tolist())
    assert len(people) / 2 <= len(tracks) <= 2 * len(people)
