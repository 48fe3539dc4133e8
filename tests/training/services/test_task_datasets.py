"""Datasets of windows: what is in them, how they are parted, what they refuse and warn of."""

import numpy as np
import pytest

from detection.slots import TASK_CLASSIFIER
from detection.vision.task_columns import names_of
from detection.vision.windows import WindowSpec
from tests import factories
from tests.training import task_material as material
from training.models import GroupSplit
from training.services import datasets
from training.services.slot_work import task_gathering, task_windows

pytestmark = pytest.mark.usefixtures("data_dir")


@pytest.fixture
def asked(site):
    return material.label_set(site)


def frozen(*sites, **options):
    queued = datasets.freeze(slot=TASK_CLASSIFIER, sites=sites or None, options=options)
    return datasets.freeze_now(queued.pk)


def done(*sites, **options):
    dataset = frozen(*sites, **options)
    assert (dataset.state, dataset.error_message) == ("done", "")
    return dataset


def entries(dataset, *splits):
    found = dataset.entries.order_by("position")
    return list(found.filter(split__in=splits) if splits else found)


def meta(dataset):
    return task_windows.meta_of(dataset)


def several(camera, asked, many=6, **columns):
    return [material.video(camera, asked, **columns) for _ in range(many)]


class TestWhatIsInIt:
    def test_every_labelled_window_with_its_video_as_group(self, site, camera, asked):
        videos = several(camera, asked)

        dataset = done(site)

        rows = entries(dataset)
        # Ends at 2.0, 2.5 ... 59.5.
        assert len(rows) == 6 * 116 and dataset.counts["left_out"] == {}
        assert {row.group for row in rows} == {f"video {one.footage.sha256}" for one in videos}
        assert {row.feature_set_id for row in rows} == {one.pk for one in videos}
        assert {row.camera_id for row in rows} == {camera.pk}
        by_group = {row.group: row.split for row in rows}
        assert all(row.split == by_group[row.group] for row in rows)
        assert set(by_group.values()) == {"train", "val", "test"}
        assert dataset.class_names == ["work", "idle"]
        assert dataset.options["label_set"] == asked.pk
        assert dataset.options["window_seconds"] == 2.0

    def test_the_windows_are_those_of_the_features(self, site, camera, asked):
        several(camera, asked)
        dataset = done(site)
        from detection.vision.windows import gather
        from training.services import features

        rows = entries(dataset)[::37]
        read = task_windows.windows_of(rows)

        assert read.shape == (len(rows), 20, len(names_of("fusion"))) and read.dtype == np.float32
        assert task_windows.columns_of(dataset) == names_of("fusion")
        for row, window in zip(rows, read, strict=True):
            table = features.table_of(row.feature_set)
            wanted = gather(table.times, table.values, [row.label["end"]], WindowSpec())[0]
            assert wanted.tobytes() == window.tobytes()
            assert row.label["end"] - row.label["start"] == pytest.approx(2.0)

    def test_a_label_is_that_of_more_than_half(self, site, camera, asked):
        several(camera, asked)

        for row in entries(done(site)):
            middle = (row.label["start"] + row.label["end"]) / 2
            wanted = material.LABELS[int(middle // 10) % 2]
            assert row.label["label"] == wanted

    def test_the_scaler_is_that_of_what_trains_alone(self, site, camera, asked):
        several(camera, asked)
        dataset = done(site)
        train = task_windows.windows_of(entries(dataset, "train")).astype(float)

        scaler = meta(dataset)["scaler"]

        np.testing.assert_allclose(scaler["mean"], np.nanmean(train, axis=(0, 1)), rtol=1e-9)
        np.testing.assert_allclose(scaler["std"], np.nanstd(train, axis=(0, 1)), rtol=1e-9)
        every = task_windows.windows_of(entries(dataset)).astype(float)
        assert not np.allclose(scaler["mean"], np.nanmean(every, axis=(0, 1)), rtol=1e-6)

    def test_what_was_labelled_anew_counts_and_what_was_before_does_not(self, site, camera, asked):
        videos = several(camera, asked)
        first = done(site)
        material.annotate(asked, videos[0].footage, [[0.0, 60.0, "idle"]])

        second = done(site)

        rows = [row for row in entries(second) if row.feature_set_id == videos[0].pk]
        assert {row.label["label"] for row in rows} == {"idle"}
        assert second.pk != first.pk and second.previous == first
        assert second.counts["changes"]["relabelled"] > 0

    def test_the_same_again_is_the_same_dataset(self, site, camera, asked):
        several(camera, asked)
        first = done(site)

        assert done(site).pk == first.pk
        assert done(site, window_seconds=1.0).pk != first.pk

    def test_the_newest_fused_features_of_a_video_are_taken(self, site, camera, asked):
        old = several(camera, asked)
        newer = material.video(camera, footage=old[0].footage, seed=99)
        material.video(camera, footage=old[1].footage, mode="yolo")

        used = {row.feature_set_id for row in entries(done(site))}

        assert used == {newer.pk, *(one.pk for one in old[1:])}

    def test_only_the_features_that_were_named(self, site, camera, asked):
        videos = several(camera, asked, many=8)

        dataset = done(site, feature_sets=[one.pk for one in videos[:5]])

        assert {row.feature_set_id for row in entries(dataset)} == {one.pk for one in videos[:5]}


class TestWhatIsLeftOut:
    def test_is_counted_with_its_reason(self, site, camera, asked):
        several(camera, asked, many=5)
        # The window that ends at 11 s has ten points of each.
        material.video(camera, asked, spans=[[0.0, 10.05, "work"], [10.05, 60.0, "idle"]])
        material.video(camera, asked, gaps=[(20.0, 30.0)], spans=[[0.0, 15.0, "work"]])
        material.video(camera)
        material.annotate(asked, factories.footage(camera), [[0.0, 5.0, "work"]])

        left_out = done(site).counts["left_out"]

        # From 20 to 30 s nothing ends, nor until a window is whole again.
        assert left_out["gap"] == 24
        assert left_out["unlabelled"] > 0 and left_out["ambiguous"] == 1
        assert left_out["videos_without_labels"] == 1
        assert left_out["videos_without_features"] == 1

    def test_columns_missing_in_all_that_trains_are_named(self, site, camera, asked):
        several(camera, asked, missing=("hand_obj_dist", "left_knee_angle"))

        dataset = done(site)

        gone = meta(dataset)["dropped_columns"]
        assert set(gone) == {"hand_obj_dist", "left_knee_angle"}
        assert task_windows.windows_of(entries(dataset)[:3]).shape[2] == len(names_of("fusion")) - 2
        assert any("left_knee_angle" in told for told in dataset.counts["warnings"])
        assert not set(gone) & set(task_windows.columns_of(dataset))
        whole = task_windows.windows_of(entries(dataset)[:3], ["hand_obj_dist", "hand_obj_dist"])
        assert whole.shape[2] == 2 and np.isnan(whole).all()

    def test_labels_that_the_set_does_not_have(self, site, camera, asked):
        several(camera, asked, many=4)
        material.elsewhere(site, spans=material.alternating(60.0, labels=("work", "pause")))

        dataset = done(site)

        assert dataset.class_names == ["work", "idle"]
        assert dataset.counts["left_out"]["label_not_in_set"] > 0

    def test_a_mode_takes_its_columns_out_of_fused_features(self, site, camera, asked):
        several(camera, asked)

        dataset = done(site, detector_mode="yolo")

        assert task_windows.columns_of(dataset) == names_of("yolo")
        assert meta(dataset)["mode"] == "yolo"

    def test_modes_that_have_nothing_in_common_are_refused(self, site, camera, asked):
        several(camera, asked, many=3, mode="yolo")
        several(camera, asked, many=3, mode="mediapipe")

        dataset = frozen(site)

        assert (dataset.state, dataset.error_code) == ("failed", "features_mixed")
        assert "mediapipe" in dataset.error_message

    def test_nothing_measured_in_what_trains(self, site, camera, asked):
        several(camera, asked, mode="yolo", missing=names_of("yolo"))

        assert frozen(site).error_code == "no_columns"


class TestSplits:
    def test_the_ratios_are_those_asked_for(self, site, camera, asked):
        several(camera, asked, many=20, seconds=20.0, spans=material.alternating(20.0, 5.0))

        half = done(site, train_ratio=0.5, val_ratio=0.25, test_ratio=0.25).counts["groups"]

        assert (half["train"], half["val"], half["test"]) == (10, 5, 5)

    def test_short_windows_of_slow_rows_share_no_row_across_blocks(self, site, camera, asked):
        several(camera, asked, many=1, seconds=600.0, rate=1.1)
        dataset = done(site, window_seconds=0.5, step_seconds=0.1)

        from detection.vision.windows import places
        from training.services import features

        spec = WindowSpec.from_dict(meta(dataset)["spec"])
        rows = entries(dataset)
        times = features.table_of(rows[0].feature_set).times
        used = {}
        for one in rows:
            found = places(times, np.array([one.label["end"]]), spec)
            used.setdefault(one.group, set()).update(found.ravel().tolist())
        taken = [row for found in used.values() for row in found]
        assert len(used) > 3 and len(taken) == len(set(taken))

    @pytest.mark.parametrize("many", [1, 2, 3])
    def test_few_videos_are_cut_into_blocks_with_a_margin_and_it_is_said(
        self, site, camera, asked, many
    ):
        several(camera, asked, many=many, seconds=180.0)

        dataset = done(site)

        assert any("contiguous blocks" in told for told in dataset.counts["warnings"])
        assert dataset.counts["left_out"]["between_blocks"] > 0
        rows = entries(dataset)
        assert {row.split for row in rows} == {"train", "val", "test"}
        for feature_set in {row.feature_set_id for row in rows}:
            own = sorted(
                (row for row in rows if row.feature_set_id == feature_set),
                key=lambda row: row.label["start"],
            )
            for earlier, later in zip(own, own[1:], strict=False):
                if earlier.group != later.group:
                    assert later.label["start"] - earlier.label["end"] >= 2.0 - 1e-6

    def test_a_video_that_was_cut_stays_cut_the_same(self, site, camera, asked):
        few = several(camera, asked, many=2, seconds=90.0)
        first = {(row.feature_set_id, row.label["end"]): row.split for row in entries(done(site))}
        several(camera, asked, many=4, seconds=90.0)

        second = done(site, window_seconds=1.0)

        for row in entries(second):
            if row.feature_set_id in {one.pk for one in few}:
                assert " block " in row.group
                was = first.get((row.feature_set_id, row.label["end"]))
                assert was in (None, row.split)
            else:
                assert " block " not in row.group
        assert not any("contiguous blocks" in told for told in second.counts["warnings"])

    def test_a_video_that_was_whole_is_never_cut(self, site, camera, asked):
        videos = several(camera, asked, many=5)
        done(site)
        pinned = dict(GroupSplit.objects.values_list("group", "split"))
        trains = [one for one in videos if pinned[f"video {one.footage.sha256}"] == "train"]

        dataset = frozen(site, feature_sets=[one.pk for one in trains[:2]])

        assert dataset.error_code == "no_validation_group"
        assert dict(GroupSplit.objects.values_list("group", "split")) == pinned

    def test_copies_of_one_film_are_one_group(self, site, camera, asked):
        videos = several(camera, asked, many=5)
        other = factories.footage(factories.camera(site), sha256=videos[0].footage.sha256)
        copy = material.video(other.camera, asked, footage=other)

        groups = {row.feature_set_id: row.group for row in entries(done(site))}

        assert groups[copy.pk] == groups[videos[0].pk]

    def test_a_short_video_beside_a_long_one_is_not_lost(self, site, camera, asked):
        several(camera, asked, many=1, seconds=180.0)
        first = done(site)
        short = material.video(camera, asked, seconds=5.0, spans=[[0.0, 5.0, "work"]])

        dataset = done(site)

        assert dataset.pk != first.pk
        groups = {row.group for row in entries(dataset) if row.feature_set_id == short.pk}
        assert groups == {f"video {short.footage.sha256}"}

    def test_too_short_a_video_is_refused_with_what_was_left_out(self, site, camera, asked):
        material.video(camera, asked, seconds=5.0, spans=material.alternating(5.0, 2.5))

        dataset = frozen(site)

        assert dataset.error_code == "nothing_to_freeze"
        assert "between blocks" in dataset.error_message


class TestFromElsewhere:
    def test_their_own_labels_do_where_there_is_no_label_set(self, site):
        made = [material.elsewhere(site) for _ in range(5)]

        dataset = done(site)

        assert dataset.options["label_set"] == 0 and meta(dataset)["label_set"] is None
        assert set(dataset.class_names) == {"work", "idle"}
        assert {row.group for row in entries(dataset)} == {f"features {one.pk}" for one in made}
        assert {row.origin for row in entries(dataset)} == {"import"}

    def test_one_name_is_one_video(self, site):
        made = [material.elsewhere(site, name=f"film {n // 2}") for n in range(10)]

        dataset = done(site, feature_sets=[one.pk for one in made])

        assert len({row.group for row in entries(dataset)}) == 5

    def test_our_own_file_that_comes_back_is_of_its_video(self, site, camera, asked):
        own = several(camera, asked, many=5)
        back = material.elsewhere(site)
        same = {"path": own[0].path, "sha256": own[0].sha256}
        type(back).objects.filter(pk=back.pk).update(**same)

        back.refresh_from_db()
        groups = {task_gathering._group(one) for one in (back, own[0])}
        assert groups == {f"video {own[0].footage.sha256}"}

    def test_one_file_at_two_sites_is_one_video(self, site):
        first, second = material.elsewhere(site), material.elsewhere(factories.site())
        type(second).objects.filter(pk=second.pk).update(sha256=first.sha256)

        second.refresh_from_db()
        groups = {task_gathering._group(one) for one in (first, second)}
        assert groups == {f"features {first.pk}"}

    def test_a_damaged_file_ends_the_freeze_and_stores_nothing(self, site):
        made = [material.elsewhere(site) for _ in range(5)]
        type(made[0]).objects.filter(pk=made[0].pk).update(sha256="0" * 64)

        dataset = frozen(site)

        assert (dataset.state, dataset.error_code) == ("failed", "features_damaged")
        assert not dataset.entries.exists() and not GroupSplit.objects.exists()


def test_rates_of_rows_may_differ_between_videos_and_within_one(site, camera, asked):
    for rate in (5.0, 12.5, 25.0, 29.97, 10.0):
        material.video(camera, asked, rate=rate)
    mixed = factories.footage(camera, duration_seconds=60.0)
    times = np.concatenate([np.arange(0, 30, 1 / 30), np.arange(30, 60, 0.2)])
    spans = material.alternating(60.0)
    material.feature_set(mixed, times, material.values_of(times, spans))
    material.annotate(asked, mixed, spans)

    dataset = done(site)

    assert task_windows.windows_of(entries(dataset)).shape[1] == 20
    train = {row.feature_set.name for row in entries(dataset, "train")}
    rates = [one["frames_per_second"] for one in meta(dataset)["inputs"] if one["name"] in train]
    assert meta(dataset)["frames_per_second"] == pytest.approx(np.median(rates), abs=0.01)
