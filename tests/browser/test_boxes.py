"""The box editor in a real browser: the keyboard alone, the mouse, and what the server says."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from review.models import Annotation
from review.services import annotation
from tests import factories
from tests.browser.boxing import (
    click,
    drag,
    near,
    photo_item,
    picture,
    place,
    press,
    saved,
    unit,
    wait_saved,
)

pytestmark = pytest.mark.django_db(transaction=True)

PERSON = (0.40, 0.30, 0.534, 0.90)


def test_proposals_are_accepted_and_saved_with_the_keyboard_alone(
    box_editor, boxed_photo, complaints
):
    expect(box_editor.locator("[data-stage]")).to_be_focused()
    press(box_editor, "Tab")
    expect(box_editor.locator("[data-proposal='0']")).to_be_focused()
    press(box_editor, "Enter")
    expect(box_editor.locator("[data-box='0']")).to_be_focused()
    press(box_editor, "Shift+A", "Control+s")
    wait_saved(box_editor)

    boxes = saved(boxed_photo).boxes
    assert [(box["label"], box["origin"]) for box in boxes] == [(0, "accepted"), (24, "accepted")]
    assert boxes[0]["box_xyxy"] == pytest.approx(PERSON)
    boxed_photo.refresh_from_db()
    assert boxed_photo.status == "confirmed"
    assert complaints == []


def test_a_box_is_made_moved_stretched_and_classed_by_keys(box_editor, boxed_photo):
    press(box_editor, "b", "ArrowLeft", "Shift+ArrowUp", "Control+ArrowRight")
    press(box_editor, "Control+Shift+ArrowDown")
    before = box_editor.locator("[data-box='0']").get_attribute("aria-label")
    keys = box_editor.locator(".class-chip")
    second = keys.nth(1).inner_text().split()[-1]
    press(box_editor, "2")
    expect(box_editor.locator("[data-box='0'] text")).to_have_text(f"1 {second}")
    press(box_editor, "d", "Delete", "z", "z", "Shift+Z", "Shift+Z", "Enter")
    wait_saved(box_editor)

    [box] = saved(boxed_photo).boxes
    x1, y1, x2, y2 = box["box_xyxy"]
    across, down = unit()
    assert before.startswith("Box 1, person")
    assert (x2 - x1, y2 - y1) == pytest.approx((0.2 + across, 0.2 + 10 * down), abs=0.08)
    assert box["origin"] == "drawn"
    assert box["label"] != 0


def test_boxes_are_drawn_moved_resized_and_deleted_with_the_mouse(
    box_editor, boxed_photo, complaints
):
    drag(box_editor, (0.05, 0.1), (0.25, 0.5))
    drag(box_editor, (0.15, 0.3), (0.2, 0.4))
    drag(box_editor, (0.3, 0.6), (0.35, 0.8))
    drag(box_editor, (0.6, 0.1), (0.9, 0.4))
    box_editor.locator("[data-delete]").click()
    press(box_editor, "Enter")
    wait_saved(box_editor)

    [box] = saved(boxed_photo).boxes
    assert box["box_xyxy"] == near([0.1, 0.2, 0.35, 0.8])
    assert complaints == []


def test_what_is_drawn_past_the_edge_is_kept_inside(box_editor, boxed_photo):
    drag(box_editor, (0.8, 0.7), (1.2, 1.3))
    press(box_editor, "Enter")
    wait_saved(box_editor)
    assert saved(boxed_photo).boxes[0]["box_xyxy"] == near([0.8, 0.7, 1, 1])


def test_a_click_chooses_and_a_drag_inside_another_box_draws(box_editor):
    click(box_editor, 0.45, 0.6)
    expect(box_editor.locator("[data-proposal='0']")).to_have_attribute("aria-pressed", "true")
    press(box_editor, "a", "Escape")
    drag(box_editor, (0.43, 0.4), (0.5, 0.6))
    expect(box_editor.locator("[data-box]")).to_have_count(2)
    expect(box_editor.locator("[data-box='1']")).to_have_attribute("aria-pressed", "true")


def test_a_dropped_proposal_is_no_change_and_comes_back_by_undo(box_editor):
    press(box_editor, "Tab", "Delete")
    expect(box_editor.locator("[data-proposal]")).to_have_count(1)
    expect(box_editor.locator("[data-draft-state]")).to_be_hidden()
    press(box_editor, "z")
    expect(box_editor.locator("[data-proposal]")).to_have_count(2)


def test_zoom_and_pan_move_the_picture_and_not_the_boxes(box_editor, boxed_photo):
    whole = picture(box_editor)
    press(box_editor, "+", "+")
    zoomed = picture(box_editor)
    assert zoomed["width"] > 1.5 * whole["width"]
    box_editor.mouse.move(*place(box_editor, 0.5, 0.5))
    box_editor.keyboard.down(" ")
    drag(box_editor, (0.5, 0.5), (0.55, 0.5))
    box_editor.keyboard.up(" ")
    panned = picture(box_editor)
    assert panned["x"] > zoomed["x"] + 10
    box_editor.mouse.wheel(0, -300)
    assert picture(box_editor)["width"] > panned["width"]
    press(box_editor, "0")
    assert picture(box_editor) == whole
    expect(box_editor.locator("[data-box]")).to_have_count(0)


def test_nothing_here_is_its_own_act_and_asks(box_editor, boxed_photo, complaints):
    press(box_editor, "Tab", "Delete", "Delete", "n")
    dialog = box_editor.locator("#nothing-dialog")
    expect(dialog).to_contain_text("None of all 80 classes")
    expect(dialog.locator("[data-seen]")).to_contain_text("person")
    press(box_editor, "Escape")
    assert not Annotation.objects.exists()
    press(box_editor, "n", "Enter")
    wait_saved(box_editor)

    assert saved(boxed_photo).is_negative
    assert len(saved(boxed_photo).exhaustive) == 80
    assert complaints == []


def test_nothing_here_waits_until_the_boxes_are_gone(box_editor):
    press(box_editor, "b", "n")
    expect(box_editor.locator("[data-said]")).to_contain_text("delete them first")
    expect(box_editor.locator("[data-nothing]")).to_be_disabled()


def test_odd_boxes_are_shown_and_saved_only_when_meant(box_editor, boxed_photo):
    drag(box_editor, (0.40, 0.30), (0.534, 0.90))
    press(box_editor, "Escape")
    drag(box_editor, (0.403, 0.302), (0.533, 0.899))
    press(box_editor, "Enter")
    expect(box_editor.locator("[data-refusal]")).to_contain_text("Box 2 lies on box 1")
    expect(box_editor.locator("[data-box='1'].is-odd")).to_have_count(1)
    expect(box_editor.locator(".box-entry.is-odd")).to_have_count(1)
    assert not Annotation.objects.exists()
    box_editor.get_by_role("button", name="Save anyway").click()
    wait_saved(box_editor)
    assert len(saved(boxed_photo).boxes) == 2


def test_exhaustive_is_ticked_and_only_suggested_on_the_next(
    box_editor, boxed_photo, camera, reviewer, visit
):
    press(box_editor, "a", "Shift+A")
    box_editor.get_by_label("person", exact=True).check()
    press(box_editor, "Control+s")
    wait_saved(box_editor)
    assert saved(boxed_photo).exhaustive == [0]

    following = photo_item(camera, reviewer)
    page = visit("review:boxes", following.pk)
    expect(page.get_by_label("person", exact=True)).not_to_be_checked()
    expect(page.locator("[data-suggestion]")).to_contain_text("person")
    press(page, "a", "e", "Enter")
    wait_saved(page)
    assert saved(following).exhaustive == [0]


def test_next_never_saves_and_brings_unsaved_boxes_back(
    sign_in, visit, camera, reviewer, boxed_photo, complaints
):
    other = photo_item(camera, reviewer)
    sign_in(reviewer)
    page = visit("review:boxes", boxed_photo.pk, query="?list=marked")
    expect(page.locator(".box-progress")).to_contain_text("1/2")
    press(page, "b", "j")
    page.wait_for_url(f"**{reverse('review:boxes', args=[other.pk])}**")
    press(page, "j")
    expect(page.locator("[data-said]")).to_contain_text("last picture")
    press(page, "k")
    expect(page.locator("[data-box]")).to_have_count(1)
    expect(page.locator("[data-draft-state]")).to_be_visible()
    assert not Annotation.objects.exists()
    assert complaints == []


def test_a_list_goes_on_by_itself_after_each_save(sign_in, visit, camera, reviewer, boxed_photo):
    other = photo_item(camera, reviewer)
    sign_in(reviewer)
    page = visit("review:boxes", boxed_photo.pk, query="?list=marked")
    press(page, "Shift+A", "Enter")
    page.wait_for_url(f"**{reverse('review:boxes', args=[other.pk])}**")
    expect(page.locator(".box-progress")).to_contain_text("2/2")
    expect(page.locator(".box-progress")).to_contain_text("1 done")
    assert len(saved(boxed_photo).boxes) == 2


def test_somebody_was_faster_and_the_work_is_kept(
    box_editor, boxed_photo, second_reviewer, complaints
):
    box = {"label": 0, "box_xyxy": list(PERSON)}
    row = boxed_photo.photo.evidence
    annotation.save(boxed_photo.pk, row.pk, by=second_reviewer, boxes=[box], version=0)
    press(box_editor, "Shift+A", "Enter")
    refusal = box_editor.locator("[data-refusal]")
    expect(refusal).to_contain_text("Grace Hopper saved")
    expect(box_editor.locator("[data-box]")).to_have_count(2)
    refusal.get_by_role("button", name="Put mine in their place").click()
    wait_saved(box_editor)

    assert saved(boxed_photo).version == 2
    assert [one for one in complaints if "409" not in one] == []


def test_a_session_that_ended_loses_nothing(box_editor, boxed_photo, client):
    press(box_editor, "Shift+A")
    box_editor.context.clear_cookies()
    press(box_editor, "Enter")
    expect(box_editor.locator("[data-refusal]")).to_contain_text("boxes are still here")
    expect(box_editor.locator("[data-box]")).to_have_count(2)
    assert not Annotation.objects.exists()


def test_any_class_is_found_by_search(box_editor, boxed_photo):
    press(box_editor, "b", "/")
    box_editor.keyboard.type("umbrella")
    press(box_editor, "Enter")
    expect(box_editor.locator("[data-box='0'] text")).to_have_text("1 umbrella")
    press(box_editor, "Enter")
    wait_saved(box_editor)
    assert saved(boxed_photo).boxes[0]["label"] == 25


def test_stills_of_an_incident_are_boxed_one_by_one(sign_in, visit, reviewer, camera):
    item = factories.item(factories.incident(camera))
    sign_in(reviewer)
    page = visit("review:boxes", item.pk)
    expect(page.locator(".still-tab")).to_have_count(3)
    expect(page.locator(".still-tab[aria-current]")).to_contain_text("At peak")
    press(page, "a", "Enter")
    wait_saved(page)
    press(page, "j")
    expect(page.locator(".still-tab[aria-current]")).to_contain_text("Last")
    assert Annotation.objects.get().evidence.kind == "frame_peak"
    item.refresh_from_db()
    assert item.status == "pending_review"


def test_whoever_only_reads_sees_boxes_and_no_tools(sign_in, visit, reviewer, boxed_photo):
    reviewer.groups.first().permissions.remove(
        *reviewer.groups.first().permissions.filter(codename="add_annotation")
    )
    sign_in(reviewer)
    page = visit("review:boxes", boxed_photo.pk)
    press(page, "b")
    drag(page, (0.1, 0.1), (0.3, 0.3))
    expect(page.locator("[data-box]")).to_have_count(0)
    expect(page.locator("[data-save]")).to_have_count(0)
