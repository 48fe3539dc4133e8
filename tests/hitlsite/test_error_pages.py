"""What people and programs get when there is nothing, when they may not, and when it broke."""

import pytest
from django.test import RequestFactory
from django.urls import resolve, reverse

from hitlsite import views
from tests import factories


@pytest.mark.parametrize("address", ["/nowhere/", "/items/0/x"])
def test_a_person_gets_a_page(client, db, address):
    response = client.get(address)

    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")
    assert b"There is nothing at this address." in response.content


def test_a_program_gets_the_envelope(client, db):
    response = client.get("/api/v1/nowhere/")

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("view", "status", "code"),
    [(views.permission_denied, 403, "forbidden"), (views.server_error, 500, "server_error")],
)
def test_refusals_and_failures_take_both_forms(view, status, code, db):
    from django.contrib.auth.models import AnonymousUser

    answers = {}
    for path in ("/items/1/", "/api/v1/items/"):
        request = RequestFactory().get(path)
        request.user = AnonymousUser()
        answers[path] = view(request)

    assert {answer.status_code for answer in answers.values()} == {status}
    assert answers["/items/1/"]["Content-Type"].startswith("text/html")
    assert f'"{code}"'.encode() in answers["/api/v1/items/"].content


def test_a_failure_says_nothing_about_the_inside_but_its_id():
    request = RequestFactory().get("/items/1/")
    request.id = "abc123"

    response = views.server_error(request)

    assert b"abc123" in response.content


def test_a_refused_page_names_the_thing(client, reviewer):
    client.force_login(reviewer)

    response = client.get(reverse("review:item", args=[999]))

    assert response.status_code == 404
    assert b"There is no item 999." in response.content


@pytest.mark.parametrize("address", ["/items/{}", "/items/{}/", "/queue", "/help"])
def test_paths_work_with_and_without_the_final_slash(client, camera, reviewer, address):
    item = factories.item(factories.incident(camera, with_files=False))
    client.force_login(reviewer)

    assert client.get(address.format(item.pk)).status_code == 200


@pytest.mark.parametrize("address", ["/api/schema/", "/api/docs/"])
def test_the_api_describes_itself_to_people_who_are_signed_in(client, reviewer, address):
    assert client.get(address).status_code in (401, 403)
    client.force_login(reviewer)

    response = client.get(address)

    assert response.status_code == 200
    assert b"//cdn" not in response.content


def test_the_docs_keep_to_the_content_security_policy(client, reviewer):
    client.force_login(reviewer)

    html = client.get("/api/docs/").content.decode()

    assert "<style" not in html
    assert html.count("<script ") == html.count("<script src=")


@pytest.mark.parametrize("address", ["/livez", "/readyz", "/admin/login/", "/accounts/login/"])
def test_what_is_open_stays_open(client, db, address):
    assert resolve(address)
    assert client.get(address).status_code == 200
