"""Spans to label are found once, answered by labels, and taken off and put back by people."""

from datetime import timedelta

import pytest
from django.utils import timezone

from detection.models import Footage, TaskLog
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import AuditEntry
from tests import cast, factories
from tests.training import said
from training.models import SpanAnnotation, SpanSearch, SpanToLabel
from training.selectors import spans_to_label as selector
from training.services import spans_to_label as service

pytestmark = pytest.mark.django_db
UNSURE = (10, "work", 0.9), (4, "idle", 0.4), (10, "work", 0.9)


@pytest.fixture(autouse=True)
def _no_chance(monkeypatch):
    """Draw nothing at random; tests of the control arm say so themselves."""
    monkeypatch.setattr(service, "_key", lambda *args: b"\xff" * 32)


@pytest.fixture
def labels(site):
    return said.label_set(site)


@pytest.fixture
def model(labels):
    return said.classifier(labels)


@pytest.fixture
def video(camera):
    return said.ended(camera)


def annotate(labels, footage, *spans, by=None):
    """Save spans as the editor does, with what follows from it."""
    SpanAnnotation.objects.filter(label_set=labels, footage=footage).update(is_current=False)
    saved = SpanAnnotation.objects.create(
        label_set=labels,
        footage=footage,
        version=SpanAnnotation.objects.count() + 1,
        spans=[list(span) for span in spans],
        source="drawn",
        annotated_by=by,
    )
    service.labelled(saved)
    return saved


def queued():
    return list(
        SpanToLabel.objects.order_by("start_seconds").values_list("start_seconds", "end_seconds")
    )


def test_an_unsure_stretch_is_queued(video, model, labels):
    said.log(video, model, *UNSURE)
    (span,) = service.find(video.pk)

    assert SpanToLabel.objects.get() == span
    assert (span.start_seconds, span.end_seconds) == (10.0, 14.0)
    assert (span.label_set, span.deployment, span.challenger) == (labels, model, None)
    assert (span.reason, span.predicted, span.other) == ("low_confidence", "idle", "")
    assert span.state == "waiting"
    assert AuditEntry.objects.get(action="spans.found").site == video.camera.site


def test_the_one_that_looks_on_differs(video, model, labels):
    rival = said.classifier(labels, role="challenger")
    said.log(video, model, (20, "work", 0.9))
    said.log(video, rival, (10, "work", 0.9), (4, "idle", 0.8), (6, "work", 0.9))
    (span,) = service.find(video.pk)

    assert (span.reason, span.predicted, span.other) == ("disagreement", "work", "idle")
    assert (span.deployment, span.challenger) == (model, rival)


def test_one_that_looks_on_alone_asks_nothing(video, labels):
    rival = said.classifier(labels, role="challenger")
    said.log(video, rival, *UNSURE)
    assert service.find(video.pk) == []


def test_searching_again_finds_nothing_twice(video, model):
    said.log(video, model, *UNSURE)
    service.find(video.pk)

    assert service.find(video.pk) == []
    SpanSearch.objects.all().delete()
    assert service.find(video.pk) == []
    assert queued() == [(10.0, 14.0)]


def test_a_stream_is_searched_as_it_grows(camera, model):
    stream = factories.footage(camera, kind=Footage.Kind.STREAM, duration_seconds=None)
    said.log(stream, model, (56, "work", 0.9), (4, "idle", 0.4))
    service.find(stream.pk)
    said.log(stream, model, (4, "idle", 0.4), (56, "work", 0.9), start=60.0)
    service.find(stream.pk)

    assert queued() == [(56.0, 60.0), (60.0, 64.0)]


def test_an_hour_has_so_many_and_no_more(settings, video, model):
    settings.SPANS_TO_LABEL = 2
    parts = [part for number in range(4) for part in ((5, "work", 0.9), (2, "idle", 0.5))]
    parts[3] = (2, "idle", 0.1)
    said.log(video, model, *parts)
    service.find(video.pk)
    said.log(video, model, (5, "work", 0.9), (2, "idle", 0.2), start=100.0)
    service.find(video.pk)

    assert queued() == [(5.0, 7.0), (12.0, 14.0)]


def test_what_people_named_already_is_not_asked(video, model, labels):
    annotate(labels, video, (0.0, 13.0, "work"))
    said.log(video, model, *UNSURE)
    assert service.find(video.pk) == []


def test_random_pieces_go_with_what_is_asked(monkeypatch, video, model):
    monkeypatch.setattr(service, "_key", lambda *args: b"\0" * 32)
    said.log(video, model, *UNSURE)
    found = service.find(video.pk)

    (piece,) = [span for span in found if span.reason == "random"]
    (asked,) = [span for span in found if span.reason != "random"]
    assert piece.end_seconds - piece.start_seconds == pytest.approx(5.0, abs=0.01)
    assert piece.priority == asked.priority


def test_the_key_is_nobodys_guess(monkeypatch, settings, video, model, labels):
    monkeypatch.undo()
    key = service._key(labels, video, model, 10.0)
    assert key == service._key(labels, video, model, 10.0)
    assert key != service._key(labels, video, model, 11.0)
    settings.SECRET_KEY = "another " * 8
    assert key != service._key(labels, video, model, 10.0)


def test_at_another_site_its_own_labels_are_asked_for(model, labels):
    elsewhere = factories.site("Pier")
    video = said.ended(factories.camera(elsewhere))
    said.log(video, model, *UNSURE)
    with pytest.raises(DomainError, match="No label set of this site"):
        service.find(video.pk)
    assert SpanToLabel.objects.count() == 0

    theirs = said.label_set(elsewhere)
    SpanSearch.objects.all().delete()
    (span,) = service.find(video.pk)
    assert span.label_set == theirs


def test_footage_that_is_not_there(db):
    with pytest.raises(NotFound):
        service.find(10**9)


class TestWaiting:
    def test_a_file_waits_until_it_has_ended(self, camera, model):
        video = factories.footage(camera)
        said.log(video, model, *UNSURE)
        later = timezone.now() + timedelta(hours=1)
        assert service.find_waiting(later) == 0

        Footage.objects.filter(pk=video.pk).update(ended_at=later)
        assert service.find_waiting(later) == 1
        assert selector.waiting_footage(later) == []

    def test_a_stream_is_searched_a_minute_behind(self, camera, model):
        stream = factories.footage(camera, kind=Footage.Kind.STREAM)
        said.log(stream, model, *UNSURE)

        assert service.find_waiting() == 0
        assert service.find_waiting(timezone.now() + timedelta(seconds=61)) == 1

    def test_what_is_said_later_is_searched_too(self, video, model):
        said.log(video, model, *UNSURE)
        assert service.find_waiting() == 1
        said.log(video, model, *UNSURE, start=30.0)
        assert service.find_waiting() == 1

    def test_one_footage_without_labels_keeps_no_other_waiting(self, video, model):
        lost = said.ended(factories.camera(factories.site()))
        said.log(lost, model, *UNSURE)
        said.log(video, model, *UNSURE)
        assert service.find_waiting() == 1
        assert selector.waiting_footage() == []

    def test_another_worker_searches(self, video, model):
        from hitlsite import jobs

        said.log(video, model, *UNSURE)
        with jobs.alone(service.KIND, "all"):
            assert service.find_waiting() == 0
        assert service.find_waiting() == 1

    def test_nothing_was_said(self, db):
        assert service.find_waiting() == 0
        assert TaskLog.objects.count() == 0


class TestAnswers:
    @pytest.fixture
    def span(self, video, model):
        said.log(video, model, *UNSURE)
        return service.find(video.pk)[0]

    @pytest.mark.parametrize(
        ("spans", "state"),
        [
            ([(10.0, 14.0, "work")], "labelled"),
            ([(0.0, 11.0, "work"), (13.0, 20.0, "idle")], "labelled"),
            ([(0.0, 11.9, "work")], "waiting"),
            ([], "waiting"),
        ],
    )
    def test_what_covers_half_of_it_answers_it(self, span, labels, video, reviewer, spans, state):
        saved = annotate(labels, video, *spans, by=reviewer)
        span.refresh_from_db()

        assert span.state == state
        if state == "labelled":
            assert (span.annotation, span.handled_by) == (saved, reviewer)
            assert span.handled_at is not None

    def test_labels_of_another_question_do_not(self, span, site, video):
        annotate(said.label_set(site, name="Door"), video, (0.0, 60.0, "work"))
        span.refresh_from_db()
        assert span.state == "waiting"

    def test_an_answer_stays_what_it_was(self, span, labels, video):
        first = annotate(labels, video, (10.0, 14.0, "work"))
        annotate(labels, video, (10.0, 14.0, "idle"))
        span.refresh_from_db()
        assert span.annotation == first

    def test_dismissed_and_put_back(self, span, reviewer, second_reviewer):
        service.dismiss(span.pk, by=reviewer)
        span.refresh_from_db()
        assert (span.state, span.handled_by) == ("dismissed", reviewer)
        with pytest.raises(Conflict, match="dismissed already"):
            service.dismiss(span.pk, by=second_reviewer)

        service.restore(span.pk, by=second_reviewer)
        span.refresh_from_db()
        assert (span.state, span.handled_by, span.handled_at) == ("waiting", None, None)
        actions = AuditEntry.objects.filter(object_id=str(span.pk)).values_list("action", flat=True)
        assert {"span.dismissed", "span.restored"} <= set(actions)

    def test_what_was_answered_stays_answered(self, span, labels, video, reviewer):
        annotate(labels, video, (10.0, 14.0, "work"))
        for act in (service.dismiss, service.restore):
            with pytest.raises(Conflict):
                act(span.pk, by=reviewer)

    def test_a_dismissed_span_is_not_found_again(self, span, video, model, reviewer):
        service.dismiss(span.pk, by=reviewer)
        SpanSearch.objects.all().delete()
        assert service.find(video.pk) == []

    def test_others_do_not_know_of_it(self, span, outsider, device_user):
        for user in (outsider, device_user):
            with pytest.raises(NotFound):
                service.dismiss(span.pk, by=user)

    def test_who_may_only_look_may_not_dismiss(self, span, reviewer):
        group = reviewer.groups.get()
        group.permissions.remove(group.permissions.get(codename="change_spantolabel"))
        with pytest.raises(Forbidden):
            service.dismiss(span.pk, by=type(reviewer).objects.get(pk=reviewer.pk))


class TestMeasured:
    def test_how_often_the_model_was_wrong_by_arm(self, video, model, labels, reviewer):
        columns = {"label_set": labels, "footage": video, "deployment": model, "priority": 0.5}
        columns |= {"predicted": "work", "confidence": 0.5}
        for number in range(6):
            SpanToLabel.objects.create(
                start_seconds=10.0 * number,
                end_seconds=10.0 * number + 5.0,
                reason="random" if number > 3 else "low_confidence",
                **columns,
            )
        annotate(labels, video, (0.0, 12.9, "idle"), (20.0, 60.0, "work"), by=reviewer)

        doubt, chance = selector.arms(reviewer)
        assert (doubt.name, doubt.queued, doubt.labelled, doubt.wrong) == ("doubt", 4, 4, 2)
        assert (chance.name, chance.queued, chance.labelled, chance.wrong) == ("chance", 2, 2, 0)
        assert 0.0 < doubt.low < doubt.share < doubt.high < 1.0
        assert chance.low == 0.0 and chance.high > 0.5

    def test_before_any_answer_nothing_is_known(self, reviewer):
        for arm in selector.arms(reviewer):
            assert (arm.share, arm.low, arm.high) == (None, 0.0, 1.0)

    def test_another_site_measures_its_own(self, video, model, labels, reviewer):
        other = cast.person("far", "reviewer", factories.site())
        said.log(video, model, *UNSURE)
        service.find(video.pk)
        assert [arm.queued for arm in selector.arms(reviewer)] == [1, 0]
        assert [arm.queued for arm in selector.arms(other)] == [0, 0]
