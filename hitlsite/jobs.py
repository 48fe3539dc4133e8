"""Claim, heartbeat, finish and sweep rows of leased work.

Every step is one conditional UPDATE whose row count says who won; nothing here holds a lock while
work is done. The functions take any model with the columns of ``Leased``.
"""

import logging
import os
import socket
import threading
import uuid
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    close_old_connections,
    connection,
    transaction,
)
from django.db.models import F, Q
from django.utils import timezone

from hitlsite.errors import DomainError
from hitlsite.models import Job, Leased

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
KEPT_FINISHED = timedelta(days=1)


class LeaseLost(Exception):
    """Another worker holds the row now; whatever was being done must not be stored."""


def new_holder():
    """Return a name for one claim: host, process and a random part."""
    return f"{socket.gethostname()[:24]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def enqueue(kind, key, *, site=None, parameters=None, created_by=None):
    """Return the active job of this kind and key, and whether this call made it."""
    active = Job.objects.active().filter(kind=kind, key=key)
    found = active.first()
    if found:
        return found, False
    try:
        with transaction.atomic():
            job = Job.objects.create(
                kind=kind, key=key, site=site, parameters=parameters or {}, created_by=created_by
            )
    except IntegrityError:
        return active.get(), False
    return job, True


def claimable(queryset, at=None):
    """Narrow ``queryset`` to rows that a worker may take: queued and due, or past their lease."""
    at = at or timezone.now()
    is_due = Q(not_before__isnull=True) | Q(not_before__lte=at)
    return queryset.filter(
        Q(is_due, state=Leased.State.QUEUED)
        | Q(state=Leased.State.RUNNING, lease_expires_at__lt=at)
    )


def claim(queryset, pk, *, holder=None, seconds=None):
    """Take the row ``pk`` for this worker, or return None where somebody else has it."""
    now = timezone.now()
    holder = holder or new_holder()
    won = (
        claimable(queryset, now)
        .filter(pk=pk)
        .update(
            state=Leased.State.RUNNING,
            lease_holder=holder,
            lease_expires_at=now + timedelta(seconds=seconds or settings.LEASE_SECONDS),
            attempts=F("attempts") + 1,
            not_before=None,
            started_at=now,
            error_code="",
            error_message="",
        )
    )
    return queryset.get(pk=pk) if won else None


def heartbeat(row, *, seconds=None, **columns):
    """Move the lease forward and store progress ``columns``.

    Raises:
        LeaseLost: the row is no longer ours (expired and taken, or cancelled).
    """
    until = timezone.now() + timedelta(seconds=seconds or settings.LEASE_SECONDS)
    held = _held(row).update(lease_expires_at=until, **columns)
    if not held:
        raise LeaseLost(str(row))


def finish(row, state=Leased.State.DONE, **columns):
    """End the row in ``state``; LeaseLost where it is no longer ours."""
    ended = _held(row).update(
        state=state, finished_at=timezone.now(), lease_expires_at=None, **columns
    )
    if not ended:
        raise LeaseLost(str(row))


def release(row, *, error=None, retry=True):
    """Give the row back after an error: queued for later, or failed once its attempts are used up.

    Returns:
        whether it has failed for good.
    """
    again = retry and row.attempts < MAX_ATTEMPTS
    code, message = describe(error)
    now = timezone.now()
    released = _held(row).update(
        state=Leased.State.QUEUED if again else Leased.State.FAILED,
        not_before=now + wait_after(row.attempts) if again else None,
        finished_at=None if again else now,
        lease_expires_at=None,
        error_code=code,
        error_message=message,
    )
    return bool(released) and not again


def wait_after(attempts):
    """Return how long a row rests after so many attempts: twice as long each time, 1 h at most."""
    return min(FIRST_WAIT * 2 ** min(attempts, 20), LONGEST_WAIT)


def requeue(queryset):
    """Let workers take waiting and failed rows at once, with every attempt before them.

    Returns:
        how many rows that were; what runs or is done stays as it is.
    """
    states = [Leased.State.QUEUED, Leased.State.FAILED]
    return queryset.filter(state__in=states).update(
        state=Leased.State.QUEUED,
        attempts=0,
        not_before=None,
        lease_expires_at=None,
        finished_at=None,
        error_code="",
        error_message="",
    )


def forget_finished(kind, at=None):
    """Delete the jobs of a kind that ended more than a day ago; return how many that were."""
    before = (at or timezone.now()) - KEPT_FINISHED
    ended = [Leased.State.DONE, Leased.State.FAILED, Leased.State.CANCELLED]
    return Job.objects.filter(kind=kind, state__in=ended, finished_at__lt=before).delete()[0]


def describe(error):
    """Return (code, message) of an error as stored on a row."""
    if error is None:
        return "", ""
    if isinstance(error, DomainError):
        return error.code, error.message
    return "unexpected", f"{type(error).__name__}: {error}"[:2000]


def sweep(queryset):
    """Queue again what is held past its lease; return how many rows that were."""
    now = timezone.now()
    expired = queryset.filter(state=Leased.State.RUNNING, lease_expires_at__lt=now)
    worn_out = expired.filter(attempts__gte=MAX_ATTEMPTS).update(
        state=Leased.State.FAILED,
        finished_at=now,
        error_code="worker_lost",
        error_message=f"The worker was lost {MAX_ATTEMPTS} times in the middle of this.",
    )
    return worn_out + expired.update(state=Leased.State.QUEUED, lease_expires_at=None)


@contextmanager
def kept_alive(row, *, seconds=None):
    """Send heartbeats from a thread while a block does work that cannot do so itself.

    A heartbeat that the database refuses is only missed: the next one may save the lease.
    """
    seconds = seconds or settings.LEASE_SECONDS
    stop = threading.Event()

    def beat():
        while not stop.wait(seconds / 3):
            try:
                heartbeat(row, seconds=seconds)
            except LeaseLost:
                return
            except (DatabaseError, InterfaceError) as error:
                logger.warning("a heartbeat of %s was missed: %s", row, error)
            finally:
                connection.close()  # this thread's own

    thread = threading.Thread(target=beat, name=f"heartbeat-{row.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)
        if not connection.in_atomic_block:
            close_old_connections()


def _held(row):
    return type(row).objects.filter(
        pk=row.pk, state=Leased.State.RUNNING, lease_holder=row.lease_holder
    )


def is_dead(holder):
    """Whether a holder is known to be gone: a process of this host that no longer runs."""
    host, _, rest = holder.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname()[:24] or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


@contextmanager
def alone(kind, key, *, site=None):
    """Give the job of this kind and key to one worker; None to those who come while it runs.

    Every turn is a row of its own, so the rows of old turns go with the next.
    """
    job, _ = enqueue(kind, key, site=site)
    held = claim(Job.objects.filter(kind=kind), job.pk)
    if held is None:
        yield None
        return
    try:
        with kept_alive(held):
            yield held
    except Exception as error:
        release(held, error=error, retry=False)
        raise
    finish(held)
    forget_finished(kind)
