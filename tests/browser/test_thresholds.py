"""The threshold's slider says what the server would say; both pages fit a phone."""

from tests import factories
from tests.training.judged import told_apart
from tests.training.services.test_label_next import pictured, ranked


def test_the_slider_tells_what_the_server_tells(
    camera, reviewer, supervisor, sign_in, visit, page, complaints
):
    told_apart(camera, reviewer)
    sign_in(supervisor)
    asked = f"?class_name=person&camera={camera.pk}"
    visit("training:thresholds", query=asked)
    slider, number = page.get_by_role("slider"), page.locator("input[name=value]")
    for value in ("0.3", "0.7531", "1"):
        slider.fill(value)
        assert float(number.input_value()) == float(value)
        told = page.locator("[data-at]").all_inner_texts()
        visit("training:thresholds", query=f"{asked}&value={value}")
        assert page.locator("[data-at]").all_inner_texts() == told

    number.fill("0.6")
    assert slider.input_value() == "0.6"
    page.get_by_role("button", name="Accept").click()
    page.get_by_role("button", name="Take back 0.6").wait_for()
    assert complaints == []


def test_both_pages_fit_a_phone(
    camera, reviewer, supervisor, sign_in, visit, page, complaints, settings
):
    settings.DETECTOR = "motion"
    told_apart(camera, reviewer, deployment=factories.deployment(name="d" * 90))
    pictured(camera, 0.3)
    ranked(camera.site, reviewer)
    sign_in(supervisor)
    for name in ("training:thresholds", "training:label_next"):
        visit(name)
        page.set_viewport_size({"width": 360, "height": 780})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator(".label-next-pick").first.click()
    page.wait_for_url("**/boxes/**")
    assert complaints == []
