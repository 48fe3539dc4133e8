"""The block form of the filters against the full 8 x 8 one, written out."""

import numpy as np
import pytest

from detection.vision.kalman import VELOCITY, BoxFilter

BOXES = np.array([[100.0, 50, 140, 150], [300, 200, 420, 260]])


def _deviations(coordinates, has_aspect):
    x, y, a, h = coordinates
    size = np.array([h, h, h, h]) if has_aspect else np.array([a, h, a, h])
    position, velocity, measured = size / 20, size / 160, size / 20
    if has_aspect:
        position[2], velocity[2], measured[2] = 1e-2, 1e-5, 1e-1
    return position, velocity, measured


class _FullFilter:
    """One box, its mean (8,) and covariance (8, 8)."""

    def __init__(self, coordinates, has_aspect):
        position, velocity, _ = _deviations(coordinates, has_aspect)
        wide = 2 * position, 10 * velocity
        if has_aspect:
            wide[0][2], wide[1][2] = 1e-2, 1e-5
        self.has_aspect = has_aspect
        self.mean = np.concatenate((coordinates, np.zeros(4)))
        self.covariance = np.diag(np.concatenate(wide) ** 2)

    def predict(self):
        motion = np.eye(8) + np.eye(8, k=4)
        position, velocity, _ = _deviations(self.mean[:4], self.has_aspect)
        self.mean = motion @ self.mean
        self.covariance = motion @ self.covariance @ motion.T + np.diag(
            np.concatenate((position, velocity)) ** 2
        )

    def update(self, measurement):
        _, _, measured = _deviations(self.mean[:4], self.has_aspect)
        look = np.eye(4, 8)
        spread = look @ self.covariance @ look.T + np.diag(measured**2)
        gain = self.covariance @ look.T @ np.linalg.inv(spread)
        self.mean = self.mean + gain @ (measurement - look @ self.mean)
        self.covariance = self.covariance - gain @ spread @ gain.T


@pytest.mark.parametrize("has_aspect", [True, False])
def test_the_blocks_are_the_full_filter(has_aspect):
    rng = np.random.default_rng(1)
    filters = BoxFilter(has_aspect=has_aspect)
    state = filters.start(BOXES)
    full = [_FullFilter(c, has_aspect) for c in filters.to_coordinates(BOXES)]

    for step in range(12):
        seen = BOXES + step * np.array([3, 1, 3.5, 1.2]) + rng.normal(0, 1, BOXES.shape)
        state = filters.predict(state)
        for each in full:
            each.predict()
        if step % 4 != 3:
            state = filters.update(state, seen)
            for each, measured in zip(full, filters.to_coordinates(seen), strict=True):
                each.update(measured)

    for row, each in enumerate(full):
        np.testing.assert_allclose(state[:2, row].ravel(), each.mean, rtol=1e-9)
        np.testing.assert_allclose(state[2, row], np.diag(each.covariance)[:4], rtol=1e-9)
        np.testing.assert_allclose(state[3, row], np.diag(each.covariance[:4, 4:]), rtol=1e-9)
        np.testing.assert_allclose(state[4, row], np.diag(each.covariance)[4:], rtol=1e-9)


@pytest.mark.parametrize("has_aspect", [True, False])
def test_boxes_survive_the_coordinates(has_aspect):
    filters = BoxFilter(has_aspect=has_aspect)

    np.testing.assert_allclose(filters.to_boxes(filters.start(BOXES)), BOXES)


@pytest.mark.parametrize("has_aspect", [True, False])
def test_a_steady_walk_is_learnt_and_foreseen(has_aspect):
    filters = BoxFilter(has_aspect=has_aspect, frames_per_step=5)
    state = filters.start(BOXES)
    for step in range(1, 15):
        state = filters.update(filters.predict(state), BOXES + 20 * step)

    ahead = filters.to_boxes(filters.predict(state, steps=2))

    np.testing.assert_allclose(ahead, BOXES + 20 * 16, atol=4)


def test_lost_boxes_do_not_grow():
    filters = BoxFilter(has_aspect=False)
    state = filters.start(BOXES)
    state[VELOCITY] = 5.0

    filters.freeze_size(state, np.array([True, False]))

    assert state[VELOCITY, 0].tolist() == [5, 5, 0, 0]
    assert state[VELOCITY, 1].tolist() == [5, 5, 5, 5]
