"""A film of a lobby, rendered on the spot, so that the product shows itself without a camera.

Three visitors come in one after another, wait in a frame for 8, 14 and 20 seconds and go; the
first and the last stop on their way out in the marked area before the staff door. What happened
is returned beside the film, so that a test can hold the incidents against it.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from shapely import contains_xy
from shapely.geometry import Polygon

from detection.vision.scene_people import cut_out_people
from detection.vision.scene_room import draw_room

WIDTH, HEIGHT = 768, 432
DEMO_SECONDS = 74.0
LEFT, RIGHT = -0.14, 1.14  # just out of the picture
SPEED = 0.22  # of the picture's width a second, an easy walk at this scale
STRIDES_PER_SECOND = 1.9
SHADOW = 0.42
NOISE = 1.6
NOISE_PATTERNS = 8

# The same polygons serve the demo's camera, so they are normalised like every zone.
WAITING_ZONE = ((0.365, 0.72), (0.545, 0.72), (0.565, 0.98), (0.345, 0.98))
STAFF_ZONE = ((0.66, 0.62), (0.85, 0.62), (1.0, 0.886), (1.0, 0.93), (0.74, 0.93))


@dataclass(frozen=True, slots=True)
class SceneZone:
    """A zone of the scene, as a camera would have it."""

    name: str
    kind: str
    polygon: tuple[tuple[float, float], ...]


ZONES = (
    SceneZone("waiting area", "monitored", WAITING_ZONE),
    SceneZone("staff door", "restricted", STAFF_ZONE),
)


@dataclass(frozen=True, slots=True)
class Visit:
    """One person's stay.

    Attributes:
        boxes_xyxy: by frame number, where the person is, normalised and inside the picture.
        zone_seconds: by zone name, how long the person's feet were in it.
    """

    entered_at_seconds: float
    left_at_seconds: float
    boxes_xyxy: dict[int, tuple[float, float, float, float]]
    zone_seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class SceneTruth:
    """What a rendered film shows."""

    width: int
    height: int
    fps: int
    seconds: float
    zones: tuple[SceneZone, ...]
    visits: tuple[Visit, ...]


@dataclass(frozen=True, slots=True)
class _Walk:
    """In from the left at a time, a wait at each stop (x, seconds), out at either side."""

    starts_at_seconds: float
    feet_y: float
    stops: tuple[tuple[float, float], ...]
    leaves_at_x: float
    height: float

    def place(self, at_seconds):
        """Return (x, y of the feet, direction -1 | 0 | 1), or None while out of sight."""
        remaining = at_seconds - self.starts_at_seconds
        if remaining < 0:
            return None
        x = LEFT
        for goal, waits_seconds in (*self.stops, (self.leaves_at_x, 0.0)):
            direction = 1 if goal > x else -1
            way_seconds = abs(goal - x) / SPEED
            if remaining < way_seconds:
                return x + direction * remaining * SPEED, self.feet_y, direction
            remaining -= way_seconds
            if remaining < waits_seconds:
                return goal, self.feet_y, 0
            remaining -= waits_seconds
            x = goal
        return None


WALKS = (
    _Walk(3.0, 0.83, ((0.450, 8.0), (0.80, 2.0)), RIGHT, 0.56),
    _Walk(19.5, 0.84, ((0.460, 14.0),), LEFT, 0.59),
    _Walk(42.0, 0.83, ((0.445, 20.0), (0.79, 3.0)), RIGHT, 0.57),
)


def render_scene(path, *, seconds=DEMO_SECONDS, seed=0, fps=10):
    """Write the film as H.264 MP4 and return its truth.

    Args:
        path: where the film goes; an existing file is replaced.
        seconds: its length; a shorter film ends in the middle of what happens.
        seed: of the room's texture and the camera's noise. The visits are always the same.

    Raises:
        DomainError: ultralytics' photograph, from which the people are cut, is not installed.
    """
    stage = _Stage(seed)
    frames = round(seconds * fps)
    boxes = [{} for _ in WALKS]
    with _Film(path, fps) as film:
        for number in range(frames):
            image, seen = stage.frame(number / fps)
            film.add(image)
            for visitor, box in seen.items():
                boxes[visitor][number] = box
    visits = tuple(_visit(found, fps) for found in boxes if found)
    return SceneTruth(WIDTH, HEIGHT, fps, frames / fps, ZONES, visits)


def _visit(boxes, fps):
    feet = np.array([((left + right) / 2, bottom) for left, _, right, bottom in boxes.values()])
    inside = {zone.name: contains_xy(Polygon(zone.polygon), feet).sum() / fps for zone in ZONES}
    return Visit(
        entered_at_seconds=min(boxes) / fps,
        left_at_seconds=(max(boxes) + 1) / fps,
        boxes_xyxy=boxes,
        zone_seconds={name: float(seconds) for name, seconds in inside.items()},
    )


class _Stage:
    """The room with whoever is in it, at any time."""

    def __init__(self, seed):
        self._room = draw_room(WIDTH, HEIGHT, seed)
        people = cut_out_people()
        self._people = [
            person.scaled(round(walk.height * HEIGHT))
            for person, walk in zip(people, WALKS, strict=True)
        ]
        random = np.random.default_rng(seed)
        shape = (NOISE_PATTERNS, HEIGHT, WIDTH, 1)
        self._noise = NOISE * random.standard_normal(shape, dtype=np.float32)
        self._random = random

    def frame(self, at_seconds):
        """Return the picture as uint8 BGR and the box of every visitor in it by number."""
        picture = self._room.copy()
        boxes = {}
        for number, walk in enumerate(WALKS):
            place = walk.place(at_seconds)
            if place:
                box = put_person(picture, self._people[number], place, at_seconds)
                if box:
                    boxes[number] = box
        return self._exposed(picture, at_seconds), boxes

    def _exposed(self, picture, at_seconds):
        """Add what a real camera adds: a slow drift of the light, and noise."""
        drift = 1 + 0.018 * np.sin(2 * np.pi * at_seconds / 47)
        noise = self._noise[self._random.integers(NOISE_PATTERNS)]
        shift = int(self._random.integers(WIDTH))
        picture *= drift
        picture += np.roll(noise, shift, axis=1)
        return np.clip(picture, 0, 255).astype(np.uint8)


def put_person(picture, person, place, at_seconds):
    """Draw a Cutout and its shadow into a picture (HEIGHT, WIDTH, 3) float32.

    Args:
        place: (x, y of the feet, direction -1 | 0 | 1), normalised.

    Returns:
        The visible box, normalised, or None when nothing shows.
    """
    x, y, direction = place
    person = person.mirrored() if direction < 0 else person
    pace = np.sin(2 * np.pi * STRIDES_PER_SECOND * at_seconds)
    lift = 2.0 * abs(pace) if direction else 0.6 * np.sin(2 * np.pi * at_seconds / 3.7)
    lean = (0.022 * direction + 0.012 * pace) if direction else 0.004 * np.sin(at_seconds)
    image, alpha = _leaning(person, lean)
    left = x * WIDTH - image.shape[1] / 2
    top = y * HEIGHT - image.shape[0] - lift
    _cast_shadow(picture, alpha, left, y * HEIGHT)
    return _blend(picture, image, alpha, round(left), round(top))


def _leaning(person, lean):
    """Shear a person so that the head moves by ``lean`` of the height and the feet stay."""
    height, width = person.alpha.shape
    pad = 12
    matrix = np.array([[1, -lean, pad + lean * height], [0, 1, 0]], np.float32)
    size = (width + 2 * pad, height)
    return tuple(cv2.warpAffine(layer, matrix, size) for layer in (person.image, person.alpha))


def _cast_shadow(picture, alpha, left, feet):
    """Darken the floor behind the feet, where the light of the doors does not reach."""
    height, width = alpha.shape
    flat = cv2.resize(alpha, (width, round(height * 0.09)), interpolation=cv2.INTER_AREA)[::-1]
    rows = len(flat)
    shape = np.zeros((rows + 24, width + 130), np.float32)
    slant = np.array([[1, 0.9, 20], [0, 1, 6]], np.float32)
    cv2.warpAffine(flat, slant, shape.shape[::-1], dst=shape)
    fade = np.linspace(1.0, 0.45, shape.shape[0], dtype=np.float32)[:, None]
    soft = cv2.GaussianBlur(shape, (0, 0), 3.2) * fade * SHADOW
    contact = np.zeros_like(shape)
    # Only under the soles: one dark patch below both feet is a skateboard to a detector.
    contact[6:12, 20 : 20 + width] = alpha[-round(height * 0.04) :].max(axis=0)
    soft = np.maximum(soft, cv2.GaussianBlur(contact, (0, 0), 2.2) * 0.6)
    black = np.zeros((*shape.shape, 3), np.float32)
    _blend(picture, black, soft, round(left) - 20, round(feet) - 12)


def _blend(picture, image, alpha, left, top):
    """Lay an image over the picture; return its normalised box inside the picture, or None."""
    height, width = alpha.shape
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + width, WIDTH), min(top + height, HEIGHT)
    if x2 - x1 < 1 or y2 - y1 < 1:
        return None
    part = np.s_[y1 - top : y2 - top, x1 - left : x2 - left]
    amount = alpha[part][..., None]
    picture[y1:y2, x1:x2] += (image[part] - picture[y1:y2, x1:x2]) * amount
    return _visible_box(alpha[part], x1, y1)


def _visible_box(alpha, left, top):
    solid = alpha > 0.5
    columns, rows = np.where(solid.any(0))[0], np.where(solid.any(1))[0]
    if len(columns) < 8:
        return None
    return (
        (left + int(columns[0])) / WIDTH,
        (top + int(rows[0])) / HEIGHT,
        (left + int(columns[-1]) + 1) / WIDTH,
        (top + int(rows[-1]) + 1) / HEIGHT,
    )


class _Film:
    """An MP4 that browsers play, written under another name until it is whole."""

    def __init__(self, path, fps):
        self._path = Path(path)
        self._unfinished = self._path.with_name(f".{self._path.name}.part")
        self._fps = fps

    def __enter__(self):
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(
            str(self._unfinished), "w", format="mp4", options={"movflags": "+faststart"}
        )
        self._stream = self._container.add_stream("libx264", rate=Fraction(self._fps))
        self._stream.width, self._stream.height = WIDTH, HEIGHT
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"preset": "veryfast", "crf": "22", "g": str(2 * self._fps)}
        return self

    def add(self, image):
        frame = av.VideoFrame.from_ndarray(image, format="bgr24")
        self._container.mux(self._stream.encode(frame))

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self._container.mux(self._stream.encode())
            self._container.close()
            if kind is None:
                self._unfinished.replace(self._path)
        finally:
            self._unfinished.unlink(missing_ok=True)
