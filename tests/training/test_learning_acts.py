"""What people do on the pages of learning: start runs, let versions serve, and go back."""
# ruff: noqa: F811

import pytest
from django.urls import reverse

from detection.models import Deployment
from detection.services import serving
from tests import factories
from tests.training.test_learning_pages import (  # noqa: F401
    LISTS,
    SLOT,
    learned,
    passed,
    places,
    shown,
    signed_in,
)
from training.models import Promotion, TrainingRun

pytestmark = pytest.mark.django_db
PURPOSE = "to find cylinders in yards"


def act(client, name, *args, **sent):
    return client.post(reverse(f"training:{name}", args=args), sent)


def test_a_version_is_approved_served_and_gone_back_from(signed_in, admin_user, passed):
    client, pk = signed_in(admin_user), passed.version.pk
    refused = act(client, "promote", pk, purpose="  ", notes="kept")
    assert refused.status_code == 422
    assert "kept</textarea>" in shown(refused) and "field-error" in shown(refused)
    answer = act(client, "promote", pk, purpose=PURPOSE, notes="Looks right.")
    assert (answer.status_code, answer.url) == (303, places(passed)["version"])
    assert serving.champion(SLOT).model_version_uuid == passed.version.uuid
    page = shown(client.get(places(passed)["version"]))
    for words in ("It serves now", "Model card", PURPOSE, "Looks right.", "Roll back"):
        assert words in page
    assert "Roll back" in shown(client.get(LISTS[0]))
    back = act(client, "rollback", SLOT, notes="Too many false alarms.")
    assert (back.status_code, back.url) == (303, LISTS[0])
    assert serving.champion(SLOT) is None
    log = shown(client.get(LISTS[1]))
    assert "deployed" in log and "rolled back" in log and "Too many false alarms." in log
    assert act(client, "rollback", SLOT).status_code == 409


def test_what_the_gate_cannot_tell_needs_a_reason(signed_in, admin_user, passed):
    passed.decision.outcome = "not_enough_data"
    passed.decision.save()
    client, pk = signed_in(admin_user), passed.version.pk
    assert 'name="reason"' in shown(client.get(places(passed)["version"]))
    refused = act(client, "promote", pk, purpose=PURPOSE)
    assert refused.status_code == 409
    assert "Say why it should serve" in shown(refused) and PURPOSE in shown(refused)
    act(client, "promote", pk, purpose=PURPOSE, reason="Two people looked at all pictures.")
    assert Promotion.objects.get().detail["reason"].startswith("Two people")


def test_what_the_gate_keeps_out_is_not_offered(signed_in, admin_user, passed):
    passed.decision.outcome = "keep"
    passed.decision.save()
    client = signed_in(admin_user)
    page = shown(client.get(places(passed)["version"]))
    assert "Approve and deploy" not in page and "The gate keeps it out" in page
    refused = act(client, "promote", passed.version.pk, purpose=PURPOSE)
    assert refused.status_code == 409
    assert "keeps" in shown(refused)


def test_another_champion_asks_for_a_new_judgement(
    signed_in, admin_user, passed, monkeypatch, django_capture_on_commit_callbacks
):
    woken = []
    monkeypatch.setattr("training.tasks.train_run.delay", woken.append)
    factories.deployment(slot=SLOT, source=Deployment.Source.PROMOTED, sha256="d" * 64)
    client = signed_in(admin_user)
    page = shown(client.get(places(passed)["version"]))
    assert "Judge it again" in page and "Approve and deploy" not in page
    with django_capture_on_commit_callbacks(execute=True):
        assert act(client, "judge_again", passed.run.pk).status_code == 303
    assert woken == [passed.run.pk]


def test_a_challenger_looks_on_takes_a_share_and_ends(signed_in, admin_user, passed):
    client, pk = signed_in(admin_user), passed.version.pk
    assert act(client, "shadow", pk).status_code == 303
    assert serving.challenger(SLOT).is_shadow
    assert "in shadow" in shown(client.get(LISTS[0]))
    for percent in ("0", "100", "some"):
        assert act(client, "share", pk, percent=percent).status_code == 422
    assert act(client, "share", pk, percent="30").status_code == 303
    assert serving.challenger(SLOT).share == pytest.approx(0.3)
    assert "30 % of cameras" in shown(client.get(places(passed)["version"]))
    assert act(client, "retire_challenger", SLOT).status_code == 303
    assert serving.challenger(SLOT) is None
    assert act(client, "retire_challenger", SLOT).status_code == 409


@pytest.mark.parametrize(
    ("name", "sent"), [("promote", {"purpose": PURPOSE}), ("shadow", {}), ("share", {"percent": 5})]
)
def test_acts_are_the_admins(signed_in, supervisor, reviewer, outsider, passed, name, sent):
    statuses = [
        act(signed_in(user), name, passed.version.pk, **sent).status_code
        for user in (supervisor, reviewer, outsider)
    ]
    assert statuses == [403, 403, 404]
    for of_slot in ("rollback", "retire_challenger"):
        assert act(signed_in(supervisor), of_slot, SLOT).status_code == 403
        assert act(signed_in(supervisor), of_slot, "nothing").status_code == 404
    assert not Promotion.objects.exists()


@pytest.fixture
def trainable(monkeypatch):
    """Let runs be asked for without the libraries that would train them."""
    from tests.training import toy_work
    from training.services import slot_work

    monkeypatch.setattr(slot_work, "of", lambda slot: toy_work)
    woken = []
    monkeypatch.setattr("training.tasks.train_run.delay", woken.append)
    return woken


def test_a_run_is_started_from_the_page(
    signed_in, admin_user, learned, trainable, django_capture_on_commit_callbacks
):
    client = signed_in(admin_user)
    assert "Start a run" in shown(client.get(LISTS[0]))
    prefix = f"{SLOT}-"
    sent = {"slot": SLOT, f"{prefix}dataset": learned.dataset.pk}
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(reverse("training:start_run"), sent)
    run = TrainingRun.objects.latest("pk")
    assert (answer.status_code, answer.url) == (303, reverse("training:run", args=[run.pk]))
    assert trainable == [run.pk]
    assert (run.trigger, run.created_by) == ("page", admin_user)
    again = client.post(reverse("training:start_run"), sent)
    assert again.status_code == 409
    assert "waits or is going on already" in shown(again)


@pytest.mark.parametrize(
    ("field", "value"), [("epochs", "0"), ("batch", "many"), ("dataset", "999"), ("algorithm", "x")]
)
def test_what_a_run_cannot_be_asked_with_stands_at_its_field(
    signed_in, admin_user, learned, trainable, field, value
):
    sent = {"slot": SLOT, f"{SLOT}-{field}": value, f"{SLOT}-base": "mine.pt"}
    answer = signed_in(admin_user).post(reverse("training:start_run"), sent)
    assert answer.status_code == 422
    page = shown(answer)
    assert f'id="{SLOT}-{field}-errors"' in page and 'aria-invalid="true"' in page
    assert 'value="mine.pt"' in page
    assert trainable == []


def test_runs_are_started_by_admins_on_slots_that_are(signed_in, supervisor, admin_user, learned):
    place = reverse("training:start_run")
    assert signed_in(supervisor).post(place, {"slot": SLOT}).status_code == 403
    assert signed_in(admin_user).post(place, {"slot": "pose-anomaly"}).status_code == 404
    assert signed_in(admin_user).get(place).status_code == 405
