"""The page of what a model said of a video: nothing yet, a job under way, a timeline, refusals."""

import importlib
import json
import re

import pytest
from django.urls import reverse

from detection.models import Caption
from hitlsite.models import Job
from tests import factories
from tests.training import said
from training.models import SpanAnnotation
from training.services import classification_jobs

pytestmark = pytest.mark.usefixtures("data_dir")


@pytest.fixture(autouse=True)
def _repeats(settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.repeated_queries.watching"]


@pytest.fixture
def label_set(site):
    return said.label_set(site)


@pytest.fixture
def champion(label_set):
    return said.classifier(label_set)


@pytest.fixture
def footage(camera):
    return factories.footage(camera)


@pytest.fixture
def spoken(footage, champion):
    said.log(
        footage,
        champion,
        (4, "idle", 0.9),
        (6, "work", 0.7),
        latency={"median": 0.4, "p95": 0.9, "slowest": 2.0},
    )
    return footage


@pytest.fixture
def as_supervisor(client, supervisor):
    client.force_login(supervisor)
    return client


@pytest.fixture
def as_reviewer(client, reviewer):
    client.force_login(reviewer)
    return client


def shown(client, footage, query=""):
    response = client.get(reverse("training:task_predictions", args=[footage.pk]) + query)
    assert response.status_code == 200
    return response.content.decode()


def document(page):
    found = re.search(r'<script id="timeline" type="application/json">(.*?)</script>', page, re.S)
    return json.loads(found[1])


class TestPage:
    def test_without_a_classifier_it_says_what_to_do(self, as_supervisor, footage):
        page = shown(as_supervisor, footage)
        assert "No task classifier is deployed yet" in page
        assert "data-timeline" not in page

    def test_the_video_is_named(self, as_supervisor, camera):
        video = factories.footage(camera, location="/films/packing.mp4")
        assert "<strong>packing.mp4</strong>" in shown(as_supervisor, video)

    def test_before_anything_was_said_it_can_be_asked_for(self, as_supervisor, footage, champion):
        page = shown(as_supervisor, footage)
        assert "Nothing was said of this video yet" in page
        assert reverse("training:classify_footage", args=[footage.pk]) in page

    def test_a_reviewer_sees_and_asks_for_nothing(self, as_reviewer, spoken):
        page = shown(as_reviewer, spoken)
        assert "Classify again" not in page
        assert "Download JSON" in page

    def test_the_timeline_has_spans_samples_captions_and_labels(
        self, as_reviewer, spoken, label_set, reviewer
    ):
        SpanAnnotation.objects.create(
            label_set=label_set,
            footage=spoken,
            version=1,
            spans=[[0.0, 4.0, "idle"]],
            source="drawn",
            annotated_by=reviewer,
        )
        Caption.objects.create(footage=spoken, at_seconds=1.0, text="</script>An empty table.")
        page = shown(as_reviewer, spoken)
        told = document(page)
        assert told["duration"] == 60.0
        assert [(span["start"], span["end"], span["label"]) for span in told["spans"]] == [
            (0.5, 4.5, "idle"),
            (4.5, 10.0, "work"),
        ]
        assert told["samples"][0] == [0.5, "idle", 0.9]
        assert told["labels"] == ["work", "idle"]
        assert told["captions"] == [[1.0, "</script>An empty table."]]
        assert told["truth"] == [[0.0, 4.0, "idle"]]
        assert "0.40" in page and "Table, version 1" in page

    def test_each_model_that_spoke_can_be_looked_at(self, as_reviewer, spoken, label_set, champion):
        shadow = said.classifier(label_set, role="challenger")
        said.log(spoken, shadow, (10, "work", 0.6))
        page = shown(as_reviewer, spoken)
        assert f"{shadow.name} (looks on)" in page
        assert [span["label"] for span in document(page)["spans"]] == ["idle", "work"]
        other = document(shown(as_reviewer, spoken, f"?model={shadow.pk}"))
        assert [span["label"] for span in other["spans"]] == ["work"]

    def test_a_long_video_is_thinned_for_the_page(self, as_reviewer, spoken, monkeypatch):
        # The view has the name of its module.
        module = importlib.import_module("training.views.task_predictions")
        monkeypatch.setattr(module, "MOST_SAMPLES", 7)
        assert len(document(shown(as_reviewer, spoken))["samples"]) == 7

    @pytest.mark.parametrize("query", ["?model=999999", "?model=x"])
    def test_a_model_that_said_nothing_is_not_found(self, as_reviewer, spoken, query):
        address = reverse("training:task_predictions", args=[spoken.pk])
        assert as_reviewer.get(address + query).status_code == 404

    def test_foreign_footage_is_not_there(self, client, outsider, spoken):
        client.force_login(outsider)
        for name in ("task_predictions", "task_predictions_json"):
            assert client.get(reverse(f"training:{name}", args=[spoken.pk])).status_code == 404
        asked = client.post(reverse("training:classify_footage", args=[spoken.pk]))
        assert asked.status_code == 404

    def test_a_phone_sees_nothing(self, client, device_user, spoken):
        client.force_login(device_user)
        address = reverse("training:task_predictions", args=[spoken.pk])
        assert client.get(address).status_code == 403


class TestJson:
    def test_everything_is_in_the_file(self, as_reviewer, spoken, champion):
        answer = as_reviewer.get(reverse("training:task_predictions_json", args=[spoken.pk]))
        assert "attachment" in answer["Content-Disposition"]
        told = answer.json()
        assert told["model"]["name"] == champion.name
        assert (len(told["samples"]), told["frames"]) == (20, 20)
        assert told["samples"][0] == {"t": 0.5, "label": "idle", "confidence": 0.9}
        assert told["latency"] == {"median": 0.4, "p95": 0.9, "slowest": 2.0}

    def test_without_anything_said_there_is_no_file(self, as_reviewer, footage):
        address = reverse("training:task_predictions_json", args=[footage.pk])
        assert as_reviewer.get(address).status_code == 404


class TestJob:
    def ask(self, client, footage):
        return client.post(reverse("training:classify_footage", args=[footage.pk]), follow=True)

    def test_asking_queues_it_and_the_page_waits(self, as_supervisor, spoken):
        page = self.ask(as_supervisor, spoken).content.decode()
        assert Job.objects.filter(kind=classification_jobs.KIND, state="queued").count() == 1
        assert "Waiting for a worker" in page
        assert 'hx-trigger="every 2s"' in page

    def test_progress_is_told_and_the_end_reloads_the_page(self, as_supervisor, spoken):
        self.ask(as_supervisor, spoken)
        job = classification_jobs.latest(spoken)
        Job.objects.update(
            state="running", progress_done=3, progress_total=60, progress_message="it looks"
        )
        address = reverse("training:task_predictions", args=[spoken.pk])
        part = as_supervisor.get(address, headers={"HX-Request": "true"})
        assert "3 of 60 s" in part.content.decode()
        assert "HX-Refresh" not in part
        Job.objects.filter(pk=job.pk).update(state="done", result={"warnings": ["Nobody came."]})
        assert as_supervisor.get(address, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
        assert "Nobody came." in shown(as_supervisor, spoken)

    def test_a_failure_is_told(self, as_supervisor, spoken):
        self.ask(as_supervisor, spoken)
        Job.objects.update(state="failed", error_message="walk.mp4: there is no such file.")
        assert "walk.mp4: there is no such file." in shown(as_supervisor, spoken)

    def test_a_reviewer_is_refused(self, as_reviewer, spoken):
        address = reverse("training:classify_footage", args=[spoken.pk])
        assert as_reviewer.post(address).status_code == 403

    def test_without_a_champion_it_says_so(self, as_supervisor, footage):
        page = self.ask(as_supervisor, footage).content.decode()
        assert "No task classifier is deployed yet: deploy a version first." in page

    def test_the_task_does_what_was_asked(self, as_supervisor, spoken, eager_tasks):
        from training import tasks

        self.ask(as_supervisor, spoken)
        tasks.classify_waiting()
        job = classification_jobs.latest(spoken)
        # Its film does not exist: it ends with a sentence, not with an exception.
        assert (job.state, bool(job.error_message)) == ("failed", True)
