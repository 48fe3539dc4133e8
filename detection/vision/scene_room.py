"""The lobby in which the demo scene plays: drawn once, then only lit.

Everything is drawn at twice the size and scaled down, which is what smooths the edges.
"""

import cv2
import numpy as np

# Corners as shares of width and height. The floor begins where the wall ends and its lines meet at
# the top of the picture: a camera under the ceiling, looking slightly down.
WALL_ENDS = 0.47
STAFF_AREA = ((0.66, 0.62), (0.85, 0.62), (1.025, 0.93), (0.74, 0.93))
WAITING_AREA = ((0.37, 0.735), (0.54, 0.735), (0.565, 0.955), (0.345, 0.955))
DOORS = (0.035, 0.08, 0.215, WALL_ENDS)
STAFF_DOOR = (0.645, 0.09, 0.755, WALL_ENDS)
SCREEN = (0.245, 0.085, 0.397, 0.255)

WALL_BGR = (186, 194, 197)
FLOOR_BGR = (146, 154, 158)
YELLOW_BGR = (52, 178, 226)
FRAME_BGR = (150, 104, 60)
TILE_PX = 100
TILES = 16


def draw_room(width, height, seed=0):
    """Return the empty lobby as (height, width, 3) float32 BGR in 0..255."""
    random = np.random.default_rng(seed)
    canvas = np.zeros((2 * height, 2 * width, 3), np.float32)
    _draw_wall(canvas, random)
    _draw_glass_doors(canvas)
    _draw_staff_door(canvas)
    _draw_screen(canvas)
    _draw_plant(canvas, random)
    _draw_floor(canvas, random)
    _light(canvas)
    room = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    return np.clip(room, 0, 255)


def _points(canvas, corners):
    height, width = canvas.shape[:2]
    return np.array([(x * width, y * height) for x, y in corners], np.float32)


def _box(canvas, box):
    """Return the slice of a (left, top, right, bottom) box given as shares."""
    height, width = canvas.shape[:2]
    left, top, right, bottom = box
    return np.s_[
        round(top * height) : round(bottom * height), round(left * width) : round(right * width)
    ]


def _inset(box, horizontal, vertical):
    left, top, right, bottom = box
    return left + horizontal, top + vertical, right - horizontal, bottom - vertical


def _cloud(shape, random, grain):
    """Return smooth noise with a deviation of 1: the larger the grain, the wider its spots."""
    small = random.standard_normal((shape[0] // grain + 2, shape[1] // grain + 2)).astype(
        np.float32
    )
    cloud = cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return (cloud / cloud.std())[..., None]


def _draw_wall(canvas, random):
    height, width = canvas.shape[:2]
    bottom = round(WALL_ENDS * height)
    wall = canvas[:bottom]
    wall[:] = WALL_BGR
    wall += 2.2 * _cloud(wall.shape, random, 90) + 1.3 * _cloud(wall.shape, random, 5)
    for column in np.linspace(0, width, 8)[1:-1].astype(int):
        wall[:, column - 2 : column + 2] *= 0.86
        wall[:, column + 2 : column + 4] *= 1.04
    wall[: round(0.035 * height)] *= 0.72
    wall[-round(0.022 * height) :] = (84, 88, 92)


def _draw_glass_doors(canvas):
    canvas[_box(canvas, _inset(DOORS, -0.008, -0.012))][: -round(0.012 * canvas.shape[0])] = (
        70,
        72,
        74,
    )
    middle = (DOORS[0] + DOORS[2]) / 2
    for left, right in ((DOORS[0], middle - 0.003), (middle + 0.003, DOORS[2])):
        pane = canvas[_box(canvas, (left, DOORS[1], right, DOORS[3] - 0.01))]
        rows = np.linspace(0, 1, pane.shape[0], dtype=np.float32)[:, None, None]
        sky, street = np.array((238, 232, 222)), np.array((176, 182, 180))
        pane[:] = sky * (1 - rows) + street * rows
        slope = np.add.outer(np.arange(pane.shape[0]), np.arange(pane.shape[1]) * 2)
        pane[(slope % 420) < 70] += 9
        pane[round(0.55 * len(pane)) : round(0.57 * len(pane))] = (110, 112, 114)


def _draw_staff_door(canvas):
    canvas[_box(canvas, _inset(STAFF_DOOR, -0.007, -0.012))][: -round(0.012 * canvas.shape[0])] = (
        92,
        96,
        98,
    )
    leaf = canvas[_box(canvas, STAFF_DOOR)]
    columns = np.linspace(-1, 1, leaf.shape[1], dtype=np.float32)[None, :, None]
    leaf[:] = np.array((132, 120, 108)) * (1.02 - 0.08 * columns**2)
    left, top, right, _ = STAFF_DOOR
    sign = canvas[_box(canvas, (left + 0.018, top + 0.09, right - 0.018, top + 0.155))]
    sign[:] = (48, 52, 190)
    _write(canvas, "STAFF", (left + 0.029, top + 0.120), 0.95)
    _write(canvas, "ONLY", (left + 0.034, top + 0.146), 0.95)
    canvas[_box(canvas, (left + 0.008, 0.30, left + 0.016, 0.345))] = (60, 62, 64)
    canvas[_box(canvas, (right + 0.022, 0.28, right + 0.04, 0.34))] = (50, 50, 52)
    canvas[_box(canvas, (right + 0.028, 0.29, right + 0.034, 0.298))] = (60, 60, 230)


def _draw_screen(canvas):
    canvas[_box(canvas, _inset(SCREEN, -0.006, -0.01))] = (38, 38, 40)
    canvas[_box(canvas, SCREEN)] = (92, 62, 34)
    left, top, _, _ = SCREEN
    rows = ("WELCOME", "Visitors: please", "wait here to be", "collected")
    for number, row in enumerate(rows):
        size = 1.05 if number == 0 else 0.72
        _write(canvas, row, (left + 0.012, top + 0.045 + 0.036 * number), size)


def _write(canvas, text, at, size):
    ink = np.zeros(canvas.shape[:2], np.uint8)
    spot = tuple(int(v) for v in _points(canvas, [at])[0])
    cv2.putText(ink, text, spot, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 2, cv2.LINE_AA)
    _paint(canvas, ink, (236, 238, 240))


def _paint(canvas, ink, colour, opacity=1.0):
    """Colour the canvas where ``ink``, (H, W) uint8, is set; OpenCV smooths edges only in bytes."""
    rows, columns = np.where(ink.any(1))[0], np.where(ink.any(0))[0]
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    amount = ink[box][..., None].astype(np.float32) * (opacity / 255)
    canvas[box] = canvas[box] * (1 - amount) + np.array(colour, np.float32) * amount


def _draw_plant(canvas, random):
    """Draw a potted plant at the right wall."""
    height, width = canvas.shape[:2]
    foot = np.array((0.90 * width, 0.47 * height))
    for _ in range(70):
        angle = random.uniform(-1.25, 1.25)
        reach = random.uniform(0.10, 0.22) * height
        tip = foot + (np.sin(angle) * reach * 0.62, -np.cos(angle) * reach - 0.05 * height)
        green = (46 + random.uniform(0, 30), 88 + random.uniform(0, 50), 56 + random.uniform(0, 30))
        root = foot - (0, 0.06 * height)
        middle = (root + tip) / 2 + (np.sin(angle) * 8, -10)
        leaf = np.array([root, middle - (7, 0), tip, middle + (7, 0)], np.int32)
        _fill(canvas, leaf, green)
    pot = foot + [(-42, -56), (42, -56), (31, 22), (-31, 22)]
    _fill(canvas, pot.astype(np.int32), (74, 80, 96))


def _fill(canvas, corners, colour):
    ink = np.zeros(canvas.shape[:2], np.uint8)
    cv2.fillPoly(ink, [corners], 255, cv2.LINE_AA)
    _paint(canvas, ink, colour)


def _draw_floor(canvas, random):
    height = canvas.shape[0]
    top = round(WALL_ENDS * height)
    wall = canvas[:top].copy()
    side = TILES * TILE_PX
    corners = ((-0.15, WALL_ENDS), (1.15, WALL_ENDS), (2.1, 1.15), (-1.1, 1.15))
    source = np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float32)
    matrix = cv2.getPerspectiveTransform(source, _points(canvas, corners))
    floor = cv2.warpPerspective(
        _tiles(random),
        matrix,
        canvas.shape[1::-1],
        flags=cv2.INTER_AREA,
        borderMode=cv2.BORDER_REFLECT,
    )
    canvas[top:] = floor[top:]
    _draw_staff_area(canvas)
    _draw_waiting_area(canvas)
    _reflect(canvas, wall, top)
    canvas[top : top + 8] *= 0.72


def _tiles(random):
    side = TILES * TILE_PX
    tiles = np.full((side, side, 3), FLOOR_BGR, np.float32)
    shades = random.normal(1, 0.022, (TILES, TILES)).astype(np.float32)
    tiles *= np.kron(shades, np.ones((TILE_PX, TILE_PX), np.float32))[..., None]
    tiles += 2.5 * _cloud(tiles.shape, random, 40) + 2.0 * _cloud(tiles.shape, random, 3)
    for edge in range(0, side, TILE_PX):
        tiles[edge : edge + 3] *= 0.83
        tiles[:, edge : edge + 2] *= 0.83
    return tiles


def _draw_staff_area(canvas):
    """Paint the yellow border and hatching that keep visitors off the staff door."""
    stripes = np.zeros(canvas.shape[:2], np.uint8)
    border = _points(canvas, STAFF_AREA)
    far_left, far_right, near_right, near_left = border
    for share in np.arange(-0.9, 1.0, 0.2):
        start = far_left + (far_right - far_left) * share
        end = near_left + (near_right - near_left) * (share + 0.9)
        cv2.line(
            stripes, start.astype(int).tolist(), end.astype(int).tolist(), 255, 11, cv2.LINE_AA
        )
    inside = np.zeros_like(stripes)
    cv2.fillPoly(inside, [border.astype(np.int32)], 255, cv2.LINE_AA)
    _paint(canvas, np.minimum(stripes, inside), YELLOW_BGR, 0.5)
    edge = np.zeros_like(stripes)
    cv2.polylines(edge, [border.astype(np.int32)], True, 255, 14, cv2.LINE_AA)
    _paint(canvas, edge, YELLOW_BGR, 0.85)


def _draw_waiting_area(canvas):
    """Paint the frame in which visitors are asked to wait.

    It has corners on purpose: detectors take an ellipse under somebody's feet for a surfboard.
    """
    frame = np.zeros(canvas.shape[:2], np.uint8)
    corners = _points(canvas, WAITING_AREA).astype(np.int32)
    cv2.polylines(frame, [corners], True, 255, 10, cv2.LINE_AA)
    _paint(canvas, frame, FRAME_BGR, 0.6)


def _reflect(canvas, wall, top):
    """Let the polished floor mirror the wall, fainter and blurrier towards the camera."""
    depth = min(canvas.shape[0] - top, top)
    mirrored = cv2.GaussianBlur(wall[::-1][:depth], (0, 0), 9)
    strength = np.linspace(0.30, 0.0, depth, dtype=np.float32)[:, None, None]
    canvas[top : top + depth] = canvas[top : top + depth] * (1 - strength) + mirrored * strength


def _light(canvas):
    """Brighten what the doors and the ceiling lamp light, darken the corners."""
    height, width = canvas.shape[:2]
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    doors = np.exp(-(((x - 0.12) / 0.22) ** 2 + ((y - 0.52) / 0.30) ** 2))
    lamp = np.exp(-(((x - 0.52) / 0.40) ** 2 + ((y - 0.66) / 0.42) ** 2))
    corners = ((x - 0.5) ** 2 + (y - 0.5) ** 2) * 0.42
    light = 0.97 + 0.13 * doors + 0.14 * lamp - corners
    canvas *= light.astype(np.float32)[..., None]
