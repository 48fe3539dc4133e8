"""Verdicts one after the other: the next item at once, refusals, a session that ends, claims."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from review.models import Decision, TrainingItem
from review.services import queue
from tests import cast, factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def address(item):
    return re.compile(re.escape(reverse("review:item", args=[item.pk])) + r"(\?|$)")


@pytest.fixture
def row_of_items(camera):
    """Seven pending items in the order of the queue."""
    source = factories.footage(camera)
    part = factories.segment(source)
    made = [
        factories.item(factories.incident(footage=source, segment=part, peak_score=score))
        for score in (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
    ]
    assert [one.priority for one in made] == sorted((one.priority for one in made), reverse=True)
    return made


@pytest.fixture
def at_first(sign_in, visit, reviewer, row_of_items):
    sign_in(reviewer)
    page = visit("review:item", row_of_items[0].pk)
    page.wait_for_load_state("networkidle")
    return page


def held_by(user):
    live = TrainingItem.objects.filter(claimed_by=user, claim_expires_at__gt=timezone.now())
    return sorted(live.values_list("pk", flat=True))


def look(page):
    """Wait as long as a page takes no verdict after it came up, and until it has the next ones."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(260)


def stored(page):
    expect(page.locator("[data-pending]")).to_have_count(0)


def wait_until(page, condition):
    """Poll the database from the side of the test, for what a browser does as it leaves."""
    for _ in range(100):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("It did not become true.")


def test_the_next_three_are_claimed_and_at_hand(at_first, reviewer, row_of_items, complaints):
    assert held_by(reviewer) == [one.pk for one in row_of_items[1:4]]
    loads = []
    at_first.on("request", lambda one: one.is_navigation_request() and loads.append(one.url))

    at_first.keyboard.press("c")
    expect(at_first.locator(f"[data-item='{row_of_items[1].pk}']")).to_be_visible()

    expect(at_first).to_have_url(address(row_of_items[1]))
    expect(at_first).to_have_title(re.compile(f"item {row_of_items[1].pk}"))
    expect(at_first.locator("#said")).to_contain_text(f"item {row_of_items[1].pk}")
    stored(at_first)
    expect(at_first.locator("#undo-form")).to_contain_text(f"item {row_of_items[0].pk}")
    look(at_first)
    assert held_by(reviewer) == [one.pk for one in row_of_items[1:5]]
    assert loads == []
    assert complaints == []


def test_claims_on_what_nobody_saw_are_given_back(at_first, reviewer, row_of_items):
    at_first.keyboard.press("c")
    stored(at_first)
    look(at_first)
    at_first.goto(at_first.url.partition("/items")[0] + reverse("review:help"))

    wait_until(at_first, lambda: held_by(reviewer) == [row_of_items[1].pk])


def test_a_list_is_decided_to_its_end(at_first, row_of_items, complaints):
    keys = [["c"], ["r", "2"], ["n"], ["c"], ["r", "5"], ["c"], ["c"]]
    for item, presses in zip(row_of_items, keys, strict=True):
        expect(at_first.locator(f"[data-item='{item.pk}']")).to_be_visible()
        look(at_first)
        for key in presses:
            at_first.keyboard.press(key)

    expect(at_first.locator("h1")).to_have_text("Queue")
    given = Decision.objects.order_by("pk").values_list("item_id", "verdict", "reason")
    verdicts = ["confirmed", "rejected", "needs_review", "confirmed", "rejected"]
    verdicts += ["confirmed", "confirmed"]
    assert [one[1] for one in given] == verdicts
    assert [one[0] for one in given] == [one.pk for one in row_of_items]
    assert [one[2] for one in given][1::3] == ["baseline_noise", "duplicate"]
    assert complaints == []


def test_s_repeats_the_last_verdict(at_first, row_of_items, complaints):
    button = at_first.locator("[data-same]")
    expect(button).to_be_disabled()
    expect(button).to_contain_text("no verdict yet")
    at_first.keyboard.press("s")
    at_first.keyboard.press("r")
    at_first.keyboard.press("4")
    expect(button).to_contain_text("low quality")
    look(at_first)
    at_first.keyboard.press("s")

    expect(at_first).to_have_url(address(row_of_items[2]))
    stored(at_first)
    given = Decision.objects.order_by("pk").values_list("verdict", "reason", "note")
    assert list(given) == [("rejected", "low_quality", "")] * 2
    assert complaints == []


def test_other_is_not_repeated(at_first, row_of_items):
    at_first.fill("[data-note]", "a mirror")
    at_first.keyboard.press("Escape")
    at_first.keyboard.press("r")
    at_first.keyboard.press("7")

    expect(at_first).to_have_url(address(row_of_items[1]))
    expect(at_first.locator("[data-same]")).to_be_disabled()
    expect(at_first.locator("[data-same]")).to_contain_text("needs a note")


def test_a_key_that_bounces_decides_one_item(at_first, row_of_items):
    at_first.keyboard.press("c")
    at_first.keyboard.press("c")
    at_first.keyboard.down("c")
    at_first.keyboard.down("c")

    expect(at_first).to_have_url(address(row_of_items[1]))
    stored(at_first)
    assert Decision.objects.count() == 1


def test_a_second_click_sends_nothing(at_first, row_of_items):
    at_first.locator(".verdict-confirm").dblclick()

    expect(at_first).to_have_url(address(row_of_items[1]))
    stored(at_first)
    assert Decision.objects.count() == 1


def test_a_refused_verdict_comes_back_as_it_was(at_first, row_of_items, second_reviewer):
    queue.claim_item(row_of_items[0].pk, by=second_reviewer)
    at_first.fill("[data-note]", "looks like a delivery")
    at_first.keyboard.press("Escape")

    at_first.keyboard.press("c")

    expect(at_first.locator("#refusal")).to_contain_text("Grace Hopper has claimed")
    expect(at_first).to_have_url(address(row_of_items[0]))
    expect(at_first.locator("[data-note]")).to_have_value("looks like a delivery")
    queue.release(second_reviewer)
    look(at_first)
    at_first.keyboard.press("c")
    expect(at_first).to_have_url(address(row_of_items[1]))
    stored(at_first)
    assert row_of_items[0].decisions.get().note == "looks like a delivery"


def test_what_was_decided_meanwhile_is_told(at_first, row_of_items, second_reviewer):
    TrainingItem.objects.filter(pk=row_of_items[0].pk).update(status="rejected", version=2)
    factories.decision(
        row_of_items[0], second_reviewer, verdict="rejected", at=timezone.now() - timedelta(0, 3)
    )

    at_first.keyboard.press("c")

    expect(at_first.locator("#refusal")).to_contain_text("Grace Hopper rejected this")
    expect(at_first).to_have_url(address(row_of_items[0]))


def test_without_the_server_nothing_is_lost(at_first, row_of_items):
    at_first.fill("[data-note]", "by the gate")
    at_first.keyboard.press("Escape")
    at_first.context.set_offline(True)
    at_first.keyboard.press("c")

    expect(at_first.locator("#refusal")).to_contain_text("cannot be reached")
    expect(at_first.locator("[data-note]")).to_have_value("by the gate")
    at_first.context.set_offline(False)
    look(at_first)
    at_first.keyboard.press("c")
    expect(at_first).to_have_url(address(row_of_items[1]))
    stored(at_first)
    assert row_of_items[0].decisions.get().note == "by the gate"


def test_a_session_that_ended_is_said_and_the_note_is_kept(at_first, reviewer, row_of_items):
    at_first.fill("[data-note]", "by the gate")
    at_first.keyboard.press("Escape")
    at_first.context.clear_cookies()

    at_first.keyboard.press("c")

    expect(at_first.locator("#refusal")).to_contain_text("Your session has ended")
    at_first.get_by_role("link", name="Sign in again").click()
    at_first.fill("[name=username]", reviewer.username)
    at_first.fill("[name=password]", cast.PASSWORD)
    at_first.keyboard.press("Enter")
    expect(at_first).to_have_url(address(row_of_items[0]))
    expect(at_first.locator("[data-note]")).to_have_value("by the gate")
    assert not Decision.objects.exists()


def test_u_waits_for_the_verdict_that_is_on_its_way(at_first, row_of_items):
    at_first.route("**/decide/", lambda route: (at_first.wait_for_timeout(300), route.continue_()))
    at_first.keyboard.press("c")
    at_first.keyboard.press("u")

    expect(at_first).to_have_url(address(row_of_items[0]))
    expect(at_first.locator("#toasts")).to_contain_text("Taken back")
    row_of_items[0].refresh_from_db()
    assert row_of_items[0].status == "pending_review"


def test_j_shows_what_is_at_hand(at_first, row_of_items):
    at_first.keyboard.press("j")
    expect(at_first).to_have_url(address(row_of_items[1]))
    at_first.keyboard.press("k")
    expect(at_first).to_have_url(address(row_of_items[0]))
    at_first.go_back()
    expect(at_first).to_have_url(address(row_of_items[1]))
    expect(at_first.locator(f"[data-item='{row_of_items[1].pk}']")).to_be_visible()


def test_without_the_next_at_hand_a_verdict_goes_on_all_the_same(
    page, at_first, row_of_items, complaints
):
    page.route("**/queue/next/**", lambda route: route.abort())
    page.reload(wait_until="networkidle")
    for item in row_of_items[:3]:
        expect(page.locator(f"[data-item='{item.pk}']")).to_be_visible()
        look(page)
        page.keyboard.press("c")

    expect(page).to_have_url(address(row_of_items[3]))
    stored(page)
    assert Decision.objects.count() == 3


def test_e_g_and_p_open_what_belongs_to_the_item(at_first, row_of_items, complaints):
    first = row_of_items[0].pk
    at_first.keyboard.press("g")
    expect(at_first.locator("#guideline-dialog")).to_be_visible()
    expect(at_first.locator("#guideline-body")).to_contain_text("Right")
    at_first.keyboard.press("c")
    at_first.keyboard.press("Escape")
    expect(at_first.locator("#guideline-dialog")).to_be_hidden()
    expect(at_first).to_have_url(address(row_of_items[0]))

    at_first.keyboard.press("e")
    expect(at_first).to_have_url(re.compile(reverse("review:boxes", args=[first])))
    at_first.go_back()
    at_first.keyboard.press("p")
    expect(at_first).to_have_url(re.compile(reverse("training:item_provenance", args=[first])))
    assert complaints == []
    assert not Decision.objects.exists()


def test_a_supervisor_reopens_by_keyboard(sign_in, visit, supervisor, row_of_items, complaints):
    TrainingItem.objects.filter(pk=row_of_items[0].pk).update(status="rejected")
    sign_in(supervisor)
    page = visit("review:item", row_of_items[0].pk)
    page.get_by_label("Why open it again").focus()
    page.keyboard.type("it was a person")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator("#toasts")).to_contain_text("is open again")
    expect(page.locator(".verdict-confirm")).to_be_visible()
    row_of_items[0].refresh_from_db()
    assert row_of_items[0].status == "pending_review"
    assert complaints == []
