"""What a batch says became of its verdicts: no more, and nothing else, than each by itself."""

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from review.models import TrainingItem
from review.services import decisions, gold
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture
def items(camera):
    return [
        factories.item(factories.incident(camera, with_files=False), privacy="clear")
        for _ in range(4)
    ]


@pytest.fixture
def said(client, reviewer):
    """Give a verdict on items at once and return what is said of it."""
    client.force_login(reviewer)

    def giving(items, verdict="confirmed"):
        sent = {"ids": [item.pk for item in items], "verdict": verdict, "note": "odd"}
        response = client.post(reverse("review:bulk"), sent)
        assert response.status_code == 303
        return [str(one) for one in get_messages(response.wsgi_request)]

    return giving


def turn(items, **columns):
    TrainingItem.objects.filter(pk__in=[item.pk for item in items]).update(**columns)


@pytest.mark.parametrize(
    ("verdict", "one", "several"),
    [
        ("confirmed", "1 item confirmed.", "3 items confirmed."),
        ("rejected:duplicate", "1 item rejected.", "3 items rejected."),
        ("needs_review", "1 item needs review.", "3 items need review."),
    ],
)
def test_what_is_in_force(said, items, verdict, one, several):
    assert said(items[:1], verdict) == [one]
    assert said(items[1:], verdict) == [one, several]


def test_a_held_verdict_decides_nothing_yet(said, items, second_reviewer):
    turn(items[:3], mode="double")
    told = said(items)
    assert sorted(told) == [
        "1 item confirmed.",
        "3 verdicts are kept; a second person judges these items and is not told of them.",
    ]
    assert TrainingItem.objects.filter(status="confirmed").count() == 1


def test_one_that_waits_for_its_redaction(said, items):
    turn(items[:1], privacy="faces", proposal="waiting")
    assert said(items[:1]) == ["1 verdict takes effect when the redaction of its item is verified."]


def test_where_two_differ_a_supervisor_decides(said, items, second_reviewer):
    turn(items[:1], mode="double")
    decisions.decide(items[0].pk, by=second_reviewer, verdict="rejected", reason="duplicate")
    told = said(items[:2])
    assert "1 item confirmed." in told
    expected = "Somebody else saw this differently: a supervisor decides it."
    assert f"Item {items[0].pk}: {expected}" in told
    assert len(told) == 2


def test_a_known_answer_is_told_as_for_one_verdict(said, items, supervisor, client, reviewer):
    for item in items[:2]:
        gold.set_gold(item.pk, by=supervisor, verdict="confirmed")
    address = reverse("review:decide", args=[items[0].pk])
    alone = client.post(address, {"verdict": "confirmed"}, headers={"Prefer": "return=minimal"})
    told = said(items[1:])
    sentence = "The answer to this one was known, and yours is the same: confirmed."
    assert f"Item {items[0].pk}: {sentence}" in alone.content.decode()
    assert sorted(told) == ["2 items confirmed.", f"Item {items[1].pk}: {sentence}"]
