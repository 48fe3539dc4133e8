"""How a run tells where it is: progress, epochs and log in its row, and how it hears of an end."""

import time

from django.utils import timezone

from hitlsite import jobs
from training.models import TrainingRun

STORED_EVERY_SECONDS = 1.0
MOST_LOG_CHARACTERS = 100_000


class Cancelled(Exception):
    """Somebody asked for the run to end."""


class RunReport:
    """Tells the row of a claimed run, at most once a second; see ``slot_work.Report``.

    Every call may raise Cancelled or ``jobs.LeaseLost``: what is then being done must stop.

    Args:
        listener: called with (run) after every time that it was stored.
    """

    def __init__(self, run, *, listener=None):
        self.run = run
        self._listener = listener
        self._lines = [run.log] if run.log else []
        self._stored_at = 0.0

    def stage(self, stage):
        self.run.stage = stage
        self.run.progress_done = self.run.progress_total = 0
        self.run.progress_message = ""
        self.log(f"-- {stage}")
        self.store()

    def progress(self, done, total, message=""):
        self.run.progress_done, self.run.progress_total = done, total
        self.run.progress_message = message[:200]
        self._store_sometimes()

    def epoch(self, figures):
        """Keep the figures of an epoch; one that is gone through again replaces its first time."""
        number = figures.get("epoch")
        kept = [row for row in self.run.history if row.get("epoch") != number]
        self.run.history = [*kept, figures]
        self.store()

    def log(self, line):
        self._lines.append(f"{timezone.now():%H:%M:%S} {line}")
        self._store_sometimes()

    def store(self):
        """Write the row and heed what others have written into it.

        Raises:
            Cancelled, LeaseLost.
        """
        run, self._stored_at = self.run, time.monotonic()
        run.log = "\n".join(self._lines)[-MOST_LOG_CHARACTERS:]
        self._lines = [run.log]
        jobs.heartbeat(
            run,
            stage=run.stage,
            progress_done=run.progress_done,
            progress_total=run.progress_total,
            progress_message=run.progress_message,
            history=run.history,
            log=run.log,
        )
        if self._listener:
            self._listener(run)
        if TrainingRun.objects.filter(pk=run.pk, cancel_asked_at__isnull=False).exists():
            raise Cancelled

    def _store_sometimes(self):
        if time.monotonic() - self._stored_at >= STORED_EVERY_SECONDS:
            self.store()


class Silent:
    """A report that nobody reads."""

    def stage(self, stage):
        """Say nothing."""

    def progress(self, done, total, message=""):
        """Say nothing."""

    def epoch(self, figures):
        """Say nothing."""

    def log(self, line):
        """Say nothing."""
