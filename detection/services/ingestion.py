"""Ingest footage segment by segment, under a lease, exactly once.

Whatever a step changes is stored in one transaction together with a checkpoint of the session and
under the condition that the lease is still ours. A killed worker therefore costs the time since
its last checkpoint and nothing else: the next worker restores it and goes on.
"""

import logging
import time
from dataclasses import dataclass, field

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from detection import checkpoints
from detection.models import Evidence, Footage, Incident, Segment
from detection.services import (
    camera_photos,
    cameras,
    failures,
    incidents,
    inference,
    score_thresholds,
    snapshots,
    task_logs,
    task_serving,
    tracklogs,
)
from detection.services import footage as footage_service
from detection.services.sessions import CameraSession
from hitlsite import audit, jobs

logger = logging.getLogger(__name__)

CLIP_MAX_SECONDS = 60.0


class Observer:
    """What a caller may want to hear while footage is ingested; does nothing by itself."""

    def on_frame(self, at_seconds):
        """A frame has been taken."""

    def on_opened(self, incident):
        """An incident has been stored as open."""

    def on_closed(self, incident):
        """An incident has been stored as closed."""

    def on_segment(self, segment):
        """A segment is done."""


@dataclass
class Timings:
    """Seconds spent in one session, by what they were spent on.

    ``waiting`` is time without a decoded frame at hand, ``stills`` that of encoding pictures;
    ``stages`` are those of the tracking pipeline, ``encoding`` of clips and stills, and ``tasks``.
    """

    total: float = 0.0
    waiting: float = 0.0
    stills: float = 0.0
    storing: float = 0.0
    stages: dict = field(default_factory=dict)


def waiting_segments():
    """Return the segments that a worker may take now: oldest footage first."""
    claimable = jobs.claimable(Segment.objects.all())
    return claimable.order_by("created_at", "position")


def sweep():
    """Queue again the segments whose worker was lost, and settle those that failed for good."""
    swept = jobs.sweep(Segment.objects.all())
    failures.settle_failed()
    return swept


def ingest_segment(segment_id, *, observer=None):
    """Claim one segment and ingest it in a session of its own.

    A stream goes on from segment to segment in the same session until it ends: opening it anew
    each time would lose what it shows in the meantime.

    Returns:
        the next segment's id, or None: the source has ended, or somebody else has the segment.
    """
    segment = jobs.claim(Segment.objects.select_related("footage__camera"), segment_id)
    if segment is None:
        return None
    if segment.footage.kind == Footage.Kind.STREAM:
        _ingest_on(segment, observer)
        return None
    worker = Ingestion(segment, observer=observer)
    try:
        following = worker.run()
    finally:
        worker.close()
    return following.pk if following else None


def ingest_footage(footage, *, observer=None, holder=""):
    """Ingest everything that is left of a footage in this process; return its Ingestion or None.

    None means that there was nothing to do: it is all ingested, or another live worker has it.
    """
    segment = _take_next(footage, holder or jobs.new_holder())
    return None if segment is None else _ingest_on(segment, observer)


def _ingest_on(segment, observer):
    """Ingest from a claimed segment to the source's end in one session; return the Ingestion."""
    worker = Ingestion(segment, observer=observer)
    try:
        while segment is not None:
            segment = worker.run(keep_next=True)
    finally:
        worker.close()
    return worker


def _take_next(footage, holder):
    """Return the open segment of a footage, claimed by ``holder``, failed or waiting as it may be.

    Somebody asks for it by name, so it does not wait for the end of a back-off.
    """
    segments = Segment.objects.select_related("footage__camera").filter(footage=footage)
    segment = segments.exclude(state=Segment.State.DONE).first()
    if segment is None or segment.lease_holder == holder:
        return segment
    found = Segment.objects.filter(pk=segment.pk, lease_holder=segment.lease_holder)
    if jobs.is_dead(segment.lease_holder):
        found.filter(state=Segment.State.RUNNING).update(state=Segment.State.QUEUED)
    jobs.requeue(found)
    return jobs.claim(segments, segment.pk, holder=holder)


class Ingestion:
    """A worker's hold on a footage: a live session and the segment that it is in."""

    def __init__(self, segment, *, observer=None):
        self.segment = segment
        self.observer = observer or Observer()
        self.timings = Timings()
        self.counts = {"frames_decoded": 0, "frames_sampled": 0, "frames_detected": 0}
        self.session = None
        self._frames = None
        self._pushed_back = None
        self._rules = {rule.name: rule for rule in segment.footage.camera.rules.all()}

    def run(self, *, keep_next=False):
        """Ingest the current segment to its end; return the next one, None at the source's end.

        Args:
            keep_next: take the next segment under the same lease, to go on in this session.

        Raises:
            LeaseLost: another worker took over; nothing of ours was stored since.
            Exception: whatever went wrong; the segment is queued again or, in the end, failed.
        """
        try:
            self._start()
            return self._run_segment(keep_next)
        except jobs.LeaseLost:
            raise
        except BaseException as error:
            self._give_back(error)
            raise

    def _give_back(self, error):
        try:
            if jobs.release(self.segment, error=error):
                failures.settle(self.segment.pk)
        except DatabaseError as trouble:
            # What went wrong first must be heard of; the lease ends and the sweeper does the rest.
            logger.warning("%s could not be given back: %s", self.segment, trouble)

    def close(self):
        if self.session is not None:
            if self._frames is not None:
                self._frames.close()
            self.session.close()

    def _start(self):
        if self.session is not None:
            return
        footage = self.segment.footage
        detector, self.deployment = inference.detector_for(footage)
        self.session = CameraSession(footage, detector)
        if self.segment.checkpoint:
            self.session.restore(checkpoints.decode(self.segment.checkpoint))
            live = [key for key, *_ in self.session.engine.live_incidents()]
            if failures.is_settled(footage, live):
                self.session.end_incidents()
        self._frames = self.session.frames()

    def _follow_deployments(self):
        """Go on with another detector where one was deployed, or taken back, since the last one."""
        footage = self.segment.footage
        if not inference.is_current(footage):
            detector, self.deployment = inference.detector_for(footage)
            self.session.change_detector(detector)
        task_serving.follow(self.session.tasks, footage)

    def _run_segment(self, keep_next):
        started = time.monotonic()
        self._follow_deployments()
        self.session.blacken(cameras.private_polygons(self.segment.footage.camera))
        self.session.heed_fixtures(cameras.fixture_boxes(self.segment.footage.camera))
        self.session.heed_thresholds(score_thresholds.in_force(self.segment.footage.camera))
        self.session.photographs.wish(**camera_photos.wishes(self.segment.footage.camera))
        self._counted = self._session_counts()
        next_beat = started + settings.LEASE_SECONDS / 3
        for frame in self._frames_of_segment():
            step = self.session.step(frame)
            if step.must_be_stored:
                self._store(step)
                next_beat = time.monotonic() + settings.LEASE_SECONDS / 3
            elif time.monotonic() > next_beat:
                jobs.heartbeat(self.segment, **self._segment_counts())
                next_beat = time.monotonic() + settings.LEASE_SECONDS / 3
            self.observer.on_frame(frame.at_seconds)
        has_ended = self._pushed_back is None
        if has_ended:
            self._store(self.session.finish())
        footage = self.segment.footage
        following = self._finish_segment(has_ended, keep_next)
        snapshots.take(self.session, footage)
        self.timings.total += time.monotonic() - started
        self.timings.stages = {
            **self.session.pipeline.timings,
            "encoding": self.session.recorder.encode_seconds + self.timings.stills,
            "tasks": self.session.tasks.seconds,
        }
        return following

    def _frames_of_segment(self):
        """Yield frames up to the segment's end; the first one past it waits for the next."""
        if self._pushed_back is not None:
            frame, self._pushed_back = self._pushed_back, None
            yield frame
        while True:
            asked = time.perf_counter()
            frame = next(self._frames, None)
            self.timings.waiting += time.perf_counter() - asked
            if frame is None:
                return
            if frame.at_seconds >= self.segment.end_seconds:
                self._pushed_back = frame
                return
            yield frame

    def _store(self, step):
        """Commit what a step changed, and the state after it, as one."""
        if not step.must_be_stored:
            return
        started = time.monotonic()
        heard, footage = [], self.segment.footage
        photos = camera_photos.store_files(step.photos, footage)
        with transaction.atomic():
            camera_photos.store_rows(photos, footage=footage, deployment=self.deployment)
            for transition in step.transitions:
                heard.append((transition.kind, self._store_transition(transition)))
            for clip in step.clips:
                self._store_clip(clip)
            task_logs.store(footage, self.session.tasks.take())
            jobs.heartbeat(
                self.segment,
                checkpoint=checkpoints.encode(self.session.state()),
                checkpoint_seconds=step.at_seconds,
                **self._segment_counts(),
            )
        self.timings.storing += time.monotonic() - started
        for kind, incident in heard:
            if kind == "opened":
                self.observer.on_opened(incident)
            elif kind == "closed":
                self.observer.on_closed(incident)

    def _store_transition(self, transition):
        key = transition.incident.key
        incident = incidents.apply(
            transition,
            segment=self.segment,
            deployment=self.deployment,
            rules_by_name=self._rules,
        )
        if transition.kind == "opened":
            still = self.session.stills.peek(key, Evidence.Kind.FRAME_OPEN)
            self._store_still(incident, Evidence.Kind.FRAME_OPEN, still)
        elif transition.kind == "closed":
            for kind, still in self.session.stills.pop(key).items():
                self._store_still(incident, kind, still)
            if not self.session.is_recording(key):
                self._complete_unless_clip_follows(incident)
        return incident

    def _store_still(self, incident, kind, still):
        incidents.store_still(incident, kind, still)
        self.timings.stills += still.encode_seconds

    def _complete_unless_clip_follows(self, incident):
        if incident.evidence.filter(kind=Evidence.Kind.CLIP).exists():
            incidents.mark_complete(incident)

    def _store_clip(self, clip):
        incident = Incident.objects.select_related("camera").get(
            footage=self.segment.footage, key=clip.key
        )
        if incident.evidence_complete_at:
            # Completed without it when the footage failed; people may have redacted it since.
            clip.path.unlink(missing_ok=True)
            return
        seen = self.session.rows.between(
            clip.start_seconds, clip.end_seconds, at_rest=incident.track_ids
        )
        incidents.store_clip(incident, clip, seen)
        if not incident.is_open:
            incidents.mark_complete(incident)

    def _finish_segment(self, has_ended, keep_next):
        """Store the track log, end the segment and append the next one, as one."""
        started = time.monotonic()
        segment, session = self.segment, self.session
        source = "foreground" if self.deployment.backend == "motion" else "detector"
        track_log = tracklogs.store(
            segment,
            session.rows,
            deployment=self.deployment,
            source=source,
            last_seconds=session.last_seconds,
        )
        session.rows.forget_before((session.last_seconds or 0.0) - CLIP_MAX_SECONDS)
        with transaction.atomic():
            track_log.save()
            task_logs.store(segment.footage, session.tasks.take())
            following = None
            if has_ended:
                self._end_footage()
            else:
                self._complete_what_got_no_clip()
                following = self._append_segment(keep_next)
            told = task_serving.told_of(session.tasks) | self._segment_counts()
            jobs.finish(segment, checkpoint=None, checkpoint_seconds=None, **told)
        counts = self._segment_counts()
        self.counts = {name: self.counts[name] + counts[name] for name in counts}
        self.timings.storing += time.monotonic() - started
        self.observer.on_segment(segment)
        self.segment = following or segment
        return following

    def _complete_what_got_no_clip(self):
        """Complete closed incidents whose clip a stream no longer gave after it broke off."""
        for incident in self.segment.footage.incidents.filter(
            state=Incident.State.CLOSED, evidence_complete_at__isnull=True
        ):
            if not self.session.is_recording(incident.key):
                incidents.mark_complete(incident)

    def _append_segment(self, keep_next):
        segment = self.segment
        # A stream that was away for an hour needs no sixty empty segments.
        empty = (self._pushed_back.at_seconds - segment.end_seconds) // settings.SEGMENT_SECONDS
        following = footage_service.add_segment(
            segment.footage,
            segment.position + 1,
            segment.end_seconds + empty * settings.SEGMENT_SECONDS,
            holder=segment.lease_holder if keep_next else "",
        )
        following.checkpoint = checkpoints.encode(self.session.state())
        following.checkpoint_seconds = self.session.last_seconds
        following.save(update_fields=["checkpoint", "checkpoint_seconds"])
        following.footage = segment.footage
        return following

    def _end_footage(self):
        footage = self.segment.footage
        for incident in footage.incidents.filter(evidence_complete_at__isnull=True):
            incidents.mark_complete(incident)
        damage = self.session.damage or ""
        Footage.objects.filter(pk=footage.pk).update(ended_at=timezone.now(), damage=damage)
        audit.record("footage.ingested", footage, site=footage.camera.site, detail=self.counts)

    def _session_counts(self):
        return {
            "frames_decoded": self.session.frames_decoded,
            "frames_sampled": self.session.frames_sampled,
            "frames_detected": self.session.pipeline.frames_detected,
        }

    def _segment_counts(self):
        now = self._session_counts()
        return {name: now[name] - self._counted[name] for name in now}
