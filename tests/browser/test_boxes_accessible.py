"""The box editor and the label classes in their busier states, through axe-core."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from review.privacy.faces import FaceScanner
from review.services import decisions, hard_negatives
from tests.browser.boxing import drag, press
from tests.browser.test_accessibility import DESK, PHONE, RUN, TAGS, axe  # noqa: F401
from tests.review.privacy.drawing import ColourDetector
from tests.review.services.test_track_labels import redacted, walker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

LOOKS = [("light", DESK), ("dark", DESK), ("dark", PHONE)]


@pytest.fixture
def problems(page, axe):  # noqa: F811
    def found():
        page.evaluate(axe)
        return page.evaluate(RUN, TAGS)

    return found


@pytest.mark.parametrize(("scheme", "size"), LOOKS)
def test_boxes_refusals_and_the_dialog(box_editor, problems, scheme, size):
    box_editor.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    box_editor.set_viewport_size(size)
    box_editor.locator("[data-nothing]").click()
    expect(box_editor.locator("#nothing-dialog")).to_be_visible()
    assert problems() == []
    press(box_editor, "Escape")
    press(box_editor, "a", "Escape")
    drag(box_editor, (0.403, 0.302), (0.533, 0.899))
    press(box_editor, "Enter")
    expect(box_editor.locator("[data-refusal]")).to_contain_text("looks odd")
    box_editor.locator("summary", has_text="Keys and gestures").click()
    assert problems() == []
    assert box_editor.evaluate("document.documentElement.scrollWidth") <= size["width"]


@pytest.mark.parametrize(("scheme", "size"), LOOKS)
def test_offered_frames_and_classes(
    visit, sign_in, camera, supervisor, problems, scheme, size, complaints
):
    scanner = FaceScanner(yunet_path=None, person_detector=ColourDetector())
    item = redacted(walker(camera), scanner)
    before = timezone.now() - timedelta(minutes=5)
    decisions.decide(item.pk, by=supervisor, verdict="rejected", reason="wrong_class", at=before)
    item.refresh_from_db()
    hard_negatives.offer(item, scanner=scanner)
    sign_in(supervisor)
    page = visit("review:item", item.pk)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size(size)
    page.get_by_label("no person").first.check()
    assert problems() == []
    page.get_by_role("button", name="Save the ticked").press("Enter")
    expect(page.locator("#track-labels")).to_contain_text("no person, supervisor")
    page.goto(page.url.split("/items/")[0] + reverse("review:label_classes"))
    page.locator("summary").first.press("Enter")
    page.get_by_label("New name of person").fill("human")
    page.keyboard.press("Enter")
    expect(page.get_by_text("called human now")).to_be_visible()
    assert problems() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert complaints == []
