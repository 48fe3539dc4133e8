"""The command that extracts features: what it writes, and what it refuses in one line."""

import json
import os
import signal

import pytest
from django.core.management import CommandError, call_command

from detection.models import Camera, Footage, Segment
from hitlsite.errors import DomainError
from tests.training import walking
from tests.training.other_process import python
from training.models import FeatureSet, LabelSet, SpanAnnotation

pytestmark = pytest.mark.usefixtures("data_dir")


@pytest.fixture(autouse=True)
def _measuring(monkeypatch):
    walking.measuring(monkeypatch)


@pytest.fixture
def video(tmp_path):
    return walking.video(tmp_path)


def run(*args, **options):
    call_command("extract_features", *map(str, args), "--detector", "yolo", **options)


def table(path):
    import polars

    return polars.read_parquet(path)


def test_a_video_becomes_a_parquet_file_and_a_report(db, video, tmp_path, capsys):
    run("--video", video, "--output", tmp_path / "out.parquet", "--json", tmp_path / "out.json")

    told = json.loads((tmp_path / "out.json").read_text())
    assert (told["rows"], told["is_new"], told["detector"]) == (30, True, "yolo")
    assert told["output_sha256"] == told["sha256"]
    rows = table(tmp_path / "out.parquet")
    assert rows["frame_index"].to_list() == list(range(30))
    assert rows["video_id"].unique().to_list() == ["walk.mp4"]
    assert rows["label"].null_count() == 30
    assert "walk.mp4: 30 rows" in capsys.readouterr().out
    assert Camera.objects.get().name == "Videos" and not Segment.objects.exists()


def test_again_it_says_that_it_was_there(db, video, tmp_path, capsys):
    run("--video", video)
    run("--video", video, "--json", tmp_path / "out.json")

    assert not json.loads((tmp_path / "out.json").read_text())["is_new"]
    assert "measured before" in capsys.readouterr().out and FeatureSet.objects.count() == 1


def test_labels_come_into_the_label_set_and_into_the_copy(db, video, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("frame_index,label\n" + "".join(f"{n},work\n" for n in range(10, 20)))

    run(
        *("--video", video, "--labels", labels, "--label-set", "Table"),
        *("--output", tmp_path / "out.parquet", "--json", tmp_path / "out.json"),
    )

    (span,) = SpanAnnotation.objects.get().spans
    assert span == [pytest.approx(1.0), pytest.approx(2.0), "work"]
    names = table(tmp_path / "out.parquet")["label"].to_list()
    assert names == [None] * 10 + ["work"] * 10 + [None] * 10
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["labels_saved"][0]["spans"] == 1 and told["output_sha256"] != told["sha256"]


def test_several_videos_go_into_a_folder(db, tmp_path):
    videos = [walking.video(tmp_path, f"{n}.mp4", frames=n) for n in (5, 8)]
    asked = [part for path in (*videos, videos[0]) for part in ("--video", path)]

    run(*asked, "--output", tmp_path / "out", "--json", tmp_path / "out.json")

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["5.parquet", "8.parquet"]
    told = json.loads((tmp_path / "out.json").read_text())["videos"]
    assert [one["rows"] for one in told] == [5, 8]


def refused(*args):
    with pytest.raises(CommandError) as error:
        run(*args)
    assert error.value.returncode == 2
    sentence = str(error.value)
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--video", "none.mp4"], "none.mp4"),
        (["--video", "."], "one video file"),
        (["--video", "VIDEO", "--sample-rate", "0"], "between 1 and"),
        (["--video", "VIDEO", "--site", "Mars"], "Mars"),
        (["--video", "VIDEO", "--camera", "x" * 101], "1 to 100"),
        (["--video", "VIDEO", "--labels", "none.csv", "--label-set", "T"], "none.csv"),
        (["--video", "VIDEO", "--labels", "BAD", "--label-set", "T"], "neither"),
        (["--video", "VIDEO", "--labels", "EMPTY", "--label-set", "T"], "EMPTY: it is empty"),
        (["--video", "VIDEO", "--labels", "LATE", "--label-set", "T"], "Frame 30"),
        (["--video", "VIDEO", "--labels", "LONG", "--label-set", "T"], "3.000 s long"),
        (["--video", "VIDEO", "--labels", "GOOD"], "Name the label set"),
        (["--video", "VIDEO", "--output", "none/out.parquet"], "its folder does not exist"),
        (["--video", "VIDEO", "--video", "GOOD", "--output", "VIDEO"], "a folder"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_stored(
    db, video, tmp_path, monkeypatch, args, told
):
    monkeypatch.chdir(tmp_path)
    files = {
        "BAD": "who,knows,what,this\n1,2,3,4\n",
        "EMPTY": " \n",
        "LATE": "frame_index,label\n3,a\n30,a\n",
        "LONG": "start,end,label\n0,60,a\n",
        "GOOD": "start,end,label\n0,1,a\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    assert told in refused(*(str(video) if part == "VIDEO" else part for part in args))
    assert not (Footage.objects.exists() or FeatureSet.objects.exists())
    assert not (Camera.objects.exists() or LabelSet.objects.exists())


def test_a_video_that_cannot_be_measured_is_an_error_too(db, video, monkeypatch):
    def missing(*args, **kwargs):
        raise DomainError("weights_missing", "The weights table.pt do not exist.")

    monkeypatch.setattr("training.services.feature_sources.extractor", missing)

    assert refused("--video", video) == "The weights table.pt do not exist."
    assert FeatureSet.objects.get().state == "failed"


SETUP = """
import os, signal, sys, django
django.setup()
from django.core.management import call_command
from detection.vision.feature_tables import FeatureWriter
from tests.training import walking
from training.models import FeatureSet
from training.services import feature_sources, features
feature_sources.extractor, feature_sources.expected = walking.extractor, walking.expected
FeatureWriter.__init__.__kwdefaults__["part_rows"] = 7
"""
KILLED = """
call_command("migrate", verbosity=0)
footage = features.register_video("VIDEO")
row = features.ask(footage_ids=[footage.pk], detector="yolo", trigger="command")[0]

def progress(done, total, message):
    if done == 20 and message == "measuring":
        os.kill(os.getpid(), signal.SIGKILL)

features.extract_now(row.pk, progress)
"""
AFTER = """
row = FeatureSet.objects.get()
print(row.state, row.path or "nothing", features.run_waiting())
FeatureSet.objects.update(lease_expires_at="2026-01-01T00:00Z")
print(features.run_waiting())
row.refresh_from_db()
print(row.state, row.attempts, row.frames)
FeatureSet.objects.update(sources={})
other = features.ask(footage_ids=[row.footage_id], detector="yolo", trigger="command")[0]
whole = features.extract_now(other.pk)
print(whole.pk != row.pk, whole.sha256 == row.sha256)
"""


@pytest.mark.slow
def test_a_killed_worker_costs_a_part_and_the_bytes_are_the_same(tmp_path, video):
    folder = tmp_path / "killed"
    killed = python(SETUP + KILLED.replace("VIDEO", str(video)), folder)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    parts = list((folder / "training" / "features").rglob("part-*.parquet"))
    assert len(parts) == 2

    after = python(SETUP + AFTER, folder)

    assert after.returncode == 0, after.stderr
    assert after.stdout.splitlines() == ["running nothing 0", "1", "done 2 30", "True True"]
    assert os.listdir(folder / "training" / "features") == []
