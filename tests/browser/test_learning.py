"""The pages of learning in a real browser: looks, keyboard, and a run that goes on."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from detection.models import Deployment
from detection.services import serving
from tests import factories
from tests.browser.test_accessibility import DESK, PHONE, RUN, TAGS, axe  # noqa: F401
from tests.training import learned as rows
from training.models import Promotion, RetrainingPolicy, TrainingEvent, TrainingRun

pytestmark = pytest.mark.django_db(transaction=True)
SLOT = "object-detector"
STYLES = [("light", DESK), ("dark", DESK), ("light", PHONE), ("dark", PHONE)]
NAMES = ["desk-light", "desk-dark", "phone-light", "phone-dark"]


@pytest.fixture
def learned(settings, site, camera):
    """Three versions on two revisions of a split, one of them passed, and a failed run."""
    settings.DETECTOR = "motion"
    yard = factories.camera(site, "Yard")
    first = rows.dataset(site, camera, pictures=8, with_files=False)
    rows.judged(first, after=0.6)
    rows.judged(first, after=0.75)
    later = rows.dataset(site, yard, pictures=32, test_revision=2)
    made = rows.judged(later)
    rows.run(
        later,
        state="failed",
        error_code="disk_full",
        error_message="The disk is full: 0.3 of 2.1 GB are free.",
        log=rows.log("training"),
        history=[rows.epoch(number) for number in (1, 2, 3)],
    )
    rows.triage(site)
    made.decision.outcome, made.decision.champion = "promote", made.decision.champion
    made.decision.save()
    RetrainingPolicy.objects.update_or_create(
        slot=SLOT, defaults={"enabled": True, "min_samples": 60}
    )
    TrainingEvent.objects.create(
        slot=SLOT,
        event_type="TRAINING_SKIPPED",
        message="12 of 60 new annotated pictures.",
        at=timezone.now(),
    )
    return made


def yard_of(learned):
    return learned.dataset.entries.first().camera


def judged(camera, deployment, count, *, rejected):
    """Let people have judged some of the incidents of a deployment."""
    film = factories.footage(camera)
    part = factories.segment(film)
    for number in range(count):
        incident = factories.incident(
            footage=film, segment=part, deployment=deployment, with_files=False
        )
        type(incident).objects.filter(pk=incident.pk).update(opened_at=deployment.activated_at)
        status = "rejected" if number < rejected else "confirmed"
        factories.item(incident, status=status)


@pytest.fixture
def champion(learned):
    """Let the second version serve, and what the third was compared with be it."""
    second = type(learned.version).objects.get(slot=SLOT, number=2)
    before = learned.decision.champion
    before.version, before.name = second, second.name
    before.save()
    deployed = factories.deployment(
        slot=SLOT,
        source=Deployment.Source.PROMOTED,
        name=second.name,
        sha256=before.sha256,
        model_version_uuid=second.uuid,
        activated_at=timezone.now() - timedelta(days=2),
    )
    Promotion.objects.create(
        slot=SLOT,
        act=Promotion.Act.PROMOTE,
        version=second,
        deployment=deployed,
        purpose="to find cylinders and barrels in yards",
        notes="Looked at all pictures of the gate.",
        decided_at=deployed.activated_at,
    )
    judged(yard_of(learned), factories.deployment(slot=SLOT, name="yolo11n"), 40, rejected=14)
    judged(yard_of(learned), deployed, 24, rejected=4)
    return second


@pytest.fixture
def problems(page, axe):  # noqa: F811
    def found():
        page.evaluate(axe)
        return page.evaluate(RUN, TAGS)

    return found


def opened(page, size):
    """Open everything that can be opened and let the pictures load."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    page.wait_for_load_state("networkidle")
    return page.evaluate("document.documentElement.scrollWidth") <= size["width"]


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "size"), STYLES, ids=NAMES)
def test_the_pages_look_right_and_pass_axe(
    page,
    visit,
    sign_in,
    admin_user,
    learned,
    champion,
    problems,
    complaints,
    screenshots,
    scheme,
    size,
):
    sign_in(admin_user)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    failed = TrainingRun.objects.get(state="failed")
    places = {
        "learning": ("training:runs",),
        "run": ("training:run", learned.run.pk),
        "run-failed": ("training:run", failed.pk),
        "version": ("training:version", learned.version.pk),
        "compare": ("training:compare", learned.version.pk),
        "retraining-log": ("training:retraining_log",),
        "version-triage": (
            "training:version",
            type(learned.version).objects.get(slot="incident-triage").pk,
        ),
    }
    found = {}
    width = "phone" if size is PHONE else "desk"
    for name, place in places.items():
        visit(*place)
        page.set_viewport_size(size)
        page.evaluate("document.querySelectorAll('img').forEach(one => { one.loading = 'eager' })")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=screenshots / f"{name}-{width}-{scheme}.png", full_page=True)
        fits = opened(page, size)
        told = [*problems(), *([] if fits else ["it is too wide"])]
        if told:
            found[name] = told
    assert found == {}
    assert complaints == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_empty_pages(page, visit, sign_in, admin_user, problems, complaints, screenshots, size):
    sign_in(admin_user)
    for name in ("runs", "retraining_log"):
        visit(f"training:{name}")
        page.set_viewport_size(size)
        width = "phone" if size is PHONE else "desk"
        page.screenshot(path=screenshots / f"{name}-empty-{width}.png", full_page=True)
        assert problems() == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert complaints == []


def test_a_version_is_approved_and_gone_back_from_with_the_keyboard(
    page, visit, sign_in, admin_user, learned, champion, complaints
):
    sign_in(admin_user)
    visit("training:version", learned.version.pk)
    page.get_by_label("Purpose").fill("to find cylinders in yards")
    page.get_by_label("Notes for the log").fill("Looks right on the yard.")
    page.get_by_role("button", name="Approve and deploy").press("Enter")
    expect(page.get_by_text("It serves now.")).to_be_visible()
    assert serving.champion(SLOT).model_version_uuid == learned.version.uuid
    page.get_by_text("Roll back…").first.press("Enter")
    page.get_by_label("Why (kept in the log)").fill("A test of going back.")
    page.get_by_role("button", name=f"Roll back {learned.version.name}").press("Enter")
    expect(page.get_by_text("serves no longer")).to_be_visible()
    page.get_by_role("link", name="Retraining log").press("Enter")
    expect(page.get_by_text("A test of going back.")).to_be_visible()
    assert complaints == []


def test_arrows_lead_through_the_pictures(page, visit, sign_in, supervisor, learned, complaints):
    sign_in(supervisor)
    visit("training:compare", learned.version.pk)
    at = page.locator(".compare-bar strong").first
    expect(at).to_have_text("1")
    for key, number in (("ArrowRight", "2"), ("ArrowRight", "3"), ("ArrowLeft", "2")):
        page.keyboard.press(key)
        expect(at).to_have_text(number)
    page.get_by_role("link", name="Relabel this picture").press("Enter")
    expect(page.get_by_role("heading", name="Boxes", exact=True)).to_be_visible()
    assert complaints == []


def test_a_run_goes_on_before_ones_eyes(
    page, visit, sign_in, admin_user, learned, complaints, screenshots
):
    run = rows.run(
        learned.dataset,
        state="running",
        stage="training",
        progress_done=30,
        progress_total=120,
        progress_message="epoch 3 of 10",
        finished_at=None,
        history=[rows.epoch(number) for number in (1, 2, 3)],
        log=rows.log("training"),
    )
    sign_in(admin_user)
    visit("training:run", run.pk)
    expect(page.get_by_text("epoch 3 of 10")).to_be_visible()
    page.screenshot(path=screenshots / "run-going-on.png", full_page=True)
    page.locator("summary").first.press("Enter")
    TrainingRun.objects.filter(pk=run.pk).update(stage="exporting", progress_message="int8")
    expect(page.get_by_text("Exporting: int8")).to_be_visible()
    expect(page.locator("details[open]")).to_have_count(1)
    expect(page.locator("#said")).to_have_text("The run is running, exporting.")
    page.get_by_role("button", name="Cancel the run").press("Enter")
    expect(page.get_by_text("It was asked to end")).to_be_visible()
    TrainingRun.objects.filter(pk=run.pk).update(
        state="cancelled", stage="ended", error_message="It was cancelled."
    )
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert complaints == []


def test_a_refused_start_keeps_what_was_typed(
    page, visit, sign_in, admin_user, learned, complaints
):
    sign_in(admin_user)
    visit("training:runs")
    slot = page.locator(".slot").first
    slot.get_by_text("Start a run").press("Enter")
    slot.get_by_label("Pictures a batch").fill("8")
    slot.get_by_label("Weights to begin with").fill("none-of-ours.pt")
    slot.get_by_label("Epochs").evaluate("one => { one.removeAttribute('min'); one.value = '0' }")
    slot.get_by_label("Epochs").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("greater than or equal to 1")
    expect(page.locator(".slot").first.get_by_label("Weights to begin with")).to_have_value(
        "none-of-ours.pt"
    )
    assert reverse("training:start_run") in page.url
    assert [one for one in complaints if "422" not in one] == []
