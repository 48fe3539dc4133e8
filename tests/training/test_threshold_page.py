"""The page on which a threshold is chosen: every state, and who may do what."""

import pytest
from django.urls import reverse

from detection.models import ScoreThreshold
from tests import factories
from tests.training.judged import judged, told_apart

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
PAGE = "/learning/thresholds/"


@pytest.fixture
def as_supervisor(client, supervisor):
    client.force_login(supervisor)
    return client


def shown(client, **asked):
    response = client.get(PAGE, asked)
    assert response.status_code == 200
    return response.content.decode()


def test_the_address():
    assert reverse("training:thresholds") == PAGE


def test_without_verdicts_the_page_says_where_they_come_from(as_supervisor, camera):
    page = shown(as_supervisor)

    assert "Nobody has judged an incident yet" in page
    assert "every incident that a rule finds is told" in page


def test_with_too_few_it_says_how_many_more(as_supervisor, camera, reviewer):
    judged(camera, reviewer, [0.5] * 3)
    page = shown(as_supervisor)

    assert "There are 3 confirmed incidents to choose a threshold by" in page
    assert '<svg class="threshold-svg"' not in page


@pytest.mark.parametrize(("measure", "line"), [("f_beta", "F-measure"), ("cost", "Cost")])
def test_the_curve_its_best_and_the_table(as_supervisor, camera, reviewer, measure, line):
    told_apart(camera, reviewer)
    page = shown(as_supervisor, camera=camera.pk, class_name="person", measure=measure)

    assert f"threshold-{measure}" in page
    assert '<strong class="num">0.6</strong>' in page
    assert "90 times of 100" in page
    assert page.count('<th scope="row" class="num">') == 48
    assert line in page
    assert 'name="value"' in page


def test_a_value_can_be_looked_at(as_supervisor, camera, reviewer):
    told_apart(camera, reviewer)
    page = shown(as_supervisor, value="0.9")

    assert 'value="0.9000"' in page
    assert 'data-at="2">0 %<' in page


def test_a_number_that_is_none_is_said_at_its_field(as_supervisor, camera, reviewer):
    told_apart(camera, reviewer)
    page = shown(as_supervisor, beta="nought")

    assert 'name="beta" value="1"' in page
    assert "Beta: Enter a number." in page


def test_accepting_and_taking_back(as_supervisor, camera, reviewer, supervisor):
    told_apart(camera, reviewer)
    asked = {"class_name": "person", "camera": camera.pk, "measure": "cost", "cost_miss": "2"}
    response = as_supervisor.post(PAGE, {**asked, "value": "0.6"})

    assert response.status_code == 303
    assert f"camera={camera.pk}" in response.url
    row = ScoreThreshold.objects.get()
    assert (row.value, row.camera, row.chosen_by["measure"]) == (0.6, camera, "cost")
    page = as_supervisor.get(response.url).content.decode()
    assert "Take back 0.6" in page
    assert "in force, 0.6" in page
    assert "precision 100 %, recall 100 %" in page
    assert "The threshold of person is 0.6." in page

    response = as_supervisor.post(PAGE, {**asked, "take_back": "1"})
    assert response.status_code == 303
    assert ScoreThreshold.objects.first().value is None
    assert "taken back" in as_supervisor.get(response.url).content.decode()


@pytest.mark.parametrize("value", ["", "2", "much"])
def test_a_value_that_is_none_changes_nothing(as_supervisor, camera, reviewer, value):
    told_apart(camera, reviewer)
    response = as_supervisor.post(
        PAGE, {"class_name": "person", "camera": camera.pk, "value": value}
    )

    assert response.status_code == 422
    assert "A threshold is a number from 0 to 1." in response.content.decode()
    assert not ScoreThreshold.objects.exists()


def test_all_cameras_is_not_for_who_works_at_one_site_of_two(as_supervisor, camera, reviewer):
    told_apart(camera, reviewer)
    factories.site("Elsewhere")
    response = as_supervisor.post(PAGE, {"class_name": "person", "value": "0.5"})

    assert response.status_code == 403
    assert "works at every site" in response.content.decode()


def test_another_sites_camera_does_not_exist(as_supervisor, camera, reviewer):
    elsewhere = factories.camera()
    assert as_supervisor.get(PAGE, {"camera": elsewhere.pk}).status_code == 404
    assert as_supervisor.get(PAGE, {"camera": "x"}).status_code == 404


def test_reviewers_are_not_let_in(client, reviewer):
    client.force_login(reviewer)
    assert client.get(PAGE).status_code == 403


def test_strangers_are_asked_to_log_in(client):
    assert client.get(PAGE).status_code == 302


def test_the_page_asks_the_database_as_often_with_many_verdicts(
    as_supervisor, camera, reviewer, django_assert_max_num_queries
):
    told_apart(camera, reviewer)
    shown(as_supervisor)
    with django_assert_max_num_queries(30):
        shown(as_supervisor)
