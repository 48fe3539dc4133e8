"""Geometry between a picture and a network: letterboxing, decoding and non-maximum suppression.

The network sees the picture scaled to fit and padded with grey to a multiple of its stride, in
the manner its weights were trained with; what it answers is brought back to 0..1 of the picture.
All of it is array code: at a few milliseconds of inference, a loop over boxes would show.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from detection.vision.overlaps import overlaps
from detection.vision.types import Detections

PADDING_GREY = 114
MAX_CANDIDATES = 1000
MAX_DETECTIONS = 300


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a picture of one size lands in a network's input.

    Attributes:
        height, width: the picture, px.
        input_height, input_width: the network's input, px.
        scaled_height, scaled_width: the picture inside the input, px.
        top, left: grey rows above and columns before it.
    """

    height: int
    width: int
    input_height: int
    input_width: int
    scaled_height: int
    scaled_width: int
    top: int
    left: int

    @classmethod
    def fit(cls, height, width, *, size, stride=32):
        """Fit a picture to a rectangle whose long side is `size`, a multiple of the stride."""
        scale = size / max(height, width)
        scaled = round(height * scale), round(width * scale)
        return cls._centre(
            (height, width), scaled, [math.ceil(side / stride) * stride for side in scaled]
        )

    @classmethod
    def fit_into(cls, height, width, *, input_height, input_width):
        """Fit a picture into an input whose size is fixed."""
        scale = min(input_height / height, input_width / width)
        scaled = round(height * scale), round(width * scale)
        return cls._centre((height, width), scaled, (input_height, input_width))

    @classmethod
    def _centre(cls, picture, scaled, fixed):
        # Half a pixel is rounded towards the top left, as the weights' own loader does.
        top, left = (round((f - s) / 2 - 0.1) for f, s in zip(fixed, scaled, strict=True))
        return cls(*picture, *fixed, *scaled, top, left)

    def canvas(self):
        """Return a grey input picture, (input_height, input_width, 3) uint8."""
        return np.full((self.input_height, self.input_width, 3), PADDING_GREY, np.uint8)

    def draw(self, image, canvas):
        """Scale a picture into its place on the canvas; the grey around it is left alone."""
        inside = canvas[
            self.top : self.top + self.scaled_height, self.left : self.left + self.scaled_width
        ]
        if image.shape[:2] == inside.shape[:2]:
            inside[:] = image
        else:
            size = self.scaled_width, self.scaled_height
            inside[:] = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)

    def to_picture(self, boxes):
        """Bring input pixels back to 0..1 of the picture.

        Args:
            boxes: (N, 4) xyxy px of the input.

        Returns:
            (N, 4) float32 xyxy, clipped to 0..1.
        """
        offset = np.array([self.left, self.top, self.left, self.top], np.float32)
        extent = np.array([self.scaled_width, self.scaled_height] * 2, np.float32)
        return np.clip((boxes - offset) / extent, 0.0, 1.0).astype(np.float32)


def decode(output, letterbox, class_names, *, min_score, max_overlap):
    """Turn a network's raw output into detections.

    Args:
        output: (4 + classes, N), a column per anchor with centre, size (px) and class scores; or
            (N, 6), rows of xyxy, score and class from a network that suppresses by itself.
        letterbox: how the picture was placed.
        class_names: names by class index.
        min_score: what scores less is dropped.
        max_overlap: of two boxes of one class that overlap more, the weaker is dropped.
    """
    if output.shape[-1] == 6 and output.shape[0] != 4 + len(class_names):
        boxes, scores, classes = _decode_rows(output, min_score)
    else:
        boxes, scores, classes = _decode_anchors(output, min_score)
        keep = suppress(boxes, scores, classes, max_overlap)
        boxes, scores, classes = boxes[keep], scores[keep], classes[keep]
    if not len(scores):
        return Detections.empty()
    names = tuple(class_names[index] for index in classes.tolist())
    return Detections(letterbox.to_picture(boxes), scores, names)


def _decode_rows(rows, min_score):
    rows = rows[rows[:, 4] >= min_score]
    return rows[:, :4], np.ascontiguousarray(rows[:, 4], np.float32), rows[:, 5].astype(np.intp)


def _decode_anchors(output, min_score):
    best = output[4:].max(axis=0)
    anchors = np.flatnonzero(best >= min_score)
    if len(anchors) > MAX_CANDIDATES:
        anchors = anchors[np.argsort(-best[anchors], kind="stable")[:MAX_CANDIDATES]]
    columns = output[:, anchors]
    centres, halves = columns[:2].T, columns[2:4].T / 2
    boxes = np.concatenate((centres - halves, centres + halves), axis=1)
    return boxes, best[anchors].astype(np.float32, copy=False), columns[4:].argmax(axis=0)


def suppress(boxes, scores, classes, max_overlap):
    """Choose boxes so that no two of one class overlap too much, the best first.

    Returns:
        indices into the arguments, by falling score; at most 300.
    """
    order = np.argsort(-scores, kind="stable")
    if len(order) < 2:
        return order
    boxes, classes = boxes[order], classes[order]
    rivals = (overlaps(boxes, boxes) > max_overlap) & (classes[:, None] == classes[None])
    alive = np.ones(len(order), bool)
    for index in np.flatnonzero(np.triu(rivals, 1).any(axis=1)):
        if alive[index]:
            alive[index + 1 :] &= ~rivals[index, index + 1 :]
    return order[alive][:MAX_DETECTIONS]
