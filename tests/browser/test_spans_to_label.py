"""The queue of spans by keyboard, on a phone, by day and by night."""

import pytest

from tests.browser.test_accessibility import DESK, PHONE, RUN, TAGS, axe  # noqa: F401
from tests.training import said
from training.models import SpanAnnotation, SpanToLabel
from training.services import spans_to_label as service

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def spans(camera, reviewer, monkeypatch):
    """Return what waits after some was answered and one dismissed."""
    monkeypatch.setattr(service, "_key", lambda *args: b"\0" * 8 + str(args[-1]).encode())
    labels = said.label_set(camera.site, "work at the table", "idle", name="Who is at the table")
    model = said.classifier(labels)
    rival = said.classifier(labels, role="challenger")
    video = said.ended(camera, duration_seconds=400.0)
    work, idle = "work at the table", "idle"
    said.log(video, model, (40, work, 0.9), (6, idle, 0.4), (300, work, 0.9), (12, idle, 0.55))
    said.log(video, rival, (40, work, 0.9), (6, idle, 0.9), (90, work, 0.9), (7, idle, 0.8))
    service.find(video.pk)
    first = SpanToLabel.objects.order_by("-priority", "pk").first()
    annotation = SpanAnnotation.objects.create(
        label_set=labels,
        footage=video,
        version=1,
        spans=[[first.start_seconds, first.end_seconds, idle]],
        source="drawn",
        annotated_by=reviewer,
    )
    service.labelled(annotation)
    service.dismiss(SpanToLabel.objects.filter(state="waiting").last().pk, by=reviewer)
    return list(SpanToLabel.objects.filter(state="waiting").order_by("-priority", "pk"))


def test_by_keyboard(spans, reviewer, sign_in, visit, page, complaints):
    sign_in(reviewer)
    visit("training:spans_to_label")
    rows = page.locator("[data-row]")
    assert rows.count() == len(spans) > 1
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert "is-marked" in rows.first.get_attribute("class")

    page.keyboard.press("x")
    page.get_by_text("The span was dismissed").first.wait_for()
    assert rows.count() == len(spans) - 1
    page.get_by_role("button", name="Put back").first.click()
    page.get_by_text("The span waits again").first.wait_for()
    assert rows.count() == len(spans)
    assert complaints == []

    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/label/?set={spans[0].label_set_id}&span={spans[0].pk}")


def test_the_dashboard_tells_how_many_wait(spans, reviewer, sign_in, visit, page, complaints):
    sign_in(reviewer)
    visit("review:dashboard")
    page.get_by_role("link", name=f"{len(spans)} stretches of video").click()
    page.wait_for_url("**/tasks/next/")
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("is_empty", [False, True], ids=["waiting", "empty"])
def test_everybody_can_read_it(
    spans,
    reviewer,
    sign_in,
    visit,
    page,
    complaints,
    axe,  # noqa: F811
    scheme,
    size,
    is_empty,
):
    if is_empty:
        SpanToLabel.objects.all().delete()
    sign_in(reviewer)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    visit("training:spans_to_label")
    page.set_viewport_size(size)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.evaluate(axe)
    assert page.evaluate(RUN, TAGS) == []
    assert complaints == []
