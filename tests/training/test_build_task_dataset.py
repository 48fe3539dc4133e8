"""The command that makes arrays out of features: what lies in its folder, and what it refuses."""

import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from detection.vision.task_columns import names_of
from hitlsite import storage
from tests import factories
from tests.training import task_material as material
from training.models import Dataset, FeatureSet
from training.services import feature_files, task_dataset_folder
from training.services.slot_work import task_windows

pytestmark = pytest.mark.usefixtures("data_dir")


@pytest.fixture
def asked(site):
    return material.label_set(site)


@pytest.fixture
def tables(tmp_path):
    """Return the files of five videos that were measured and labelled elsewhere."""
    from training.learning.spans import label_at

    times, spans = material.times_of(40.0), material.alternating(40.0)
    labels = label_at(spans, times)
    return [
        material.write(
            tmp_path / f"{number}.parquet",
            times,
            material.values_of(times, spans, seed=number, missing=("hand_obj_dist",)),
            labels=labels,
            video=f"film {number}.mp4",
        )
        for number in range(5)
    ]


def build(target, *args):
    call_command("build_task_dataset", "--output", str(target), *map(str, args))
    return json.loads((target / "metadata.json").read_text())


def arrays(target):
    return {
        split: (np.load(target / f"X_{split}.npy"), np.load(target / f"y_{split}.npy"))
        for split in ("train", "val", "test")
    }


def test_the_arrays_are_the_windows_of_the_dataset(site, tables, tmp_path):
    told = build(tmp_path / "made", "--features", *tables)

    dataset = Dataset.objects.get()
    assert told["dataset"] == dataset.pk and told["manifest_sha256"] == dataset.manifest_sha256
    assert task_dataset_folder.dataset_in(tmp_path / "made") == dataset
    mean, std = (np.array(told["scaler"][name]) for name in ("mean", "std"))
    for split, (x, y) in arrays(tmp_path / "made").items():
        rows = list(dataset.entries.filter(split=split).order_by("position"))
        windows = task_windows.windows_of(rows)
        np.testing.assert_allclose(x * std + mean, windows, rtol=1e-4, atol=1e-4)
        assert (np.isnan(x) == np.isnan(windows)).all()
        assert [told["label_map"][row.label["label"]] for row in rows] == y.tolist()
        assert told["splits"][split]["windows"] == len(rows)
    train, _ = arrays(tmp_path / "made")["train"]
    np.testing.assert_allclose(np.nanmean(train.astype(float), axis=(0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(np.nanstd(train.astype(float), axis=(0, 1)), 1, atol=1e-5)


def test_the_metadata_tells_where_everything_came_from(site, tables, tmp_path):
    told = build(tmp_path / "made", "--features", *tables, "--balance", "downsample", "--seed", 7)

    assert told["feature_names"] == [n for n in names_of("fusion") if n != "hand_obj_dist"]
    assert told["dropped_columns"] == ["hand_obj_dist"]
    assert {row["sha256"] for row in told["inputs"]} == {storage.sha256_of(p) for p in tables}
    assert told["windowing"]["window_seconds"] == 2.0 and told["balance"] == "downsample"
    assert told["seed"] == 7 and told["ratios"] == {"train": 0.7, "val": 0.15, "test": 0.15}
    for name, sha256 in told["files"].items():
        assert storage.sha256_of(tmp_path / "made" / name) == sha256
    assert set(told["label_map"]) == {"work", "idle"}


def test_files_that_are_known_are_not_taken_in_again(site, tables, tmp_path, capsys):
    first = build(tmp_path / "made", "--features", *tables)
    assert capsys.readouterr().out.count("taken in") == 5

    second = build(tmp_path / "again", "--features", *tables)

    assert FeatureSet.objects.count() == 5
    out = capsys.readouterr().out
    assert "taken in" not in out and "Nothing has changed" in out
    assert second["files"] == first["files"]


def test_without_features_the_newest_of_every_labelled_video(site, camera, asked, tmp_path):
    videos = [material.video(camera, asked) for _ in range(5)]

    told = build(
        tmp_path / "made", "--label-set", asked.name, "--window-sec", 1, "--step-sec", 0.25
    )

    assert {row["feature_set"] for row in told["inputs"]} == {one.pk for one in videos}
    assert told["label_set"] == asked.name
    assert arrays(tmp_path / "made")["train"][0].shape[1:] == (10, len(names_of("fusion")))


def test_features_by_id_and_the_report(site, camera, asked, tmp_path):
    videos = [material.video(camera, asked) for _ in range(6)]
    wanted = [one.pk for one in videos[:5]]

    told = build(
        tmp_path / "made", "--feature-set", *wanted, "--json", tmp_path / "report.json",
        "--train-ratio", 0.6, "--val-ratio", 0.2, "--test-ratio", 0.2, "--detector-mode", "yolo",
    )  # fmt: skip

    assert {row["feature_set"] for row in told["inputs"]} == set(wanted)
    assert told["feature_names"] == list(names_of("yolo"))
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["manifest_sha256"] == told["manifest_sha256"]


def test_own_labels_where_there_is_a_label_set(site, asked, tables, tmp_path):
    told = build(tmp_path / "made", "--features", *tables, "--own-labels")

    assert told["label_set"] is None


def test_a_labelled_copy_is_the_features_that_it_was_copied_from(site, camera, asked, tmp_path):
    rows = [material.video(camera, asked, labels=["idle"] * 600) for _ in range(5)]
    copies = []
    for row in rows:
        spans = feature_files.spans_for(row, asked.name)
        copies.append(tmp_path / f"copy {row.pk}.parquet")
        assert feature_files.write_copy(row, copies[-1], spans) != row.sha256

    told = build(tmp_path / "made", "--features", *copies)

    entries = Dataset.objects.get(pk=told["dataset"]).entries
    assert set(entries.values_list("feature_set", flat=True)) == {row.pk for row in rows}
    assert FeatureSet.objects.count() == len(rows)

    build(tmp_path / "own", "--features", *copies, "--own-labels")

    assert FeatureSet.objects.filter(footage=None).count() == len(rows)


def test_an_earlier_folder_is_replaced_and_nothing_else_ever(site, tables, tmp_path):
    build(tmp_path / "made", "--features", *tables)
    told = build(tmp_path / "made", "--features", *tables, "--step-sec", 1)
    assert told["windowing"]["step_seconds"] == 1.0

    (tmp_path / "made" / "notes.txt").write_text("mine")
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for target in (tmp_path / "made", other, tmp_path / "file"):
        with pytest.raises(CommandError, match="is there already"):
            call_command("build_task_dataset", "--output", str(target))
    assert (other / "thesis.txt").read_text() == "mine"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--features", "nowhere.parquet"], "nowhere.parquet"),
        (["--feature-set", "99999"], "feature_sets"),
        (["--label-set", "nobody's"], "label_set"),
        (["--window-sec", "0"], "window_seconds"),
        (["--train-ratio", "0.9"], "add up to 1"),
        (["--site", "Nowhere"], "Nowhere"),
        ([], "nothing that a dataset could hold"),
    ],
)
def test_a_refusal_is_one_line_and_leaves_no_folder(site, tmp_path, args, told):
    with pytest.raises(CommandError, match=told) as refused:
        call_command("build_task_dataset", "--output", str(tmp_path / "made"), *args)

    assert refused.value.returncode == 2 and "\n" not in str(refused.value)
    assert not (tmp_path / "made").exists() and not Dataset.objects.filter(state="done").exists()


def test_of_several_sites_one_must_be_named(site, tables, tmp_path):
    factories.site("Second")

    with pytest.raises(CommandError, match="Harbour"):
        call_command("build_task_dataset", "--output", str(tmp_path / "made"))
    build(tmp_path / "made", "--features", *tables, "--site", "Harbour")


def test_a_table_that_lacks_columns_is_named(site, tmp_path):
    import polars

    polars.DataFrame({"frame_index": [0, 1], "x": [1.0, 2.0]}).write_parquet(
        tmp_path / "odd.parquet"
    )

    with pytest.raises(CommandError, match=r"odd\.parquet"):
        call_command(
            "build_task_dataset", "--output", str(tmp_path / "made"), "--features",
            str(tmp_path / "odd.parquet"),
        )  # fmt: skip


class TestFolders:
    def test_one_that_is_none_is_refused(self, db, tmp_path):
        for content in (None, "{", "[]", "{}"):
            if content is not None:
                (tmp_path / "metadata.json").write_text(content)
            with pytest.raises(task_dataset_folder.DomainError, match="no folder"):
                task_dataset_folder.dataset_in(tmp_path)

    def test_one_of_another_installation_is_refused(self, db, tmp_path):
        told = {"dataset": 1, "manifest_sha256": "0" * 64}
        (tmp_path / "metadata.json").write_text(json.dumps(told))

        with pytest.raises(task_dataset_folder.DomainError, match="not of this installation"):
            task_dataset_folder.dataset_in(tmp_path)
