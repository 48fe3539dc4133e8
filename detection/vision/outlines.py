"""Tell a thing that came to rest from a hole in the background and from a patch of light."""

import cv2
import numpy as np

# A hole's outline is this much sharper in the background than in the frame.
GHOST_CONTRAST = 1.25
# What stands out no more than this has to have an outline clearly of its own.
FAINT_GREY, FAINT_CONTRAST = 32.0, 0.8
# A thing's outline rises by this share of its contrast in a pixel; light falls softly.
SHARPNESS = 0.1
# A pattern of the background that varies by so many grey levels is recognised when it is lit.
PATTERN_GREY = 3.0
SHOWS_THROUGH = 0.8


def is_thing(mask, grey, background, visible):
    """Say whether a blob is a thing.

    A thing has a sharp outline in the frame and hides what is behind it. A hole has its outline
    in the background; light falls softly or lets the floor's own pattern through.

    Args:
        mask: (h, w) uint8, 1 in the blob.
        grey, background: (h, w) float32.
        visible: (h, w) uint8, 0 where somebody stands before it.
    """
    left, top, width, height = cv2.boundingRect(mask)
    window = np.s_[max(0, top - 4) : top + height + 4, max(0, left - 4) : left + width + 4]
    part, in_view = np.ascontiguousarray(mask[window]), visible[window] > 0
    grey, background = grey[window], background[window]
    core = cv2.erode(part, np.ones((3, 3), np.uint8))
    outer = cv2.dilate(part, np.ones((5, 5), np.uint8))
    outline, inside = (outer - core > 0) & in_view, (part > 0) & in_view
    if np.count_nonzero(outline) < 4 or np.count_nonzero(inside) < 4:
        return False
    change = grey - background
    contrast = float(np.percentile(np.abs(change[inside]), 75))
    most = GHOST_CONTRAST if contrast > FAINT_GREY else FAINT_CONTRAST
    if _edge_energy(background, outline) > most * _edge_energy(grey, outline):
        return False
    if _edge_energy(change, outline) < SHARPNESS * contrast:
        return False
    inner = (core > 0) & in_view
    return np.count_nonzero(inner) < 9 or not _shows_through(grey[inner], background[inner])


def _shows_through(grey, background):
    """Say whether the pattern of the background is still there, only brighter or darker."""
    spread = float(background.std()) * float(grey.std())
    if min(float(background.std()), float(grey.std())) < PATTERN_GREY:
        return False
    shared = float(np.mean((grey - grey.mean()) * (background - background.mean())))
    return shared > SHOWS_THROUGH * spread


def _edge_energy(plane, where):
    """Return the root mean square gradient at some pixels, in grey levels a pixel."""
    plane = np.ascontiguousarray(plane)
    across = cv2.Sobel(plane, cv2.CV_32F, 1, 0, scale=0.125)
    down = cv2.Sobel(plane, cv2.CV_32F, 0, 1, scale=0.125)
    return float(np.sqrt(np.mean(across[where] ** 2 + down[where] ** 2))) + 0.5
