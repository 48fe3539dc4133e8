"""Leases: one winner, heartbeats, take-over, waiting after errors, an end after too many tries."""

import threading
from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from hitlsite import jobs
from hitlsite.errors import DomainError
from hitlsite.models import Job

pytestmark = [pytest.mark.sql]


@pytest.fixture
def job(db):
    return jobs.enqueue("export", "7")[0]


def expire(job):
    Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def test_enqueueing_twice_gives_the_same_active_job(job):
    again, is_new = jobs.enqueue("export", "7")
    assert (again.pk, is_new) == (job.pk, False)


def test_a_finished_job_may_be_enqueued_again(job):
    jobs.finish(jobs.claim(Job.objects, job.pk))
    again, is_new = jobs.enqueue("export", "7")
    assert is_new
    assert again.pk != job.pk


def test_a_claimed_job_is_not_claimed_again(job):
    assert jobs.claim(Job.objects, job.pk)
    assert jobs.claim(Job.objects, job.pk) is None


def test_an_expired_lease_is_taken_over_and_its_holder_is_told(job):
    first = jobs.claim(Job.objects, job.pk)
    expire(job)
    second = jobs.claim(Job.objects, job.pk)
    assert second.attempts == 2
    with pytest.raises(jobs.LeaseLost):
        jobs.heartbeat(first)
    with pytest.raises(jobs.LeaseLost):
        jobs.finish(first)
    jobs.finish(second)
    second.refresh_from_db()
    assert second.state == Job.State.DONE


def test_a_heartbeat_moves_the_lease_and_stores_progress(job):
    held = jobs.claim(Job.objects, job.pk, seconds=5)
    jobs.heartbeat(held, seconds=500, progress_done=3)
    job.refresh_from_db()
    assert job.progress_done == 3
    assert job.lease_expires_at > timezone.now() + timedelta(seconds=400)


def test_the_sweeper_queues_what_was_lost_and_leaves_what_is_held(job):
    held, _ = jobs.enqueue("export", "8")
    for row in (job, held):
        jobs.claim(Job.objects, row.pk)
    expire(job)
    assert jobs.sweep(Job.objects.all()) == 1
    job.refresh_from_db()
    held.refresh_from_db()
    assert (job.state, held.state) == (Job.State.QUEUED, Job.State.RUNNING)


def test_a_job_that_kills_its_workers_fails_in_the_end(job):
    for _ in range(jobs.MAX_ATTEMPTS):
        assert jobs.claim(Job.objects, job.pk)
        expire(job)
        jobs.sweep(Job.objects.all())
    job.refresh_from_db()
    assert (job.state, job.error_code) == (Job.State.FAILED, "worker_lost")


def test_a_released_job_keeps_the_reason(job):
    held = jobs.claim(Job.objects, job.pk)
    jobs.release(held, error=DomainError("disk_full", "No space."), retry=False)
    job.refresh_from_db()
    assert (job.state, job.error_code, job.error_message) == ("failed", "disk_full", "No space.")


class TestWaitingAfterAnError:
    @pytest.fixture
    def released(self, job):
        held = jobs.claim(Job.objects, job.pk)
        assert jobs.release(held, error=DomainError("disk_full", "No space.")) is False
        job.refresh_from_db()
        return job

    def test_nobody_takes_it_before_its_time(self, released):
        assert (released.state, released.attempts) == (Job.State.QUEUED, 1)
        assert jobs.claim(Job.objects, released.pk) is None
        assert not jobs.claimable(Job.objects.all()).exists()
        later = timezone.now() + jobs.wait_after(1)
        assert list(jobs.claimable(Job.objects.all(), later)) == [released]

    def test_a_claim_ends_the_wait(self, released):
        Job.objects.update(not_before=timezone.now())
        assert jobs.claim(Job.objects, released.pk).not_before is None

    def test_the_wait_doubles_up_to_an_hour(self):
        waits = [jobs.wait_after(attempts).total_seconds() for attempts in range(1, 10)]
        assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
        assert jobs.wait_after(30_000).total_seconds() == 3600

    def test_the_last_attempt_fails_and_says_so(self, job):
        Job.objects.update(attempts=jobs.MAX_ATTEMPTS - 1)
        held = jobs.claim(Job.objects, job.pk)
        assert jobs.release(held, error=DomainError("disk_full", "No space.")) is True
        job.refresh_from_db()
        assert (job.state, job.not_before) == (Job.State.FAILED, None)

    @pytest.mark.parametrize(
        ("state", "count"),
        [("queued", 1), ("failed", 1), ("running", 0), ("done", 0), ("cancelled", 0)],
    )
    def test_what_waits_or_failed_can_be_queued_anew(self, released, state, count):
        Job.objects.update(state=state, attempts=5)
        assert jobs.requeue(Job.objects.all()) == count
        assert bool(jobs.claim(Job.objects, released.pk)) is bool(count)


def test_finished_jobs_of_a_kind_are_forgotten_after_a_day(job):
    now = timezone.now()
    for kind, state, hours in [
        ("turn", "done", 25),
        ("turn", "failed", 25),
        ("turn", "done", 23),
        ("turn", "queued", None),
        ("other", "done", 25),
    ]:
        ended = hours and now - timedelta(hours=hours)
        Job.objects.create(kind=kind, key="all", state=state, finished_at=ended)
    assert jobs.forget_finished("turn") == 2
    assert Job.objects.filter(kind="turn").count() == 2
    assert Job.objects.filter(kind="other").count() == 1


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_missed_heartbeat_is_not_the_last(job, monkeypatch, caplog, error):
    held, beats, enough = jobs.claim(Job.objects, job.pk), [], threading.Event()

    def heartbeat(row, *, seconds):
        beats.append(row.pk)
        if len(beats) == 3:
            enough.set()
        raise error("database is locked")

    monkeypatch.setattr(jobs, "heartbeat", heartbeat)
    with transaction.atomic(), jobs.kept_alive(held, seconds=0.03):
        assert enough.wait(10)
    assert len(beats) >= 3
    assert "database is locked" in caplog.text
    job.refresh_from_db()  # the connection of this thread is as it was
    assert job.state == Job.State.RUNNING


def test_a_holder_of_this_host_that_no_longer_runs_is_dead():
    own = jobs.new_holder()
    host, _, rest = own.partition(":")
    assert not jobs.is_dead(own)
    assert not jobs.is_dead("elsewhere:1:abc")
    assert jobs.is_dead(f"{host}:4194305:abc")


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_wins():
    job, _ = jobs.enqueue("export", "race")
    start, wins = threading.Barrier(6), []

    def work():
        start.wait()
        try:
            wins.append(jobs.claim(Job.objects, job.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([row for row in wins if row]) == 1
