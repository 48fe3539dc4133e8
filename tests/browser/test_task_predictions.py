"""The page of predictions without a word said yet, while a job runs, and its table of stretches."""

import pytest

from detection.models import Footage
from hitlsite.models import Job
from tests import factories
from tests.browser.test_accessibility import DESK, PHONE, RUN, TAGS, axe  # noqa: F401
from tests.training import said
from training.services import classification_jobs

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def video(camera):
    return factories.footage(camera)


def job(video, state, **columns):
    site = video.camera.site
    return Job.objects.create(
        kind=classification_jobs.KIND, key=str(video.pk), site=site, state=state, **columns
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("state", ["nothing", "deployed", "running", "failed", "long"])
def test_everybody_can_read_it(
    video,
    supervisor,
    sign_in,
    visit,
    page,
    complaints,
    axe,  # noqa: F811
    scheme,
    size,
    state,
):
    if state != "nothing":
        champion = said.classifier(said.label_set(video.camera.site, "work at the table", "idle"))
    if state == "running":
        job(video, state, progress_done=20, progress_total=60, progress_message="It looks at it")
    elif state == "failed":
        job(video, state, error_message="walk.mp4: there is no such file.")
    elif state == "long":
        stretches = [(3, name, 0.8) for name in ("work at the table", "idle") * 20]
        said.log(video, champion, *stretches)
    sign_in(supervisor)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size(size)
    visit("training:task_predictions", video.pk)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.evaluate(axe)
    assert page.evaluate(RUN, TAGS) == []
    assert complaints == []


def test_a_stretch_leads_to_its_place_and_the_end_of_a_job_shows_it(
    video, supervisor, sign_in, visit, page, complaints
):
    Footage.objects.filter(pk=video.pk).update(duration_seconds=60.0)
    champion = said.classifier(said.label_set(video.camera.site))
    under_way = job(video, "running", progress_done=20, progress_total=60)
    sign_in(supervisor)
    visit("training:task_predictions", video.pk)
    assert page.locator("progress").count() == 1
    said.log(video, champion, (10, "idle", 0.9), (20, "work", 0.8))
    Job.objects.filter(pk=under_way.pk).update(state="done", result={"warnings": []})
    page.locator("[data-lane=said] .tl-span").first.wait_for()
    page.get_by_role("button", name="10.5 s").click()
    page.get_by_text("work, 80% sure").first.wait_for()
    assert complaints == []
