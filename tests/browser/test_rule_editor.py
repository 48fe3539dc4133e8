"""Rules edited in a real browser beside their zones, and what they would change."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from detection.services import cameras
from tests import cast
from tests.browser.editing import ENTRANCE, LOITERING, apply, corners, drag, save
from tests.detection import walks

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_renamed_zone_takes_its_rules_along_and_a_deleted_one_is_missed(editor, pictured):
    name = editor.get_by_label("Name of zone 1")
    name.fill("porch")
    name.press("Enter")
    save(editor)
    assert cameras.current_config(pictured)["rules"][0]["zones"] == ["porch"]

    editor.get_by_role("button", name="Delete porch").click()
    editor.locator("[data-save]").click()

    error = editor.locator(".rule .field-error")
    expect(error).to_contain_text('names the unknown zone "porch"')
    expect(editor.locator(".chip.is-lost")).to_have_text("porch (deleted)")
    editor.locator(".chip.is-lost input").click()
    save(editor)
    assert cameras.current_config(pictured)["rules"][0]["zones"] == []


class TestRules:
    @pytest.fixture
    def rule(self, editor):
        editor.locator("summary", has_text="lingering").click()
        return editor.locator(".rule").first

    def test_one_is_changed_and_its_error_stands_beside_the_field(
        self, editor, rule, pictured, complaints
    ):
        threshold = editor.get_by_label("Threshold", exact=True)
        threshold.fill("-4")
        editor.locator("[data-save]").click()
        field = rule.locator(".field", has=threshold)
        expect(field.locator(".field-error")).to_contain_text("must be a number from 0")
        expect(threshold).to_have_attribute("aria-invalid", "true")
        expect(threshold).to_be_focused()

        threshold.fill("7.5")
        save(editor)

        expect(editor.locator(".field-error")).to_have_count(0)
        assert cameras.current_config(pictured)["rules"][0]["threshold_seconds"] == 7.5
        assert [line for line in complaints if "422" not in line] == []

    def test_one_is_added_put_first_and_one_is_deleted(self, editor, pictured):
        editor.locator("[data-rule-kind]").select_option("crowd_formation")
        editor.get_by_role("button", name="Add rule").click()
        expect(editor.locator('[data-path="rules[1].name"]')).to_be_focused()
        editor.keyboard.type("queue")
        fields = editor.locator(".rule").nth(1)
        fields.get_by_label("entrance", exact=True).check()
        fields.get_by_label("Threshold count").fill("4")
        fields.get_by_label("Add a class").fill("dog")
        editor.keyboard.press("Enter")
        fields.get_by_role("button", name="Move up").click()
        expect(editor.locator(".rule-name").first).to_have_text("queue")
        editor.locator("summary", has_text="lingering").click()
        editor.locator(".rule").nth(1).get_by_role("button", name="Delete rule").click()
        save(editor)

        (stored,) = cameras.current_config(pictured)["rules"]
        assert stored["name"] == "queue"
        assert (stored["kind"], stored["threshold_count"]) == ("crowd_formation", 4)
        assert stored["zones"] == ["entrance"]
        assert stored["classes"] == ["person", "dog"]

    def test_hours_are_set(self, editor, rule, pictured):
        rule.get_by_role("button", name="Add hours").click()
        rule.get_by_label("sat", exact=True).uncheck(force=True)
        rule.get_by_label("sun", exact=True).uncheck(force=True)
        rule.get_by_label("From", exact=True).fill("18:30")
        rule.get_by_label("to", exact=True).fill("7")
        editor.locator("[data-save]").click()
        expect(rule.locator(".hours-window .field-error")).to_contain_text('time as "HH:MM"')
        rule.get_by_label("to", exact=True).fill("07:00")
        save(editor)

        (window,) = cameras.current_config(pictured)["rules"][0]["active_hours"]
        assert window == {
            "days": ["mon", "tue", "wed", "thu", "fri"],
            "from": "18:30",
            "to": "07:00",
        }

    def test_a_class_that_no_detector_knows_is_marked(self, editor, rule):
        rule.get_by_label("Add a class").fill("unicorn, person")
        editor.keyboard.press("Tab")

        expect(rule.locator(".chip.is-unknown")).to_have_count(1)
        expect(rule.locator(".chip.is-unknown")).to_contain_text("unicorn")


def test_the_effect_is_shown_before_saving(editor, pictured, complaints):
    walks.store(pictured, [walks.Stay(5, 20, 0.2, 0.7), walks.Stay(40, 70, 0.3, 0.7)])
    editor.locator("summary", has_text="lingering").click()
    editor.get_by_label("Threshold", exact=True).fill("10")

    result = editor.locator("[data-effect-result]")
    expect(result.locator(".effect-sum")).to_contain_text("1 before")
    expect(result.locator(".effect-sum")).to_contain_text("2 after")
    expect(result.locator(".change-appeared")).to_contain_text("person loitering in entrance")
    expect(result.locator(".mark-appeared")).to_have_count(1)
    expect(editor.locator("[data-effect-brief]")).to_contain_text("1 → 2")

    editor.get_by_label("Threshold", exact=True).fill("60")
    expect(result.locator(".change-disappeared s")).to_have_text("loitering")
    editor.get_by_label("Threshold", exact=True).fill("-1")
    expect(result.locator(".notice-bad")).to_contain_text("rules[0].threshold_seconds")
    expect(editor.locator(".rule .field-error")).to_contain_text("must be a number")
    assert cameras.current_config(pictured)["rules"][0]["threshold_seconds"] == 20
    assert [line for line in complaints if "422" not in line] == []


def test_what_somebody_else_saved_is_not_overwritten_unasked(editor, pictured):
    drag(editor, (0.25, 0.5), (0.35, 0.5))
    apply(pictured, rules=[{**LOITERING, "threshold_seconds": 45}])

    editor.locator("[data-save]").click()

    refusal = editor.locator("#refusal")
    expect(refusal).to_contain_text("has saved other zones and rules of Gate")
    expect(editor.locator("[data-draft-state]")).to_be_visible()
    assert corners(pictured) == ENTRANCE["polygon"]
    refusal.get_by_role("button", name="Replace it with my draft").click()
    expect(editor.locator("[data-draft-state]")).to_be_hidden()
    assert corners(pictured)[0] == [0.2, 0.2]


def test_whoever_leaves_with_a_draft_is_asked(editor, pictured):
    asked = []
    editor.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    drag(editor, (0.25, 0.5), (0.35, 0.5))
    editor.get_by_role("link", name="Cameras").click()
    expect(editor.locator("h1")).to_have_text("Cameras")

    assert asked == ["beforeunload"]


def test_a_draft_goes_to_the_replay_page(editor, pictured, complaints):
    walks.store(pictured, [walks.Stay(5, 20, 0.2, 0.7), walks.Stay(40, 70, 0.3, 0.7)])
    editor.locator("summary", has_text="lingering").click()
    editor.get_by_label("Threshold", exact=True).fill("10")
    with editor.context.expect_page() as opened:
        editor.get_by_role("button", name="On more film").click()
    page = opened.value

    expect(page.locator(".effect-sum")).to_contain_text("2 after")
    text = page.locator("[name=document]")
    text.fill(text.input_value().replace("threshold_seconds: 10", "threshold_seconds: soon"))
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.locator("#refusal")).to_contain_text("rules[0].threshold_seconds")
    text.fill(text.input_value().replace("soon", "12"))
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.locator("#refusal")).to_be_empty()
    apply(pictured, rules=[{**LOITERING, "threshold_seconds": 45}])
    page.get_by_role("button", name="Save these rules").click()
    expect(page.locator("#refusal")).to_contain_text("has saved other zones and rules")
    page.get_by_role("button", name="Save these rules").click()
    expect(page.locator("#toasts")).to_contain_text("are saved")
    assert cameras.current_config(pictured)["rules"][0]["threshold_seconds"] == 12
    assert complaints == []


def test_a_reviewer_sees_zones_and_rules_only(sign_in, visit, reviewer, pictured, complaints):
    sign_in(reviewer)
    page = visit("detection:zones", pictured.pk)

    expect(page.locator(".zone-line")).to_have_count(1)
    expect(page.get_by_text("lingering")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    assert complaints == []


def test_without_javascript_the_text_is_edited(new_context, live_server, supervisor, pictured):
    page = new_context(java_script_enabled=False).new_page()
    page.goto(f"{live_server.url}{reverse('detection:zones', args=[pictured.pk])}")
    page.fill("[name=username]", supervisor.username)
    page.fill("[name=password]", cast.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".zone-line")).to_have_count(1)
    text = page.locator("[name=document]")
    text.fill(text.input_value().replace("threshold_seconds: 20", "threshold_seconds: -1"))
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#refusal")).to_contain_text("rules[0].threshold_seconds")
    text.fill(text.input_value().replace("threshold_seconds: -1", "threshold_seconds: 50"))
    page.get_by_role("button", name="Save").click()

    expect(page.locator("#toasts")).to_contain_text("saved")
    assert cameras.current_config(pictured)["rules"][0]["threshold_seconds"] == 50
