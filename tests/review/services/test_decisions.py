"""One act decides an item: who may, what it needs, what it leaves behind, and who was faster."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from detection.models import Evidence
from hitlsite import audit, storage
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import AuditEntry
from review.models import Decision, Redaction, TrainingItem
from review.services import decisions, queue
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


@pytest.fixture
def item(camera):
    return factories.item(factories.incident(camera, with_files=False))


def fresh(item):
    return TrainingItem.objects.get(pk=item.pk)


@pytest.mark.parametrize(
    ("verdict", "more", "status"),
    [
        ("confirmed", {}, "confirmed"),
        ("rejected", {"reason": "duplicate"}, "rejected"),
        ("rejected", {"reason": "other", "note": "a tree"}, "rejected"),
        ("needs_review", {}, "needs_review"),
    ],
)
def test_a_verdict_moves_the_item_and_is_kept(item, reviewer, verdict, more, status):
    made = decisions.decide(item.pk, by=reviewer, verdict=verdict, seconds_taken=2.5, **more)

    assert (fresh(item).status, fresh(item).version) == (status, item.version + 1)
    assert fresh(item).decided_at == made.at
    assert (made.reviewer, made.role, made.verdict) == (reviewer, "reviewer", verdict)
    assert (made.reason, made.note) == (more.get("reason", ""), more.get("note", ""))
    assert (made.status_before, made.item_version) == ("pending_review", item.version)
    assert made.seconds_taken == 2.5
    entry = AuditEntry.objects.get(object_id=str(item.pk), action=f"item_{verdict}")
    assert (entry.actor, entry.site) == (reviewer, item.site)
    assert audit.verify().is_whole


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"verdict": "rejected"}, "reason"),
        ({"verdict": "rejected", "reason": "ugly"}, "reason"),
        ({"verdict": "rejected", "reason": "other"}, "note"),
        ({"verdict": "rejected", "reason": "other", "note": "   "}, "note"),
        ({"verdict": "confirmed", "reason": "duplicate"}, "reason"),
        ({"verdict": ""}, "verdict"),
        ({"verdict": "undone"}, "verdict"),
        ({"verdict": "confirmed", "category": "party"}, "category"),
        ({"verdict": "needs_review", "category": "aggression"}, "category"),
        ({"verdict": "confirmed", "note": "x" * 2001}, "note"),
        ({"verdict": "confirmed", "note": "a\x00b"}, "note"),
        ({"verdict": "confirmed", "note": "\ud800"}, "note"),
        ({"verdict": "confirmed", "note": ["a"]}, "note"),
        ({"verdict": "confirmed", "version": "1"}, "version"),
        ({"verdict": "confirmed", "seconds_taken": -1}, "seconds_taken"),
        ({"verdict": "confirmed", "seconds_taken": float("nan")}, "seconds_taken"),
        ({"verdict": "confirmed", "boxes": [[-0.1, 0, 1, 1]]}, "boxes.0"),
        ({"verdict": "confirmed", "boxes": [[0, 0, 1, 1], [-5000, 0, 1, 1]]}, "boxes.1"),
        ({"verdict": "confirmed", "boxes": [[0.5, 0, 0.5, 1]]}, "boxes.0"),
        ({"verdict": "confirmed", "boxes": [[0, 0, float("nan"), 1]]}, "boxes.0"),
        ({"verdict": "confirmed", "boxes": [[0, 0, True, 1]]}, "boxes.0"),
        ({"verdict": "confirmed", "boxes": [{}]}, "boxes.0"),
        ({"verdict": "confirmed", "boxes": "all"}, "boxes"),
        (
            {"verdict": "confirmed", "boxes": [{"box_xyxy": [0, 0, 1, 1], "evidence": 99}]},
            "boxes.0.evidence",
        ),
        ({"verdict": "confirmed", "boxes": [[0, 0, 1, 1]] * 201}, "boxes"),
        ({"verdict": "rejected", "reason": "duplicate", "boxes": [[0, 0, 1, 1]]}, "boxes"),
    ],
)
def test_nonsense_names_its_field_and_changes_nothing(item, reviewer, values, field):
    with pytest.raises(DomainError) as refusal:
        decisions.decide(item.pk, by=reviewer, **values)

    assert (refusal.value.status, list(refusal.value.fields)) == (422, [field])
    assert fresh(item).status == "pending_review"
    assert not Decision.objects.exists()


def test_a_confirmation_corrects_category_and_boxes(camera, reviewer):
    item = factories.item(factories.incident(camera))
    frame = item.incident.evidence.get(kind=Evidence.Kind.FRAME_PEAK)
    box = {"box_xyxy": [0.1, 0.2, 0.3, 0.4], "class_name": "person", "evidence": frame.pk}

    made = decisions.decide(
        item.pk, by=reviewer, verdict="confirmed", category="aggression", boxes=[box]
    )

    assert (fresh(item).category, fresh(item).proposed_category) == ("aggression", "loitering")
    assert (made.category, made.boxes) == ("aggression", [box])


def test_wrong_class_may_say_what_it_was(item, reviewer):
    made = decisions.decide(
        item.pk, by=reviewer, verdict="rejected", reason="wrong_class", category="aggression"
    )

    assert (made.category, fresh(item).category) == ("aggression", "loitering")


@pytest.mark.parametrize("who", ["outsider", "device_user"])
def test_strangers_find_nothing(item, who, request):
    with pytest.raises(NotFound):
        decisions.decide(item.pk, by=request.getfixturevalue(who), verdict="confirmed")
    with pytest.raises(NotFound):
        decisions.reopen(item.pk, by=request.getfixturevalue(who), note="why")


@pytest.mark.parametrize("item_id", [0, -1, 2**70, "x", "1; drop", None])
def test_an_item_that_is_not_there_is_not_found(reviewer, item_id):
    with pytest.raises(NotFound):
        decisions.decide(item_id, by=reviewer, verdict="confirmed")


@pytest.mark.parametrize("who", ["supervisor", "admin_user", "superuser"])
@pytest.mark.parametrize("verdict", ["confirmed", "rejected"])
def test_what_needs_review_is_for_supervisors(camera, reviewer, who, verdict, request):
    incident = factories.incident(camera, with_files=False)
    item = factories.item(incident, status="needs_review")
    reason = "low_quality" if verdict == "rejected" else ""

    with pytest.raises(Forbidden):
        decisions.decide(item.pk, by=reviewer, verdict=verdict, reason=reason)
    decisions.decide(item.pk, by=request.getfixturevalue(who), verdict=verdict, reason=reason)

    assert fresh(item).status == verdict


@pytest.mark.parametrize("status", ["confirmed", "rejected"])
@pytest.mark.parametrize("verdict", ["confirmed", "needs_review"])
def test_what_is_decided_stays_until_it_is_reopened(camera, reviewer, supervisor, status, verdict):
    item = factories.item(factories.incident(camera, with_files=False), status=status)

    with pytest.raises(Conflict) as refusal:
        decisions.decide(item.pk, by=supervisor, verdict=verdict)
    assert refusal.value.code == "already_decided"
    with pytest.raises(Forbidden):
        decisions.reopen(item.pk, by=reviewer, note="I was wrong")
    with pytest.raises(DomainError) as refusal:
        decisions.reopen(item.pk, by=supervisor, note=" ")
    assert list(refusal.value.fields) == ["note"]
    made = decisions.reopen(item.pk, by=supervisor, note="the camera was turned")

    assert (fresh(item).status, fresh(item).decided_at) == ("pending_review", None)
    assert (made.verdict, made.note, made.status_before) == (
        "reopened",
        "the camera was turned",
        status,
    )


def test_only_what_is_decided_is_reopened(item, supervisor):
    with pytest.raises(Conflict) as refusal:
        decisions.reopen(item.pk, by=supervisor, note="why not")
    assert refusal.value.code == "not_decided"


def test_reopening_gives_back_the_proposed_category(item, reviewer, supervisor):
    decisions.decide(item.pk, by=reviewer, verdict="confirmed", category="aggression")
    decisions.reopen(item.pk, by=supervisor, note="look again")

    assert fresh(item).category == "loitering"


def test_the_second_is_told_who_was_faster(item, reviewer, second_reviewer):
    at = timezone.now()
    decisions.decide(item.pk, by=reviewer, verdict="confirmed", at=at)

    with pytest.raises(Conflict) as refusal:
        decisions.decide(
            item.pk, by=second_reviewer, verdict="confirmed", at=at + timedelta(seconds=3)
        )

    assert refusal.value.code == "already_decided"
    assert refusal.value.message == "Ada Byron confirmed this 3 s ago."
    assert Decision.objects.count() == 1


def test_a_stale_page_is_refused(item, reviewer, supervisor):
    decisions.decide(item.pk, by=reviewer, verdict="confirmed", version=item.version)
    decisions.reopen(item.pk, by=supervisor, note="again")

    with pytest.raises(Conflict) as refusal:
        decisions.decide(item.pk, by=reviewer, verdict="confirmed", version=item.version)

    assert refusal.value.code == "stale_version"


def test_another_s_live_claim_is_respected(item, reviewer, second_reviewer):
    at = timezone.now()
    queue.claim_item(item.pk, by=reviewer, at=at)

    with pytest.raises(Conflict) as refusal:
        decisions.decide(item.pk, by=second_reviewer, verdict="confirmed", at=at)
    assert refusal.value.code == "claimed"
    assert "Ada Byron" in refusal.value.message
    later = at + timedelta(seconds=301)
    decisions.decide(item.pk, by=second_reviewer, verdict="confirmed", at=later)

    assert (fresh(item).claimed_by, fresh(item).claim_expires_at) == (None, None)


# Faces: nothing confirms an item that is not private.


def faces(camera, proposal):
    return factories.item(factories.incident(camera), privacy="faces", proposal=proposal)


def test_a_ready_proposal_is_put_in_place_with_the_confirmation(camera, reviewer):
    item = faces(camera, "ready")
    originals = {row.pk: row.sha256 for row in item.incident.evidence.all()}

    made = decisions.decide(item.pk, by=reviewer, verdict="confirmed")

    assert (made.effect, fresh(item).status) == ("applied", "confirmed")
    assert (fresh(item).privacy, fresh(item).proposal) == ("redacted", "none")
    for row in item.incident.evidence.all():
        assert row.sha256 != originals[row.pk] == row.original_sha256
        assert row.redactions.get().state == Redaction.State.APPLIED
        assert row.sealed_until > made.at


def test_a_waiting_proposal_keeps_the_verdict(camera, reviewer, second_reviewer):
    item = faces(camera, "waiting")

    made = decisions.decide(item.pk, by=reviewer, verdict="confirmed")

    assert (made.effect, fresh(item).status) == ("waiting", "pending_review")
    with pytest.raises(Conflict) as refusal:
        decisions.decide(item.pk, by=second_reviewer, verdict="rejected", reason="duplicate")
    assert refusal.value.code == "already_decided"
    assert "takes effect when the redaction is verified" in refusal.value.message


def test_the_one_who_waits_may_change_their_mind(camera, reviewer):
    item = faces(camera, "waiting")
    waiting = decisions.decide(item.pk, by=reviewer, verdict="confirmed")

    decisions.decide(item.pk, by=reviewer, verdict="rejected", reason="duplicate")

    waiting.refresh_from_db()
    assert (waiting.effect, fresh(item).status) == ("void", "rejected")


def test_a_supervisor_may_overrule_what_waits(camera, reviewer, supervisor):
    item = faces(camera, "waiting")
    decisions.decide(item.pk, by=reviewer, verdict="confirmed")

    decisions.decide(item.pk, by=supervisor, verdict="rejected", reason="privacy_risk")

    assert fresh(item).status == "rejected"


def _confirm(item, by):
    return decisions.decide(item.pk, by=by, verdict="confirmed")


def _confirm_from_needs_review(item, by):
    TrainingItem.objects.filter(pk=item.pk).update(status="needs_review")
    return decisions.decide(item.pk, by=by, verdict="confirmed")


def _confirm_with_unverified_copies(item, by):
    item.redactions.update(state="blocked")
    TrainingItem.objects.filter(pk=item.pk).update(proposal="ready")
    return decisions.decide(item.pk, by=by, verdict="confirmed")


def _confirm_with_one_file_unverified(item, by):
    TrainingItem.objects.filter(pk=item.pk).update(proposal="ready")
    item.redactions.filter(evidence__kind="clip").delete()
    return decisions.decide(item.pk, by=by, verdict="confirmed")


def _confirm_with_the_copies_gone(item, by):
    TrainingItem.objects.filter(pk=item.pk).update(proposal="ready")
    for redaction in item.redactions.exclude(path=""):
        storage.delete(redaction.path)
    return decisions.decide(item.pk, by=by, verdict="confirmed")


@pytest.mark.parametrize(
    ("privacy", "proposal", "attempt"),
    [
        ("failed", "blocked", _confirm),
        ("faces", "blocked", _confirm),
        ("faces", "waiting", _confirm),
        ("failed", "waiting", _confirm),
        ("unscanned", "none", _confirm),
        ("faces", "blocked", _confirm_from_needs_review),
        ("faces", "ready", _confirm_with_unverified_copies),
        ("faces", "ready", _confirm_with_one_file_unverified),
        ("faces", "ready", _confirm_with_the_copies_gone),
        ("failed", "ready", _confirm_with_one_file_unverified),
        ("failed", "none", _confirm_with_one_file_unverified),
    ],
)
def test_no_way_leads_to_a_confirmed_item_with_faces(camera, superuser, privacy, proposal, attempt):
    item = factories.item(factories.incident(camera), privacy=privacy, proposal=proposal)
    shown = dict(Evidence.objects.values_list("pk", "sha256"))

    try:
        made = attempt(item, superuser)
    except Conflict as refusal:
        assert refusal.code == "not_private"
    else:
        assert made.effect == "waiting"

    assert fresh(item).status != "confirmed"
    assert dict(Evidence.objects.values_list("pk", "sha256")) == shown


@pytest.mark.parametrize("privacy", ["faces", "failed", "unscanned"])
def test_the_database_itself_refuses(camera, privacy):
    item = factories.item(factories.incident(camera, with_files=False), privacy=privacy)

    with pytest.raises(IntegrityError), transaction.atomic():
        TrainingItem.objects.filter(pk=item.pk).update(status="confirmed")
    with pytest.raises(IntegrityError), transaction.atomic():
        item.status = "confirmed"
        item.save()


def test_a_failure_halfway_leaves_nothing(camera, reviewer, monkeypatch):
    item = faces(camera, "ready")
    shown = dict(Evidence.objects.values_list("pk", "sha256"))

    def broken(*args, **kwargs):
        raise OSError("the disk went away")

    monkeypatch.setattr("hitlsite.audit.record", broken)
    with pytest.raises(OSError, match="disk"):
        decisions.decide(item.pk, by=reviewer, verdict="confirmed")

    assert fresh(item).status == "pending_review"
    assert dict(Evidence.objects.values_list("pk", "sha256")) == shown
    assert not Decision.objects.exists()
