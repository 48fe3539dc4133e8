"""Saving boxes: who may, what is refused by number, and what of it confirms a photo."""

from datetime import timedelta

import pytest
from django.utils import timezone

from hitlsite import audit
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import AuditEntry
from review.models import Annotation, Decision
from review.selectors import annotations as drawn
from review.services import annotation, decisions, label_classes
from tests import factories, photos

pytestmark = pytest.mark.django_db

PERSON = [0.40, 0.30, 0.534, 0.90]
BOX = {"label": 0, "box_xyxy": PERSON}
ELSEWHERE = [0.05, 0.1, 0.3, 0.6]


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep the files of each test by themselves."""


@pytest.fixture
def item(camera, reviewer):
    _, made = photos.marked(photos.photo(camera), reviewer)
    return photos.looked_at(made)


@pytest.fixture
def incident_item(camera):
    return factories.item(factories.incident(camera))


def evidence_of(item, kind="frame_peak"):
    if item.photo_id:
        return item.photo.evidence
    return item.incident.evidence.get(kind=kind)


def save(item, by, *, boxes=(BOX,), version=0, evidence=None, **said):
    row = evidence or evidence_of(item)
    return annotation.save(item.pk, row.pk, by=by, boxes=list(boxes), version=version, **said)


def test_saving_boxes_of_a_photo_confirms_it(item, reviewer):
    saved = save(item, reviewer, exhaustive=[0])

    item.refresh_from_db()
    assert item.status == "confirmed"
    assert (saved.version, saved.is_current, saved.exhaustive) == (1, True, [0])
    assert saved.boxes == [{"label": 0, "box_xyxy": PERSON, "origin": "drawn"}]
    assert drawn.current(item) == {item.photo.evidence.pk: saved}
    assert Decision.objects.get(item=item).verdict == "confirmed"
    assert AuditEntry.objects.filter(action="boxes_saved").count() == 1
    assert audit.verify().is_whole


def test_a_later_save_adds_a_version_and_keeps_the_first(item, reviewer):
    first = save(item, reviewer)
    second = save(item, reviewer, boxes=[{**BOX, "origin": "accepted", "track_id": 7}], version=1)

    first.refresh_from_db()
    assert (first.is_current, second.is_current, second.version) == (False, True, 2)
    assert second.boxes[0]["track_id"] == 7
    assert Decision.objects.filter(item=item).count() == 1


def test_boxes_of_a_photo_with_faces_put_its_redaction_in_place(camera, reviewer):
    _, made = photos.marked(photos.photo(camera), reviewer)
    item = photos.looked_at(made, privacy="faces")
    save(item, reviewer)

    item.refresh_from_db()
    assert (item.status, item.privacy) == ("confirmed", "redacted")


def test_a_confirmation_that_waits_is_not_given_twice(camera, reviewer):
    _, made = photos.marked(photos.photo(camera), reviewer)
    item = photos.looked_at(made, privacy="faces")
    item.redactions.all().delete()
    item.proposal = "waiting"
    item.save(update_fields=["proposal"])
    save(item, reviewer)
    save(item, reviewer, version=1)

    item.refresh_from_db()
    assert item.status == "pending_review"
    assert [one.effect for one in item.decisions.all()] == ["waiting"]
    assert item.annotations.count() == 2


def test_who_saves_second_is_told_who_was_first(item, reviewer, second_reviewer):
    save(item, reviewer)
    with pytest.raises(Conflict, match="Ada Byron saved .*version 1") as refusal:
        save(item, second_reviewer)

    assert refusal.value.code == "stale_version"
    assert refusal.value.fields == {"version": "1"}
    assert Annotation.objects.count() == 1


def test_a_version_from_the_future_is_stale_too(item, reviewer):
    with pytest.raises(Conflict, match="no boxes of this picture"):
        save(item, reviewer, version=3)


@pytest.mark.parametrize("version", [None, "1", -1, True, 1.0])
def test_a_save_names_the_version_that_it_began_from(item, reviewer, version):
    with pytest.raises(DomainError) as refusal:
        save(item, reviewer, version=version)
    assert "version" in refusal.value.fields


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ({"label": 0, "box_xyxy": [0.5, 0.1, 1.2, 0.4]}, "within 0..1"),
        ({"label": 0, "box_xyxy": [-0.1, 0.1, 0.2, 0.4]}, "within 0..1"),
        ({"label": 0, "box_xyxy": [0.4, 0.1, 0.2, 0.4]}, "within 0..1"),
        ({"label": 0, "box_xyxy": [0.4, 0.1, 0.4, 0.4]}, "within 0..1"),
        ({"label": 0, "box_xyxy": [0.4, 0.1, 0.40000001, 0.4]}, "no area"),
        ({"label": 0, "box_xyxy": [0.1, 0.1, float("nan"), 0.4]}, "four numbers"),
        ({"label": 0, "box_xyxy": [0.1, 0.1, 0.4]}, "four numbers"),
        ({"label": 0, "box_xyxy": [True, False, True, True]}, "four numbers"),
        ({"label": 99, "box_xyxy": PERSON}, "class is not known"),
        ({"label": "0", "box_xyxy": PERSON}, "class is not known"),
        ({"label": True, "box_xyxy": PERSON}, "class is not known"),
        ({"box_xyxy": PERSON}, "class is not known"),
        ({"label": 0, "box_xyxy": PERSON, "origin": "guessed"}, "origin"),
        ({"label": 0, "box_xyxy": PERSON, "track_id": "seven"}, "track"),
        ("box", "no box"),
    ],
)
def test_a_wrong_box_is_refused_by_its_number(item, reviewer, box, said):
    with pytest.raises(DomainError, match=f"Box 2: .*{said}") as refusal:
        save(item, reviewer, boxes=[BOX, box])

    assert list(refusal.value.fields) == ["boxes.1"]
    assert not Annotation.objects.exists()


@pytest.mark.parametrize("boxes", [None, "boxes", {"0": BOX}, [BOX] * 201])
def test_what_is_no_list_of_boxes_is_refused(item, reviewer, boxes):
    with pytest.raises(DomainError) as refusal:
        annotation.save(item.pk, evidence_of(item).pk, by=reviewer, boxes=boxes, version=0)
    assert list(refusal.value.fields) == ["boxes"]


@pytest.mark.parametrize("exhaustive", ["person", [99], [True], [0.0], None])
def test_exhaustive_classes_must_be_known(item, reviewer, exhaustive):
    with pytest.raises(DomainError) as refusal:
        save(item, reviewer, exhaustive=exhaustive)
    assert list(refusal.value.fields) == ["exhaustive"]


def test_nothing_is_a_negative_that_was_not_said_to_be_one(item, reviewer):
    with pytest.raises(DomainError, match="nothing here"):
        save(item, reviewer, boxes=[])
    assert not Annotation.objects.exists()


def test_nothing_here_is_a_negative_of_every_class(item, reviewer):
    saved = save(item, reviewer, boxes=[], is_negative=True, confirmed_odd=True)

    item.refresh_from_db()
    assert (saved.is_negative, saved.exhaustive) == (True, list(range(80)))
    assert item.status == "confirmed"


def test_a_negative_has_no_boxes(item, reviewer):
    with pytest.raises(DomainError, match="boxes"):
        save(item, reviewer, is_negative=True)


def test_nothing_here_is_asked_again_where_the_detector_is_sure(item, reviewer):
    with pytest.raises(DomainError) as refusal:
        save(item, reviewer, boxes=[], is_negative=True)
    assert refusal.value.code == "look_again"
    assert list(refusal.value.fields) == ["detections.0"]


def test_what_looks_odd_is_said_box_by_box_and_stored_when_meant(item, reviewer):
    odd = [
        {"label": 0, "box_xyxy": PERSON},
        {"label": 0, "box_xyxy": [0.4005, 0.3, 0.534, 0.9]},
        {"label": 1, "box_xyxy": [0.9, 0.9, 0.905, 0.91]},
    ]
    with pytest.raises(DomainError) as refusal:
        save(item, reviewer, boxes=odd)

    assert refusal.value.code == "look_again"
    assert set(refusal.value.fields) == {"boxes.1", "boxes.2"}
    assert "Box 2 lies on box 1" in refusal.value.fields["boxes.1"]
    assert "tiny" in refusal.value.fields["boxes.2"]
    item.refresh_from_db()
    assert item.status == "pending_review"
    saved = save(item, reviewer, boxes=odd, confirmed_odd=True)
    assert len(saved.boxes) == 3
    detail = AuditEntry.objects.get(action="boxes_saved").detail.content
    assert detail["odd"] == ["duplicate", "tiny"]


def test_another_class_than_the_detector_is_sure_of_is_odd(item, reviewer):
    with pytest.raises(DomainError, match="detector is sure"):
        save(item, reviewer, boxes=[{"label": 1, "box_xyxy": PERSON}])


def test_boxes_of_an_incident_still_leave_the_verdict_open(incident_item, reviewer):
    save(incident_item, reviewer)

    incident_item.refresh_from_db()
    assert incident_item.status == "pending_review"
    assert list(drawn.current(incident_item)) == [evidence_of(incident_item).pk]


def test_a_clip_takes_no_boxes(incident_item, reviewer):
    with pytest.raises(NotFound):
        save(incident_item, reviewer, evidence=evidence_of(incident_item, "clip"))


def test_a_picture_of_another_item_takes_no_boxes(incident_item, camera, reviewer):
    other = factories.item(factories.incident(camera))
    with pytest.raises(NotFound):
        save(incident_item, reviewer, evidence=evidence_of(other))


def test_a_foreign_item_is_not_there(item, outsider):
    with pytest.raises(NotFound):
        save(item, outsider)


def test_whoever_may_not_see_the_picture_may_not_box_it(camera, reviewer):
    item = factories.item(factories.incident(camera), privacy="faces", status="needs_review")
    with pytest.raises(NotFound):
        save(item, reviewer)


def test_boxes_take_a_permission(item, reviewer):
    reviewer.groups.clear()
    with pytest.raises(Forbidden):
        save(item, type(reviewer).objects.get(pk=reviewer.pk))


def test_another_s_claim_is_respected(incident_item, reviewer, second_reviewer):
    incident_item.claimed_by = second_reviewer
    incident_item.claim_expires_at = timezone.now() + timedelta(minutes=5)
    incident_item.save()
    with pytest.raises(Conflict) as refusal:
        save(incident_item, reviewer)
    assert refusal.value.code == "claimed"


def test_a_rejected_photo_takes_no_boxes(item, reviewer):
    decisions.decide(item.pk, by=reviewer, verdict="rejected", reason="low_quality")
    with pytest.raises(Conflict) as refusal:
        save(item, reviewer)
    assert refusal.value.code == "already_decided"


def test_what_has_been_used_only_a_supervisor_corrects(item, reviewer, supervisor):
    save(item, reviewer)
    item.refresh_from_db()
    item.used_at = timezone.now()
    item.save(update_fields=["used_at"])
    with pytest.raises(Conflict) as refusal:
        save(item, reviewer, version=1)
    assert refusal.value.code == "in_use"
    assert save(item, supervisor, version=1).version == 2


def test_a_merged_class_is_stored_as_what_took_it_in(item, reviewer, supervisor, site):
    person, bicycle, *_ = label_classes.ensure(site)
    label_classes.merge(bicycle.pk, person.pk, by=supervisor)
    saved = save(item, reviewer, boxes=[{"label": 1, "box_xyxy": ELSEWHERE}])
    assert saved.boxes[0]["label"] == 0
