"""The photo library and the photo page in a browser: by keyboard, and when the server says no."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from review.models import Mark
from review.services import marks
from tests import factories, photos

pytestmark = pytest.mark.django_db(transaction=True)

SIZES = {"wide": (1440, 900), "phone": (390, 844)}


@pytest.fixture
def six(camera):
    """Six photos, the last of them taken last."""
    return [photos.photo(camera, found=(("person", 0.8, factories.PERSON_BOX),)) for _ in range(6)]


@pytest.fixture
def library(sign_in, visit, reviewer, six):
    sign_in(reviewer)
    page = visit("review:photos")
    page.wait_for_load_state("networkidle")
    return page


@pytest.fixture
def one(sign_in, visit, reviewer, six):
    """The page of the third photo."""
    sign_in(reviewer)
    page = visit("review:photo", six[2].pk)
    page.wait_for_load_state("networkidle")
    return page


def address(photo):
    return re.compile(re.escape(reverse("review:photo", args=[photo.pk])))


def standing():
    return dict(Mark.objects.filter(unmarked_at=None).values_list("photo", "reason"))


def chosen(page):
    return page.locator("[data-photo].is-marked [data-photo-link]")


class TestLibrary:
    def test_moving_and_opening_by_keyboard(self, library, six, complaints):
        for key in ("j", "j", "k", "ArrowRight", "ArrowRight"):
            library.keyboard.press(key)
        expect(chosen(library)).to_have_attribute("href", address(six[3]))
        expect(chosen(library)).to_be_focused()
        library.keyboard.press("Enter")
        expect(library).to_have_url(address(six[3]))
        assert complaints == []

    def test_up_and_down_go_by_rows(self, library, six):
        library.set_viewport_size({"width": 800, "height": 900})
        library.keyboard.press("j")
        library.keyboard.press("ArrowDown")
        expect(chosen(library)).to_have_attribute("href", address(six[2]))
        library.keyboard.press("ArrowUp")
        expect(chosen(library)).to_have_attribute("href", address(six[5]))
        library.keyboard.press("ArrowUp")
        expect(chosen(library)).to_have_attribute("href", address(six[5]))

    def test_m_marks_and_takes_back_and_a_digit_gives_its_reason(self, library, six, complaints):
        library.keyboard.press("j")
        library.keyboard.press("m")
        card = library.locator("[data-photo].is-marked")
        expect(card.get_by_role("button", name="Take back")).to_be_visible()
        expect(card).to_contain_text("missed detection")
        assert standing() == {six[5].pk: "missed_detection"}
        library.keyboard.press("m")
        expect(card.get_by_role("button", name=re.compile("missed"))).to_be_visible()
        assert standing() == {}
        library.keyboard.press("j")
        library.keyboard.press("3")
        expect(card).to_contain_text("wrong class")
        expect(card.get_by_role("button", name="Take back")).to_be_visible()
        assert standing() == {six[4].pk: "wrong_class"}
        library.keyboard.press("j")
        expect(chosen(library)).to_have_attribute("href", address(six[3]))
        assert complaints == []

    def test_keys_rest_in_the_filters(self, library):
        library.get_by_label("Detected class").focus()
        library.keyboard.type("mj1")
        assert standing() == {}
        expect(chosen(library)).to_have_count(0)


class TestPhoto:
    def test_j_k_and_arrows_go_through_the_library(self, one, six, complaints):
        one.keyboard.press("j")
        expect(one).to_have_url(address(six[1]))
        one.keyboard.press("k")
        expect(one).to_have_url(address(six[2]))
        one.keyboard.press("ArrowLeft")
        expect(one).to_have_url(address(six[3]))
        one.keyboard.press("ArrowRight")
        expect(one).to_have_url(address(six[2]))
        assert standing() == {}
        assert complaints == []

    def test_a_digit_marks_with_its_reason_and_m_takes_back(self, one, six, complaints):
        one.keyboard.press("2")
        expect(one.locator("#mark")).to_contain_text("marked by Ada Byron")
        expect(one.locator("#mark")).to_contain_text("false detection")
        assert standing() == {six[2].pk: "false_detection"}
        one.keyboard.press("m")
        expect(one.get_by_role("button", name="Wrong class")).to_be_visible()
        assert standing() == {}
        assert complaints == []

    def test_b_hides_the_boxes(self, one):
        boxes = one.locator(".overlay-boxes")
        expect(boxes).to_be_visible()
        one.keyboard.press("b")
        expect(boxes).to_be_hidden()
        expect(one.get_by_role("button", name="Boxes")).to_have_attribute("aria-pressed", "false")

    def test_a_mark_shows_before_the_server_has_answered(self, one, six):
        held = []
        one.route("**/mark/", lambda route: held.append(route))
        one.keyboard.press("1")
        expect(one.locator("[data-mark-next]")).to_have_text("missed detection")
        assert standing() == {}
        while not held:
            one.wait_for_timeout(20)
        held[0].continue_()
        expect(one.locator("#mark")).to_contain_text("marked by Ada Byron")

    @pytest.mark.parametrize("trouble", ["abort", "500"])
    def test_it_goes_again_where_the_server_fails(self, one, six, trouble):
        def fail(route):
            if trouble == "abort":
                route.abort()
            else:
                route.fulfill(status=500, body="no")

        one.route("**/mark/", fail)
        one.get_by_label("Note").fill("two are missing")
        one.keyboard.press("Escape")
        one.keyboard.press("1")
        expect(one.locator(".toast-error")).to_contain_text("nothing was changed")
        expect(one.locator("[data-mark-next]")).to_be_hidden()
        expect(one.locator("[data-mark-state]")).to_contain_text("Not marked")
        expect(one.get_by_label("Note")).to_have_value("two are missing")
        one.unroute("**/mark/")
        one.keyboard.press("1")
        expect(one.locator("#mark")).to_contain_text("two are missing")
        assert Mark.objects.get().note == "two are missing"

    def test_it_goes_again_where_somebody_was_faster(self, one, six, second_reviewer):
        marks.mark(six[2].pk, by=second_reviewer, reason="other")
        one.keyboard.press("1")
        expect(one.locator("#refusal")).to_contain_text("Grace Hopper marked")
        expect(one.locator("[data-mark-state]")).to_contain_text("Not marked")
        expect(one.locator("[data-mark-next]")).to_be_hidden()

    def test_a_session_that_ended_loses_nothing(self, one, client):
        one.get_by_label("Note").fill("two are missing")
        one.keyboard.press("Escape")
        one.context.clear_cookies()
        one.keyboard.press("1")
        expect(one.locator("#toasts")).to_contain_text(re.compile("session has ended|changed"))
        expect(one.locator("[data-mark-state]")).to_contain_text("Not marked")
        expect(one.get_by_label("Note")).to_have_value("two are missing")
        assert standing() == {}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pictures_of_the_pages(
    sign_in, visit, reviewer, six, camera, screenshots, complaints, scheme, size
):
    busy = photos.photo(
        camera,
        found=[("person", 0.91, factories.PERSON_BOX), ("person", 0.55, (0.1, 0.3, 0.2, 0.8))]
        + [(name, 0.4, (0.6, 0.5, 0.8, 0.9)) for name in ("dog", "handbag", "umbrella", "chair")],
        clock_offset_seconds=12.0,
    )
    photos.marked(busy, reviewer, note="The second person is a coat.", reason="false_detection")
    sign_in(reviewer)
    page = visit("review:photos")
    page.emulate_media(color_scheme=scheme)
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    for name, place in (
        ("photos", ("review:photos",)),
        ("photo-marked", ("review:photo", busy.pk)),
        ("photo", ("review:photo", six[0].pk)),
        ("photos-none", ("review:photos",)),
    ):
        query = "?class=unicorn" if name == "photos-none" else ""
        visit(*place, query=query)
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_load_state("networkidle")
        if name == "photos":
            page.keyboard.press("j")
        page.screenshot(path=screenshots / f"{name}-{size}-{scheme}.png", full_page=True)
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow == 0, f"{name} scrolls sideways"
    assert complaints == []
