"""Long work as rows: the row is the truth and the queue, a broker message is only a wake-up."""

from django.conf import settings
from django.db import models

from hitlsite.models.site import Site, VisibleQuerySet


class Leased(models.Model):
    """The columns of a unit of work that one worker at a time may hold.

    A worker claims a row by a conditional UPDATE, moves ``lease_expires_at`` forward while it
    runs, and loses the row to anybody once that moment has passed. After an error the row waits
    until ``not_before``: a full disk must not use up every attempt within a minute.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    lease_holder = models.CharField(max_length=64, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    error_message = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_finished(self):
        return self.state in (self.State.DONE, self.State.FAILED, self.State.CANCELLED)


class JobQuerySet(VisibleQuerySet):
    def active(self):
        return self.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING])


class Job(Leased):
    """One piece of background work of a named kind about one thing (``key``)."""

    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE)
    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=100)
    parameters = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    progress_done = models.PositiveBigIntegerField(default=0)
    progress_total = models.PositiveBigIntegerField(default=0)
    progress_message = models.CharField(max_length=200, blank=True)
    result = models.JSONField(default=dict, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints = [
            # Two clicks, two beats or a redelivered message must not start the same work twice.
            models.UniqueConstraint(
                fields=["kind", "key"],
                condition=models.Q(state__in=["queued", "running"]),
                name="job_is_active_once_per_kind_and_key",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "running", "done", "failed", "cancelled"]),
                name="job_state_is_known",
            ),
        ]
        indexes = [
            # The sweeper's query and every worker's search for something to do.
            models.Index(
                fields=["kind", "lease_expires_at"],
                condition=models.Q(state__in=["queued", "running"]),
                name="job_waiting_or_held",
            )
        ]

    def __str__(self):
        return f"{self.kind} {self.key} ({self.state})"
