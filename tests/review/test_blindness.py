"""What nobody may find out: what the first of two blind people said, and which items measure."""

import pytest
from django.urls import reverse

from hitlsite import people
from review import selectors
from review.services import decisions, gold
from tests import factories
from tests.cast import person

pytestmark = pytest.mark.django_db
NOTE = "sie-trug-einen-hut"


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


@pytest.fixture
def item(camera):
    return factories.item(factories.incident(camera))


@pytest.fixture
def held(item, reviewer, second_reviewer):
    item.mode = "double"
    item.save()
    return decisions.decide(item.pk, by=reviewer, verdict="rejected", reason="other", note=NOTE)


@pytest.fixture
def measured(item, reviewer, supervisor):
    gold.set_gold(item.pk, by=supervisor, verdict="confirmed", note=NOTE)
    return decisions.decide(item.pk, by=reviewer, verdict="rejected", reason="other", note=NOTE)


def addresses(item):
    return [
        reverse("review:item", args=[item.pk]),
        reverse("review:queue"),
        reverse("review:dashboard"),
        reverse("review:agreement"),
        f"/api/v1/items/{item.pk}/",
        "/api/v1/items/",
        reverse("admin:review_trainingitem_change", args=[item.pk]),
        reverse("admin:review_trainingitem_changelist"),
    ]


def shown(client, user, item):
    """Return {address: what the page shows} of everything that could give it away."""
    client.force_login(user)
    answers = {address: client.get(address) for address in addresses(item)}
    assert {answer.status_code for answer in answers.values()} == {200}
    return {address: answer.content.decode() for address, answer in answers.items()}


@pytest.mark.parametrize("who", ["second_reviewer", "supervisor", "admin_user", "superuser"])
def test_no_page_shows_a_held_verdict(client, request, item, held, who):
    user = request.getfixturevalue(who)
    for address, page in shown(client, user, item).items():
        assert NOTE not in page, address
        assert "Ada" not in page or address == reverse("review:agreement"), address
    assert selectors.history(item, user) == []


def test_the_author_sees_it(client, item, held, reviewer):
    pages = shown(client, reviewer, item)
    assert NOTE in pages[f"/api/v1/items/{item.pk}/"]
    assert NOTE in pages[reverse("review:item", args=[item.pk])]
    assert NOTE in pages[reverse("admin:review_trainingitem_change", args=[item.pk])]


def test_a_reviewer_cannot_tell_it_from_an_untouched_item(client, item, site, second_reviewer):
    """The API answers the same before and after somebody else has judged."""
    item.mode = "double"
    item.save()
    client.force_login(second_reviewer)
    before = client.get(f"/api/v1/items/{item.pk}/").json()

    other = person("third", people.REVIEWER, site)
    given = decisions.decide(item.pk, by=other, verdict="rejected", reason="other", note=NOTE)

    assert given.effect == "held"
    assert client.get(f"/api/v1/items/{item.pk}/").json() == before


def test_a_supervisor_sees_that_there_is_one(client, item, held, supervisor, second_reviewer):
    address = reverse("review:item", args=[item.pk])
    assert "Judged once, blind" in shown(client, supervisor, item)[address]
    assert "Judged once, blind" not in shown(client, second_reviewer, item)[address]


def test_once_both_have_judged_everything_shows(client, item, held, second_reviewer):
    decisions.decide(item.pk, by=second_reviewer, verdict="confirmed")
    pages = shown(client, second_reviewer, item)
    assert NOTE in pages[reverse("review:item", args=[item.pk])]
    assert NOTE in pages[f"/api/v1/items/{item.pk}/"]


def test_what_was_taken_back_stays_unknown(
    client, item, held, reviewer, second_reviewer, supervisor
):
    decisions.decide(item.pk, by=second_reviewer, verdict="rejected", reason="duplicate")
    decisions.undo(by=second_reviewer)
    for user in (reviewer, supervisor):
        assert all(one.reviewer == user for one in selectors.history(item, user))
    decisions.undo(by=reviewer)
    assert NOTE not in "".join(shown(client, supervisor, item).values())


def test_a_held_decision_is_not_there_for_others(client, item, held, second_reviewer):
    client.force_login(second_reviewer)
    undo = f"/api/v1/items/{item.pk}/undo/"
    for body, code in (({"decision": held.pk}, "not_found"), ({}, "nothing_to_undo")):
        answer = client.post(undo, body, content_type="application/json").json()
        assert answer["error"]["code"] == code
    page = client.post(reverse("review:undo", args=[item.pk]), {"decision": held.pk})
    assert page.status_code == 404


@pytest.mark.parametrize("kind", ["held", "measured"])
@pytest.mark.parametrize(
    "query",
    [
        "decisions__isnull=False",
        "decisions__effect=held",
        "mode__exact=gold",
        "mode=gold",
        "gold__isnull=False",
        "gold__verdict=confirmed",
    ],
)
def test_the_admin_finds_nothing_out_by_its_address(
    client, request, item, second_reviewer, kind, query
):
    request.getfixturevalue(kind)
    client.force_login(second_reviewer)
    answer = client.get(f"{reverse('admin:review_trainingitem_changelist')}?{query}", follow=True)
    assert answer.status_code == 400 or "e=1" in answer.redirect_chain[-1][0]


@pytest.mark.parametrize("mode", ["gold", "double", "single"])
def test_the_api_does_not_filter_by_mode_for_reviewers(
    client, item, measured, second_reviewer, mode
):
    client.force_login(second_reviewer)
    listed = client.get("/api/v1/items/", {"mode": mode})
    unfiltered = client.get("/api/v1/items/")
    assert listed.status_code in (403, 422) or listed.json() == unfiltered.json()
    page = client.get(reverse("review:queue"), {"mode": mode}).content.decode()
    assert reverse("review:item", args=[item.pk]) in page


def test_nothing_tells_that_an_item_measures(client, item, measured, second_reviewer):
    for address, page in shown(client, second_reviewer, item).items():
        assert NOTE not in page, address
        if not address.startswith("/admin"):
            assert "gold" not in page.lower(), address
        assert "nown answer to" not in page, address
        assert "answer is known" not in page, address
        assert ">Gold<" not in page, address
        assert "Ada" not in page or address == reverse("review:agreement"), address


def test_supervisors_see_that_it_measures(client, item, measured, supervisor):
    pages = shown(client, supervisor, item)
    assert "answer is known" in pages[reverse("review:item", args=[item.pk])]
    assert NOTE in pages[f"/api/v1/items/{item.pk}/"]
