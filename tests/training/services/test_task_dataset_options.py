"""What a dataset of windows is asked for: which question, how it is balanced, what is refused."""

import pytest

from detection.slots import TASK_CLASSIFIER
from hitlsite.errors import DomainError
from tests import factories
from tests.training import learned
from tests.training import task_material as material
from training.models import Dataset
from training.services import datasets
from training.services.slot_work import task_windows

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


def meta(dataset):
    return task_windows.meta_of(dataset)


def several(camera, asked, many=6, **columns):
    return [material.video(camera, asked, **columns) for _ in range(many)]


def serves(name, class_names, dataset=None):
    """Let a promoted model serve, of a version that a dataset trained where one is given."""
    uuid = learned.version(learned.run(dataset)).uuid if dataset else None
    return factories.deployment(
        slot=TASK_CLASSIFIER,
        name=name,
        class_names=class_names,
        source="promoted",
        model_version_uuid=uuid,
    )


class TestClasses:
    def test_one_class_is_refused(self, site, camera, asked):
        several(camera, asked, spans=[[0.0, 60.0, "work"]])

        dataset = frozen(site)

        assert dataset.error_code == "one_class" and "work" in dataset.error_message

    def test_a_class_with_one_window_is_told(self, site, camera, asked):
        several(camera, asked, many=5, spans=[[0.0, 60.0, "work"]])
        material.video(camera, asked, spans=[[0.0, 50.0, "work"], [50.0, 51.7, "idle"]])

        dataset = done(site)

        assert any("idle has no example that" in told for told in dataset.counts["warnings"])

    def test_they_keep_their_places_also_when_renamed(self, site, camera, asked, admin_user):
        from training.services import task_labels

        videos = several(camera, asked)
        done(site)
        task_labels.extend(asked.pk, ["absent"], by=admin_user)
        task_labels.change_label(asked.pk, "work", name="at the table", by=admin_user)
        material.annotate(asked, videos[0].footage, [[0.0, 60.0, "absent"]])

        second = done(site)

        assert second.class_names == ["at the table", "idle", "absent"]
        assert second.taxonomy[0]["former"] == ["work"]

    def test_another_label_set_has_classes_of_its_own(self, site, camera, asked):
        videos = several(camera, asked)
        first = done(site)
        other = material.label_set(site, "door", ("open", "closed"))
        for one in videos:
            material.annotate(other, one.footage, material.alternating(60.0, 7, ("open", "closed")))

        second = done(site, label_set=other.pk)
        third = done(site, label_set=asked.name, step_seconds=1.0)

        assert second.class_names == ["open", "closed"]
        assert third.class_names == first.class_names == ["work", "idle"]
        assert any("another label set" in told for told in second.counts["warnings"])

    def test_what_serves_says_which_of_several_label_sets_is_meant(self, site, camera, asked):
        several(camera, asked)
        first = done(site)
        material.label_set(site, "door")
        serves("table model", ["work", "idle"], dataset=first)

        assert done(site).pk == first.pk

    def test_what_serves_and_knows_less_is_told(self, site, camera, asked):
        several(camera, asked)
        serves("older", ["work"])

        warnings = done(site).counts["warnings"]

        assert any("older, does not know idle" in told for told in warnings)

    def test_what_serves_and_answers_another_question_is_told(self, site, camera, asked):
        several(camera, asked)
        serves("doors", ["open"])

        warnings = done(site).counts["warnings"]

        assert any("doors" in told and "another question" in told for told in warnings)


class TestBalance:
    def uneven(self, camera, asked):
        spans = [[0.0, 45.0, "work"], [45.0, 60.0, "idle"]]
        return several(camera, asked, spans=spans)

    def counted(self, dataset, split):
        return {row["name"]: row[split] for row in dataset.counts["classes"]}

    def test_downsampling_leaves_out_of_what_trains_alone(self, site, camera, asked):
        self.uneven(camera, asked)
        plain = done(site)

        made = done(site, balance="downsample", seed=3)

        train = self.counted(made, "train")
        assert train["work"] == train["idle"] == self.counted(plain, "train")["idle"]
        for split in ("val", "test"):
            assert self.counted(made, split) == self.counted(plain, split)
        assert made.counts["left_out"]["balanced"] > 0
        assert done(site, balance="downsample", seed=3).pk == made.pk
        assert done(site, balance="downsample", seed=4).pk != made.pk

    def test_upsampling_repeats_in_what_trains_alone(self, site, camera, asked):
        self.uneven(camera, asked)
        plain = done(site)

        made = done(site, balance="upsample")

        train = self.counted(made, "train")
        assert train["work"] == train["idle"] == self.counted(plain, "train")["work"]
        assert meta(made)["repeated"] == train["idle"] - self.counted(plain, "train")["idle"]
        for split in ("val", "test"):
            assert self.counted(made, split) == self.counted(plain, split)


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "code", "named"),
        [
            ({"window_seconds": 0}, "invalid", "window_seconds"),
            ({"window_seconds": "x"}, "invalid", "window_seconds"),
            ({"window_seconds": 1e9}, "invalid", "window_seconds"),
            ({"step_seconds": -1}, "invalid", "step_seconds"),
            ({"balance": "both"}, "invalid", "balance"),
            ({"detector_mode": "radar"}, "invalid", "detector_mode"),
            ({"train_ratio": 0.9}, "ratios_invalid", "train_ratio"),
            ({"val_ratio": 0}, "invalid", "val_ratio"),
            ({"seed": 1.5}, "invalid", "seed"),
            ({"seed": True}, "invalid", "seed"),
            ({"label_set": 999_999}, "invalid", "label_set"),
            ({"label_set": "nobody's"}, "invalid", "label_set"),
            ({"feature_sets": [999_999]}, "invalid", "feature_sets"),
            ({"feature_sets": "1,x"}, "invalid", "feature_sets"),
            # Numbers that no column, no float and no reader of digits can take.
            ({"feature_sets": [10**30]}, "invalid", "feature_sets"),
            ({"feature_sets": ["9" * 5000]}, "invalid", "feature_sets"),
            ({"feature_sets": 5.5}, "invalid", "feature_sets"),
            ({"label_set": "9" * 5000}, "invalid", "label_set"),
            ({"window_seconds": 10**400}, "invalid", "window_seconds"),
            ({"camera_share": 10**400}, "invalid", "camera_share"),
            ({"synthetic_cameras": [10**30]}, "invalid", "synthetic_cameras"),
            ({"synthetic_cameras": ["9" * 5000]}, "invalid", "synthetic_cameras"),
            ({"synthetic_cameras": 5.5}, "invalid", "synthetic_cameras"),
            ({"frames": 3}, "option_unknown", "frames"),
        ],
    )
    def test_nonsense_is_refused_by_name(self, site, asked, options, code, named):
        with pytest.raises(DomainError) as refused:
            datasets.freeze(slot=TASK_CLASSIFIER, sites=[site], options=options)

        assert refused.value.code == code and named in refused.value.fields
        assert not Dataset.objects.exists()

    def test_of_several_label_sets_one_must_be_named(self, site, asked):
        material.label_set(site, "door")

        with pytest.raises(DomainError, match="door") as refused:
            datasets.freeze(slot=TASK_CLASSIFIER, sites=[site])

        assert refused.value.code == "label_set_needed"

    def test_another_site_s_label_set_and_features_do_not_exist(self, site, asked):
        other = factories.camera()
        foreign = material.label_set(other.site)
        video = material.video(other, foreign)
        for options in ({"label_set": foreign.pk}, {"feature_sets": [video.pk]}):
            with pytest.raises(DomainError) as refused:
                datasets.freeze(slot=TASK_CLASSIFIER, sites=[site], options=options)
            assert refused.value.code == "invalid"

    def test_features_must_be_done_and_of_different_videos(self, site, camera, asked):
        one = material.video(camera, asked)
        twin = material.video(camera, footage=one.footage, seed=5)
        waiting = material.video(camera, state="queued")
        for wanted, told in (([one.pk, twin.pk], "both"), ([waiting.pk], "queued")):
            with pytest.raises(DomainError, match=told):
                datasets.freeze(
                    slot=TASK_CLASSIFIER, sites=[site], options={"feature_sets": wanted}
                )
