"""Acts on different items that meet in the counts and the audit chain: none waits for ever."""

import pytest

from detection.rules.config import parse_config
from detection.services import cameras
from hitlsite import audit
from hitlsite.errors import Conflict, DomainError
from review.models import TrainingItem
from review.services import bulk, conversion, decisions, label_classes, marks, tallies
from tests import factories, photos
from tests.review.services.test_concurrency import at_once, people

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sql]
ROUNDS = 12


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


def errors_of(outcomes):
    """Return what went wrong and was no refusal."""
    return [
        one for one in outcomes if isinstance(one, Exception) and not isinstance(one, DomainError)
    ]


def numbers_are_true(site):
    return tallies.recount(site) == {} and audit.verify().is_whole


def test_confirming_with_a_redaction_beside_a_rejection(camera, site, reviewer, second_reviewer):
    incidents = [factories.incident(camera) for _ in range(2 * ROUNDS)]
    hidden = [factories.item(one, privacy="faces") for one in incidents[:ROUNDS]]
    clear = [factories.item(one) for one in incidents[ROUNDS:]]
    one, other = people(reviewer, second_reviewer)

    def confirm():
        return [decisions.decide(item.pk, by=one, verdict="confirmed") for item in hidden]

    def reject():
        return [
            decisions.decide(item.pk, by=other, verdict="rejected", reason="duplicate")
            for item in clear
        ]

    outcomes = at_once(confirm, reject)

    assert errors_of(outcomes) == []
    assert TrainingItem.objects.filter(status="pending_review").count() == 0
    assert numbers_are_true(site)


def test_a_batch_is_taken_back_while_its_items_are_reopened(
    camera, site, reviewer, supervisor, settings
):
    settings.UNDO_SECONDS = 600
    for _ in range(4):
        items = [
            factories.item(factories.incident(camera, with_files=False)) for _ in range(ROUNDS)
        ]
        pks = [item.pk for item in items]
        done = bulk.decide_many(pks, by=reviewer, verdict="rejected", reason="duplicate")
        one, other = people(reviewer, supervisor)

        def reopen(by=other, pks=pks):
            done = []
            for pk in reversed(pks):
                try:
                    done.append(decisions.reopen(pk, by=by, note="again"))
                except Conflict:
                    continue
            return done

        outcomes = at_once(
            lambda by=one, batch=done.batch: decisions.undo_batch(batch, by=by), reopen
        )

        assert errors_of(outcomes) == []
    assert numbers_are_true(site)


def test_a_photo_is_marked_anew_while_it_is_confirmed(camera, site, reviewer, second_reviewer):
    one, other = people(reviewer, second_reviewer)
    made = []
    for _ in range(ROUNDS):
        photo = photos.photo(camera, content=factories.jpeg(factories.picture()))
        made.append(photos.looked_at(photos.marked(photo, reviewer)[1], privacy="faces"))

    def mark_anew():
        for item in made:
            marks.unmark(item.photo_id, by=one)
            marks.mark(item.photo_id, by=one, reason="other")

    def confirm():
        for item in made:
            try:
                decisions.decide(item.pk, by=other, verdict="confirmed")
            except Conflict:
                continue

    assert errors_of(at_once(mark_anew, confirm)) == []
    assert numbers_are_true(site)


def test_items_join_a_stack_while_its_head_is_judged(camera, site, scanner, supervisor):
    head = factories.item(factories.incident(camera, with_files=False))
    (one,) = people(supervisor)

    def judge():
        for _ in range(3 * ROUNDS):
            decisions.decide(head.pk, by=one, verdict="rejected", reason="duplicate")
            decisions.reopen(head.pk, by=one, note="again")

    def join():
        for _ in range(3 * ROUNDS):
            conversion.convert(factories.incident(camera, with_files=False), scanner=scanner)

    assert errors_of(at_once(judge, join)) == []
    assert TrainingItem.objects.filter(stack=head).count() == 3 * ROUNDS
    assert numbers_are_true(site)


def test_a_class_is_renamed_while_items_are_judged(camera, site, reviewer, supervisor):
    items = [factories.item(factories.incident(camera, with_files=False)) for _ in range(40)]
    first = label_classes.ensure(site)[0]
    one, other = people(reviewer, supervisor)

    def judge():
        for item in items:
            decisions.decide(item.pk, by=one, verdict="confirmed")

    def rename():
        for number in range(40):
            label_classes.rename(first.pk, f"class {number}", by=other)

    assert errors_of(at_once(judge, rename)) == []
    assert numbers_are_true(site)


def test_rules_are_saved_while_items_are_made(camera, site, scanner):
    def convert():
        for _ in range(3 * ROUNDS):
            conversion.convert(factories.incident(camera, with_files=False), scanner=scanner)

    def save():
        for number in range(6 * ROUNDS):
            rule = {"name": "loitering rule", "kind": "loitering", "classes": ["person"]}
            rule["threshold_seconds"] = 30 + number
            cameras.apply_config(camera, parse_config({"rules": [rule]}, file_name="rules"))

    assert at_once(convert, save) == [None, None]
    assert numbers_are_true(site)
