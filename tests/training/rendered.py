"""Rendered yards with two things that no usual detector knows: gas cylinders and traffic barrels.

Real material of a new class does not lie beside the repository, and a test that shows a model
learning needs some hundred pictures whose boxes are true to the pixel. The pictures are made to be
hard for somebody who has seen a handful: colours, sizes, light and backgrounds vary, things lean,
lie, stand behind others and beside what resembles them. The same numbers give the same picture.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from tests.training.backdrops import FAMILIES, GRAIN, SIDE, any_colour, backdrop, exposed

CYLINDER, BARREL = CLASSES = ("gas cylinder", "traffic barrel")
MOST_HIDDEN = 0.45


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture.

    Attributes:
        image: (SIDE, SIDE, 3) uint8 BGR.
        boxes: (class name, (x1, y1, x2, y2)), normalised, of all that is in view, hidden parts
            included.
    """

    image: np.ndarray
    boxes: tuple[tuple[str, tuple[float, float, float, float]], ...]


def yard(group: int, number: int) -> Picture:
    """Return one picture of a yard: a group is one place in one light, its numbers moments there.

    >>> yard(3, 1).image.shape
    (320, 320, 3)
    """
    place, moment = np.random.default_rng([group, 7]), np.random.default_rng([group, number, 11])
    canvas, floor = backdrop(FAMILIES[group % len(FAMILIES)], place)
    for _ in range(place.integers(2, 5)):
        _stand(canvas, _distractor(place), floor, place)
    boxes = _things(canvas, floor, moment)
    image = exposed(canvas, place, moment)
    return Picture(image, tuple(boxes))


def background_only(group: int, number: int) -> Picture:
    """Return a picture of the same place without either thing in it."""
    place, moment = np.random.default_rng([group, 7]), np.random.default_rng([group, number, 13])
    canvas, floor = backdrop(FAMILIES[group % len(FAMILIES)], place)
    for _ in range(place.integers(2, 5)):
        _stand(canvas, _distractor(place), floor, place)
    for _ in range(moment.integers(1, 4)):
        _stand(canvas, _distractor(moment), floor, moment)
    return Picture(exposed(canvas, place, moment), ())


def _things(canvas, floor, random):
    """Draw one to four things, and what stands before them; return their boxes."""
    boxes, masks = [], []
    for _ in range(random.integers(1, 5)):
        name = CLASSES[int(random.integers(2))]
        layer = _cylinder(random) if name == CYLINDER else _barrel(random)
        mask = _stand(canvas, layer, floor, random, taken=masks)
        if mask is not None:
            masks.append(mask)
            boxes.append((name, _box(mask)))
        if random.random() < 0.45:
            _stand(canvas, _distractor(random), floor, random, taken=masks)
    return boxes


def _box(mask):
    columns, rows = np.where(mask.any(0))[0], np.where(mask.any(1))[0]
    edges = np.array((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)) / (SIDE * GRAIN)
    return tuple(float(round(edge, 6)) for edge in edges)


def _stand(canvas, layer, floor, random, taken=()):
    """Put a layer somewhere on the floor; return its mask, None where it would hide too much."""
    height, width = canvas.shape[:2]
    turned = _turned(layer, random)
    for _ in range(8):
        depth = random.beta(1.2, 1.2)
        share = 0.13 + 0.42 * depth * random.uniform(0.75, 1.25)
        size = max(int(share * height), 24)
        image, alpha = _scaled(turned, size)
        left = int(random.uniform(-0.08, 0.98) * width - 0.1 * alpha.shape[1])
        feet = floor + (height - floor) * (0.05 + 0.93 * depth)
        mask = _placed(alpha, left, int(feet) - alpha.shape[0], canvas.shape[:2])
        if mask.sum() < 0.6 * alpha.sum() or any(_hides(mask, one) for one in taken):
            continue
        _shadow(canvas, mask, random)
        layer_there = _placed(image, left, int(feet) - alpha.shape[0], canvas.shape[:2])
        canvas[:] = canvas * (1 - mask[..., None]) + layer_there * mask[..., None]
        return mask > 0.5
    return None


def _hides(mask, other):
    return (other & (mask > 0.5)).sum() > MOST_HIDDEN * other.sum()


def _placed(layer, left, top, shape):
    """Return a layer at a place of an empty canvas, cut off where it leaves it."""
    height, width = layer.shape[:2]
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(left + width, shape[1]), min(top + height, shape[0])
    placed = np.zeros((*shape, *layer.shape[2:]), np.float32)
    if x2 > x1 and y2 > y1:
        placed[y1:y2, x1:x2] = layer[y1 - top : y2 - top, x1 - left : x2 - left]
    return placed


def _scaled(layer, size):
    image, alpha = layer
    scale = size / max(alpha.shape)
    shape = max(int(alpha.shape[1] * scale), 4), max(int(alpha.shape[0] * scale), 4)
    return tuple(cv2.resize(one, shape, interpolation=cv2.INTER_AREA) for one in (image, alpha))


def _turned(layer, random):
    """Lean a layer by a few degrees, or lay it down."""
    image, alpha = layer
    is_lying = random.random() < 0.18
    angle = random.choice((-90, 90)) + random.normal(0, 7) if is_lying else random.normal(0, 9)
    height, width = alpha.shape
    side = int(np.hypot(height, width)) + 4
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    image, alpha = (cv2.warpAffine(one, matrix, (side, side)) for one in (image, alpha))
    columns, rows = np.where(alpha.max(0) > 0.5)[0], np.where(alpha.max(1) > 0.5)[0]
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return image[inside], alpha[inside]


def _shadow(canvas, mask, random):
    moved = np.roll(cv2.GaussianBlur(mask, (0, 0), 9), (6, int(random.normal(0, 12))), (0, 1))
    canvas *= (1 - 0.45 * moved)[..., None]


# What is drawn, as (image (H, W, 3) float32 BGR, alpha (H, W) float32).


def _blank(height, width):
    return np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)


def _filled(alpha, corners):
    ink = np.zeros(alpha.shape, np.uint8)
    cv2.fillPoly(ink, [np.array(corners, np.int32)], 255, cv2.LINE_AA)
    np.maximum(alpha, ink / 255.0, out=alpha)
    return ink[..., None] / 255.0


def _paint(image, alpha, corners, colour):
    ink = _filled(alpha, corners)
    image[:] = image * (1 - ink) + np.array(colour, np.float32) * ink


def _round(image, random):
    """Shade a standing body as a round one: lit from one side, with a gleam."""
    across = np.linspace(-1, 1, image.shape[1], dtype=np.float32)
    lit = random.uniform(-0.6, 0.6)
    shade = 0.45 + 0.65 * np.exp(-(((across - lit) / 0.7) ** 2))
    gleam = random.uniform(10, 70) * np.exp(-(((across - lit) / 0.12) ** 2))
    image *= shade[None, :, None]
    image += gleam[None, :, None]


def _dome(width, top, middle, steps=14):
    """Return the corners of a dome from left to right, its foot at ``middle``."""
    angles = np.linspace(np.pi, 0, steps)
    return [
        (width / 2 + width / 2 * np.cos(one), middle - (middle - top) * np.sin(one))
        for one in angles
    ]


def _cylinder(random):
    """Draw a gas cylinder: a body with a domed shoulder, a neck, a valve, sometimes a band."""
    width, height = 90, int(random.uniform(210, 330))
    image, alpha = _blank(height, width)
    neck, shoulder = int(0.12 * height), int(0.27 * height)
    body = [*_dome(width, neck, shoulder), (width - 1, height - 6), (width - 8, height - 1)]
    body += [(8, height - 1), (0, height - 6)]
    colour = any_colour(random)
    _paint(image, alpha, body, colour)
    if random.random() < 0.7:
        top = _dome(width, neck, shoulder)
        _paint(image, alpha, top, any_colour(random))
    for _ in range(random.integers(0, 3)):
        at = random.uniform(0.35, 0.85) * height
        band = at + random.uniform(0.02, 0.12) * height
        corners = [(0, at), (width - 1, at), (width - 1, band), (0, band)]
        _paint(image, alpha, corners, any_colour(random))
    _round(image, random)
    metal = random.uniform(70, 170)
    middle = width / 2
    for half, top, bottom in ((9, 0.05, 0.14), (17, 0.035, 0.07), (6, 0.0, 0.04)):
        corners = [(middle - half, top * height), (middle + half, top * height)]
        corners += [(middle + half, bottom * height), (middle - half, bottom * height)]
        _paint(image, alpha, corners, (metal, metal, metal * 0.95))
    if random.random() < 0.35:  # the guard round the valve
        for side in (-1, 1):
            x = middle + side * 24
            corners = [(x - 4, 0), (x + 4, 0), (x + 4, shoulder - 8), (x - 4, shoulder - 8)]
            _paint(image, alpha, corners, colour * 0.7)
    return image, alpha


def _barrel(random):
    """Draw a traffic barrel: a tapering body in steps with bright stripes on a wide black foot."""
    width, height = 150, int(random.uniform(190, 250))
    image, alpha = _blank(height, width)
    steps = int(random.integers(3, 6))
    body = (random.uniform(0, 60), random.uniform(70, 150), random.uniform(190, 255))
    if random.random() < 0.3:
        body = any_colour(random)
    stripe = random.uniform(170, 250) * np.array((1.0, 1.0, random.uniform(0.85, 1.0)))
    foot = int(0.9 * height)
    edges = np.linspace(0.06 * height, foot, steps + 1)
    for number in range(steps):
        half = (0.27 + 0.13 * number / steps) * width
        low, high = edges[number], edges[number + 1]
        corners = [(width / 2 - half, low), (width / 2 + half, low)]
        corners += [(width / 2 + half + 3, high), (width / 2 - half - 3, high)]
        _paint(image, alpha, corners, stripe if number % 2 else body)
    handle = [(0.43 * width, 0), (0.57 * width, 0), (0.62 * width, 0.07 * height)]
    _paint(image, alpha, [*handle, (0.38 * width, 0.07 * height)], body)
    _round(image, random)
    corners = [(0.04 * width, foot), (0.96 * width, foot), (width - 1, height - 1), (0, height - 1)]
    _paint(image, alpha, corners, [random.uniform(15, 60)] * 3)
    return image, alpha


def _distractor(random):
    """Draw something that resembles one of the two, or just stands about."""
    draw = (_cone, _pipe, _crate, _board, _drum, _bottle)[int(random.integers(6))]
    return draw(random)


def _cone(random):
    image, alpha = _blank(200, 130)
    orange = (random.uniform(0, 60), random.uniform(70, 150), random.uniform(190, 255))
    for low, high, colour in ((0, 70, orange), (70, 115, (230, 230, 230)), (115, 185, orange)):
        halves = [6 + 44 * at / 185 for at in (low, high)]
        corners = [(65 - halves[0], low), (65 + halves[0], low)]
        _paint(image, alpha, [*corners, (65 + halves[1], high), (65 - halves[1], high)], colour)
    _round(image, random)
    _paint(image, alpha, [(4, 183), (126, 183), (129, 199), (0, 199)], (40, 45, 50))
    return image, alpha


def _pipe(random):
    width = int(random.uniform(30, 90))
    image, alpha = _blank(int(random.uniform(200, 340)), width)
    height = image.shape[0]
    _paint(image, alpha, [(0, 0), (width, 0), (width, height), (0, height)], any_colour(random))
    _round(image, random)
    return image, alpha


def _crate(random):
    width, height = int(random.uniform(120, 240)), int(random.uniform(90, 200))
    image, alpha = _blank(height, width)
    _paint(image, alpha, [(0, 0), (width, 0), (width, height), (0, height)], any_colour(random))
    slat = int(random.uniform(14, 40))
    for at in range(0, height, slat):
        image[at : at + 3] *= 0.6
    return image, alpha


def _board(random):
    """Draw a board with slanting stripes, as bright as a barrel's."""
    width, height = int(random.uniform(120, 280)), int(random.uniform(40, 90))
    image, alpha = _blank(height, width)
    _paint(image, alpha, [(0, 0), (width, 0), (width, height), (0, height)], (235, 235, 235))
    colour = (random.uniform(0, 60), random.uniform(40, 150), random.uniform(190, 255))
    for at in range(-height, width, 50):
        corners = [(at, height), (at + 25, height), (at + 25 + height, 0), (at + height, 0)]
        _paint(image, alpha, corners, colour)
    return image, alpha


def _drum(random):
    """Draw an oil drum: straight, ribbed, wide."""
    image, alpha = _blank(200, 140)
    _paint(image, alpha, [(0, 4), (139, 4), (139, 196), (0, 196)], any_colour(random))
    for at in (4, 66, 130, 188):
        image[at : at + 7] *= 0.7
    _round(image, random)
    return image, alpha


def _bottle(random):
    """Draw what has a cylinder's body and no shoulder, neck or valve: a bollard."""
    width, height = 70, int(random.uniform(180, 300))
    image, alpha = _blank(height, width)
    colour = any_colour(random)
    _paint(image, alpha, [(0, 8), (8, 0), (62, 0), (69, 8), (69, height), (0, height)], colour)
    at = random.uniform(0.1, 0.3) * height
    _paint(image, alpha, [(0, at), (69, at), (69, at + 40), (0, at + 40)], any_colour(random))
    _round(image, random)
    return image, alpha
