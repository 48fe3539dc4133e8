"""The recall page with figures, and news on a page whose server has no stream."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from tests import factories
from tests.review.test_recall_page import draw, sample

pytestmark = pytest.mark.slow


@pytest.fixture
def month(camera, reviewer):
    """Ten days of two cameras: sixty random minutes, one with a miss, and some confirmed items."""
    today = timezone.localdate()
    for one in (camera, factories.camera(camera.site, "Loading bay")):
        for ago in range(1, 11):
            made = draw(one, day=today - timedelta(days=ago))
            for number in range(3):
                is_miss = (one, ago, number) == (camera, 4, 1)
                status, reason = ("confirmed", "") if is_miss else ("rejected", "baseline_noise")
                category = "loitering" if is_miss else "unknown"
                sample(made, status=status, reason=reason, category=category, by=reviewer)
            start = timezone.now() - timedelta(days=ago)
            source = factories.footage(one, starts_at=start)
            part = factories.segment(source)
            for category in ("loitering", "loitering", "restricted_zone_entry", "aggression") * 3:
                incident = factories.incident(
                    footage=source, segment=part, category=category, with_files=False
                )
                factories.item(incident, status="confirmed", decided_at=timezone.now())


@pytest.mark.parametrize(
    ("look", "size"), [("light", (1440, 900)), ("dark", (1440, 900)), ("dark", (390, 844))]
)
def test_the_recall_page_fits_and_nothing_complains(
    page, visit, sign_in, month, reviewer, complaints, screenshots, look, size
):
    sign_in(reviewer)
    page.emulate_media(color_scheme=look)
    visit("review:recall")
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.locator("svg.recall-interval").first.wait_for()
    assert page.locator("svg.recall-interval").count() >= 5
    page.screenshot(path=screenshots / f"recall-{look}-{size[0]}.png", full_page=True)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= size[0]
    assert page.locator("button", has_text="Show").bounding_box()["x"] < size[0] - 40
    assert complaints == []


def test_without_a_stream_the_queue_works_as_before(
    page, visit, sign_in, items, reviewer, complaints
):
    sign_in(reviewer)
    with page.expect_response(lambda answer: answer.url.endswith(reverse("review:events"))) as told:
        visit("review:queue")
    assert told.value.status == 204
    page.locator("[data-row]").first.wait_for()
    assert page.locator("[data-live-count]").is_hidden()
    assert complaints == []
