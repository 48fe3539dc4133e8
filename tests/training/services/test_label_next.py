"""Rankings of pictures to label: who asks, what comes first, and what came of either arm."""

from datetime import timedelta

import pytest
from django.utils import timezone

from detection.models import Evidence
from detection.services import inference
from hitlsite.errors import Forbidden, NotFound
from hitlsite.models import AuditEntry, Job
from review.models import Annotation, TrainingItem
from review.services import label_classes
from tests import factories
from tests.detection.test_photos import FoundOne
from training.selectors import label_next as selector
from training.services import label_next

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture(autouse=True)
def _no_weights(settings):
    settings.DETECTOR = "motion"


def pictured(camera, score=0.8, *, boxes=1, **columns):
    """Return an item with one still on which so many people were found."""
    incident = factories.incident(camera, with_files=False)
    seen = [
        {
            "at_seconds": 32.0,
            "track_id": number,
            "class_name": "person",
            "score": score,
            "box_xyxy": [0.1 + 0.3 * number, 0.2, 0.3 + 0.3 * number, 0.8],
        }
        for number in range(boxes)
    ]
    still = factories.jpeg(factories.picture(incident.pk))
    factories.evidence(
        incident, Evidence.Kind.FRAME_PEAK, still, at_seconds=32.0, observations=seen
    )
    return factories.item(incident, **columns)


def said(item, by, boxes, *, version=1, at=None):
    evidence = item.incident.evidence.get()
    return Annotation.objects.create(
        item=item,
        evidence=evidence,
        version=version,
        is_current=True,
        boxes=boxes,
        annotated_by=by,
        annotated_at=at or timezone.now(),
    )


def ranked(site, by):
    return label_next.rank(label_next.ask(by=by, site_id=site.pk).pk)


class TestAsking:
    def test_it_is_queued_once_and_audited(self, site, reviewer):
        job = label_next.ask(by=reviewer, site_id=site.pk)
        again = label_next.ask(by=reviewer, site_id=site.pk)

        assert job == again
        assert (job.kind, job.site) == ("label_next", site)
        assert AuditEntry.objects.filter(action="label_next.asked").count() == 1

    def test_who_may_not(self, site, reviewer, outsider):
        with pytest.raises(NotFound):
            label_next.ask(by=outsider, site_id=site.pk)
        group = reviewer.groups.get()
        group.permissions.remove(*group.permissions.filter(codename="add_annotation"))
        with pytest.raises(Forbidden):
            label_next.ask(by=type(reviewer).objects.get(pk=reviewer.pk), site_id=site.pk)
        assert not Job.objects.exists()


class TestRanking:
    def test_pictures_in_doubt_come_by_the_model_and_some_at_random(self, camera, reviewer):
        sure = [pictured(camera, 0.9).pk for _ in range(50)]
        doubtful = [pictured(camera, 0.3).pk for _ in range(36)]
        job = ranked(camera.site, reviewer)

        assert (job.state, job.result["considered"]) == ("done", 86)
        arms = {pick["item"]: pick["arm"] for pick in job.result["picks"]}
        assert len(arms) == label_next.PICKS
        assert list(arms.values()).count("random") == 4
        of_model = {item for item, arm in arms.items() if arm == "model"}
        assert len(of_model & set(doubtful)) >= 32
        assert set(arms) <= {*sure, *doubtful}

    def test_what_is_labelled_stands_for_another_or_has_no_picture_is_left_out(
        self, camera, reviewer
    ):
        one, labelled, twin, known = (pictured(camera) for _ in range(4))
        said(labelled, reviewer, [])
        TrainingItem.objects.filter(pk=twin.pk).update(represented_by=one)
        TrainingItem.objects.filter(pk=known.pk).update(mode="gold")
        factories.item(with_files=False)
        job = ranked(camera.site, reviewer)

        assert [pick["item"] for pick in job.result["picks"]] == [one.pk]

    def test_a_site_with_nothing_to_label_is_ranked_too(self, site, reviewer):
        assert ranked(site, reviewer).result["picks"] == []

    def test_a_challenger_that_sees_nothing_alike_is_a_reason(self, camera, reviewer, monkeypatch):
        class Rival(FoundOne):
            def detect(self, image, at_seconds):
                from detection.vision.types import Detections

                return Detections.empty()

        pictured(camera, 0.9)
        empty = pictured(camera, boxes=0)
        monkeypatch.setattr(label_next.serving, "challenger", lambda slot: object())
        monkeypatch.setattr(inference, "load_deployment", lambda deployment: Rival())
        job = ranked(camera.site, reviewer)

        disputed = {pick["item"]: pick["disagreement"] for pick in job.result["picks"]}
        assert disputed.pop(empty.pk) == 0.0
        assert list(disputed.values()) == [1.0]
        assert job.result["compared_with"] == "drawn"

    def test_a_failure_is_kept_and_the_job_is_taken_again(self, camera, reviewer, monkeypatch):
        pictured(camera)
        job = label_next.ask(by=reviewer, site_id=camera.site.pk)

        def broken(*args):
            raise OSError("the disk is gone")

        with monkeypatch.context() as patched:
            patched.setattr(selector, "candidates", broken)
            with pytest.raises(OSError):
                label_next.rank(job.pk)
        job.refresh_from_db()
        assert (job.state, job.error_message) == ("queued", "OSError: the disk is gone")
        assert label_next.run_waiting() == 0
        Job.objects.update(not_before=None)
        assert label_next.run_waiting() == 1
        assert label_next.rank(job.pk) is None

    @pytest.mark.slow
    def test_with_weights_the_looks_count(self, camera, reviewer, settings, model_dir):
        settings.DETECTOR, settings.MODEL_DIR = "auto", model_dir
        items = [pictured(camera, 0.9) for _ in range(6)]
        Evidence.objects.filter(incident=items[0].incident).update(path="gone.jpg")
        said(pictured(camera), reviewer, [])
        job = ranked(camera.site, reviewer)

        assert job.result["weights"] == "yolo11n"
        assert job.result["considered"] == 5
        of_model = [pick for pick in job.result["picks"] if pick["arm"] == "model"]
        assert all(pick["distance"] is not None for pick in of_model)
        assert (job.progress_done, job.progress_total) == (7, 7)


class TestMeasuring:
    def test_the_arms_count_what_people_changed(self, camera, reviewer):
        items = [pictured(camera, 0.3) for _ in range(8)]
        job = ranked(camera.site, reviewer)
        label_classes.ensure(camera.site)
        classes = selector.drawn.label_classes(camera.site)
        person = next(one.index for one in classes if one.name == "person")
        proposed = {"label": person, "box_xyxy": [0.1, 0.2, 0.3, 0.8]}
        for item in items[:4]:
            said(item, reviewer, [proposed])
        for item in items[4:7]:
            said(item, reviewer, [])

        arms = {arm.name: arm for arm in selector.arms(reviewer)}
        told = {pick["item"]: pick["arm"] for pick in job.result["picks"]}
        for name in ("model", "random"):
            mine = [item for item in items if told[item.pk] == name]
            assert arms[name].picked == len(mine)
            assert arms[name].labelled == sum(item in items[:7] for item in mine)
            assert arms[name].changed == sum(item in items[4:7] for item in mine)
        assert sum(arm.labelled for arm in arms.values()) == 7

    def test_what_was_labelled_before_it_was_picked_counts_for_none(self, camera, reviewer):
        item = pictured(camera)
        ranked(camera.site, reviewer)
        said(item, reviewer, [], at=timezone.now() - timedelta(days=1))

        assert sum(arm.labelled for arm in selector.arms(reviewer)) == 0

    def test_other_sites_are_not_told(self, camera, reviewer, outsider):
        pictured(camera)
        ranked(camera.site, reviewer)

        assert sum(arm.picked for arm in selector.arms(outsider)) == 0
        assert sum(arm.picked for arm in selector.arms(reviewer)) == 1
