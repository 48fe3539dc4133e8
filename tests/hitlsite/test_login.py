"""Signing in: where it leads, and what too many wrong passwords end in."""

import pytest
from django.urls import reverse

from hitlsite.settings import AUTHENTICATION_BACKENDS
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db
LIMIT = 3


@pytest.fixture
def sign_in(client):
    def signing_in(password=PASSWORD, username="reviewer", address="login", **more):
        values = {"username": username, "password": password, **more}
        return client.post(reverse(address), values)

    return signing_in


@pytest.fixture
def _locks(settings):
    """Count failures as production does; the tests' settings leave that out."""
    settings.AXES_ENABLED = True
    settings.AXES_FAILURE_LIMIT = LIMIT
    settings.AUTHENTICATION_BACKENDS = AUTHENTICATION_BACKENDS


def test_it_leads_to_the_dashboard(sign_in, reviewer):
    response = sign_in()

    assert (response.status_code, response.url) == (302, reverse("review:dashboard"))


@pytest.mark.parametrize("wanted", ["/queue/?status=all", "/items/7/", "/exports/"])
def test_it_leads_to_what_was_opened(sign_in, reviewer, wanted):
    assert sign_in(next=wanted).url == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example/",
        "http:///elsewhere.example/",
        "javascript:alert(1)",
        "\x00//elsewhere.example/",
        "https:elsewhere.example",
    ],
)
def test_it_leads_nowhere_else(client, sign_in, reviewer, wanted):
    assert sign_in(next=wanted).url == reverse("review:dashboard")
    # Whoever is signed in already is sent on by a GET.
    assert client.get(reverse("login"), {"next": wanted}).url == reverse("review:dashboard")


def test_the_page_of_a_stranger_names_where_it_goes_on(client, db):
    opened = client.get("/queue/?status=all")
    assert opened.url == f"{reverse('login')}?next=/queue/%3Fstatus%3Dall"
    page = client.get(opened.url).content.decode()

    assert 'value="/queue/?status=all"' in page


def test_a_wrong_password_says_so_and_no_more(sign_in, reviewer):
    known, unknown = sign_in("wrong"), sign_in("wrong", username="nobody")

    assert known.status_code == unknown.status_code == 200
    assert known.context["form"].errors == unknown.context["form"].errors


@pytest.mark.usefixtures("_locks")
@pytest.mark.parametrize("address", ["login", "admin:login"])
def test_too_many_failures_lock_and_say_for_how_long(sign_in, reviewer, address):
    for _ in range(LIMIT - 1):
        assert sign_in("wrong", address=address).status_code == 200
    locked = sign_in("wrong", address=address)
    page = locked.content.decode()

    assert locked.status_code == 429
    assert "Too many attempts" in page
    assert f"failed {LIMIT} times" in page
    assert "again 15 minutes after the last attempt" in page
    assert sign_in(address=address).status_code == 429


@pytest.mark.usefixtures("_locks")
def test_the_lock_is_one_persons(client, sign_in, reviewer, second_reviewer):
    for _ in range(LIMIT):
        sign_in("wrong")

    assert sign_in(username="second").status_code == 302
    assert client.get("/").status_code == 200


@pytest.mark.usefixtures("_locks")
def test_a_success_forgets_what_failed_before(client, sign_in, reviewer):
    for _ in range(2):
        for _ in range(LIMIT - 1):
            sign_in("wrong")
        assert sign_in().status_code == 302
        client.logout()


@pytest.mark.usefixtures("_locks")
def test_what_is_typed_as_a_name_is_only_shown(sign_in):
    for _ in range(LIMIT):
        locked = sign_in("wrong", username="<script>x()</script>")

    assert "<script>x" not in locked.content.decode()
