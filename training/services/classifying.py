"""Say over a whole video what a camera would have said of it live: same frames, same code.

Where the features of a video were measured already by what would measure them now, they are read
instead of measured again, which gives the same to the last bit. What the deployed classifier says
may be kept as rows, each sample once.
"""

from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

from detection.models import Camera
from detection.services import sources, task_logs, task_watching
from hitlsite.errors import DomainError
from training.models import FeatureSet
from training.services import feature_sources, features
from training.services.task_models import Chosen

PROGRESS_EVERY = 25
UNEVEN = 1.5
_SIDES, _JOINTS = ("right", "left"), ("elbow", "shoulder", "hip", "knee")
# Any of these above 0 says that somebody is there.
_SIGNS = (
    "num_people",
    *(f"{side}_{joint}_angle" for side in _SIDES for joint in _JOINTS),
    *(f"{side}_hand_x" for side in _SIDES),
)


@dataclass(frozen=True, slots=True)
class Classified:
    """What a classifier said of a video.

    Attributes:
        samples: rows [at_seconds, label, confidence].
        spans: task_stream.TaskSpan of them, set back by ``lag_seconds``.
        frames: how many were looked at; ``without_people`` counts those in which nobody was found.
        measured: "video", or "features" where they were there already.
        rates: (lowest, highest) frames a second between two that were looked at.
    """

    chosen: Chosen
    samples: list
    spans: list
    latency: dict
    lag_seconds: float
    frames: int
    without_people: int
    measured: str
    rates: tuple[float, float]
    damage: str = ""

    def as_dict(self):
        return {
            "model": self.chosen.as_dict(),
            "classes": list(self.chosen.predictor.classes),
            "samples": [
                {"t": at, "label": label, "confidence": confidence}
                for at, label, confidence in self.samples
            ],
            "segments": [
                {
                    "start": span.start_seconds,
                    "end": span.end_seconds,
                    "label": span.label,
                    "confidence": round(span.confidence, 4),
                    "lowest": span.lowest,
                }
                for span in self.spans
            ],
            "latency": {name: self.latency.get(name) for name in ("median", "p95")},
            "lag_seconds": self.lag_seconds,
            "frames": self.frames,
            "frames_without_people": self.without_people,
            "frames_per_second": list(self.rates),
            "measured": self.measured,
            "damage": self.damage,
        }

    @property
    def warnings(self):
        """Yield what whoever reads the answer should know, a sentence each."""
        seconds = self.chosen.predictor.spec.window_seconds
        if not self.samples:
            yield f"No {seconds:g} s of it hang together, which one answer takes: nothing is said."
        elif self.without_people == self.frames:
            yield "Nobody was found in any frame: the labels are those of an empty place."
        if self.rates[0] and self.rates[1] > UNEVEN * self.rates[0]:
            low, high = self.rates
            yield f"Its frames come {low:g} to {high:g} a second: windows are cut by time."
        if self.damage:
            yield self.damage


def classify(path, chosen, *, camera=None, progress=None, **smoothing):
    """Return what a classifier says of a video file.

    Args:
        camera: whose detector measures; the setting's does where there is none.
        progress: called with (seconds done, seconds in all or 0).
        smoothing: ``smoothing`` and ``smoothing_seconds`` of task_stream.TaskStream.

    Raises:
        DomainError: the file cannot be read; mediapipe_unavailable, mediapipe_failed,
            detector_needed, features_differ, smoothing_invalid.
    """
    from detection.vision.video import open_source

    mode = chosen.predictor.detector_mode
    extractor, *_ = feature_sources.extractor(mode, camera or Camera(detector="auto"))
    run = _Run(chosen, extractor.names, **smoothing)
    source = open_source(path)
    try:
        run.watch(source, extractor, progress)
    finally:
        source.close()
    return run.classified("video", source.damage or "")


def classify_footage(footage, chosen, *, progress=None, **smoothing):
    """Return what a classifier says of a stored video, from features that are there if possible.

    Raises:
        DomainError: as ``classify``.
    """
    with sources.opened(footage) as source:
        # Features have every so many-th frame; where a session would take others, so must this.
        is_same_rate = _sampler(chosen.predictor, source).takes_by_number
        table = _measured_before(footage, chosen.predictor) if is_same_rate else None
        if table is not None:
            run = _Run(chosen, table.names, **smoothing)
            run.read(table, progress)
            return run.classified("features")
        mode = chosen.predictor.detector_mode
        extractor, *_ = feature_sources.extractor(mode, footage.camera)
        run = _Run(chosen, extractor.names, **smoothing)
        run.watch(source, extractor, progress)
        return run.classified("video", source.damage or "")


def store(footage, classified):
    """Keep what the deployed classifier said of a footage; return how many samples were new.

    Raises:
        DomainError: not_deployed, where the classifier serves nobody.
    """
    deployment = classified.chosen.deployment
    if deployment is None:
        message = f"{classified.chosen.name} is not deployed: only what serves is kept as said."
        raise DomainError("not_deployed", message)
    said = task_watching.Said(
        deployment, classified.samples, classified.latency, classified.lag_seconds
    )
    return task_logs.store(footage, [said])


def _measured_before(footage, predictor):
    """Return the FeatureTable of a footage that holds what the predictor needs, None without."""
    mode = predictor.detector_mode
    rows = FeatureSet.objects.filter(
        footage=footage,
        state=FeatureSet.State.DONE,
        sample_rate=predictor.sample_rate,
        detector__in={mode, FeatureSet.Detector.FUSION},
    )
    for row in rows.order_by("-pk"):
        wanted = feature_sources.expected(row.detector, footage.camera)
        if feature_sources.is_same(row.sources, wanted):
            with suppress(DomainError):  # a lost file costs the time to measure again
                return features.table_of(row)
    return None


def _sampler(predictor, source):
    from detection.vision.task_sampling import TaskSampler

    return TaskSampler(predictor.sample_rate, predictor.frames_per_second, source.average_fps)


class _Run:
    """One video on its way through a TaskStream."""

    def __init__(self, chosen, names, **smoothing):
        from detection.vision.task_stream import TaskStream

        self.chosen = chosen
        self.stream = TaskStream(chosen.predictor, names, **smoothing)
        self.samples, self.times, self.without_people, self.failures = [], [], 0, 0
        self._people = [names.index(name) for name in _SIGNS if name in names]

    def watch(self, source, extractor, progress):
        from detection.vision.landmarks import MediapipeError

        sampler = _sampler(self.chosen.predictor, source)
        for frame in source.frames():
            if not sampler.wants(frame):
                continue
            try:
                found = extractor.step(frame.image(), frame.at_seconds, sampler.number)
            except MediapipeError as error:
                self._fail(frame, error)
                continue
            self.failures = 0
            self._take(found.at_seconds, found.values)
            _tell(progress, len(self.times), frame.at_seconds, source.duration_seconds)
        _tell(progress, 0, source.duration_seconds, source.duration_seconds)

    def read(self, table, progress):
        last = float(table.times[-1]) if len(table.times) else 0.0
        for number, (at, values) in enumerate(zip(table.times, table.values, strict=True)):
            self._take(float(at), values)
            _tell(progress, number, float(at), last)
        _tell(progress, 0, last, last)

    def _fail(self, frame, error):
        """Pass over a frame without an answer, as a session does, but not over too many."""
        self.failures += 1
        if self.failures >= task_watching.MOST_FAILURES:
            message = f"From {frame.at_seconds:.1f} s on: {error}"
            raise DomainError("mediapipe_failed", message) from error

    def _take(self, at_seconds, values):
        self.times.append(at_seconds)
        self.without_people += not any(values[place] > 0 for place in self._people)
        sample = self.stream.step(at_seconds, values)
        if sample is not None:
            self.samples.append(sample)

    def classified(self, measured, damage=""):
        from detection.vision.task_stream import latency_of, spans_of

        steps = sorted(later - earlier for earlier, later in pairwise(self.times))
        inner = steps[len(steps) // 100 : len(steps) - len(steps) // 100]  # odd ones left out
        rates = (round(1 / inner[-1], 2), round(1 / inner[0], 2)) if inner else (0.0, 0.0)
        rows = [task_watching.row_of(sample) for sample in self.samples]
        return Classified(
            chosen=self.chosen,
            samples=rows,
            spans=spans_of(
                rows,
                gap_seconds=self.chosen.predictor.spec.gap_seconds,
                lag_seconds=self.stream.lag_seconds,
            ),
            lag_seconds=self.stream.lag_seconds,
            latency=latency_of(self.stream.latencies),
            frames=len(self.times),
            without_people=self.without_people,
            measured=measured,
            rates=rates,
            damage=damage,
        )


def _tell(progress, number, done, total):
    if progress is not None and number % PROGRESS_EVERY == 0:
        progress(done or 0.0, total or 0.0)
