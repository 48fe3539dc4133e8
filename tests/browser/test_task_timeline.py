"""The timeline editor in a real browser: keyboard alone, pointer, and who saved meanwhile."""

import re

import pytest
from playwright.sync_api import expect

from detection.models import Caption, TaskLog
from hitlsite import storage
from review.models import ViewingCopy
from review.services import viewing_copies
from tests import factories
from tests.browser.test_accessibility import RUN, TAGS, axe

__all__ = ["axe"]
from tests.browser.test_widths import OVERFLOW
from training.models import SpanToLabel
from training.services import task_labels

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def label_set(site, supervisor):
    return task_labels.add_label_set(site, "Table", ["work", "idle", "away"], supervisor)


@pytest.fixture
def video(camera):
    """Footage of twelve seconds whose copy is there to be watched."""
    made = factories.footage(camera, duration_seconds=12.0)
    pictures = [factories.picture(number / 10) for number in range(120)]
    path, sha256, size = storage.store_bytes(
        camera.site_id, "viewing", factories.clip(pictures), suffix=".mp4"
    )
    ViewingCopy.objects.create(
        footage=made,
        state=ViewingCopy.State.DONE,
        path=path,
        sha256=sha256,
        byte_count=size,
        source_sha256=viewing_copies.fingerprint(made),
    )
    return made


@pytest.fixture
def timeline(sign_in, visit, reviewer, label_set, video):
    sign_in(reviewer)
    page = visit("training:label_footage", video.pk)
    expect(page.locator(".tl-track")).to_be_focused()
    return page


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def save(page):
    press(page, "Control+s")
    expect(page.locator("[data-draft-state]")).to_be_hidden()


def spans(label_set, video):
    return [
        (round(start, 1), round(end, 1), label)
        for start, end, label in task_labels.current(label_set, video).spans
    ]


def drag(page, part, by_seconds):
    box = part.bounding_box()
    lane = page.locator("[data-lane=labels] .tl-spans").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by_seconds * lane["width"] / 12, y, steps=6)
    page.mouse.up()


def test_a_video_is_labelled_with_the_keyboard_alone(timeline, label_set, video, complaints):
    press(timeline, "i", "PageDown", "o", "1")
    press(timeline, "i", "End", "2", "Home", *["ArrowRight"] * 4, "s", "ArrowRight", "3")
    expect(timeline.locator("[data-span]")).to_have_count(3)
    save(timeline)
    assert spans(label_set, video) == [(0, 4, "work"), (4, 10, "away"), (10, 12, "idle")]

    press(timeline, "[", "k", "Delete", "z", "Shift+z", "Control+z", "j", ".", ",")
    press(timeline, "Space")
    expect(timeline.locator("[data-play] [data-name]")).to_have_text("Pause")
    press(timeline, "Space", "+", "-", "0")
    save(timeline)
    assert task_labels.current(label_set, video).version == 2
    assert complaints == []


def test_an_edge_is_dragged_and_taken_back_in_one_step(timeline, label_set, video, complaints):
    press(timeline, "i", "PageDown", "o", "1", "i", "End", "2")
    drag(timeline, timeline.locator("[data-span='0'] [data-edge='1']"), -4)
    save(timeline)
    (_, border, _), (start, end, _) = spans(label_set, video)
    assert (border, start, end) == (pytest.approx(6, abs=0.15), border, 12)
    press(timeline, "z")
    save(timeline)
    assert spans(label_set, video)[0] == (0, 10, "work")
    row = timeline.locator("[data-table] tbody tr").nth(1)
    row.get_by_label("Start of span 2, seconds").fill("9")
    row.get_by_label("Label of span 2").select_option("away")
    save(timeline)
    assert spans(label_set, video) == [(0, 9, "work"), (9, 12, "away")]
    assert complaints == []


def test_who_saved_meanwhile_is_told_and_nothing_is_lost(
    timeline, label_set, video, second_reviewer
):
    press(timeline, "i", "PageDown", "1")
    task_labels.save(label_set.pk, video.pk, by=second_reviewer, spans=[[0, 1, "idle"]], version=0)
    press(timeline, "Control+s")
    expect(timeline.locator("[data-refusal]")).to_contain_text("second saved version 1")
    timeline.reload()
    expect(timeline.locator("[data-refusal]")).to_contain_text("saved since you began yours")
    timeline.get_by_role("button", name="Put mine in their place").click()
    save(timeline)
    assert spans(label_set, video) == [(0, 10, "work")]
    timeline.reload()
    timeline.get_by_role("button", name="Bring version 1 back").click()
    expect(timeline.locator("[data-span]")).to_have_count(1)
    expect(timeline.locator("[data-version]")).to_have_text("Version 3")
    assert spans(label_set, video) == [(0, 1, "idle")]


def test_the_video_follows_the_playhead(timeline):
    press(timeline, "ArrowRight", "ArrowRight", ".")
    expect(timeline.locator("[data-time]")).to_contain_text("0:02.0")
    seconds = timeline.evaluate("document.querySelector('video').currentTime")
    assert seconds == pytest.approx(2.04, abs=0.02)


def said(video):
    samples = [[at / 2, "work" if at < 14 else "idle", 0.9 - at / 60] for at in range(2, 24)]
    return TaskLog.objects.create(
        footage=video,
        deployment=factories.deployment(slot="task-classifier"),
        start_seconds=1,
        end_seconds=11.5,
        samples=samples,
    )


def test_suggestions_are_taken_over_and_a_waiting_span_is_marked(
    sign_in, visit, reviewer, label_set, video, complaints
):
    log = said(video)
    wanted = SpanToLabel.objects.create(
        label_set=label_set,
        footage=video,
        deployment=log.deployment,
        start_seconds=6,
        end_seconds=8,
        reason="low_confidence",
        predicted="work",
        confidence=0.4,
        priority=0.6,
    )
    sign_in(reviewer)
    page = visit("training:label_footage", video.pk, query=f"?set={label_set.pk}&span={wanted.pk}")
    expect(page.locator("[data-said]")).to_contain_text("the model was unsure")
    press(page, "3", "Shift+T")
    expect(page.locator("[data-span]")).to_have_count(3)
    save(page)
    assert [label for *_, label in spans(label_set, video)] == ["work", "away", "idle"]
    assert task_labels.current(label_set, video).source == "correction"
    wanted.refresh_from_db()
    assert wanted.state == SpanToLabel.State.LABELLED
    assert complaints == []


def test_a_file_is_imported_from_the_page(timeline, label_set, video, tmp_path):
    wrong, right = tmp_path / "wrong.csv", tmp_path / "right.csv"
    wrong.write_text("0,99,work\n")
    right.write_text("start,end,label\n0,5,work\n5,12,idle\n")
    choose = timeline.locator("[data-import] input[type=file]")
    choose.set_input_files(wrong)
    timeline.get_by_role("button", name="Import").click()
    expect(timeline.locator("[data-refusal]")).to_contain_text("ends after the video")
    choose.set_input_files(right)
    timeline.get_by_role("button", name="Import").click()
    expect(timeline.locator("[data-span]")).to_have_count(2)
    assert spans(label_set, video) == [(0, 5, "work"), (5, 12, "idle")]


def test_what_a_model_said_plays_under_the_video_and_changes_nothing(
    sign_in, visit, supervisor, label_set, video, axe, screenshots, complaints
):
    said(video)
    Caption.objects.create(footage=video, at_seconds=3.0, text="Somebody stands at a table.")
    task_labels.save(label_set.pk, video.pk, by=supervisor, spans=[[0, 6, "work"]], version=0)
    sign_in(supervisor)
    page = visit("training:task_predictions", video.pk)
    expect(page.locator("[data-lane=said] .tl-span")).to_have_count(2)
    expect(page.locator("[data-lane=truth] .tl-span")).to_have_count(1)
    shades = page.locator("[data-lane=said] .tl-span").evaluate_all(
        "bars => bars.map(bar => Number(bar.style.getPropertyValue('--shade')))"
    )
    assert 0.5 < shades[1] < shades[0] < 1
    page.locator(".tl-track").focus()
    press(page, *["ArrowRight"] * 4)
    expect(page.locator(".tl-readout")).to_contain_text("Somebody stands at a table.")
    expect(page.locator(".tl-track")).to_have_attribute(
        "aria-valuetext", re.compile("work, 7.% sure")
    )
    press(page, "j", "Delete", "1")
    expect(page.locator("[data-lane=said] .tl-span")).to_have_count(2)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.screenshot(path=screenshots / f"predictions-{scheme}.png", full_page=True)
        page.evaluate(axe)
        assert page.evaluate(RUN, TAGS) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.screenshot(path=screenshots / "predictions-phone.png", full_page=True)
    assert page.evaluate(OVERFLOW) <= 0
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 1000), (390, 844)], ids=["desk", "phone"])
def test_it_fits_and_axe_finds_nothing(
    sign_in,
    visit,
    supervisor,
    label_set,
    video,
    axe,
    size,
    scheme,
    screenshots,
    complaints,
):
    said(video)
    drawn = [[0, 4, "work"], [4, 7.5, "idle"], [8, 11, "away"]]
    task_labels.save(label_set.pk, video.pk, by=supervisor, spans=drawn, version=0)
    bare = factories.footage(video.camera, duration_seconds=3700.0)
    sign_in(supervisor)
    found = {}
    for name, args in (
        ("label_footage", [video.pk]),
        ("label_footage", [bare.pk]),
        ("label_sets", []),
    ):
        page = visit(f"training:{name}", *args)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": size[0], "height": size[1]})
        if args == [video.pk]:
            press(page, "ArrowRight", "i", "ArrowRight", "o")
        page.wait_for_timeout(200)
        shown = "-".join([name, *map(str, args), scheme, str(size[0])])
        page.screenshot(path=screenshots / f"{shown}.png", full_page=True)
        assert page.evaluate(OVERFLOW) <= 0
        page.evaluate(axe)
        problems = page.evaluate(RUN, TAGS)
        if problems:
            found[shown] = problems
    assert found == {}
    assert complaints == []
