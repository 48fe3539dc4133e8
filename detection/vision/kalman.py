"""Constant-velocity Kalman filters for many boxes at once.

The noise of a box's four coordinates is independent, so the usual 8 x 8 covariance is four 2 x 2
blocks, and a filter for N boxes is a handful of array operations on (N, 4). The noise model, a
share of the box's size, is that of ByteTrack (Zhang et al. 2022, coordinates centre, aspect,
height) and BoT-SORT (Aharon et al. 2022, coordinates centre, width, height), stated there for a
step of one video frame; `step` rescales it for sampled footage.
"""

import numpy as np

POSITION_WEIGHT = 1 / 20
VELOCITY_WEIGHT = 1 / 160
# Rows of a state: position, its velocity, and the three distinct entries of their covariance.
POSITION, VELOCITY, VAR_POSITION, COVARIANCE, VAR_VELOCITY = range(5)


class BoxFilter:
    """The noise model and the three steps of a filter over states of shape (5, N, 4).

    Args:
        has_aspect: coordinates are centre, aspect, height; else centre, width, height.
        frames_per_step: video frames (at the rate the weights were meant for) between samples.
    """

    def __init__(self, *, has_aspect, frames_per_step=1.0):
        self._has_aspect = has_aspect
        # A velocity that wanders by s each frame has wandered by s * sqrt(k) after k frames, and
        # is counted in pixels per step of k frames.
        self._velocity_scale = frames_per_step**1.5

    def start(self, boxes):
        """Begin at detected boxes, (N, 4) xyxy px, at rest and with wide uncertainty."""
        measured = self.to_coordinates(boxes)
        state = np.zeros((5, *measured.shape))
        position, velocity = self._noise(measured)
        state[POSITION] = measured
        state[VAR_POSITION] = self._squared(2 * position, 1e-2)
        state[VAR_VELOCITY] = self._squared(10 * velocity, 1e-5)
        return state

    def predict(self, state, steps=1.0):
        """Move on by a number of steps (at least a little more than 0)."""
        position, velocity = self._noise(state[POSITION])
        moved = state.copy()
        moved[POSITION] += state[VELOCITY] * steps
        moved[VAR_POSITION] += steps * (
            2 * state[COVARIANCE] + steps * state[VAR_VELOCITY] + self._squared(position, 1e-2)
        )
        moved[COVARIANCE] += steps * state[VAR_VELOCITY]
        moved[VAR_VELOCITY] += steps * self._squared(velocity, 1e-5)
        return moved

    def update(self, state, boxes):
        """Correct predicted states by the boxes that were matched to them, (N, 4) xyxy px."""
        position, _ = self._noise(state[POSITION])
        spread = state[VAR_POSITION] + self._squared(position, 1e-1)
        gain_position, gain_velocity = gains = state[VAR_POSITION:VAR_VELOCITY] / spread
        surprise = self.to_coordinates(boxes) - state[POSITION]
        corrected = state.copy()
        corrected[:VAR_POSITION] += gains * surprise
        corrected[VAR_POSITION:VAR_VELOCITY] -= gain_position * state[VAR_POSITION:VAR_VELOCITY]
        corrected[VAR_VELOCITY] -= gain_velocity * state[COVARIANCE]
        return corrected

    def freeze_size(self, state, chosen):
        """Stop the growth of the chosen boxes, (N,) bool: lost ones would swell or vanish."""
        state[VELOCITY, chosen, 3] = 0.0
        if not self._has_aspect:
            state[VELOCITY, chosen, 2] = 0.0

    def to_coordinates(self, boxes):
        """Turn (N, 4) xyxy into the filter's coordinates."""
        size = boxes[:, 2:] - boxes[:, :2]
        coordinates = np.empty((len(boxes), 4))
        coordinates[:, :2] = boxes[:, :2] + size / 2
        coordinates[:, 2:] = size
        if self._has_aspect:
            coordinates[:, 2] = size[:, 0] / size[:, 1]
        return coordinates

    def to_boxes(self, state):
        """Turn states into (N, 4) xyxy px."""
        coordinates = state[POSITION]
        halves = coordinates[:, 2:] / 2
        if self._has_aspect:
            halves = halves.copy()
            halves[:, 0] *= coordinates[:, 3]
        return np.concatenate((coordinates[:, :2] - halves, coordinates[:, :2] + halves), axis=1)

    def _noise(self, coordinates):
        if self._has_aspect:
            extent = np.repeat(coordinates[:, 3:], 4, axis=1)
        else:
            extent = coordinates[:, [2, 3, 2, 3]]
        return extent * POSITION_WEIGHT, extent * (VELOCITY_WEIGHT * self._velocity_scale)

    def _squared(self, deviation, aspect_deviation):
        if self._has_aspect:
            deviation = deviation.copy()
            deviation[:, 2] = aspect_deviation
        return deviation**2
