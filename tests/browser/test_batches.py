"""Several items at once, by keyboard: rows of the queue, and the contact sheet of a stack."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from review.models import Decision, SavedFilter, TrainingItem
from review.services import queue
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def row(camera):
    """Six pending items of one stack, in the order of the queue."""
    source = factories.footage(camera)
    part = factories.segment(source)
    made = []
    for number in range(6):
        seconds = 30.0 + 60.0 * number
        one = factories.incident(footage=source, segment=part, opened_at_seconds=seconds)
        made.append(factories.item(one, stack=made[0] if made else None))
    return made


def statuses(items):
    found = TrainingItem.objects.in_bulk([item.pk for item in items])
    return [found[item.pk].status for item in items]


def chosen(page):
    return [
        int(value)
        for value in page.locator("[data-choose]:checked").evaluate_all(
            "boxes => boxes.map(box => box.value)"
        )
    ]


def test_rows_are_chosen_and_confirmed_by_keyboard(sign_in, visit, reviewer, row, complaints):
    sign_in(reviewer)
    page = visit("review:queue")
    bar = page.locator(".batch-bar")
    expect(bar).to_be_hidden()

    for key in ("j", "x", "j", "j", "j", "Shift+X", "j", "j", "x", "x"):
        page.keyboard.press(key)
    assert chosen(page) == [item.pk for item in row[:4]]
    expect(bar).to_be_visible()
    expect(page.locator("[data-chosen-count]")).to_have_text("4")
    page.keyboard.press("c")

    expect(page.locator("[data-row]")).to_have_count(2)
    expect(page.locator(".toast").first).to_contain_text("4 items confirmed")
    assert statuses(row) == ["confirmed"] * 4 + ["pending_review"] * 2
    assert Decision.objects.values("batch").distinct().count() == 1

    page.keyboard.press("u")
    expect(page.locator("[data-row]")).to_have_count(6)
    assert statuses(row) == ["pending_review"] * 6
    assert complaints == []


def test_a_page_is_rejected_with_a_reason(sign_in, visit, reviewer, row, complaints):
    sign_in(reviewer)
    page = visit("review:queue")

    for key in ("a", "r", "5"):
        page.keyboard.press(key)

    expect(page.locator(".blank h2")).to_have_text("All caught up.")
    assert set(Decision.objects.values_list("verdict", "reason")) == {("rejected", "duplicate")}
    assert complaints == []


def test_keys_do_nothing_while_nothing_is_chosen(sign_in, visit, reviewer, row):
    sign_in(reviewer)
    page = visit("review:queue")

    for key in ("c", "n", "r", "5", "j", "x", "Escape", "c"):
        page.keyboard.press(key)

    assert chosen(page) == []
    assert not Decision.objects.exists()


def test_other_asks_for_a_note_and_a_refusal_is_told(
    sign_in, visit, reviewer, second_reviewer, row, complaints
):
    sign_in(reviewer)
    page = visit("review:queue")
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    queue.claim_item(row[1].pk, by=second_reviewer)
    for key in ("r", "7"):
        page.keyboard.press(key)
    expect(page.locator("[data-batch-note]")).to_be_focused()
    page.keyboard.type("a mirror: c r 5")
    page.keyboard.press("Escape")
    page.keyboard.press("7")

    told = page.locator(".outcome")
    expect(told).to_contain_text("1 item was left as it was")
    expect(told).to_contain_text("Grace Hopper has claimed")
    assert [one.item_id for one in Decision.objects.all()] == [row[0].pk]
    page.reload()
    expect(told).to_have_count(0)
    assert complaints == []


def test_what_another_holds_cannot_be_chosen(sign_in, visit, reviewer, second_reviewer, row):
    queue.claim_item(row[0].pk, by=second_reviewer)
    sign_in(reviewer)
    page = visit("review:queue")

    expect(page.locator("[data-choose]")).to_have_count(5)
    page.keyboard.press("a")
    assert chosen(page) == [item.pk for item in row[1:]]


def test_filters_are_saved_used_and_deleted(sign_in, visit, reviewer, camera, row, complaints):
    sign_in(reviewer)
    page = visit("review:queue", query=f"?camera={camera.pk}&origin=rule")
    page.get_by_placeholder("Name for these filters").fill("Gate only")
    page.keyboard.press("Enter")

    chip = page.locator(".chip", has_text="Gate only")
    expect(chip.locator("a")).to_have_attribute("aria-current", "true")
    page.goto(page.url.split("?")[0])
    chip.locator("a").press("Enter")
    expect(page.locator("[data-row]")).to_have_count(6)
    assert f"camera={camera.pk}" in page.url

    chip.get_by_role("button", name="Delete the saved filter Gate only").press("Enter")
    expect(chip).to_have_count(0)
    assert not SavedFilter.objects.exists()
    assert complaints == []


def test_a_stack_is_decided_from_its_sheet(sign_in, visit, reviewer, row, complaints):
    sign_in(reviewer)
    page = visit("review:stacks")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("6 alike")

    for key in ("ArrowRight", "Space", "ArrowRight", "Space", "ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    assert chosen(page) == [item.pk for item in row[:3]]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    page.keyboard.press("Space")
    page.keyboard.press("c")

    expect(page.locator(".print")).to_have_count(3)
    expect(page.locator("#undo-form")).to_contain_text("3 items at once")
    assert statuses(row) == ["confirmed"] * 3 + ["pending_review"] * 3
    first = row[0].pk
    represented = TrainingItem.objects.order_by("pk").values_list("represented_by", flat=True)
    assert list(represented) == [None, first, first, None, None, None]

    page.keyboard.press("u")
    expect(page.locator(".print")).to_have_count(6)
    expect(page.locator("h1")).to_contain_text("6 alike")
    assert statuses(row) == ["pending_review"] * 6
    assert complaints == []


def test_the_whole_sheet_is_done_with_two_keys(sign_in, visit, reviewer, row, complaints):
    sign_in(reviewer)
    page = visit("review:stack", row[0].pk)

    page.keyboard.press("c")
    expect(page.locator("#refusal")).to_contain_text("Choose at least one item")
    page.keyboard.press("a")
    page.keyboard.press("a")
    assert chosen(page) == []
    page.keyboard.press("a")
    page.keyboard.press("n")

    expect(page.locator(".blank h2")).to_have_text("No stacks wait.")
    assert set(statuses(row)) == {"needs_review"}
    # The browser itself notes that a request was refused.
    assert [line for line in complaints if "422" not in line] == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_how_it_looks(sign_in, visit, reviewer, camera, row, screenshots, scheme, size):
    for name in ("Night shift", "Gate, needs a second opinion"):
        SavedFilter.objects.create(user=reviewer, name=name, query=f"camera={camera.pk}")
    sign_in(reviewer)
    page = visit("review:queue", query=f"?status=pending_review&camera={camera.pk}&origin=rule")
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    name = f"{scheme}-{size['width']}"
    for place, address in (
        ("queue", None),
        ("stacks", reverse("review:stacks")),
        ("stack", reverse("review:stack", args=[row[0].pk])),
    ):
        if address:
            page.goto(f"{page.url.split('/queue/')[0]}{address}")
        for key in ("j", "x", "j", "x") if place == "queue" else ("ArrowRight", "Space"):
            page.keyboard.press(key)
        if place == "queue":
            page.keyboard.press("r")
        page.wait_for_load_state("networkidle")
        wide = page.evaluate("document.documentElement.scrollWidth")
        page.screenshot(path=screenshots / f"{place}-{name}.png")
        assert wide <= size["width"], (place, wide)
