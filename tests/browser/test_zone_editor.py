"""Zones drawn in a real browser: pointer, finger and keyboard, under the strict policy."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from detection.services import cameras
from tests.browser.editing import ENTRANCE, click, corners, drag, place, save, zones_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_zone_is_drawn_saved_and_there_again(editor, pictured, complaints):
    editor.get_by_role("button", name="Draw a zone").click()
    for x, y in ((0.6, 0.2), (0.9, 0.2), (0.9, 0.7), (0.5, 0.9), (0.6, 0.7)):
        click(editor, x, y)
    editor.keyboard.press("Backspace")
    editor.keyboard.press("Backspace")
    click(editor, 0.6, 0.7)
    click(editor, 0.6, 0.2)
    expect(editor.locator("[data-draft-state]")).to_have_text("Unsaved changes")
    name = editor.get_by_label("Name of zone 2")
    expect(name).to_have_value("zone 2")
    name.fill("loading bay")
    editor.get_by_label("Kind of zone 2").select_option("restricted")
    save(editor)

    expected = [[0.6, 0.2], [0.9, 0.2], [0.9, 0.7], [0.6, 0.7]]
    stored = zones_of(pictured)["loading bay"]
    assert stored["kind"] == "restricted"
    assert corners(pictured, "loading bay") == expected
    editor.reload()
    expect(editor.get_by_label("Name of zone 2")).to_have_value("loading bay")
    assert complaints == []


def test_points_are_dragged_inserted_and_deleted(editor, pictured, complaints):
    click(editor, 0.25, 0.5)
    drag(editor, (0.4, 0.8), (0.5, 0.9))
    drag(editor, (0.25, 0.2), (0.25, 0.05))
    click(editor, 0.1, 0.8)
    editor.keyboard.press("Delete")
    save(editor)

    assert corners(pictured) == [[0.1, 0.2], [0.25, 0.05], [0.4, 0.2], [0.5, 0.9]]
    assert complaints == []


def test_a_double_click_takes_a_point_away_but_not_the_third(editor, pictured):
    click(editor, 0.25, 0.5)
    for x, y in ((0.1, 0.2), (0.4, 0.2)):
        editor.mouse.dblclick(*place(editor, x, y))

    expect(editor.locator(".zone-point")).to_have_count(3)
    expect(editor.locator("[data-said]")).to_contain_text("at least three points")
    save(editor)
    assert corners(pictured) == [[0.4, 0.2], [0.4, 0.8], [0.1, 0.8]]


def test_a_zone_is_dragged_and_stays_in_the_picture(editor, pictured):
    drag(editor, (0.25, 0.5), (0.3, 1.2))
    save(editor)

    assert corners(pictured) == [[0.15, 0.4], [0.45, 0.4], [0.45, 1.0], [0.15, 1.0]]


def test_a_point_dragged_out_is_kept_inside(editor, pictured):
    click(editor, 0.25, 0.5)
    drag(editor, (0.1, 0.2), (-0.2, -0.1))

    expect(editor.locator("[data-said]")).to_contain_text("kept inside the picture")
    save(editor)
    assert corners(pictured)[0] == [0, 0]


def test_edits_are_undone_and_redone(editor, pictured):
    state, points = editor.locator("[data-draft-state]"), editor.locator(".zone-point")
    drag(editor, (0.25, 0.5), (0.35, 0.5))
    click(editor, 0.5, 0.2)
    editor.keyboard.press("Insert")
    expect(points).to_have_count(5)

    editor.keyboard.press("Control+z")
    expect(points).to_have_count(4)
    editor.keyboard.press("Control+z")
    expect(state).to_be_hidden()
    expect(editor.locator("[data-undo]")).to_be_disabled()
    editor.keyboard.press("Control+Shift+z")
    editor.locator("[data-redo]").click()
    expect(points).to_have_count(5)
    expect(editor.locator("[data-redo]")).to_be_disabled()
    save(editor)
    assert len(zones_of(pictured)["entrance"]["polygon"]) == 5


def test_a_zone_is_made_by_keyboard_alone(editor, pictured, complaints):
    button = editor.get_by_role("button", name="Add zone")
    button.focus()
    editor.keyboard.press("Enter")
    first = editor.locator('[data-zone="1"][data-point="0"]')
    expect(first).to_be_focused()
    for key in ("ArrowLeft", "ArrowLeft", "Shift+ArrowUp"):
        editor.keyboard.press(key)
    editor.keyboard.press("Tab")
    expect(editor.locator('[data-zone="1"][data-point="1"]')).to_be_focused()
    editor.keyboard.press("Insert")
    expect(editor.locator('[data-zone="1"][data-point="2"]')).to_be_focused()
    editor.keyboard.press("Shift+ArrowRight")
    editor.keyboard.press("Tab")
    editor.keyboard.press("Tab")
    editor.keyboard.press("Delete")
    editor.keyboard.press("Control+s")
    expect(editor.locator("[data-draft-state]")).to_be_hidden()

    expected = [[0.33, 0.3], [0.65, 0.35], [0.7, 0.5], [0.65, 0.65]]
    assert corners(pictured, "zone 2") == expected
    assert complaints == []


def test_escape_draws_nothing(editor):
    editor.get_by_role("button", name="Draw a zone").click()
    click(editor, 0.6, 0.2)
    editor.keyboard.press("Escape")

    expect(editor.locator(".zone-entry")).to_have_count(1)
    expect(editor.locator("[data-draft-state]")).to_be_hidden()


def test_a_zone_that_crosses_itself_is_told_at_once_and_refused(editor, pictured):
    click(editor, 0.25, 0.5)
    drag(editor, (0.1, 0.2), (0.5, 0.5))
    expect(editor.locator(".zone-trouble")).to_contain_text("crosses or touches itself")
    expect(editor.locator(".zone-line.is-wrong")).to_have_count(1)

    editor.locator("[data-save]").click()

    expect(editor.locator(".zone-entry .field-error")).to_contain_text("crosses or touches itself")
    expect(editor.locator("#refusal")).to_contain_text("your draft is still here")
    assert corners(pictured) == ENTRANCE["polygon"]


def test_a_private_zone_is_black_and_no_rule_takes_it(editor, pictured):
    editor.get_by_role("button", name="Add zone").click()
    editor.get_by_label("Kind of zone 2").select_option("private")

    fill = editor.locator(".zone-fill.zone-private")
    assert fill.evaluate("one => getComputedStyle(one).fill").startswith(("rgb(0", "rgba(0, 0, 0"))
    editor.locator("summary", has_text="lingering").click()
    expect(editor.get_by_label("zone 2", exact=True)).to_be_disabled()
    save(editor)
    assert len(cameras.private_polygons(pictured)) == 1


def test_a_finger_draws_and_moves(new_context, live_server, client, settings, supervisor, pictured):
    client.force_login(supervisor)
    context = new_context(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}
    context.add_cookies([cookie])
    page = context.new_page()
    page.goto(f"{live_server.url}{reverse('detection:zones', args=[pictured.pk])}")
    page.get_by_role("button", name="Draw a zone").click()
    for count, (x, y) in enumerate(((0.6, 0.2), (0.9, 0.2), (0.9, 0.7)), start=1):
        page.touchscreen.tap(*place(page, x, y))
        expect(page.locator(".pen-dot")).to_have_count(count)
    page.get_by_role("button", name="Close the zone").click()
    expect(page.locator(".zone-entry")).to_have_count(2)
    swipe(context, page, place(page, 0.9, 0.7), place(page, 0.8, 0.9))
    moved = page.get_by_role("button", name="Point 3 of zone 2, 80 % from the left")
    expect(moved).to_have_count(1)
    save(page)

    assert corners(pictured, "zone 2") == [[0.6, 0.2], [0.9, 0.2], [0.8, 0.9]]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    hits = page.locator(".zone-hit").first.bounding_box()
    assert min(hits["width"], hits["height"]) >= 24


def swipe(context, page, start, end):
    """Draw a finger over the page."""
    session = context.new_cdp_session(page)
    middle = [(a + b) / 2 for a, b in zip(start, end, strict=True)]
    steps = [("touchStart", start), ("touchMove", middle), ("touchMove", end)]
    for kind, (x, y) in steps:
        touch = {"type": kind, "touchPoints": [{"x": x, "y": y}]}
        session.send("Input.dispatchTouchEvent", touch)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_camera_without_a_picture_has_a_sheet_to_draw_on(
    sign_in, visit, supervisor, camera, complaints
):
    sign_in(supervisor)
    page = visit("detection:zones", camera.pk)

    expect(page.locator("figcaption")).to_contain_text("There is no picture of this camera yet")
    page.get_by_role("button", name="Add zone").click()
    save(page)
    assert list(zones_of(camera)) == ["zone 1"]
    assert complaints == []
