"""Going back by itself when people begin to reject what a fresh deployment reports."""

import threading
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from detection.models import Incident
from detection.services import deployments, serving
from detection.slots import LOD_POLICY, OBJECT_DETECTOR
from hitlsite.models import AuditEntry
from review.models import TrainingItem
from tests import factories
from training.models import Promotion, RetrainingPolicy
from training.services import live_rates, policies

pytestmark = pytest.mark.django_db
NOW = timezone.now()


class Stream:
    """Incidents of one camera, judged as they come."""

    def __init__(self, camera):
        self.footage = factories.footage(camera)
        self.segment = factories.segment(self.footage)
        self.at = NOW - timedelta(days=9)
        self.count = 0

    def judge(self, deployment, verdicts, *, at=None, **columns):
        """Add an incident with a verdict for each of "c" (confirmed) and "r" (rejected)."""
        self.at = at or self.at
        for verdict in verdicts:
            self.count += 1
            self.at += timedelta(seconds=60)
            status = {"c": "confirmed", "r": "rejected", "p": "pending_review"}[verdict]
            incident = Incident.objects.create(
                camera=self.footage.camera,
                footage=self.footage,
                segment=self.segment,
                deployment=deployment,
                key=f"incident {self.count}",
                category="loitering",
                severity="low",
                class_name="person",
                state="closed",
                opened_at_seconds=1.0,
                closed_at_seconds=2.0,
                opened_at=self.at,
                closed_at=self.at,
            )
            TrainingItem.objects.create(
                site=self.footage.camera.site,
                camera=self.footage.camera,
                incident=incident,
                status=status,
                category="loitering",
                proposed_category="loitering",
                privacy="clear",
                severity="low",
                decided_at=self.at,
                **columns,
            )


@pytest.fixture
def stream(camera):
    return Stream(camera)


@pytest.fixture
def first(site):
    return activated("first", NOW - timedelta(days=10))


def activated(name, at, **columns):
    made = deployments.activate(
        OBJECT_DETECTOR,
        at=at,
        name=name,
        files=[],
        sha256=f"{abs(hash(name)):064x}"[:64],
        backend="onnxruntime",
        input_size=416,
        precision="f32",
        class_names=["person"],
        model_version_uuid=None,
        **columns,
    )
    act = Promotion.Act.PROMOTE if not columns else Promotion.Act.SHARE
    Promotion.objects.create(slot=OBJECT_DETECTOR, act=act, deployment=made, decided_at=at)
    return made


@pytest.fixture
def fresh(stream, first):
    """A deployment a day old; of the one before, one incident in five was rejected."""
    stream.judge(first, "ccccr" * 40)
    return activated("second", NOW - timedelta(days=1))


def streamed(stream, deployment, share, count, seed=0):
    """Judge one incident after the other, looking after each; return after which it went back."""
    rng = np.random.default_rng(seed)
    stream.at = max(stream.at, NOW - timedelta(hours=20))
    for number in range(1, count + 1):
        stream.judge(deployment, "r" if rng.random() < share else "c")
        if live_rates.watch(NOW):
            return number
    return None


def test_rejections_that_stream_in_lead_back(stream, fresh, first):
    after = streamed(stream, fresh, 0.6, 60)
    assert 5 <= after <= 50
    assert serving.champion(OBJECT_DETECTOR).name == "first"
    back = Promotion.objects.get(act="rollback")
    assert back.decided_by is None
    assert "People rejected" in back.notes and "of 200 of first" in back.notes
    assert "e-value" in back.detail["reason"]
    assert AuditEntry.objects.filter(action="model.rollback").count() == 1


def test_it_goes_back_once(stream, fresh):
    assert streamed(stream, fresh, 1.0, 40)
    # More of the same come in from segments that were under way.
    stream.judge(fresh, "r" * 20)
    stream.judge(serving.champion(OBJECT_DETECTOR), "r" * 60)
    assert live_rates.watch(NOW) == live_rates.watch(NOW) == []
    assert Promotion.objects.filter(act="rollback").count() == 1
    assert "after a rollback" in live_rates.report(OBJECT_DETECTOR, NOW).why


@pytest.mark.sql
@pytest.mark.django_db(transaction=True)
def test_two_watchers_at_once_go_back_once(stream, fresh):
    stream.judge(fresh, "r" * 40, at=NOW - timedelta(hours=5))
    barrier, found = threading.Barrier(3), []

    def watch():
        barrier.wait()
        found.extend(live_rates.watch(NOW))
        connection.close()

    threads = [threading.Thread(target=watch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == Promotion.objects.filter(act="rollback").count() == 1


@pytest.mark.parametrize("seed", range(3))
def test_equal_rates_change_nothing(stream, fresh, seed):
    assert streamed(stream, fresh, 0.2, 60, seed) is None
    told = live_rates.report(OBJECT_DETECTOR, NOW)
    assert told.is_watched and told.fresh.alarm_at is None
    assert (told.fresh.now.verdicts, told.fresh.before.share) == (60, 0.2)
    assert told.fresh.now.lower <= told.fresh.now.share <= told.fresh.now.upper
    assert "no proof of a rise" in told.sentence


def test_fewer_rejections_change_nothing(stream, fresh):
    stream.judge(fresh, "c" * 100, at=NOW - timedelta(hours=5))
    assert live_rates.watch(NOW) == []


def test_the_policy_may_forbid_it(stream, fresh):
    policies.policy_of(OBJECT_DETECTOR)
    RetrainingPolicy.objects.update(auto_rollback=False)
    stream.judge(fresh, "r" * 60, at=NOW - timedelta(hours=5))
    assert live_rates.watch(NOW) == []
    told = live_rates.report(OBJECT_DETECTOR, NOW)
    assert told.fresh.alarm_at and "switched off" in told.why


def test_what_has_served_for_long_is_left_alone(stream, first):
    stream.judge(first, "c" * 60, at=NOW - timedelta(days=99))
    old = activated("old", NOW - timedelta(days=40))
    stream.judge(old, "r" * 60, at=NOW - timedelta(days=30))
    assert live_rates.watch(NOW) == []
    assert "more than 30 days" in live_rates.report(OBJECT_DETECTOR, NOW).why


def test_little_is_known_of_before(stream, first):
    stream.judge(first, "c" * 29)
    fresh = activated("second", NOW - timedelta(days=1))
    stream.judge(fresh, "r" * 60, at=NOW - timedelta(hours=5))
    told = live_rates.report(OBJECT_DETECTOR, NOW)
    assert told.fresh is None and "Only 29 verdicts" in told.sentence
    assert live_rates.watch(NOW) == []


@pytest.mark.parametrize(
    "columns", [{"mode": "gold"}, {"verdicts": "p" * 60}], ids=["gold", "undecided"]
)
def test_what_is_no_verdict_in_force_counts_for_nothing(stream, fresh, columns):
    columns = dict(columns)
    verdicts = columns.pop("verdicts", "r" * 60)
    stream.judge(fresh, verdicts, at=NOW - timedelta(hours=5), **columns)
    assert live_rates.report(OBJECT_DETECTOR, NOW).fresh.now.verdicts == 0
    assert live_rates.watch(NOW) == []


def test_before_the_first_promotion_the_weights_of_the_start_are_the_measure(stream):
    observed = factories.deployment(
        slot=OBJECT_DETECTOR, name="nano", activated_at=NOW - timedelta(days=50)
    )
    stream.judge(observed, "ccccr" * 40)
    fresh = activated("first", NOW - timedelta(days=1))
    stream.judge(fresh, "r" * 40, at=NOW - timedelta(hours=5))
    (told,) = live_rates.watch(NOW)
    assert told.fresh.before.name == "the weights before"
    assert serving.champion(OBJECT_DETECTOR) is None


def test_a_challenger_is_shown_beside_the_champion(stream, fresh):
    at = NOW - timedelta(hours=10)
    second = activated("third", at, role="challenger", share=0.5)
    stream.judge(fresh, "cccc" * 10, at=at)
    stream.judge(second, "rrrr" * 10, at=at)
    told = live_rates.report(OBJECT_DETECTOR, NOW).challenger
    assert (told.before.name, told.before.rejected) == ("second", 0)
    assert (told.now.name, told.now.rejected) == ("third", 40)
    assert told.alarm_at
    live_rates.watch(NOW)
    assert serving.challenger(OBJECT_DETECTOR) == second


@pytest.mark.parametrize("slot", [OBJECT_DETECTOR, LOD_POLICY])
def test_nothing_deployed_is_nothing_to_watch(slot, db):
    told = live_rates.report(slot)
    assert told.fresh is None and told.sentence and not told.is_watched
