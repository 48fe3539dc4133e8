"""Agreement, guidelines and known answers in a real browser, by keyboard, on a phone too."""

import random

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from review.models import Guideline, GuidelineExample, TrainingItem
from review.services import decisions, gold, guidelines
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = {"width": 390, "height": 844}


def judged(camera, one, other, count, *, differing=0, **columns):
    """Let two people judge items blind; they differ on the last ones."""
    for number in range(count):
        item = factories.item(
            factories.incident(camera, with_files=False), mode="double", **columns
        )
        verdict = ("confirmed", "rejected")[number % 2]
        answers = [verdict, verdict if number < count - differing else "needs_review"]
        for by, answer in zip((one, other), answers, strict=True):
            reason = "baseline_noise" if answer == "rejected" else ""
            seconds = 2 + random.Random(number).random() * 6
            decisions.decide(item.pk, by=by, verdict=answer, reason=reason, seconds_taken=seconds)


@pytest.fixture
def workplace(camera, reviewer, second_reviewer, supervisor):
    """A few weeks of verdicts: pairs in three categories, known answers, and what waits."""
    judged(camera, reviewer, second_reviewer, 14, differing=2)
    judged(
        camera, second_reviewer, reviewer, 8, category="aggression", proposed_category="aggression"
    )
    judged(
        camera,
        reviewer,
        supervisor,
        3,
        differing=1,
        category="rapid_movement",
        proposed_category="rapid_movement",
    )
    for number in range(5):
        known = factories.item(factories.incident(camera, with_files=False))
        gold.set_gold(known.pk, by=supervisor, verdict="confirmed")
        for by in (reviewer, second_reviewer):
            verdict = "needs_review" if number == 4 else "confirmed"
            decisions.decide(known.pk, by=by, verdict=verdict)
    disputed = factories.item(factories.incident(camera, severity="high"), mode="double")
    decisions.decide(disputed.pk, by=reviewer, verdict="confirmed")
    decisions.decide(
        disputed.pk,
        by=second_reviewer,
        verdict="rejected",
        reason="other",
        note="He only ties his shoe, then walks on.",
    )
    return disputed


@pytest.fixture
def examples(camera, supervisor, site):
    guidelines.write(
        site,
        "loitering",
        "Somebody stays.\n\nRight:\n- The same person throughout.",
        by=supervisor,
        at=timezone.now(),
    )
    for kind, note in (("right", "The same coat throughout."), ("wrong", "A queue that moves.")):
        item = factories.item(factories.incident(camera), status="confirmed")
        guidelines.add_example(item.pk, by=supervisor, kind=kind, note=note)


def no_wider_than_the_window(page):
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_agreement_page(sign_in, visit, supervisor, workplace, complaints, screenshots, scheme):
    sign_in(supervisor)
    page = visit("review:agreement")
    page.emulate_media(color_scheme=scheme)
    expect(page.get_by_role("img", name="95 % interval").first).to_be_visible()
    page.screenshot(path=screenshots / f"agreement-{scheme}.png", full_page=True)
    assert no_wider_than_the_window(page)

    page.set_viewport_size(PHONE)
    assert no_wider_than_the_window(page)
    page.screenshot(path=screenshots / f"agreement-phone-{scheme}.png", full_page=True)
    page.get_by_text("Two blind verdicts differ").first.click()
    expect(page.locator(f'[data-item="{workplace.pk}"]')).to_be_visible()
    assert complaints == []


def test_a_period_by_keyboard(sign_in, visit, supervisor, workplace, complaints):
    sign_in(supervisor)
    page = visit("review:agreement")
    since = page.get_by_label("Since")
    since.focus()
    since.fill("2020-01-01")
    page.get_by_label("Until").fill("2020-01-31")
    page.get_by_label("Until").press("Enter")
    expect(page.get_by_text("No item was judged by two people")).to_be_visible()
    assert complaints == []


def test_a_reviewer_s_own_figures(sign_in, visit, reviewer, workplace, screenshots, complaints):
    sign_in(reviewer)
    page = visit("review:agreement")
    expect(page.get_by_role("heading", name="Your own figures")).to_be_visible()
    expect(page.get_by_text("Grace Hopper")).to_have_count(0)
    page.screenshot(path=screenshots / "agreement-own.png", full_page=True)
    assert complaints == []


def test_guidelines_are_read_and_written(
    sign_in, visit, supervisor, examples, screenshots, complaints
):
    sign_in(supervisor)
    page = visit("review:guidelines")
    page.screenshot(path=screenshots / "guidelines.png", full_page=True)
    page.get_by_role("link", name="Loitering").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The same coat throughout.")).to_be_visible()
    page.screenshot(path=screenshots / "guideline.png", full_page=True)

    page.get_by_text("Write a new version").click()
    field = page.get_by_role("textbox")
    field.fill("Right:\n- Whoever stays.")
    page.screenshot(path=screenshots / "guideline-writing.png", full_page=True)
    page.get_by_role("button", name="Save as version 2").press("Enter")

    expect(page.get_by_text("Version 2 holds from now on.")).to_be_visible()
    assert Guideline.objects.count() == 2
    page.set_viewport_size(PHONE)
    assert no_wider_than_the_window(page)
    page.screenshot(path=screenshots / "guideline-phone.png", full_page=True)
    page.get_by_role("button", name="Remove item").first.press("Enter")
    expect(page.get_by_text("is no example any more")).to_be_visible()
    assert GuidelineExample.objects.count() == 1
    assert complaints == []


def test_the_guideline_opens_over_the_item(
    sign_in, visit, reviewer, items, examples, screenshots, complaints
):
    sign_in(reviewer)
    page = visit("review:item", items[1].pk)
    page.wait_for_load_state("networkidle")
    page.keyboard.press("g")
    expect(page.get_by_role("dialog").get_by_text("The same person throughout.")).to_be_visible()
    expect(page.get_by_role("dialog", name="Guideline: Loitering")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=screenshots / "guideline-dialog.png")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert complaints == []


def test_a_known_answer_by_keyboard(sign_in, visit, supervisor, items, screenshots, complaints):
    sign_in(supervisor)
    page = visit("review:item", items[1].pk)
    page.get_by_text("Let it measure reviewers…").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Known answer").select_option("rejected:duplicate")
    page.screenshot(path=screenshots / "item-gold-form.png")
    page.get_by_role("button", name="Set the known answer").press("Enter")
    expect(page.get_by_text("The answer is known")).to_be_visible()
    assert TrainingItem.objects.get(pk=items[1].pk).mode == "gold"
    page.screenshot(path=screenshots / "item-gold.png")
    page.get_by_role("button", name="Decide it with the known answer").press("Enter")
    expect(page.get_by_text("has its known answer as your verdict")).to_be_visible()
    assert TrainingItem.objects.get(pk=items[1].pk).status == "rejected"
    assert complaints == []
