"""The box editor under fingers: drawing, handles, pinching, on the screen of a phone."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.browser.boxing import near, picture, place, saved, wait_saved

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def phone(new_context, live_server, client, settings, reviewer, boxed_photo):
    """The editor on a phone, signed in."""
    client.force_login(reviewer)
    context = new_context(has_touch=True, is_mobile=True, viewport=PHONE)
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}
    context.add_cookies([cookie])
    page = context.new_page()
    page.goto(f"{live_server.url}{reverse('review:boxes', args=[boxed_photo.pk])}")
    expect(page.locator(".box")).to_have_count(2)
    return page


def touch(page, *steps):
    """Put fingers on the screen; each step is a list of places on the page, one a finger."""
    session = page.context.new_cdp_session(page)
    for number, places in enumerate(steps):
        points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(places)]
        kind = "touchMove" if number else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def swipe(page, start, end):
    (x1, y1), (x2, y2) = place(page, *start), place(page, *end)
    middle = (x1 + x2) / 2, (y1 + y2) / 2
    touch(page, [(x1, y1)], [middle], [(x2, y2)])


def test_a_finger_draws_moves_and_pulls_handles(phone, boxed_photo):
    swipe(phone, (0.05, 0.05), (0.3, 0.5))
    swipe(phone, (0.17, 0.27), (0.22, 0.37))
    swipe(phone, (0.35, 0.6), (0.38, 0.85))
    phone.locator("[data-save]").click()
    wait_saved(phone)
    assert saved(boxed_photo).boxes[0]["box_xyxy"] == pytest.approx(
        [0.1, 0.15, 0.38, 0.85], abs=0.03
    )


def test_handles_are_large_enough_for_fingers(phone):
    swipe(phone, (0.05, 0.05), (0.3, 0.5))
    grip = phone.locator(".grip-se").bounding_box()
    assert min(grip["width"], grip["height"]) >= 44


def test_two_fingers_zoom_and_draw_nothing(phone):
    before = picture(phone)
    (x1, y), (x2, _) = place(phone, 0.45, 0.5), place(phone, 0.55, 0.5)
    touch(phone, *([(x1 - far, y), (x2 + far, y)] for far in (0, 40, 80)))
    assert picture(phone)["width"] > 2 * before["width"]
    expect(phone.locator("[data-box]")).to_have_count(0)


def test_a_tap_chooses_a_proposal_and_buttons_accept_it(phone, boxed_photo):
    phone.touchscreen.tap(*place(phone, 0.46, 0.6))
    expect(phone.locator("[data-proposal='0']")).to_have_attribute("aria-pressed", "true")
    phone.get_by_role("button", name="Accept person").click()
    phone.locator("[data-save]").click()
    wait_saved(phone)
    assert saved(boxed_photo).boxes[0]["box_xyxy"] == near([0.40, 0.30, 0.534, 0.90])


def test_nothing_is_wider_than_the_phone(phone):
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
