"""The review pages in a real browser: keyboard only, under the strict security policy."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from detection.models import Evidence
from hitlsite import storage
from review.privacy.faces import FaceScanner
from review.services import proposing, queue
from tests import cast, factories
from tests.review.privacy.drawing import ColourDetector

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def address(item):
    return re.compile(re.escape(reverse("review:item", args=[item.pk])))


@pytest.fixture
def at_first(sign_in, visit, reviewer, items):
    """A reviewer looks at the first item, whose pictures have all come."""
    sign_in(reviewer)
    page = visit("review:item", items[0].pk)
    page.wait_for_load_state("networkidle")
    return page


def decided(item, page=None):
    """Return the status of an item, once the page has sent what it had to send."""
    if page is not None:
        expect(page.locator("[data-pending]")).to_have_count(0)
    item.refresh_from_db()
    return item.status


def test_signing_in_and_out(visit, reviewer, complaints):
    page = visit("login")
    page.keyboard.type(reviewer.username)
    page.keyboard.press("Tab")
    page.keyboard.type(cast.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Dashboard")

    page.get_by_role("button", name="Log out").click()

    expect(page.locator("h1")).to_have_text("Sign in")
    assert complaints == []


def test_the_queue_is_walked_by_keyboard(sign_in, visit, reviewer, items, complaints):
    sign_in(reviewer)
    page = visit("review:queue")

    for key in ("j", "j", "j", "k"):
        page.keyboard.press(key)
    expect(page.locator("[data-row].is-marked")).to_have_attribute("href", address(items[1]))
    page.keyboard.press("Enter")

    for item, key in ((items[1], "j"), (items[2], "k"), (items[1], None)):
        expect(page).to_have_url(address(item))
        page.wait_for_load_state()
        if key:
            page.keyboard.press(key)
    assert complaints == []


def test_c_confirms_redacts_and_goes_on(at_first, items, complaints):
    at_first.keyboard.press("c")

    expect(at_first).to_have_url(address(items[1]))
    expect(at_first.locator("#undo-form")).to_contain_text("Confirmed")
    assert decided(items[0], at_first) == "confirmed"
    assert items[0].privacy == "redacted"
    assert items[0].decisions.get().seconds_taken > 0
    assert complaints == []


def test_r_and_a_digit_reject_with_that_reason(at_first, items, complaints):
    at_first.keyboard.press("5")
    at_first.keyboard.press("r")
    expect(at_first.locator("[data-reject]")).to_have_attribute("open", "")
    at_first.keyboard.press("5")

    expect(at_first).to_have_url(address(items[1]))
    assert decided(items[0], at_first) == "rejected"
    assert items[0].decisions.get().reason == "duplicate"
    assert complaints == []


def test_digits_count_by_their_place(at_first, items):
    at_first.keyboard.press("r")
    at_first.evaluate(
        """document.body.dispatchEvent(new KeyboardEvent("keydown",
           {key: "é", code: "Digit2", bubbles: true}))"""
    )

    expect(at_first).to_have_url(address(items[1]))
    decided(items[0], at_first)
    assert items[0].decisions.get().reason == "baseline_noise"


def test_other_asks_for_a_note_first(at_first, items):
    note = at_first.locator("[name=note]")
    at_first.keyboard.press("r")
    at_first.keyboard.press("7")
    expect(note).to_be_focused()
    assert decided(items[0]) == "pending_review"

    at_first.keyboard.type("a mirror, c r 5 n x")
    at_first.keyboard.press("Escape")
    at_first.keyboard.press("7")

    expect(at_first).to_have_url(address(items[1]))
    assert decided(items[0], at_first) == "rejected"
    assert items[0].decisions.get().note == "a mirror, c r 5 n x"


def test_n_hands_on_and_u_takes_back(at_first, items, complaints):
    at_first.keyboard.press("n")
    expect(at_first).to_have_url(address(items[1]))
    assert decided(items[0], at_first) == "needs_review"

    at_first.keyboard.press("u")

    expect(at_first).to_have_url(address(items[0]))
    expect(at_first.locator("#toasts")).to_contain_text("Taken back")
    assert decided(items[0]) == "pending_review"
    assert complaints == []


@pytest.mark.parametrize("modifier", ["Control", "Alt", "Meta"])
def test_keys_rest_under_modifiers(at_first, items, modifier):
    at_first.locator("h1").click()
    at_first.keyboard.press(f"{modifier}+x")

    expect(at_first.locator("[data-redact]")).not_to_have_attribute("open", "")
    assert decided(items[0]) == "pending_review"


def test_x_and_enter_redact(at_first, items, complaints):
    at_first.keyboard.press("x")
    expect(at_first.locator("[data-apply-redaction]")).to_be_focused()
    at_first.keyboard.press("Enter")

    expect(at_first.locator("#privacy")).to_contain_text("Redacted.")
    expect(at_first).to_have_url(address(items[0]))
    decided(items[0])
    assert items[0].privacy == "redacted"
    assert complaints == []


def test_another_method_is_prepared_by_a_worker_and_then_shown(at_first, items, complaints):
    picture = at_first.locator("[data-view=frame_peak] img")
    before = picture.get_attribute("src")
    at_first.keyboard.press("x")
    at_first.locator("[name=method][value=mask]").check(force=True)
    at_first.locator("[data-apply-redaction]").click()
    expect(at_first.locator("#privacy")).to_contain_text("redaction is being prepared")
    assert decided(items[0]) == "pending_review"
    assert items[0].privacy == "faces"

    detector = ColourDetector()
    proposing.propose_waiting(
        items[0].pk, scanner=FaceScanner(yunet_path=None, person_detector=detector)
    )

    expect(at_first.locator("#privacy")).to_contain_text("Redacted.")
    expect(picture).not_to_have_attribute("src", before)
    expect(at_first).to_have_url(address(items[0]))
    assert complaints == []


def test_regions_are_drawn_by_pointer_and_by_keyboard(at_first, complaints):
    at_first.keyboard.press("f")
    at_first.keyboard.press("x")
    at_first.get_by_role("button", name="Draw a region").click()
    stage = at_first.locator(".view.is-shown [data-overlay]").bounding_box()
    left, top = stage["x"] + stage["width"] * 0.2, stage["y"] + stage["height"] * 0.2
    at_first.mouse.move(left, top)
    at_first.mouse.down()
    at_first.mouse.move(left + stage["width"] * 0.3, top + stage["height"] * 0.4, steps=4)
    at_first.mouse.up()
    at_first.get_by_role("button", name="Add one by keyboard").click()
    for key in ("ArrowRight", "Shift+ArrowDown", "Shift+ArrowDown"):
        at_first.keyboard.press(key)

    drawn = at_first.evaluate("JSON.parse(document.querySelector('[data-regions]').value)")

    assert drawn[0]["box_xyxy"] == pytest.approx([0.2, 0.2, 0.5, 0.6], abs=0.01)
    assert drawn[1]["box_xyxy"] == pytest.approx([0.41, 0.4, 0.61, 0.62])
    at_first.keyboard.press("Delete")
    expect(at_first.locator("[data-region-list] li")).to_have_count(1)
    assert complaints == []


def until(video, condition):
    """Wait until ``condition``, JavaScript about ``one``, holds for the player.

    Playwright's own waiting evaluates text in the page, which the security policy forbids.
    """
    video.evaluate(
        "one => new Promise(done => {"
        f" const look = () => ({condition}) ? done() : requestAnimationFrame(look); look(); }})"
    )


@pytest.fixture
def media_statuses(page):
    found = []
    page.on("response", lambda one: "/media/" in one.url and found.append(one.status))
    return found


def test_the_clip_plays_steps_and_seeks(media_statuses, at_first, complaints):
    video = at_first.locator("[data-clip]")
    until(video, "one.readyState >= 2")

    at_first.keyboard.press("Space")
    until(video, "one.currentTime > 0.3")
    at_first.keyboard.press("Space")
    assert video.evaluate("one => one.paused")
    before = video.evaluate("one => one.currentTime")
    at_first.keyboard.press("ArrowLeft")
    assert video.evaluate("one => one.currentTime") == pytest.approx(before - 0.1, abs=0.02)
    at_first.keyboard.press("Shift+ArrowRight")
    assert video.evaluate("one => one.currentTime") == pytest.approx(before + 0.9, abs=0.02)
    video.evaluate("one => { one.currentTime = 1.5 }")
    until(video, "!one.seeking && one.readyState >= 2 && Math.abs(one.currentTime - 1.5) < 0.1")
    assert 206 in media_statuses
    assert complaints == []


def test_b_hides_boxes_and_f_shows_the_next_picture(at_first):
    boxes = at_first.locator(".view.is-shown .track-subject rect")
    at_first.keyboard.press("f")
    expect(boxes).to_be_visible()
    expect(at_first.locator(".view.is-shown .zone")).to_be_visible()

    at_first.keyboard.press("b")

    expect(boxes).to_be_hidden()


def test_the_key_map_opens_everywhere(sign_in, visit, reviewer, items, complaints):
    sign_in(reviewer)
    for name, args in (("review:dashboard", ()), ("review:queue", ()), ("review:item", (1,))):
        page = visit(name, *([items[0].pk] if args else []))
        page.keyboard.press("?")
        expect(page.locator("#keys-dialog")).to_be_visible()
        page.keyboard.press("c")
        page.keyboard.press("Escape")
        expect(page.locator("#keys-dialog")).to_be_hidden()
    assert decided(items[0]) == "pending_review"
    assert complaints == []


def test_a_conflict_is_said_and_the_note_stays(at_first, items, second_reviewer):
    at_first.fill("[name=note]", "looks like a delivery")
    queue.claim_item(items[0].pk, by=second_reviewer)
    at_first.keyboard.press("Escape")

    at_first.keyboard.press("c")

    expect(at_first.locator("#refusal")).to_contain_text("Grace Hopper has claimed")
    expect(at_first.locator("[name=note]")).to_have_value("looks like a delivery")
    expect(at_first).to_have_url(address(items[0]))


def test_the_banner_follows_the_redaction_that_is_prepared(sign_in, visit, reviewer, items):
    item = items[0]
    type(item).objects.filter(pk=item.pk).update(proposal="waiting")
    sign_in(reviewer)
    page = visit("review:item", item.pk)
    expect(page.locator("#privacy")).to_contain_text("being prepared")

    type(item).objects.filter(pk=item.pk).update(proposal="ready")

    expect(page.locator("#privacy")).to_contain_text("prepared and verified")


def test_the_pages_work_without_javascript(new_context, live_server, reviewer, items):
    page = new_context(java_script_enabled=False).new_page()
    page.goto(f"{live_server.url}{reverse('review:item', args=[items[1].pk])}")
    page.fill("[name=username]", reviewer.username)
    page.fill("[name=password]", cast.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator("summary", has_text="Reject").click()
    page.get_by_role("button", name="Low quality").click()

    expect(page).to_have_url(address(items[2]))
    assert decided(items[1]) == "rejected"


def test_an_outsider_finds_nothing(sign_in, visit, outsider, items):
    sign_in(outsider)
    clip = items[0].incident.evidence.get(kind=Evidence.Kind.CLIP)
    for name, pk in (("review:item", items[0].pk), ("review:evidence", clip.pk)):
        page = visit(name, pk)
        expect(page.locator("h1")).to_contain_text("There is no")


def test_the_api_docs_keep_to_the_policy(sign_in, visit, reviewer, complaints):
    sign_in(reviewer)
    page = visit("api_docs")

    expect(page.locator(".opblock").first).to_be_visible()
    assert complaints == []


def test_a_phone_needs_no_sideways_scrolling(sign_in, visit, page, reviewer, items):
    sign_in(reviewer)
    for width in (360, 390):
        for name, args in (
            ("review:dashboard", ()),
            ("review:queue", ()),
            ("review:item", (items[0].pk,)),
            ("review:help", ()),
        ):
            visit(name, *args)
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_missing_clip_leaves_the_page_usable(sign_in, visit, reviewer, items):
    clip = items[1].incident.evidence.get(kind=Evidence.Kind.CLIP)
    storage.delete(clip.path)
    sign_in(reviewer)
    page = visit("review:item", items[1].pk)

    page.keyboard.press("c")

    expect(page).to_have_url(address(items[2]))


def test_drawn_factories_play(items):
    """The clips of these tests are what a browser plays; else the player's test says nothing."""
    clip = items[0].incident.evidence.get(kind=Evidence.Kind.CLIP)

    assert clip.end_seconds - clip.at_seconds == pytest.approx(2.0)
    assert clip.width == factories.WIDTH


def test_what_was_redacted_by_hand_is_confirmed_by_c(at_first, items, complaints):
    at_first.keyboard.press("x")
    expect(at_first.locator("[data-apply-redaction]")).to_be_focused()
    at_first.keyboard.press("Enter")
    expect(at_first.locator("#privacy")).to_contain_text("Redacted.")
    at_first.keyboard.press("c")

    expect(at_first).to_have_url(address(items[1]))
    assert decided(items[0], at_first) == "confirmed"
    assert complaints == []
