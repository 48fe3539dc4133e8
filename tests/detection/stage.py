"""A rendered room in which people put bags down, for what looks at things left behind.

A ``Stage`` is a continuous truth: actors (people, cars, bags) with a place at any time. It renders
the picture of any moment, with texture and noise, and its detector tells what a detector would.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from detection.checkpoints import decode, encode
from detection.rules.base import RuleSpec, ZoneSpec
from detection.rules.engine import RuleEngine
from detection.vision.motion import MotionGate
from detection.vision.pipeline import TrackingPipeline
from detection.vision.static_objects import StaticForeground
from detection.vision.tracking import make_tracker
from detection.vision.types import Detections
from detection.vision.video import SourceFrame

HEIGHT, WIDTH = 180, 320
HALL = ZoneSpec("hall", "monitored", ((0.0, 0.3), (1.0, 0.3), (1.0, 1.0), (0.0, 1.0)))
PERSON, BAG, CAR = (26, 72), (20, 16), (110, 56)
FLOOR = 150


@dataclass(frozen=True)
class Actor:
    """Something in the room.

    Attributes:
        way: times and positions (s, x, feet y) px between which it moves evenly; it is in the
            room from the first to the last.
        size: (width, height) px.
        seed: of its texture.
        class_name: what it is detected as; empty if never.
        is_detected: time -> whether the detector sees it then.
    """

    way: tuple[tuple[float, float, float], ...]
    size: tuple[int, int] = PERSON
    seed: int = 1
    class_name: str = "person"
    is_detected: Callable[[float], bool] = lambda at_seconds: True

    def is_here(self, at_seconds):
        return self.way[0][0] <= at_seconds < self.way[-1][0]

    def corner(self, at_seconds):
        """Return the left upper corner at a time, px."""
        times, columns, feet = zip(*self.way, strict=True)
        x, y = np.interp(at_seconds, times, columns), np.interp(at_seconds, times, feet)
        return round(float(x) - self.size[0] / 2), round(float(y)) - self.size[1]

    def box(self, at_seconds):
        """Return its box within the picture (xyxy px), or None when too little of it shows."""
        left, top = self.corner(at_seconds)
        right, bottom = min(WIDTH, left + self.size[0]), min(HEIGHT, top + self.size[1])
        left, top = max(0, left), max(0, top)
        if right - left < self.size[0] / 3 or bottom - top < self.size[1] / 3:
            return None
        return left, top, right, bottom


def person(*way, seed=1, **options):
    return Actor(tuple(way), PERSON, seed, **options)


def bag(start, end, x, feet=FLOOR, *, seed=50, **options):
    """Return a bag that stands at a place from one time until another; nobody detects it."""
    options = {"class_name": "", "size": BAG, **options}
    return Actor(((start, x, feet), (end, x, feet)), seed=seed, **options)


class Stage:
    """A room with actors, the nearest last.

    Args:
        light: time -> factor of the light, a number or an array (H, W).
    """

    def __init__(self, actors, *, light=lambda at_seconds: 1.0, noise=2.0):
        self.actors = actors
        self.light = light
        self.noise = noise

    def image(self, at_seconds):
        """Return the picture of a moment, (H, W, 3) uint8 BGR."""
        picture = room().copy()
        for actor in self.actors:
            if actor.is_here(at_seconds):
                _paste(picture, texture(actor.seed, actor.size), actor.corner(at_seconds))
        light = np.asarray(self.light(at_seconds), np.float32)
        picture *= light
        picture += self.noise * _noise(round(at_seconds * 1000) % 11)
        grey = picture.clip(0, 255).astype(np.uint8)
        return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)

    def detections(self, at_seconds):
        """Return what the detector tells of a moment."""
        boxes, names = [], []
        for actor in self.actors:
            box = actor.box(at_seconds) if actor.is_here(at_seconds) else None
            if box and actor.class_name and actor.is_detected(at_seconds):
                boxes.append(np.array(box, np.float32) / [WIDTH, HEIGHT, WIDTH, HEIGHT])
                names.append(actor.class_name)
        scores = np.full(len(names), 0.9, np.float32)
        return Detections(np.array(boxes, np.float32).reshape(-1, 4), scores, tuple(names))

    def frames(self, fps, until):
        """Yield the frames of the times k / fps."""
        for index in range(round(until * fps)):
            at_seconds = index / fps
            yield SourceFrame.from_image(self.image(at_seconds), at_seconds, index)


class StageDetector:
    """Tells the truth of a stage; it looks at no picture."""

    name, backend, precision, input_size = "stage", "none", "none", WIDTH
    class_names, weights_sha256 = ("person", "car", "backpack"), None

    def __init__(self, stage):
        self.stage = stage

    def detect(self, image, at_seconds):
        return self.stage.detections(at_seconds)

    def state(self):
        return {}

    def restore(self, state):
        pass


def left_rule(threshold=20.0, **parameters):
    parameters = {"threshold_seconds": threshold, **parameters}
    return RuleSpec("left", "object_left_unattended", ("hall",), parameters=parameters)


def play(stage, *, fps, until, rules=None, fixtures=(), gate=False, cut=None):
    """Run a stage through pipeline and rules; return all transitions.

    Args:
        cut: number of the frame before which fresh parts take over from a checkpoint.
    """
    pipeline, engine = _make_parts(stage, fps, rules, fixtures, gate)
    transitions, last_seconds = [], 0.0
    for frame in stage.frames(fps, until):
        if frame.index == cut:
            state = decode(encode({"pipeline": pipeline.state(), "engine": engine.state()}))
            pipeline, engine = _make_parts(stage, fps, rules, fixtures, gate)
            pipeline.restore(state["pipeline"])
            engine.restore(state["engine"])
        transitions += engine.update(pipeline.step(frame))
        last_seconds = frame.at_seconds
    return transitions + engine.finish(last_seconds)


def _make_parts(stage, fps, rules, fixtures, gate):
    tracker = make_tracker("botsort", sampling_fps=fps, frame_size=(WIDTH, HEIGHT))
    pipeline = TrackingPipeline(
        StageDetector(stage), tracker, MotionGate() if gate else None, statics=StaticForeground()
    )
    engine = RuleEngine(
        (HALL,), rules or (left_rule(),), aspect_ratio=WIDTH / HEIGHT, sampling_fps=fps
    )
    engine.heed_fixtures(fixtures)
    return pipeline, engine


def closed(transitions):
    """Return the incidents that closed, in the order of opening."""
    records = [one.incident for one in transitions if one.kind == "closed"]
    return sorted(records, key=lambda record: (record.opened_at_seconds, record.key))


@functools.cache
def room():
    """Return the empty room, (H, W) float32: a wall, a floor with a grain, and furniture."""
    grey = np.empty((HEIGHT, WIDTH), np.float32)
    grey[:70] = 120 + np.linspace(-20, 20, WIDTH)
    grey[70:] = 95 + np.linspace(0, 25, HEIGHT - 70)[:, None]
    grey += cv2.resize(_random(3, (45, 80)), (WIDTH, HEIGHT)) * 7
    grey[40:95, 10:40] = 60 + _random(4, (55, 30)) * 12
    grey[20:50, 250:300] = 170
    return grey


@functools.cache
def texture(seed, size):
    """Return an actor's look, (h, w) float32."""
    width, height = size
    coarse = 110 + 45 * _random(seed, (max(2, height // 8), max(2, width // 8)))
    look = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(15, 235)
    # Nobody is dressed like the floor.
    dark = seed % 2 == 0
    return look * 0.35 if dark else np.clip(look * 0.5 + 130, 0, 245)


@functools.cache
def _random(seed, shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _noise(seed):
    return _random(1000 + seed, (HEIGHT, WIDTH))


def _paste(picture, look, corner):
    left, top = corner
    height, width = look.shape
    x1, y1, x2, y2 = max(0, left), max(0, top), min(WIDTH, left + width), min(HEIGHT, top + height)
    if x2 > x1 and y2 > y1:
        picture[y1:y2, x1:x2] = look[y1 - top : y2 - top, x1 - left : x2 - left]
