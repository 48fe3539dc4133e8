"""Where rendered yards lie: walls and floors of six kinds, and the light that a camera takes in."""

import cv2
import numpy as np

SIDE = 320
GRAIN = 2  # drawn at this many times the size; scaling down smooths the edges
FAMILIES = ("bricks", "planks", "asphalt", "containers", "hedge", "shelves")


def any_colour(random, *, low=30, high=225):
    return random.uniform(low, high, 3)


def _cloud(shape, random, grain):
    small = random.standard_normal((shape[0] // grain + 2, shape[1] // grain + 2))
    cloud = cv2.resize(small.astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    return (cloud / max(float(cloud.std()), 1e-6))[..., None]


def backdrop(family, random):
    """Return (the empty place (H, W, 3) float32 at GRAIN times the size, the row of the floor)."""
    side = SIDE * GRAIN
    canvas = np.zeros((side, side, 3), np.float32)
    floor = int(random.uniform(0.3, 0.55) * side)
    canvas[:floor] = any_colour(random, low=60)
    canvas[floor:] = any_colour(random, low=60, high=180)
    _WALLS[family](canvas[:floor], random)
    for grain, strength in ((90, 9), (20, 6), (4, 7)):
        canvas += strength * _cloud((side, side), random, grain)
    if random.random() < 0.5:
        tile = int(random.uniform(50, 140))
        for at in range(floor, side, tile):
            canvas[at : at + 4] *= 0.75
    return np.clip(canvas, 0, 255), floor


def _bricks(wall, random):
    tall, wide = int(random.uniform(18, 34)), int(random.uniform(50, 90))
    for number, row in enumerate(range(0, wall.shape[0], tall)):
        wall[row : row + 3] *= 0.7
        for column in range((number % 2) * wide // 2, wall.shape[1], wide):
            wall[row : row + tall, column : column + 3] *= 0.7
            wall[row : row + tall, column : column + wide] *= random.uniform(0.85, 1.1)


def _planks(wall, random):
    wide = int(random.uniform(25, 80))
    for column in range(0, wall.shape[1], wide):
        wall[:, column : column + wide] *= random.uniform(0.75, 1.15)
        wall[:, column : column + 4] *= 0.5


def _asphalt(wall, random):
    wall += 16 * _cloud(wall.shape[:2], random, 3)


def _containers(wall, random):
    for column in range(0, wall.shape[1], 16):
        wall[:, column : column + 8] *= 0.78
    start = int(random.uniform(0.2, 0.8) * wall.shape[1])
    wall[:, start:] = wall[:, start:] * 0.4 + any_colour(random) * 0.6


def _hedge(wall, random):
    for _ in range(500):
        centre = random.uniform(0, wall.shape[1]), random.uniform(0, wall.shape[0])
        green = (random.uniform(20, 60), random.uniform(60, 150), random.uniform(30, 90))
        cv2.circle(wall, tuple(int(v) for v in centre), int(random.uniform(4, 14)), green, -1)


def _shelves(wall, random):
    tall = int(random.uniform(60, 110))
    for row in range(0, wall.shape[0], tall):
        column = 0
        while column < wall.shape[1]:
            wide = int(random.uniform(15, 90))
            top = row + int(random.uniform(4, 0.6 * tall))
            wall[top : row + tall - 8, column : column + wide - 4] = any_colour(random)
            column += wide
        wall[row : row + 8] = 60


_WALLS = {
    "bricks": _bricks,
    "planks": _planks,
    "asphalt": _asphalt,
    "containers": _containers,
    "hedge": _hedge,
    "shelves": _shelves,
}


def exposed(canvas, place, moment):
    """Return the picture as a camera takes it: the light of the place, its blur, its noise."""
    across, down = np.meshgrid(*(np.linspace(-1, 1, canvas.shape[0], dtype=np.float32),) * 2)
    slope = place.normal(0, 0.22, 2)
    light = 1 + slope[0] * across + slope[1] * down
    canvas = canvas * light[..., None] * place.uniform(0.45, 1.15) * place.normal(1, 0.06, 3)
    image = cv2.resize(canvas.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    image = cv2.GaussianBlur(image, (0, 0), place.uniform(0.3, 1.1))
    image += moment.normal(0, place.uniform(1, 8), image.shape)
    return np.clip(image * moment.uniform(0.9, 1.1), 0, 255).astype(np.uint8)
