"""Rendered scenes: what the pure video tests look at instead of footage."""

import functools
from fractions import Fraction

import av
import numpy as np

from detection.vision.video import SourceFrame

HEIGHT, WIDTH = 180, 320
PERSON_HEIGHT, PERSON_WIDTH = 90, 34


def empty_scene(height=HEIGHT, width=WIDTH):
    """Return a room: a gradient with furniture, (H, W, 3) uint8."""
    across = np.linspace(70, 150, width)[None, :, None]
    down = np.linspace(0, 40, height)[:, None, None]
    scene = np.broadcast_to(across + down, (height, width, 3)).copy()
    scene[int(height * 0.6) : int(height * 0.7), : width // 3] *= 0.5
    scene[: height // 4, width // 2 : width // 2 + 6] += 60
    return scene.clip(0, 255).astype(np.uint8)


def with_person(scene, left, top=60, shade=1.0):
    """Return a copy with a person-sized figure whose left edge is at ``left`` (may be outside)."""
    drawn = scene.copy()
    left = round(left)
    columns = slice(max(0, left), max(0, left + PERSON_WIDTH))
    drawn[top : top + 20, columns] = np.array([120, 150, 200]) * shade
    drawn[top + 20 : top + 60, columns] = np.array([40, 30, 160]) * shade
    drawn[top + 60 : top + PERSON_HEIGHT, columns] = np.array([60, 40, 30]) * shade
    return drawn


def with_light(image, gain, noise_seed=None, noise=2.0):
    """Return the image brighter by ``gain``, with sensor noise where a seed is given."""
    lit = image.astype(np.float32) * gain
    if noise_seed is not None:
        lit += noise * _unit_noise(noise_seed % 7, image.shape)
    return lit.clip(0, 255).astype(np.uint8)


@functools.cache
def _unit_noise(seed, shape):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def frame_of(image, at_seconds, index=-1):
    """Wrap an image as a source's frame."""
    return SourceFrame.from_image(image, at_seconds, index)


def counted_image(number, height=96, width=160):
    """Return an image that spells ``number`` (0..255) in eight black or white columns."""
    image = np.zeros((height, width, 3), np.uint8)
    for bit in range(8):
        left = bit * width // 8
        image[:, left : left + width // 8] = 255 * (number >> bit & 1)
    return image


def number_in(image):
    """Read back what ``counted_image`` wrote."""
    width = image.shape[1]
    columns = [image[:, (2 * bit + 1) * width // 16].mean() for bit in range(8)]
    return sum(int(bright > 127) << bit for bit, bright in enumerate(columns))


def write_video(path, images, times, *, options=None, rotation=None, codec="libx264"):
    """Encode images at the given seconds, as a variable frame rate where they are uneven."""
    time_base = Fraction(1, 12_800)
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=25, options={"crf": "10"})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = time_base
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for image, at_seconds in zip(images, times, strict=True):
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            picture.pts, picture.time_base = round(at_seconds / time_base), time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path
