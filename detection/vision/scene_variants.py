"""Many rendered places with people in them, each as another camera would see it.

The demo learns to find people from these. What it must not learn is one room by heart: places
differ in walls, floors, furniture, light, colour and lens, and people in size, place, company and
clothes. Which people stand where is returned beside every picture, to the pixel.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from detection.vision.scene_people import Cutout, cut_out_people
from detection.vision.scene_room import draw_room
from detection.vision.scenes import HEIGHT, WIDTH, put_person

MOST_PEOPLE = 4
LOBBIES = 4  # of so many places one is the lobby of the demo's film, seen by another camera
DYED_SHARE = 0.5
HEAD_SHARE = 0.16  # of a person's height


@dataclass(frozen=True, slots=True)
class Moment:
    """One picture of a place.

    Attributes:
        image: (HEIGHT, WIDTH, 3) uint8 BGR.
        boxes_xyxy: where people are, normalised and inside the picture; none in an empty place.
    """

    image: np.ndarray
    boxes_xyxy: tuple[tuple[float, float, float, float], ...]


class Place:
    """A place that is rendered moment after moment; the same seed is the same place.

    Args:
        seed: any number from 0.
        people: what ``cut_out_people`` returned; cut out where None.
    """

    def __init__(self, seed, people=None):
        self._seed = seed
        self._people = people or cut_out_people()
        random = np.random.default_rng([seed, 1])
        lobby = seed % LOBBIES == 0
        self._room = draw_room(WIDTH, HEIGHT, seed) if lobby else _draw_hall(random)
        self._room = _seen_from(self._room, random)
        self._light, self._blur = _light(random), random.uniform(0, 0.8)
        self._noise = random.uniform(1, 6)
        self._scale = random.uniform(0.8, 1.2)

    def moment(self, number, *, is_empty=False):
        """Return the Moment of this number; people who hardly show are not put into it."""
        random = np.random.default_rng([self._seed, number, 2])
        picture = self._room.copy()
        boxes = []
        count = 0 if is_empty else int(random.integers(1, MOST_PEOPLE + 1))
        for feet_y in sorted(random.uniform(0.6, 1.02, count)):
            box = self._put(picture, feet_y, boxes, random)
            if box is not None:
                boxes.append(box)
        return Moment(self._exposed(picture, random), tuple(boxes))

    def _put(self, picture, feet_y, boxes, random):
        """Put somebody where nobody is hidden by half; the nearer to the camera, the larger."""
        height = self._scale * random.uniform(0.8, 1.15) * (0.22 + 0.46 * (feet_y - 0.5) / 0.5)
        person = self._people[int(random.integers(len(self._people)))]
        person = _dyed(person, random) if random.random() < DYED_SHARE else person
        person = person.scaled(max(round(min(height, 0.9) * HEIGHT), 40))
        half = person.alpha.shape[1] / WIDTH / 2
        for _ in range(6):
            x = random.uniform(0.02, 0.98)
            wanted = (x - half, feet_y - height, x + half, feet_y)
            if all(_shared(wanted, box) < 0.35 for box in boxes):
                place = x, float(feet_y), int(random.integers(-1, 2))
                return put_person(picture, person, place, random.uniform(0, 9))
        return None

    def _exposed(self, picture, random):
        picture = picture * self._light * random.uniform(0.93, 1.07)
        if self._blur > 0.2:
            picture = cv2.GaussianBlur(picture, (0, 0), self._blur)
        picture += self._noise * random.standard_normal(picture.shape, dtype=np.float32)
        return np.clip(picture, 0, 255).astype(np.uint8)


def head_of(box_xyxy):
    """Return the box of the head of somebody who stands in ``box_xyxy``, with room around it.

    >>> head_of((0.4, 0.2, 0.6, 0.7))
    (0.42, 0.2, 0.58, 0.29)
    """
    x1, y1, x2, y2 = box_xyxy
    is_cut_off = x1 <= 0.0 or x2 >= 1.0  # then the head may be anywhere in what is left
    aside = 0.0 if is_cut_off else 0.1 * (x2 - x1)
    return tuple(
        round(edge, 6)
        for edge in (x1 + aside, y1, x2 - aside, y1 + (y2 - y1) * (HEAD_SHARE + 0.02))
    )


def _shared(box, other):
    """Return the share of the smaller of two boxes that lies in both."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    sizes = ((one[2] - one[0]) * (one[3] - one[1]) for one in (box, other))
    return width * height / max(min(sizes), 1e-9)


def _dyed(person, random):
    """Return somebody in other clothes: the colours turned, head and hands as well as they may."""
    height = person.image.shape[0]
    hsv = cv2.cvtColor(person.image, cv2.COLOR_BGR2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + random.uniform(0, 180)) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * random.uniform(0.6, 1.6) + random.uniform(0, 60), 0, 255)
    hsv[..., 2] = np.clip(hsv[..., 2] * random.uniform(0.6, 1.5), 0, 255)
    dyed = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR)
    rows = np.linspace(0, 1, height)[:, None, None]
    below_head = np.clip((rows - HEAD_SHARE) / 0.03, 0, 1)
    image = person.image * (1 - below_head) + dyed * below_head
    return Cutout(image.astype(np.uint8), person.alpha)


def _light(random):
    """Return the light of a place as factors (H, W, 3): its colour, a slope, a lamp."""
    across, down = np.meshgrid(
        np.linspace(-1, 1, WIDTH, dtype=np.float32), np.linspace(-1, 1, HEIGHT, dtype=np.float32)
    )
    slope, lamp = random.normal(0, 0.15, 2), random.uniform(-1, 1, 2)
    glow = np.exp(-((across - lamp[0]) ** 2 + (down - lamp[1]) ** 2) / 0.5)
    light = 1 + slope[0] * across + slope[1] * down + random.uniform(0, 0.4) * glow
    colour = random.normal(1, 0.08, 3)
    return (light[..., None] * colour * random.uniform(0.4, 1.1)).astype(np.float32)


def _seen_from(room, random):
    """Return a room as another camera sees it: nearer, from the side, with other colours."""
    if random.random() < 0.5:
        room = room[:, ::-1]
    left, top = random.uniform(0, 0.14, 2)
    right, bottom = 1 - random.uniform(0, 0.14, 2)
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    corners = (corners + random.normal(0, 0.025, (4, 2))) * (WIDTH, HEIGHT)
    goal = np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], np.float32)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), goal)
    seen = cv2.warpPerspective(
        np.ascontiguousarray(room), matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT
    )
    return seen[..., random.permutation(3)] if random.random() < 0.4 else seen


def _draw_hall(random):
    """Return an empty hall (HEIGHT, WIDTH, 3) float32: walls, a floor, things that stand about."""
    hall = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    edge = int(random.uniform(0.3, 0.55) * HEIGHT)
    hall[:edge], hall[edge:] = _colour(random), _colour(random)
    _draw_panels(hall[:edge], random)
    _draw_boards(hall[edge:], random)
    for _ in range(random.integers(3, 9)):
        _draw_thing(hall, edge, random)
    small = random.standard_normal((HEIGHT // 24, WIDTH // 24, 3)).astype(np.float32)
    hall += random.uniform(2, 9) * cv2.resize(small, (WIDTH, HEIGHT))
    hall += random.uniform(1, 6) * random.standard_normal(hall.shape, dtype=np.float32)
    return np.clip(hall, 0, 255)


def _colour(random):
    """Return a colour as walls and furniture have it: a grey with a tint."""
    return np.clip(random.uniform(30, 225) + random.normal(0, 28, 3), 8, 245)


def _draw_panels(wall, random):
    """Draw the joints of a wall, and windows, doors or posters on it."""
    wide = int(random.uniform(24, 160))
    for column in range(int(random.integers(wide)), wall.shape[1], wide):
        wall[:, column : column + 2] *= 0.75
    for _ in range(random.integers(1, 6)):
        wide, tall = random.uniform(0.03, 0.16) * WIDTH, random.uniform(0.2, 0.9) * len(wall)
        left, top = random.uniform(0, WIDTH - wide), random.uniform(0, len(wall) - tall)
        panel = wall[int(top) : int(top + tall), int(left) : int(left + wide)]
        panel[:] = _colour(random)
        panel *= np.linspace(1, random.uniform(0.6, 1.2), len(panel))[:, None, None]


def _draw_boards(floor, random):
    """Draw what divides a floor, running towards the camera or across."""
    rows, width = floor.shape[:2]
    for share in np.linspace(0, 1, int(random.uniform(3, 14))) ** 2:
        row = int(share * (rows - 1))
        floor[row : row + 1 + row // 60] *= 0.82
    if random.random() < 0.7:
        ink = np.zeros((rows, width), np.uint8)
        for share in np.linspace(-1.5, 2.5, int(random.uniform(8, 30))):
            near = (int((share - 0.5) * 2.2 * width + width / 2), rows)
            cv2.line(ink, (int(share * width), 0), near, 255, 2, cv2.LINE_AA)
        floor *= (1 - 0.2 * ink / 255.0)[..., None]


def _draw_thing(hall, edge, random):
    """Draw a thing that is no person: a locker, a pillar, a bin, a sign on its post."""
    foot = random.uniform(edge + 4, HEIGHT)
    size = 0.25 + 0.75 * (foot - edge) / (HEIGHT - edge)
    tall, wide = size * HEIGHT * random.uniform(0.1, 0.75), size * WIDTH * random.uniform(0.02, 0.1)
    left = random.uniform(-0.05, 1.0) * WIDTH
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * (wide, -tall) + (left, foot)
    corners += random.normal(0, 3, (4, 2))
    ink = np.zeros(hall.shape[:2], np.uint8)
    if random.random() < 0.3:
        centre, axes = corners.mean(0), (wide / 2 + 2, tall / 2 + 2)
        cv2.ellipse(ink, (tuple(centre), tuple(2 * np.array(axes)), 0), 255, -1, cv2.LINE_AA)
    else:
        cv2.fillPoly(ink, [corners.astype(np.int32)], 255, cv2.LINE_AA)
    shade = np.linspace(random.uniform(0.6, 1.2), random.uniform(0.6, 1.2), WIDTH)
    colour = _colour(random) * shade[None, :, None]
    amount = ink[..., None] / 255.0
    hall[:] = hall * (1 - amount) + colour * amount
