"""The pages of learning: who is let in, and what stands there empty and full."""

import pytest
from django.urls import reverse
from django.utils import timezone

from review.models import TrainingItem
from tests.training import learned as rows
from training.models import Promotion

pytestmark = pytest.mark.django_db
SLOT = "object-detector"


@pytest.fixture
def learned(data_dir, settings, site, camera):
    settings.DETECTOR = "motion"
    return rows.learned(site, camera)


@pytest.fixture
def passed(learned):
    """A version that the gate let through when nothing served yet."""
    learned.decision.outcome, learned.decision.champion = "promote", None
    learned.decision.save()
    return learned


@pytest.fixture
def signed_in(client):
    def enter(user):
        client.force_login(user)
        return client

    return enter


def shown(response):
    return " ".join(response.content.decode().split())


def places(learned):
    return {
        "run": reverse("training:run", args=[learned.run.pk]),
        "version": reverse("training:version", args=[learned.version.pk]),
        "compare": reverse("training:compare", args=[learned.version.pk]),
    }


LISTS = [reverse(f"training:{name}") for name in ("runs", "retraining_log", "retraining_log_csv")]


@pytest.mark.parametrize("place", LISTS)
def test_lists_are_for_supervisors_and_admins(
    signed_in, reviewer, supervisor, admin_user, device_user, learned, place, client
):
    assert client.get(place).status_code == 302
    statuses = [
        signed_in(user).get(place).status_code
        for user in (reviewer, device_user, supervisor, admin_user)
    ]
    assert statuses == [403, 403, 200, 200]


@pytest.mark.parametrize("name", ["run", "version", "compare"])
def test_rows_of_a_site_are_not_there_for_others(
    signed_in, reviewer, outsider, supervisor, admin_user, learned, name, client
):
    place = places(learned)[name]
    assert client.get(place).status_code == 302
    people = (reviewer, outsider, supervisor, admin_user)
    statuses = [signed_in(user).get(place).status_code for user in people]
    assert statuses == [403, 404, 200, 200]
    outsider.user_permissions.set(supervisor.groups.get().permissions.all())
    fresh = type(outsider).objects.get(pk=outsider.pk)
    assert signed_in(fresh).get(place).status_code == 404
    for listed in LISTS:
        assert learned.version.name not in shown(signed_in(fresh).get(listed))


def test_without_anything_the_pages_say_how_to_begin(signed_in, admin_user, data_dir):
    page = shown(signed_in(admin_user).get(LISTS[0]))
    assert "Nothing has been learned yet" in page
    assert "freeze_dataset" in page
    assert "No run yet" in page
    assert "Nothing is trained by itself" in page
    assert "Nothing was trained here yet" in shown(signed_in(admin_user).get(LISTS[1]))
    assert signed_in(admin_user).get(f"{LISTS[1]}?slot=nothing").status_code == 404


def test_the_overview_shows_how_slots_stand(signed_in, supervisor, passed):
    page = shown(signed_in(supervisor).get(LISTS[0]))
    assert "passed the gate and waits for a person" in page
    assert passed.version.name in page
    assert "Start a run" not in page
    assert "Roll back" not in page


def test_a_run_shows_its_stages_epochs_and_outcome(signed_in, supervisor, learned):
    page = shown(signed_in(supervisor).get(places(learned)["run"]))
    for words in (
        "Loss by epoch",
        "Figures on the validation split by epoch",
        "Every number behind it",
        "class</span> gas cylinder",
        "camera</span> Gate",
        "-- judging",
        learned.decision.report["reasons"][0],
    ):
        assert words in page
    assert "hx-trigger" not in page
    assert "Cancel the run" not in page


def test_a_run_that_goes_on_is_asked_again_and_can_be_cancelled(signed_in, admin_user, learned):
    run = rows.run(
        learned.dataset,
        state="running",
        stage="training",
        progress_done=30,
        progress_total=120,
        progress_message="epoch 3 of 10",
        finished_at=None,
        log=rows.log("training"),
    )
    place = reverse("training:run", args=[run.pk])
    client = signed_in(admin_user)
    fragment = client.get(place, headers={"HX-Request": "true"})
    page = shown(fragment)
    assert "<html" not in page and 'hx-trigger="every 2s"' in page
    assert "epoch 3 of 10" in page and "30 of 120" in page
    assert 'aria-current="step"' in page
    answer = client.post(reverse("training:cancel_run", args=[run.pk]))
    assert (answer.status_code, answer.url) == (303, place)
    run.refresh_from_db()
    assert run.cancel_asked_at is not None
    assert "was asked to end" in shown(client.get(place))


def test_a_failed_run_names_its_error_and_is_resumed(
    signed_in, supervisor, admin_user, learned, monkeypatch, django_capture_on_commit_callbacks
):
    woken = []
    monkeypatch.setattr("training.tasks.train_run.delay", woken.append)
    run = rows.run(
        learned.dataset,
        state="failed",
        error_code="disk_full",
        error_message="The disk is full.",
        log=rows.log("training"),
        history=[],
    )
    place = reverse("training:run", args=[run.pk])
    page = shown(signed_in(supervisor).get(place))
    assert "The disk is full." in page and "is-failed" in page
    assert "Resume" not in page
    resume = reverse("training:resume_run", args=[run.pk])
    assert signed_in(supervisor).post(resume).status_code == 403
    with django_capture_on_commit_callbacks(execute=True):
        assert signed_in(admin_user).post(resume).status_code == 303
    run.refresh_from_db()
    assert (run.state, woken) == ("queued", [run.pk])
    assert signed_in(admin_user).post(resume).status_code == 409


@pytest.mark.parametrize("name", ["cancel_run", "resume_run", "judge_again"])
def test_a_foreign_run_cannot_be_touched(signed_in, outsider, admin_user, learned, name):
    outsider.groups.set(admin_user.groups.all())
    fresh = type(outsider).objects.get(pk=outsider.pk)
    place = reverse(f"training:{name}", args=[learned.run.pk])
    assert signed_in(fresh).post(place).status_code == 404
    assert signed_in(fresh).get(place).status_code == 405


def test_a_version_shows_everything_that_is_known(signed_in, admin_user, learned):
    page = shown(signed_in(admin_user).get(places(learned)["version"]))
    for words in (
        "What the gate says",
        "Precision over recall, all classes",
        "F1 over the score from which boxes count",
        "Calibration",
        "Scores of right and wrong answers",
        "What is taken for what",
        "Worst mistakes",
        "the fastest within a point of the best",
        "best-int8.onnx",
        "17.9",
    ):
        assert words in page
    figures = learned.evaluation.figures
    assert f"{figures['map50']:.3f}" in page
    assert f"{figures['false_positive_rate']:.3f}" in page
    entry = learned.dataset.entries.get(position=figures["mistakes"][0]["entry"])
    editor = reverse("review:boxes", args=[entry.item_id])
    assert f"{editor}?evidence={entry.evidence_id}" in page
    assert reverse("review:evidence_thumb", args=[entry.evidence_id]) in page


def test_pictures_stay_hidden_from_who_may_not_see_them(signed_in, supervisor, learned):
    waiting = {"status": "pending_review", "decided_at": None}
    TrainingItem.objects.update(privacy="faces", proposal="ready", **waiting)
    for group in supervisor.groups.all():
        group.permissions.remove(*group.permissions.filter(codename__startswith="view_unredacted"))
    fresh = type(supervisor).objects.get(pk=supervisor.pk)
    for name in ("version", "compare"):
        page = shown(signed_in(fresh).get(places(learned)[name]))
        assert "what your role may not see" in page
        assert "/media/evidence/" not in page


def test_a_version_without_a_judgement_says_so(signed_in, admin_user, learned):
    bare = rows.version(rows.run(learned.dataset))
    client = signed_in(admin_user)
    page = shown(client.get(reverse("training:version", args=[bare.pk])))
    assert "It is not judged yet" in page and "No figures yet" in page
    assert "Approve and deploy" not in page
    assert "is not judged yet" in shown(client.get(reverse("training:compare", args=[bare.pk])))


def test_a_classifier_is_shown_too(signed_in, admin_user, site, data_dir):
    learned = rows.triage(site)
    client = signed_in(admin_user)
    page = shown(client.get(places(learned)["version"]))
    assert "Precision over recall, confirmed" in page
    assert "AUC" in page and "AP50" not in page
    assert "looks at no pictures" in shown(client.get(places(learned)["compare"]))
    log = shown(client.get(f"{LISTS[1]}?slot=incident-triage"))
    assert learned.version.name in log


def test_files_go_to_who_may_deploy(signed_in, supervisor, admin_user, learned):
    place = reverse("training:version_file", args=[learned.version.pk, "best.onnx"])
    assert signed_in(supervisor).get(place).status_code == 403
    answer = signed_in(admin_user).get(place)
    content = b"".join(answer.streaming_content)
    assert content == f"{SLOT} 1 best.onnx".encode()
    assert answer["Content-Length"] == str(len(content))
    assert f"{learned.version.name}-best.onnx" in answer["Content-Disposition"]
    missing = reverse("training:version_file", args=[learned.version.pk, "../secrets"])
    assert signed_in(admin_user).get(missing).status_code == 404
    assert place not in shown(signed_in(supervisor).get(places(learned)["version"]))


@pytest.mark.parametrize("at", ["1", "12", "0", "99", "x", "-1", "９"])
def test_pictures_are_gone_through_side_by_side(signed_in, supervisor, learned, at):
    page = shown(signed_in(supervisor).get(places(learned)["compare"] + f"?at={at}"))
    number = {"12": 12, "99": 12}.get(at, 1)
    assert f'<strong class="num">{number}</strong>' in page
    assert ('rel="prev"' in page) == (number > 1)
    assert ('rel="next"' in page) == (number < 12)
    assert "They differ on" in page


def test_where_two_differ_comes_first(learned):
    from training.services import comparisons

    differing = [row.differing for row in comparisons.ranked(learned.decision)]
    assert differing == sorted(differing, reverse=True)
    assert differing[0] > 0 and len(differing) == 12


def test_the_log_has_a_chart_with_its_breaks_and_a_file(
    signed_in, supervisor, site, camera, learned
):
    later = rows.dataset(site, camera, pictures=4, with_files=False, test_revision=2)
    second = rows.judged(later)
    client = signed_in(supervisor)
    page = shown(client.get(LISTS[1]))
    assert "Figures on the test split, version by version" in page
    assert "the test split became revision 2" in page
    answer = client.get(LISTS[2])
    lines = answer.content.decode().split("\r\n")
    assert lines[0].startswith("date,model_version,photos_added,precision,recall,mAP50,notes")
    assert any(second.version.name in line for line in lines)
    assert "attachment" in answer["Content-Disposition"]


def test_the_admin_shows_the_rows_and_changes_none(signed_in, superuser, learned):
    Promotion.objects.create(
        slot=SLOT, act="promote", version=learned.version, decided_at=timezone.now()
    )
    client = signed_in(superuser)
    for name in ("trainingrun", "modelversion", "evaluation", "gatedecision", "promotion"):
        place = reverse(f"admin:training_{name}_changelist")
        assert client.get(place).status_code == 200
        assert client.get(reverse(f"admin:training_{name}_add")).status_code == 403


def test_the_admin_shows_nothing_of_another_site(signed_in, outsider, admin_user, learned):
    Promotion.objects.create(
        slot=SLOT, act="promote", version=learned.version, decided_at=timezone.now()
    )
    outsider.groups.set(admin_user.groups.all())
    fresh = type(outsider).objects.get(pk=outsider.pk)
    for name in ("trainingrun", "modelversion", "evaluation", "gatedecision", "promotion"):
        page = shown(signed_in(fresh).get(reverse(f"admin:training_{name}_changelist")))
        assert learned.version.name not in page and 'paginator"> 0 ' in page
