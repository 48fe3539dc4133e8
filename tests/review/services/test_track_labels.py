"""Boxes along a track after one verdict, and frames offered as what they are not."""

import pytest

from detection.models import Evidence
from hitlsite import audit
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import Job
from review import selectors
from review.models import Annotation, PrivacyScan, Redaction
from review.selectors import annotations as drawn
from review.services import (
    annotation,
    conversion,
    decisions,
    hard_negatives,
    labels_export,
    privacy,
    propagation,
    proposing,
    track_frames,
)
from tests import factories
from tests.review.privacy.drawing import draw_person

pytestmark = pytest.mark.django_db

START, SECONDS, FPS = 30.0, 4.0, 10


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep the files of each test by themselves."""


def walker(camera, *, is_walking=True, class_name="person"):
    """Return an incident whose person walks from left to right, growing and shrinking."""
    incident = factories.incident(camera, with_files=False, class_name=class_name)
    times = [START + number / FPS for number in range(int(SECONDS * FPS))]
    pictures, seen = [], []
    for number, at_seconds in enumerate(times):
        step = number if is_walking else 0
        left, height = 20 + 5 * step, 100 + 2 * (step % 20)
        image, box = _room(at_seconds, left, height)
        pictures.append(image)
        seen.append(_observation(at_seconds, box, class_name))
    for kind, index in zip(("frame_open", "frame_peak", "frame_last"), (0, 5, 39), strict=True):
        content = factories.jpeg(pictures[index])
        row = [seen[index]]
        factories.evidence(incident, kind, content, at_seconds=times[index], observations=row)
    factories.evidence(
        incident,
        Evidence.Kind.CLIP,
        factories.clip(pictures),
        at_seconds=times[0],
        end_seconds=times[-1] + 1 / FPS,
        observations=seen[::2],
    )
    return incident


def _room(at_seconds, left, height):
    image = factories.picture(0.0, has_person=False)[:, :, ::-1].copy()
    top, width = 20, height // 3
    draw_person(image, left, top, height)
    box = left / 320, top / 180, (left + width) / 320, (top + height) / 180
    return image[:, :, ::-1].copy(), [round(min(edge, 1.0), 4) for edge in box]


def _observation(at_seconds, box, class_name):
    return {
        "at_seconds": at_seconds,
        "track_id": 7,
        "class_name": class_name,
        "score": 0.8,
        "box_xyxy": box,
    }


def redacted(incident, scanner):
    """Return the item of an incident, its redaction proposed and verified."""
    item, _ = conversion.convert(incident, scanner=scanner)
    proposing.propose_waiting(item.pk, scanner=scanner)
    item.refresh_from_db()
    assert item.proposal == "ready"
    return item


@pytest.fixture
def confirmed(camera, reviewer, scanner):
    item = redacted(walker(camera), scanner)
    decisions.decide(item.pk, by=reviewer, verdict="confirmed")
    item.refresh_from_db()
    assert (item.status, item.privacy) == ("confirmed", "redacted")
    return item


@pytest.fixture
def rejected(camera, reviewer, scanner):
    item = redacted(walker(camera), scanner)
    decisions.decide(item.pk, by=reviewer, verdict="rejected", reason="wrong_class")
    item.refresh_from_db()
    return item


def test_one_verdict_labels_three_frames_that_differ(confirmed, reviewer, scanner):
    made = propagation.propagate(confirmed, by=reviewer, scanner=scanner)

    assert [one.evidence.position for one in made] == [1, 2, 3]
    assert [one.evidence.kind for one in made] == ["track_frame"] * 3
    for one in made:
        [box] = one.boxes
        [seen] = one.evidence.observations
        assert (box["label"], box["origin"], box["track_id"]) == (0, "propagated", 7)
        assert box["box_xyxy"] == pytest.approx(seen["box_xyxy"])
        assert (one.exhaustive, one.is_negative, one.version) == ([], False, 1)
    places = [one.boxes[0]["box_xyxy"][0] for one in made]
    assert min(b - a for a, b in zip(places, places[1:], strict=False)) > 0.08
    assert audit.verify().is_whole


def test_the_frames_hide_what_the_clip_hides(confirmed, reviewer, scanner):
    made = propagation.propagate(confirmed, by=reviewer, scanner=scanner)
    for one in made:
        assert selectors.is_file_private(one.evidence)
        assert selectors.media_access(reviewer, one.evidence)
        assert privacy.check_file(confirmed, one.evidence, scanner=scanner).result == "clear"
    assert privacy.check_item(confirmed, scanner=scanner)


def test_done_again_it_does_nothing_more(confirmed, reviewer, scanner):
    first = propagation.propagate(confirmed, by=reviewer, scanner=scanner)
    again = propagation.propagate(confirmed, by=reviewer, scanner=scanner)
    assert again == first
    assert Annotation.objects.count() == 3


def test_what_a_person_corrected_stays(confirmed, reviewer, scanner):
    first, *_ = propagation.propagate(confirmed, by=reviewer, scanner=scanner)
    box = [{"label": 0, "box_xyxy": [0.2, 0.2, 0.6, 0.9]}]
    corrected = annotation.save(confirmed.pk, first.evidence_id, by=reviewer, boxes=box, version=1)
    assert propagation.propagate(confirmed, by=reviewer, scanner=scanner)[0] == corrected


def test_somebody_who_stands_still_is_labelled_no_further(camera, reviewer, scanner):
    item = redacted(walker(camera, is_walking=False), scanner)
    decisions.decide(item.pk, by=reviewer, verdict="confirmed")
    item.refresh_from_db()
    assert propagation.propagate(item, by=reviewer, scanner=scanner) == []


def test_a_frame_that_still_shows_a_face_is_not_kept(confirmed, reviewer, scanner):
    clip = confirmed.incident.evidence.get(kind="clip")
    Redaction.objects.filter(evidence=clip, state="applied").update(regions=[])
    unhidden = walker(confirmed.camera).evidence.get(kind="clip")
    clip.path, clip.sha256 = unhidden.path, unhidden.sha256
    clip.save(update_fields=["path", "sha256"])
    Redaction.objects.filter(evidence=clip, state="applied").update(sha256=clip.sha256)

    assert propagation.propagate(confirmed, by=reviewer, scanner=scanner) == []
    assert not Evidence.objects.filter(kind="track_frame").exists()


def test_an_undone_verdict_leaves_rows_that_count_for_nothing(
    tmp_path, confirmed, reviewer, scanner
):
    propagation.propagate(confirmed, by=reviewer, scanner=scanner)
    decisions.undo(by=reviewer)
    confirmed.refresh_from_db()

    assert (confirmed.status, confirmed.privacy) == ("pending_review", "faces")
    with pytest.raises(DomainError, match="no boxes"):
        labels_export.export_labels(tmp_path / "out", site=confirmed.site, scanner=scanner)
    decisions.decide(confirmed.pk, by=reviewer, verdict="confirmed")
    confirmed.refresh_from_db()
    assert confirmed.status == "confirmed"
    report = labels_export.export_labels(tmp_path / "out", site=confirmed.site, scanner=scanner)
    assert (report.pictures, report.left_out) == (3, [])


def test_undoing_the_redaction_later_is_not_held_up_by_the_frames(confirmed, supervisor, scanner):
    propagation.propagate(confirmed, by=supervisor, scanner=scanner)
    decisions.reopen(confirmed.pk, by=supervisor, note="look again")
    confirmed.refresh_from_db()
    privacy.undo_redaction(confirmed, by=supervisor)
    assert confirmed.privacy == "faces"


@pytest.mark.parametrize("class_name", ["moving", "dog-like thing"])
def test_a_class_that_nobody_named_is_refused(camera, reviewer, scanner, class_name):
    item = redacted(walker(camera, class_name=class_name), scanner)
    decisions.decide(item.pk, by=reviewer, verdict="confirmed")
    item.refresh_from_db()
    with pytest.raises(DomainError, match=class_name):
        propagation.propagate(item, by=reviewer, scanner=scanner)


def test_only_confirmed_items_are_labelled(camera, reviewer, scanner):
    item = redacted(walker(camera), scanner)
    with pytest.raises(Conflict, match="not confirmed"):
        propagation.propagate(item, by=reviewer, scanner=scanner)


def test_a_worker_does_what_was_asked_for_once(confirmed, reviewer, scanner):
    job = propagation.ask(confirmed.pk, by=reviewer)
    assert propagation.ask(confirmed.pk, by=reviewer) == job
    assert propagation.waiting() == [confirmed.pk]
    propagation.run_asked(confirmed.pk, scanner=scanner)
    propagation.run_asked(confirmed.pk, scanner=scanner)

    job = propagation.job_of(confirmed)
    assert (job.state, job.progress_done) == (Job.State.DONE, 3)
    assert Annotation.objects.get(evidence__position=1).annotated_by == reviewer


def test_a_refusal_is_on_the_job(confirmed, reviewer, scanner):
    propagation.ask(confirmed.pk, by=reviewer)
    confirmed.incident.evidence.get(kind="clip").scans.all()
    Evidence.objects.filter(kind="clip").update(sha256="0" * 64)
    propagation.run_asked(confirmed.pk, scanner=scanner)
    job = propagation.job_of(confirmed)
    assert (job.state, job.error_code) == (Job.State.FAILED, "not_private")


def test_asking_takes_a_decided_item_and_a_permission(
    confirmed, camera, reviewer, outsider, scanner
):
    with pytest.raises(NotFound):
        propagation.ask(confirmed.pk, by=outsider)
    pending = factories.item(factories.incident(camera))
    with pytest.raises(Conflict):
        propagation.ask(pending.pk, by=reviewer)
    reviewer.groups.clear()
    with pytest.raises(Forbidden):
        propagation.ask(confirmed.pk, by=type(reviewer).objects.get(pk=reviewer.pk))


def test_a_wrong_class_offers_frames_from_the_redacted_copy(rejected, reviewer, scanner):
    assert rejected.privacy == "faces"
    offered = hard_negatives.offer(rejected, scanner=scanner)

    assert 2 <= len(offered) <= 4
    assert not Annotation.objects.exists()
    for row in offered:
        assert selectors.media_access(reviewer, row)
        assert PrivacyScan.objects.get(evidence=row).result == "faces"
    clip = rejected.incident.evidence.get(kind="clip")
    assert not selectors.media_access(reviewer, clip)


def test_saving_offered_frames_says_only_what_they_are_not(
    tmp_path, rejected, reviewer, site, scanner
):
    offered = hard_negatives.offer(rejected, scanner=scanner)
    saved = hard_negatives.save(rejected.pk, [row.pk for row in offered[:2]], by=reviewer)

    assert [(one.is_negative, one.exhaustive, one.boxes) for one in saved] == [
        (True, [0], []),
        (True, [0], []),
    ]
    assert set(drawn.current(rejected)) == {row.pk for row in offered[:2]}
    assert hard_negatives.save(rejected.pk, [offered[0].pk], by=reviewer) == []
    report = labels_export.export_labels(tmp_path / "out", site=site, scanner=scanner)
    assert (report.pictures, report.negatives, report.left_out) == (2, 2, [])


def test_offered_frames_are_saved_by_an_explicit_choice(rejected, reviewer, outsider, scanner):
    hard_negatives.offer(rejected, scanner=scanner)
    still = rejected.incident.evidence.get(kind="frame_peak")
    for chosen in ([], [still.pk], [10**9]):
        with pytest.raises(DomainError, match="at least one"):
            hard_negatives.save(rejected.pk, chosen, by=reviewer)
    with pytest.raises(NotFound):
        hard_negatives.save(rejected.pk, [], by=outsider)


@pytest.mark.parametrize("reason", ["baseline_noise", "low_quality"])
def test_other_reasons_offer_nothing(camera, reviewer, scanner, reason):
    item = redacted(walker(camera), scanner)
    decisions.decide(item.pk, by=reviewer, verdict="rejected", reason=reason)
    item.refresh_from_db()
    with pytest.raises(Conflict):
        hard_negatives.offer(item, scanner=scanner)


def test_without_a_redacted_copy_nothing_is_offered(rejected, scanner):
    clip = rejected.incident.evidence.get(kind="clip")
    Redaction.objects.filter(evidence=clip).delete()
    with pytest.raises(Conflict, match="no redacted copy"):
        hard_negatives.offer(rejected, scanner=scanner)
    assert track_frames.of_item(rejected) == []


def test_an_item_that_was_decided_anew_meanwhile_keeps_none_of_the_frames(
    confirmed, reviewer, supervisor, scanner, monkeypatch
):
    find = track_frames._diverse

    def slow(*given):
        found = find(*given)
        decisions.reopen(confirmed.pk, by=supervisor, note="look again")
        decisions.decide(confirmed.pk, by=reviewer, verdict="confirmed")
        return found

    monkeypatch.setattr(track_frames, "_diverse", slow)
    with pytest.raises(Conflict) as refusal:
        propagation.propagate(confirmed, by=reviewer, scanner=scanner)
    assert refusal.value.code == "item_moved_on"
    assert track_frames.of_item(confirmed) == []


@pytest.mark.parametrize(
    ("is_throughout", "near"), [(True, [True] * 3), (False, [True, False, False])]
)
def test_what_is_drawn_on_the_clip_is_hidden_in_its_frames(
    confirmed, reviewer, supervisor, scanner, is_throughout, near
):
    made = propagation.propagate(confirmed, by=reviewer, scanner=scanner)
    moments = sorted(one.evidence.at_seconds - START for one in made)
    at_seconds = None if is_throughout else moments[0] - 0.9
    assert is_throughout or moments[1] - at_seconds > 1.1
    decisions.reopen(confirmed.pk, by=supervisor, note="a badge can be read")
    confirmed.refresh_from_db()
    clip = confirmed.incident.evidence.get(kind="clip")
    badge = {"evidence": clip.pk, "box_xyxy": [0.0, 0.0, 0.2, 0.2], "at_seconds": at_seconds}

    privacy.apply_redaction(confirmed, by=supervisor, drawn_regions=[badge])
    proposing.propose_waiting(confirmed.pk, scanner=scanner)

    rows = Redaction.objects.filter(state="applied", evidence__kind="track_frame")
    drawn_on = {row.evidence_id: bool(row.drawn_regions) for row in rows if row.drawn_regions}
    in_time = sorted(made, key=lambda one: one.evidence.at_seconds)
    assert [drawn_on.get(one.evidence_id, False) for one in in_time] == near
