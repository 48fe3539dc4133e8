"""Learning of tasks in a real browser: the start form with its settings, and a version's page."""

import pytest
from playwright.sync_api import expect

from detection.slots import TASK_CLASSIFIER
from tests.browser.test_accessibility import RUN, TAGS, axe  # noqa: F401
from tests.browser.test_learning import NAMES, STYLES, opened
from tests.training import task_material
from training.models import ModelVersion, TrainingRun
from training.services import datasets, runs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dataset(site, camera):
    asked = task_material.label_set(site, labels=("work", "idle", "carry"))
    for number in range(6):
        spans = task_material.alternating(40.0, 8.0 + number, ("work", "idle", "carry"))
        task_material.video(camera, asked, seconds=40.0, spans=spans)
    return datasets.freeze_now(datasets.freeze(slot=TASK_CLASSIFIER, sites=[site]).pk)


@pytest.fixture
def version(dataset):
    parameters = {"n_estimators": 2, "max_depth": 2, "ablations": True}
    started = runs.start(
        slot=TASK_CLASSIFIER, trigger="command", dataset_id=dataset.pk, parameters=parameters
    )
    assert runs.execute(started.run.pk).state == "done"
    return ModelVersion.objects.get()


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "size"), STYLES, ids=NAMES)
def test_the_pages_look_right_and_pass_axe(
    page,
    visit,
    sign_in,
    admin_user,
    version,
    axe,  # noqa: F811
    complaints,
    screenshots,
    scheme,
    size,
):
    sign_in(admin_user)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    name = f"{'desk' if size['width'] > 700 else 'phone'}-{scheme}"
    for what, place in (
        ("task-runs", ("training:runs",)),
        ("task-run", ("training:run", version.run_id)),
        ("task-version", ("training:version", version.pk)),
    ):
        visit(*place)
        page.set_viewport_size(size)
        assert opened(page, size), f"{what} is wider than the window"
        page.evaluate(axe)
        assert page.evaluate(RUN, TAGS) == [], what
        page.screenshot(path=screenshots / f"{what}-{name}.png", full_page=True)
    assert complaints == []


def test_a_run_is_started_with_its_settings(page, visit, sign_in, admin_user, dataset):
    sign_in(admin_user)
    visit("training:runs")
    slot = page.locator("section.slot", has_text="Task classifier")
    slot.get_by_text("Start a run").click()
    slot.get_by_label("Algorithm").select_option("tcn")
    slot.get_by_label("Trees").fill("5")
    slot.get_by_label("Epochs").fill("2")
    slot.get_by_role("button", name="Start the run").click()
    refused = page.locator("section.slot", has_text="Task classifier")
    expect(refused.get_by_text("tcn has no such parameter")).to_be_visible()
    refused.get_by_label("Trees").fill("")
    refused.get_by_label("Width").fill("8")
    refused.get_by_role("button", name="Start the run").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("run 1")
    run = TrainingRun.objects.get()
    assert (run.algorithm, run.parameters["epochs"], run.parameters["hidden"]) == ("tcn", 2, 8)
