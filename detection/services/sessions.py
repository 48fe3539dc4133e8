"""One camera session at work: frames in, tracks, rule transitions, stills and clips out.

Nothing here touches the database. All that a session remembers can be taken out with ``state()``
after any step and given to a new one, which goes on as if nothing had happened.
"""

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from detection.models import Footage
from detection.services import inference, sources
from detection.services.captions import Captioner
from detection.services.task_watching import TaskWatch
from detection.services.tracklogs import TrackRows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """What one frame changed."""

    at_seconds: float
    transitions: tuple = ()
    clips: tuple = ()
    photos: tuple = ()
    has_tasks: bool = False

    @property
    def must_be_stored(self):
        return bool(self.transitions or self.clips or self.photos or self.has_tasks)


class CameraSession:
    """Run the frames of a footage through detector, tracker, rules and recorder.

    Args:
        footage: its stored configuration decides everything but the detector.
        detector: see ``inference.detector_for``.
    """

    def __init__(self, footage, detector):
        from detection.rules.score_floor import ScoreFloor
        from detection.vision.shared_detector import SharedDetector
        from detection.vision.video import Sampler

        config = _stored_config(footage)
        self.footage = footage
        self._held = ExitStack()
        self.source = self._held.enter_context(sources.opened(footage))
        fps = footage.configuration["sampling_fps"]
        if self.source.average_fps:
            fps = min(fps, self.source.average_fps)
        size = (self.source.width, self.source.height)
        self._private = [zone.polygon for zone in config.zones if zone.kind == "private"]
        self._fps, self._size = fps, size
        self._detector = SharedDetector(detector)
        self.pipeline = _make_pipeline(footage, self._detector, fps, size)
        self.tasks = TaskWatch(
            self._detector,
            wanted=footage.configuration.get("detector"),
            source_fps=self.source.average_fps,
        )
        wants_words = footage.configuration.get("classifies_tasks")
        self._captioner = Captioner.for_footage(footage) if wants_words else None
        self.engine = make_engine(footage, config, fps, size)
        self.floor = ScoreFloor()
        self.recorder, self.stills, self.snapshots = _make_keepers(footage, size, self._private)
        self.photographs = _make_photo_keeper(footage, self.stills)
        self.sampler, self._ahead = Sampler(fps), Sampler(fps)
        self.rows = TrackRows(sampling_fps=fps, frame_size=size)
        self.frames_decoded = self.frames_sampled = 0
        self.last_seconds = None
        self._restored_at = None

    @property
    def damage(self):
        return self.source.damage

    @property
    def private_polygons(self):
        """The private zones that this session was started with."""
        return list(self._private)

    def blacken(self, polygons):
        """Blacken these polygons too from now on: the camera's private zones may have grown."""
        added = [tuple(tuple(point) for point in polygon) for polygon in polygons]
        private = list(dict.fromkeys([*self._private, *added]))
        self.recorder.blacken(private)
        self.stills.blacken(private)

    def heed_fixtures(self, boxes):
        """Stay silent from now on about what stands at these places (xyxy)."""
        self.engine.heed_fixtures(boxes)

    def heed_thresholds(self, thresholds):
        """Tell from now on only of incidents that reach these: {class name: best score}."""
        self.floor.heed(thresholds)

    def change_detector(self, detector):
        """Let another detector go on from here; tracks, rules and clips stay as they are."""
        state = self.pipeline.state()
        self._detector.change(detector)
        self.pipeline = _make_pipeline(self.footage, self._detector, self._fps, self._size)
        self.pipeline.restore({**state, "detector": detector.state()})

    def frames(self):
        """Yield the frames that still have to be stepped through, decoded ahead in a thread.

        After ``restore`` the frames before the checkpoint are only shown to the recorder, so that
        running clips and the next pre-roll are whole.
        """
        from detection.vision.video import prefetch

        if self.footage.kind == Footage.Kind.STREAM:
            yield from self._live_frames(prefetch(self.source.frames()))
            return
        start = self.recorder.resume_from_seconds() if self._restored_at is not None else None
        for frame in prefetch(self.source.frames(start or 0.0), prepare=self._prepare):
            if self._restored_at is not None and frame.at_seconds <= self._restored_at:
                self.recorder.add(frame)
                continue
            yield frame

    def _prepare(self, frame):
        """Reduce a frame that will be sampled, in the thread that decodes ahead."""
        if not self._ahead.wants(frame.at_seconds):
            return
        for part in (self.pipeline.gate, self.pipeline.statics):
            if part is not None:
                part.look_ahead(frame)

    def _live_frames(self, frames):
        """Yield a stream's frames on the session's clock, as each connection counts from 0 anew.

        The session's second 0 is ``starts_at``; what the camera showed between two connections
        is lost, and the clock says so.
        """
        shift = None
        for frame in frames:
            if shift is None:
                now = (timezone.now() - self.footage.starts_at).total_seconds()
                earliest = 0.0
                if self._restored_at is not None:
                    earliest = self._restored_at + 1 / (self.source.average_fps or 25.0)
                shift = max(now, earliest) - frame.at_seconds
            frame.at_seconds += shift
            yield frame

    def step(self, frame):
        """Take the next frame; return what it changed."""
        self.frames_decoded += 1
        self.last_seconds = frame.at_seconds
        self.recorder.add(frame)
        transitions, photo = [], None
        if self.sampler.wants(frame.at_seconds):
            self.frames_sampled += 1
            tracked = self.pipeline.step(frame)
            self.rows.add(tracked)
            transitions = self._told(self.engine.update(tracked))
            self.stills.see(frame, tracked, self.engine.live_incidents())
            self._look_for_snapshot(frame, tracked)
            photo = self.photographs.see(frame, tracked)
            self._tell_recorder(transitions, frame.at_seconds)
        self.tasks.step(frame)
        if self._captioner is not None:
            self._captioner.see(frame, frame.at_seconds)
        clips, photos = tuple(self.recorder.finished()), (photo,) if photo else ()
        return Step(frame.at_seconds, tuple(transitions), clips, photos, self.tasks.is_due)

    def _look_for_snapshot(self, frame, tracked):
        try:
            self.snapshots.see(frame, tracked)
        except Exception:  # a picture to draw zones on is worth no footage
            logger.warning("No picture of %s is looked for.", self.footage.camera, exc_info=True)

    def finish(self):
        """The source has ended: close what is open and end the clips."""
        at_seconds = self.last_seconds if self.last_seconds is not None else 0.0
        transitions = self._told(self.engine.finish(at_seconds))
        self._tell_recorder(transitions, at_seconds)
        return Step(at_seconds, tuple(transitions), tuple(self.recorder.flush()))

    def end_incidents(self):
        """Forget the open incidents, which were closed without us; what still holds opens anew."""
        for transition in self.engine.finish(self.last_seconds):
            self.stills.pop(transition.incident.key)
        self.floor.forget()

    def is_recording(self, key):
        return key in self.recorder.state()["clips"]

    def state(self):
        return {
            "last_seconds": self.last_seconds,
            "pipeline": self.pipeline.state(),
            "engine": self.engine.state(),
            "score_floor": self.floor.state(),
            "recorder": self.recorder.state(),
            "stills": self.stills.state(),
            "photographs": self.photographs.state(),
            "sampler": self.sampler.state(),
            "rows": self.rows.state(),
            "tasks": self.tasks.state(),
        }

    def restore(self, state):
        self.last_seconds = self._restored_at = state["last_seconds"]
        self.pipeline.restore(state["pipeline"])
        self.engine.restore(state["engine"])
        self.floor.restore(state.get("score_floor"))
        self.recorder.restore(state["recorder"])
        self.stills.restore(state["stills"])
        self.photographs.restore(state.get("photographs"))
        self.sampler.restore(state["sampler"])
        self.rows.restore(state["rows"])
        self.tasks.restore(state.get("tasks"))

    def close(self):
        if self._captioner is not None:
            self._captioner.close()
        self.recorder.discard()
        self._held.close()

    def _told(self, transitions):
        """Return what of the transitions is told, and forget the pictures of what never will be."""
        told = self.floor.pass_on(transitions, self.engine.open_incidents)
        for key in self.floor.take_dropped():
            self.stills.pop(key)
        return told

    def _tell_recorder(self, transitions, at_seconds):
        for transition in transitions:
            incident = transition.incident
            if transition.kind == "opened":
                # What was held back until its score was reached is older than its clip.
                self.recorder.open(incident.key, max(incident.opened_at_seconds, at_seconds))
            elif transition.kind == "closed":
                self.recorder.close(incident.key, incident.closed_at_seconds)


def _stored_config(footage):
    """Return the zones and rules that a footage was registered with."""
    from detection.rules.config import parse_config

    stored = {name: footage.configuration[name] for name in ("zones", "rules")}
    return parse_config(stored, file_name=str(footage), is_stored=True)


def _make_pipeline(footage, detector, fps, size):
    """Return what turns frames into tracks, as the footage's configuration says."""
    from detection.vision.motion import MotionGate
    from detection.vision.pipeline import TrackingPipeline
    from detection.vision.tracking import make_tracker

    told = footage.configuration
    is_network = detector.backend != "motion"
    tracker = make_tracker(
        told["tracker"],
        sampling_fps=fps,
        lost_seconds=told["lost_seconds"],
        frame_size=size,
        believed_from=inference.threshold_of(detector) if is_network else 0.0,
    )
    return TrackingPipeline(
        detector,
        tracker,
        MotionGate() if is_network else None,
        limbs=inference.limb_motion(footage, size),
        statics=_statics_beside(detector),
    )


def _make_keepers(footage, size, private_polygons):
    """Return what keeps pictures: of incidents as clips and as stills, and of the camera."""
    from detection.vision.recording import EvidenceRecorder
    from detection.vision.snapshots import SnapshotKeeper
    from detection.vision.stills import StillKeeper

    recorder = EvidenceRecorder(
        settings.SCRATCH_DIR, width=size[0], height=size[1], private_polygons=private_polygons
    )
    stills = StillKeeper(private_polygons=private_polygons)
    around_seconds = footage.configuration["lost_seconds"] + 1.0
    return recorder, stills, SnapshotKeeper(around_seconds=around_seconds)


def _make_photo_keeper(footage, stills):
    """Return what chooses the frames that become photos; none until somebody wishes for some."""
    from detection.vision.photographs import PhotoKeeper

    return PhotoKeeper(stills, forget_seconds=footage.configuration["lost_seconds"] + 1.0)


def _statics_beside(detector):
    """Return what looks for things left behind, where a detector tells people from the rest."""
    from detection.vision.static_objects import StaticForeground

    return StaticForeground() if "person" in detector.class_names else None


def make_engine(footage, config, fps, size):
    """Return the rule engine of a session of this footage: its clock, its picture's shape."""
    from detection.rules.engine import RuleEngine

    zone = ZoneInfo(footage.configuration["time_zone"])

    def clock(at_seconds):
        return (footage.starts_at + timedelta(seconds=at_seconds)).astimezone(zone)

    return RuleEngine(
        config.zones,
        config.rules,
        aspect_ratio=size[0] / size[1],
        sampling_fps=fps,
        lost_seconds=footage.configuration["lost_seconds"],
        clock=clock,
    )
