"""Task classifiers in a camera session: one extractor, one stream for each of them, one memory.

Nothing here touches the database. Features are made of the very frames that a classifier would
have learned from, with a detection of every one of them, whether anything moved or not. What goes
wrong is told by ``trouble`` and costs the classification alone; the session goes on.
"""

import logging
import time
from collections import deque
from dataclasses import dataclass

from django.conf import settings

from detection.models import Deployment
from detection.services import inference
from hitlsite.errors import DomainError

logger = logging.getLogger(__name__)

STORE_SECONDS = 5.0
# So many frames in a row without features end the attempt until the next segment.
MOST_FAILURES = 3
# Rates of training this near to each other count as one.
NEAR = 0.1


@dataclass(frozen=True, slots=True)
class Said:
    """What one deployment said since the last time: the columns of a TaskLog."""

    deployment: Deployment
    samples: list
    latency: dict
    lag_seconds: float = 0.0


class _Stream:
    """One classifier at work."""

    def __init__(self, served, names):
        from detection.vision.task_stream import TaskStream

        self.deployment, self.predictor = served.deployment, served.predictor
        self.stream = TaskStream(served.predictor, names)
        self.said, self.latencies = [], deque(maxlen=self.stream.latencies.maxlen)

    def step(self, found):
        sample = self.stream.step(found.at_seconds, found.values)
        if sample is not None:
            self.said.append(row_of(sample))
            self.latencies.append(self.stream.latencies[-1])

    def take(self):
        from detection.vision.task_stream import latency_of

        latency, lag_seconds = latency_of(self.latencies), self.stream.lag_seconds
        said = Said(self.deployment, self.said, latency, lag_seconds)
        self.said = []
        self.latencies.clear()
        return said


def row_of(sample):
    """Return a TaskSample as TaskLog keeps it."""
    return [round(sample.at_seconds, 4), sample.label, round(sample.confidence, 4)]


class TaskWatch:
    """What classifiers say of the frames of one session; nothing until ``serve`` names some.

    Args:
        detector: the session's SharedDetector.
        wanted: the detector that the camera asks for.
        source_fps: frames a second of the source, None where nobody knows.

    Attributes:
        trouble: why one classifier or all of them are silent; "" where none is.
        seconds: spent on features and samples so far.
    """

    def __init__(self, detector, *, wanted="auto", source_fps=None):
        self._detector, self._wanted, self._source_fps = detector, wanted, source_fps
        self._measuring = None
        self._streams, self._left, self._extractor, self._sampler = [], [], None, None
        self._mode, self._rate, self._failures, self._restored = "", None, 0, {}
        self._stored_at = time.monotonic()
        self.trouble, self.seconds = "", 0.0

    @property
    def is_due(self):
        """Whether something has been said that should be stored soon."""
        return time.monotonic() - self._stored_at >= STORE_SECONDS and any(
            one.said for one in self._streams
        )

    def serve(self, served, trouble=()):
        """Go on with these task_serving.Served; the first decides which frames are looked at.

        Args:
            trouble: sentences on those that could not even be loaded.
        """
        sentences = list(trouble)
        if not served:
            self._rest()
        else:
            try:
                if self._is_serving(served):
                    self._extract(self._mode)
                else:
                    self._begin(served, sentences)
            except DomainError as error:
                sentences.append(error.message)
                self._rest()
            except Exception as error:  # a broken library is worth no footage
                logger.warning("No task is classified.", exc_info=True)
                sentences.append(f"{type(error).__name__}: {error}"[:300])
                self._rest()
        self._failures = 0
        self._tell(" ".join(sentences))

    def _is_serving(self, served):
        now = [one.deployment.pk for one in self._streams]
        return bool(now) and now == [one.deployment.pk for one in served]

    def _begin(self, served, sentences):
        from detection.vision.task_sampling import TaskSampler

        first = served[0].predictor
        fitting = [one for one in served if _has_rate_of(one.predictor, first)]
        sentences += [
            f"{one.deployment.name} learned from another number of frames a second than "
            f"{served[0].deployment.name} and does not look on."
            for one in served
            if one not in fitting
        ]
        self._extract(_mode_of(fitting))
        self._streams = self._streams_of(fitting, sentences)
        sampler = TaskSampler(first.sample_rate, first.frames_per_second, self._source_fps)
        state = self.state() if self._sampler is not None else self._restored
        if state.get("rate") == _rate_of(first):
            sampler.restore(state["sampler"])
        self._sampler, self._rate, self._restored = sampler, _rate_of(first), {}

    def _extract(self, mode):
        """Have an extractor of this mode, the one of before where it is."""
        measuring = None if mode == "mediapipe" else self._what_measures()
        if self._extractor is not None and (self._mode, self._measuring) == (mode, measuring):
            return
        before = self._restored
        if self._extractor is not None:
            before = {"mode": self._mode, "extractor": self._extractor.state()}
        self._extractor = make_extractor(mode, measuring)
        if before.get("mode") == mode:
            self._extractor.restore(before["extractor"])
        self._mode, self._measuring = mode, measuring

    def _what_measures(self):
        """Return the detector that measures: the session's own where it is the very same."""
        found, _ = inference.measuring_detector(self._wanted)
        if found.backend == "motion":
            raise DomainError(
                "features_differ",
                "The classifier needs a detector that tells objects apart; motion does not.",
            )
        return self._detector if _form_of(found) == _form_of(self._detector) else found

    def _streams_of(self, served, sentences):
        before = {one.deployment.pk: one for one in self._streams}
        states = self._restored.get("streams", {})
        streams = []
        for one in served:
            kept = before.get(one.deployment.pk)
            try:
                kept = kept or _Stream(one, self._extractor.names)
            except DomainError as error:
                sentences.append(f"{one.deployment.name}: {error.message}")
                continue
            if str(one.deployment.pk) in states:
                kept.stream.restore(states[str(one.deployment.pk)])
            streams.append(kept)
        return streams

    def step(self, frame):
        """Take the next frame of the session, sampled or not."""
        if not self._streams or not self._sampler.wants(frame):
            return
        started = time.perf_counter()
        try:
            found = self._extractor.step(frame.image(), frame.at_seconds, self._sampler.number)
            for stream in self._streams:
                stream.step(found)
        except Exception as error:  # whatever it is, the session goes on
            self._fail(error)
        else:
            self._failures = 0
        self.seconds += time.perf_counter() - started

    def _fail(self, error):
        self._failures += 1
        if self._failures < MOST_FAILURES:
            return
        logger.warning("Tasks are not classified any more.", exc_info=error)
        reason = getattr(error, "message", "") or f"{type(error).__name__}: {error}"
        self._tell(f"From frame {self._sampler.number} on: {reason}"[:500])
        self._rest(keep_said=True)

    def take(self):
        """Return a Said for every deployment that has said something since the last time."""
        self._stored_at = time.monotonic()
        said = [*self._left, *(one.take() for one in self._streams if one.said)]
        self._left = []
        return said

    def _rest(self, *, keep_said=False):
        if keep_said:
            self._left = [*self._left, *(one.take() for one in self._streams if one.said)]
        self._streams, self._extractor, self._mode = [], None, ""

    def _tell(self, sentence):
        if sentence and sentence != self.trouble:
            logger.warning("Tasks are not classified as they should be: %s", sentence)
        self.trouble = sentence

    def state(self):
        """Return what ``restore`` needs; taken after ``take``, for what was said is not in it."""
        if not self._streams:
            return self._restored
        return {
            "mode": self._mode,
            "extractor": self._extractor.state(),
            "rate": self._rate,
            "sampler": self._sampler.state(),
            "streams": {str(one.deployment.pk): one.stream.state() for one in self._streams},
        }

    def restore(self, state):
        """Go on from a state as soon as the same classifiers serve."""
        self._restored = state or {}


def make_extractor(mode, detector):
    """Return a FeatureExtractor.

    Raises:
        DomainError: mediapipe_unavailable.
    """
    from detection.vision import landmarks
    from detection.vision.task_features import FeatureExtractor

    landmarker = None
    if mode != "yolo":
        landmarker = landmarks.kept(settings.MODEL_DIR, is_on=settings.MEDIAPIPE)
    return FeatureExtractor(mode, landmarker=landmarker, detector=detector)


def _form_of(detector):
    names = ("weights_sha256", "backend", "input_size", "precision")
    return tuple(getattr(detector, name, None) for name in names)


def _mode_of(served):
    """Return the one mode whose features all of these have among theirs."""
    modes = {one.predictor.detector_mode for one in served}
    return modes.pop() if len(modes) == 1 else "fusion"


def _rate_of(predictor):
    return [predictor.sample_rate, predictor.frames_per_second]


def _has_rate_of(predictor, other):
    near = abs(predictor.frames_per_second - other.frames_per_second)
    return predictor is other or near <= NEAR * max(other.frames_per_second, 1e-9)
