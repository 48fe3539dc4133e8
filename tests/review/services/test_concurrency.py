"""Several people at once: every item is decided once, and whoever is slower is told."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.utils import timezone

from hitlsite import audit
from hitlsite.errors import Conflict
from review import selectors
from review.models import Decision, TrainingItem
from review.services import bulk, conversion, decisions, privacy, proposing, queue
from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sql]


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


def at_once(*acts):
    """Run acts in threads of their own, started together; return results and exceptions."""
    start = threading.Barrier(len(acts))

    def run(act):
        try:
            start.wait(timeout=20)
            return act()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def people(*users):
    """Return users as other processes would load them."""
    return [get_user_model().objects.get(pk=user.pk) for user in users]


@pytest.mark.parametrize("privacy_state", ["clear", "faces"])
def test_of_two_who_decide_at_once_one_wins(camera, reviewer, second_reviewer, privacy_state):
    for _ in range(5):
        item = factories.item(factories.incident(camera), privacy=privacy_state)
        one, other = people(reviewer, second_reviewer)

        outcomes = at_once(
            lambda pk=item.pk, by=one: decisions.decide(pk, by=by, verdict="confirmed"),
            lambda pk=item.pk, by=other: decisions.decide(
                pk, by=by, verdict="rejected", reason="duplicate"
            ),
        )

        won = [one for one in outcomes if isinstance(one, Decision)]
        lost = [one for one in outcomes if isinstance(one, Conflict)]
        assert (len(won), len(lost)) == (1, 1), outcomes
        assert lost[0].code == "already_decided"
        item.refresh_from_db()
        assert item.status == won[0].verdict
        assert list(item.decisions.all()) == won
        if item.status == "rejected":
            assert not item.redactions.filter(state="applied").exists()
    assert audit.verify().is_whole


def test_eight_people_and_forty_items(camera, site, reviewer):
    items = [factories.item(factories.incident(camera, with_files=False)) for _ in range(40)]
    crowd = people(*[reviewer] * 8)

    def decide_all(by):
        won = 0
        for item in items:
            try:
                decisions.decide(item.pk, by=by, verdict="confirmed")
                won += 1
            except Conflict:
                continue
        return won

    outcomes = at_once(*[lambda by=by: decide_all(by) for by in crowd])

    assert sum(outcomes) == 40, outcomes
    assert Decision.objects.count() == 40
    assert set(TrainingItem.objects.values_list("status", "version")) == {("confirmed", 2)}
    report = audit.verify()
    assert (report.is_whole, report.entries) == (True, 40)


def test_nobody_claims_what_another_claims(camera, reviewer, second_reviewer):
    for _ in range(20):
        factories.item(factories.incident(camera, with_files=False))
    users = people(reviewer, second_reviewer, reviewer, second_reviewer)

    outcomes = at_once(*[lambda by=by: queue.claim(by, count=5) for by in users])

    for claimed in outcomes:
        assert not isinstance(claimed, Exception), claimed
    held = [{item.pk for item in claimed} for claimed in outcomes]
    assert (held[0] | held[2]) & (held[1] | held[3]) == set()
    assert TrainingItem.objects.filter(claimed_by=reviewer).count() >= 5


def test_nobody_is_sent_ahead_to_what_another_is_sent_to(camera, reviewer, second_reviewer):
    items = [factories.item(factories.incident(camera, with_files=False)) for _ in range(24)]
    users = people(reviewer, second_reviewer)

    for _ in range(4):
        outcomes = at_once(
            *[
                lambda by=by, at=at: queue.upcoming(by, items[at], count=3)
                for by in users
                for at in (0, 12)
            ]
        )
        for ahead in outcomes:
            assert not isinstance(ahead, Exception), ahead
        seen = [{item.pk for item in ahead} for ahead in outcomes]
        assert (seen[0] | seen[1]) & (seen[2] | seen[3]) == set()
        for by in users:
            queue.release(by)


def test_two_who_walk_the_queue_at_once_never_meet(camera, reviewer, second_reviewer):
    for _ in range(30):
        factories.item(factories.incident(camera, with_files=False))

    def walk(by):
        mine = []
        while claimed := queue.claim(by, count=3):
            for item in claimed:
                decisions.decide(item.pk, by=by, verdict="rejected", reason="duplicate")
                mine.append(item.pk)
        return mine

    one, other = at_once(*[lambda by=by: walk(by) for by in people(reviewer, second_reviewer)])

    assert len(one) + len(other) == 30, (one, other)
    assert set(one) & set(other) == set()


def test_two_batches_over_the_same_items_at_once(camera, reviewer, second_reviewer):
    pks = [factories.item(factories.incident(camera, with_files=False)).pk for _ in range(12)]

    outcomes = at_once(
        *[
            lambda by=by, order=order: bulk.decide_many(order, by=by, verdict="confirmed")
            for by, order in zip(people(reviewer, second_reviewer), (pks, pks[::-1]), strict=True)
        ]
    )

    assert sum(len(one.done) for one in outcomes) == 12, outcomes
    assert sum(len(one.refused) for one in outcomes) == 12
    assert Decision.objects.count() == 12
    assert selectors.counts(reviewer)["confirmed"] == 12
    assert audit.verify().is_whole


def test_an_incident_converted_twice_at_once_is_one_item(camera, settings, tmp_path):
    settings.DETECTOR, settings.MODEL_DIR = "motion", tmp_path
    incident = factories.incident(camera, with_files=False)

    outcomes = at_once(*[lambda: conversion.convert(incident)] * 3)

    assert TrainingItem.objects.count() == 1
    assert sorted(is_new for _, is_new in outcomes) == [False, False, True]


def test_a_verdict_and_the_proposal_it_waits_for(camera, reviewer, scanner):
    """Whichever comes first, the confirmation ends up in force exactly once."""
    for _ in range(4):
        item = factories.item(factories.incident(camera), privacy="unscanned")
        privacy.scan_item(item, scanner=scanner)
        waiting = TrainingItem.objects.get(pk=item.pk)
        (by,) = people(reviewer)

        outcomes = at_once(
            lambda pk=item.pk, by=by: decisions.decide(pk, by=by, verdict="confirmed"),
            lambda waiting=waiting: privacy.propose(waiting, scanner=scanner),
        )

        assert not any(isinstance(one, Exception) for one in outcomes), outcomes
        item.refresh_from_db()
        assert (item.status, item.privacy) == ("confirmed", "redacted")
        assert item.decisions.get().effect == "applied"


def test_an_undo_and_a_reopening_at_once(camera, reviewer, supervisor):
    item = factories.item(factories.incident(camera), privacy="faces")
    decisions.decide(item.pk, by=reviewer, verdict="confirmed")
    one, other = people(reviewer, supervisor)

    outcomes = at_once(
        lambda: decisions.undo(by=one),
        lambda: decisions.reopen(item.pk, by=other, note="look again"),
    )

    assert sum(isinstance(one, Decision) for one in outcomes) == 1, outcomes
    item.refresh_from_db()
    assert item.status == "pending_review"


def test_two_who_redact_at_once(camera, reviewer, second_reviewer, scanner):
    item = factories.item(factories.incident(camera), privacy="unscanned")
    privacy.scan_item(item, scanner=scanner)
    copies = [TrainingItem.objects.get(pk=item.pk) for _ in range(2)]
    users = people(reviewer, second_reviewer)

    outcomes = at_once(
        *[
            lambda copy=copy, by=by, method=method: privacy.apply_redaction(
                copy, by=by, method=method
            )
            for copy, by, method in zip(copies, users, ("mask", "blur"), strict=True)
        ],
    )

    assert sorted(type(one).__name__ for one in outcomes) == ["Conflict", "TrainingItem"], outcomes
    at_once(*[lambda: proposing.propose_waiting(item.pk, scanner=scanner)] * 2)
    item.refresh_from_db()
    assert (item.privacy, item.requested_redaction) == ("redacted", None)
    for evidence in item.incident.evidence.all():
        applied = evidence.redactions.get(state="applied")
        assert (evidence.sha256, evidence.path) == (applied.sha256, applied.path)


def test_a_claim_that_ends_while_two_wait_for_it(camera, reviewer, second_reviewer, supervisor):
    item = factories.item(factories.incident(camera, with_files=False))
    now = timezone.now()
    queue.claim_item(item.pk, by=supervisor, at=now)
    later = now + timedelta(seconds=301)
    users = people(reviewer, second_reviewer)

    outcomes = at_once(*[lambda by=by: queue.claim_item(item.pk, by=by, at=later) for by in users])

    assert sum(isinstance(one, Conflict) for one in outcomes) == 1, outcomes
