"""The queue of spans: every state, who is let in, and what its buttons do."""

import pytest
from django.urls import reverse

from detection.models import Camera
from tests.training import said
from training import tasks
from training.models import LabelSet, SpanToLabel
from training.services import spans_to_label as service

pytestmark = pytest.mark.django_db
PAGE = "/tasks/next/"


@pytest.fixture
def labels(site):
    return said.label_set(site)


@pytest.fixture
def spans(camera, labels, monkeypatch):
    """Return three spans: of doubt, of disagreement and of chance."""
    monkeypatch.setattr(service, "_key", lambda *args: b"\0" * 8 + str(args[-1]).encode())
    model = said.classifier(labels)
    rival = said.classifier(labels, role="challenger")
    video = said.ended(camera)
    said.log(video, model, (10, "work", 0.9), (4, "idle", 0.4), (30, "work", 0.9))
    agreed = (10, "work", 0.9), (4, "idle", 0.9), (16, "work", 0.9)
    said.log(video, rival, *agreed, (4, "idle", 0.8), (10, "work", 0.9))
    return service.find(video.pk)


@pytest.fixture
def as_reviewer(client, reviewer):
    client.force_login(reviewer)
    return client


def shown(client, address=PAGE):
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_the_addresses():
    assert reverse("training:spans_to_label") == PAGE
    assert reverse("training:spans_to_label_count") == f"{PAGE}count/"


def test_before_there_are_labels(as_reviewer):
    page = shown(as_reviewer)
    assert "No span waits for a name" in page and "There is no label set yet" in page


def test_where_nothing_waits(as_reviewer, labels):
    page = shown(as_reviewer)
    assert "No span waits for a name" in page and "once a video of theirs has ended" in page


def test_what_waits_and_why(as_reviewer, spans, camera, labels):
    page = shown(as_reviewer)

    assert page.count("data-row") == len(spans) == 4
    assert "the model was unsure" in page and "two models differ" in page
    assert "drawn at random" in page
    assert camera.name in page and labels.name in page
    assert "0:10.0 to 0:14.0" in page
    assert "<strong>work</strong> or <strong>idle</strong>" in page
    for span in spans:
        assert f"?set={labels.pk}&amp;span={span.pk}" in page


def test_the_most_doubtful_comes_first(as_reviewer, spans):
    page = shown(as_reviewer)
    page = page[page.index("data-spans") :]
    places = {span.pk: page.index(f'span={span.pk}"') for span in spans}
    by_place = sorted(spans, key=lambda span: places[span.pk])
    assert [span.priority for span in by_place] == sorted(
        (span.priority for span in spans), reverse=True
    )


def test_names_are_no_markup(as_reviewer, spans, camera):
    Camera.objects.filter(pk=camera.pk).update(name="<script>alert(1)</script>")
    LabelSet.objects.update(name="<b>Table</b>")
    page = shown(as_reviewer)
    assert "<script>alert" not in page and "<b>Table" not in page


def test_dismissed_and_put_back(as_reviewer, spans):
    span = spans[0]
    response = as_reviewer.post(f"{PAGE}{span.pk}/dismiss/")
    assert (response.status_code, response.url) == (303, PAGE)
    page = shown(as_reviewer)
    assert "Dismissed last" in page and f"{PAGE}{span.pk}/restore/" in page
    assert page.count("data-row") == 3

    as_reviewer.post(f"{PAGE}{span.pk}/restore/")
    page = shown(as_reviewer)
    assert "Dismissed last" not in page and page.count("data-row") == 4


def test_what_somebody_else_dismissed_is_said_so(as_reviewer, spans, second_reviewer):
    service.dismiss(spans[0].pk, by=second_reviewer)
    response = as_reviewer.post(f"{PAGE}{spans[0].pk}/dismiss/", follow=True)
    assert "dismissed already" in response.content.decode()


def test_the_line_for_other_pages(as_reviewer, spans, reviewer):
    assert "4 stretches of video" in shown(as_reviewer, f"{PAGE}count/")
    for span in spans:
        service.dismiss(span.pk, by=reviewer)
    assert shown(as_reviewer, f"{PAGE}count/").strip() == ""
    assert f'hx-get="{PAGE}count/"' in shown(as_reviewer, reverse("review:dashboard"))


def test_strangers_and_devices_are_kept_out(client, spans, outsider, device_user):
    assert client.get(PAGE).status_code == 302
    client.force_login(device_user)
    assert client.get(PAGE).status_code == 403
    client.force_login(outsider)
    assert "No span waits" in shown(client)
    for act in ("dismiss", "restore"):
        assert client.post(f"{PAGE}{spans[0].pk}/{act}/").status_code == 404
    assert client.post(f"{PAGE}999999/dismiss/").status_code == 404


def test_the_task_finds_what_waits(camera, labels):
    video = said.ended(camera)
    said.log(video, said.classifier(labels), (10, "work", 0.9), (4, "idle", 0.4))
    tasks.find_spans_to_label()
    assert SpanToLabel.objects.exclude(reason="random").count() == 1


class TestApi:
    API = "/api/v1/spans/"

    def test_pages_and_filters(self, as_reviewer, spans, camera, labels):
        answer = as_reviewer.get(self.API).json()
        assert len(answer["results"]) == 4 and answer["next_cursor"] is None
        first = answer["results"][0]
        assert first["camera"] == camera.pk and first["label_set"] == labels.pk
        assert [one["priority"] for one in answer["results"]] == sorted(
            (span.priority for span in spans), reverse=True
        )
        for query, count in (
            ("reason=low_confidence", 1),
            ("reason=random", 2),
            ("state=dismissed", 0),
            (f"camera={camera.pk}", 4),
            (f"footage={spans[0].footage_id}", 4),
            ("label_set=999", 0),
        ):
            assert len(as_reviewer.get(f"{self.API}?{query}").json()["results"]) == count

    def test_a_cursor_goes_on_where_the_page_ended(self, as_reviewer, spans, monkeypatch):
        monkeypatch.setattr("training.api.spans.PAGE_SIZE", 3)
        first = as_reviewer.get(self.API).json()
        second = as_reviewer.get(self.API, {"cursor": first["next_cursor"]}).json()
        found = [one["id"] for one in first["results"] + second["results"]]
        assert len(found) == len(set(found)) == 4 and second["next_cursor"] is None

    @pytest.mark.parametrize(
        "query",
        [
            "state=lost",
            "reason=why",
            "camera=x",
            "footage=-1",
            "cursor=1",
            "cursor=nan:3",
            "cursor=:",
        ],
    )
    def test_nonsense_is_named(self, as_reviewer, query):
        response = as_reviewer.get(f"{self.API}?{query}")
        assert response.status_code == 400 and response.json()["error"]["message"]

    def test_dismissed_over_the_api(self, as_reviewer, spans, reviewer):
        address = f"{self.API}{spans[0].pk}/dismiss/"
        answer = as_reviewer.post(address)
        assert (answer.status_code, answer.json()["state"]) == (200, "dismissed")
        assert answer.json()["handled_by"] == reviewer.username
        assert as_reviewer.post(address).status_code == 409

    def test_others_know_of_none(self, client, spans, outsider, device_user):
        client.force_login(outsider)
        assert client.get(self.API).json()["results"] == []
        assert client.post(f"{self.API}{spans[0].pk}/dismiss/").status_code == 404
        client.force_login(device_user)
        assert client.get(self.API).status_code == 403
