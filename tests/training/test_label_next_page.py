"""The list of pictures to label next: every state, and who is let in."""

import pytest
from django.urls import reverse

from hitlsite.models import Job
from tests.training.services.test_label_next import pictured, ranked, said
from training import tasks

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
PAGE = "/learning/next/"


@pytest.fixture(autouse=True)
def _no_weights(settings):
    settings.DETECTOR = "motion"


@pytest.fixture
def as_reviewer(client, reviewer):
    client.force_login(reviewer)
    return client


def shown(client, **headers):
    response = client.get(PAGE, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def test_the_address():
    assert reverse("training:label_next") == PAGE


def test_without_items_there_is_nothing_to_label(as_reviewer, camera):
    page = shown(as_reviewer)

    assert "Every item here has its boxes" in page
    assert "Rank" not in page


def test_before_the_first_ranking_it_can_be_asked_for(as_reviewer, camera):
    pictured(camera)
    page = shown(as_reviewer)

    assert "They were not ranked yet" in page
    assert "Rank them" in page
    assert "1 item without boxes" in page


def test_asking_wakes_a_worker_and_the_page_follows(
    as_reviewer, camera, django_capture_on_commit_callbacks, monkeypatch
):
    pictured(camera)
    woken = []
    monkeypatch.setattr("training.tasks.rank_pictures.delay", woken.append)
    with django_capture_on_commit_callbacks(execute=True):
        response = as_reviewer.post(PAGE, {"site": camera.site.pk})

    assert (response.status_code, response.url) == (303, PAGE)
    assert woken == [Job.objects.get().pk]
    page = shown(as_reviewer)
    assert "Waiting for a worker" in page and 'hx-trigger="every 2s"' in page
    tasks.rank_pictures(woken[0])
    part = shown(as_reviewer, **{"HX-Request": "true"})
    assert "hx-trigger" not in part and "<html" not in part
    assert "Rank anew" in part


def test_the_list_leads_to_the_boxes_and_says_why(as_reviewer, camera, reviewer):
    items = [pictured(camera, 0.3) for _ in range(4)]
    ranked(camera.site, reviewer)
    said(items[0], reviewer, [])
    page = shown(as_reviewer)

    assert f"/items/{items[0].pk}/boxes/" not in page
    for item in items[1:]:
        evidence = item.incident.evidence.get().pk
        assert f"/items/{item.pk}/boxes/?evidence={evidence}" in page
        assert f"/media/evidence/{evidence}/thumb/" in page
    assert "The detector is in doubt" in page
    assert "Drawn at random, to compare with" in page or str(items[0].pk) in page
    assert "What choosing saves" in page


def test_all_labelled(as_reviewer, camera, reviewer):
    item = pictured(camera)
    ranked(camera.site, reviewer)
    pictured(camera)
    said(item, reviewer, [])

    assert "All that was ranked is labelled" in shown(as_reviewer)


def test_a_failed_ranking_says_so(as_reviewer, camera):
    pictured(camera)
    Job.objects.create(
        kind="label_next",
        key=str(camera.site.pk),
        site=camera.site,
        state="failed",
        error_message="The weights are damaged.",
    )
    page = shown(as_reviewer)

    assert "The last ranking failed: The weights are damaged." in page
    assert "Rank them" in page


def test_pictures_that_may_not_be_seen_are_not_shown(as_reviewer, camera, reviewer):
    from tests.cast import blinded

    pictured(camera, privacy="faces")
    ranked(camera.site, reviewer)
    blinded(reviewer)
    page = shown(as_reviewer)

    assert "/thumb/" not in page
    assert "No picture that you may see" in page


@pytest.mark.parametrize("given", ["", "0", "x", "9" * 30])
def test_a_site_that_is_none_is_not_found(as_reviewer, camera, given):
    assert as_reviewer.post(PAGE, {"site": given}).status_code == 404


def test_strangers_and_phones_are_not_let_in(client, device_user, outsider, camera):
    assert client.get(PAGE).status_code == 302
    client.force_login(device_user)
    assert client.get(PAGE).status_code == 403
    client.force_login(outsider)
    pictured(camera)
    assert client.post(PAGE, {"site": camera.site.pk}).status_code == 404
    assert camera.site.name not in client.get(PAGE).content.decode()
