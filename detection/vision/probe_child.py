"""The part of an upload's inspection that touches a decoder; runs in a process of its own.

It reads one request as JSON, takes on its limits before anything else, and writes one line of
JSON. Only ``probe`` starts it.
"""

import json
import resource
import sys

EXIF_ORIENTATION = 0x0112
EXIF_POINTER = 0x8769
EXIF_DATE_TAKEN = 0x9003
EXIF_ZONE_TAKEN = 0x9011
CLOCKWISE_DEGREES = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
JPEG_QUALITY = 92
VIDEO_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"


class Refused(Exception):
    """The file is not what it should be."""

    def __init__(self, code, reason):
        super().__init__(reason)
        self.code, self.reason = code, reason


def main():
    """Carry out the request on standard input."""
    request = json.load(sys.stdin)
    _take_limits(request["memory_bytes"], request["cpu_seconds"])
    tasks = {"probe_photo": probe_photo, "probe_video": probe_video, "strip_photo": strip_photo}
    try:
        answer = tasks[request["task"]](request)
    except Refused as refusal:
        answer = {"code": refusal.code, "reason": refusal.reason}
    except MemoryError:
        answer = {"code": "media_unreadable", "reason": "decoding it needs too much memory"}
    print(json.dumps(answer))


def probe_photo(request):
    """Decode a photo and return its upright size and what it says about its capture."""
    with _opened_photo(request) as image:
        exif = image.getexif()
        degrees = CLOCKWISE_DEGREES.get(exif.get(EXIF_ORIENTATION), 0)
        size = image.size[::-1] if degrees in (90, 270) else image.size
        return {
            "width": size[0],
            "height": size[1],
            "duration_seconds": None,
            "orientation": degrees,
            "captured_at": _capture_time(exif),
        }


def strip_photo(request):
    """Write the photo upright and without metadata."""
    from PIL import ImageOps

    with _opened_photo(request) as image:
        upright = ImageOps.exif_transpose(image)
        if request["mime"] == "image/png":
            keeps_mode = upright.mode in ("L", "LA", "RGB", "RGBA")
            upright = _bare(upright if keeps_mode else upright.convert("RGBA"))
            _blacken(upright, request["private_polygons"])
            upright.save(request["path_out"], "PNG")
        else:
            upright = _bare(upright.convert("RGB"))
            _blacken(upright, request["private_polygons"])
            upright.save(request["path_out"], "JPEG", quality=JPEG_QUALITY)
        return {"width": upright.width, "height": upright.height}


def probe_video(request):
    """Decode the first frame and return its upright size and the length."""
    import av

    options = {"protocol_whitelist": "file", "format_whitelist": VIDEO_FORMATS}
    try:
        with av.open(request["path"], options=options, metadata_errors="replace") as container:
            return _video_answer(container, request)
    except (av.FFmpegError, ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Refused("media_unreadable", f"it cannot be read as video ({reason})") from error


def _video_answer(container, request):
    import av

    if not container.streams.video:
        raise Refused("media_unreadable", "it has no video stream")
    stream = container.streams.video[0]
    stream.thread_count = 1
    _check_pixels(stream.width, stream.height, request["max_pixels"])
    seconds = _video_seconds(container, stream, av.time_base)
    if seconds > request["max_duration_seconds"]:
        limit = request["max_duration_seconds"]
        reason = f"it is {seconds:.0f} s long; at most {limit:g} s are accepted"
        raise Refused("media_too_large", reason)
    frame = next(container.decode(stream), None)
    if frame is None:
        raise Refused("media_unreadable", "no frame in it can be decoded")
    _check_pixels(frame.width, frame.height, request["max_pixels"])
    degrees = round(-frame.rotation / 90) % 4 * 90
    size = (frame.width, frame.height)
    width, height = size[::-1] if degrees in (90, 270) else size
    return {
        "width": width,
        "height": height,
        "duration_seconds": seconds,
        "orientation": degrees,
        "captured_at": _iso_time(container.metadata.get("creation_time")),
    }


def _video_seconds(container, stream, time_base):
    """Return the length; a file that does not state it is read through to its last packet."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / time_base
    times = [packet.pts for packet in container.demux(stream) if packet.pts is not None]
    if not times:
        raise Refused("media_unreadable", "its packets have no times")
    container.seek(0)
    return float((max(times) - min(times)) * stream.time_base)


def _opened_photo(request):
    """Return a fully decoded Pillow image, having checked its size before decoding."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    formats = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
    try:
        image = Image.open(request["path"], formats=[formats[request["mime"]]])
    except Exception as error:
        raise Refused("media_unreadable", "it cannot be read as a photo") from error
    _check_pixels(*image.size, request["max_pixels"])
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise Refused("media_unreadable", f"the photo is damaged ({error})") from error
    return image


def _check_pixels(width, height, max_pixels):
    if width * height > max_pixels:
        reason = f"it is {width} x {height}; at most {max_pixels / 1e6:g} megapixels are accepted"
        raise Refused("media_too_large", reason)


def _bare(image):
    """Return the pixels alone: saving an opened image would carry its metadata along."""
    from PIL import Image

    bare = Image.new(image.mode, image.size)
    bare.paste(image)
    return bare


def _blacken(image, polygons):
    """Paint the inside of normalised polygons black and opaque, edges included."""
    from PIL import ImageDraw

    black = {"L": 0, "LA": (0, 255), "RGB": (0, 0, 0), "RGBA": (0, 0, 0, 255)}[image.mode]
    draw = ImageDraw.Draw(image)
    for polygon in polygons:
        corners = [(x * image.width, y * image.height) for x, y in polygon]
        draw.polygon(corners, fill=black, outline=black, width=2)


def _capture_time(exif):
    """Return EXIF's date and zone as ISO 8601, None where they are absent or nonsense."""
    details = exif.get_ifd(EXIF_POINTER)
    taken = str(details.get(EXIF_DATE_TAKEN, "")).strip("\0 ")
    date, _, clock = taken.partition(" ")
    zone = str(details.get(EXIF_ZONE_TAKEN, "")).strip("\0 ")
    text = f"{date.replace(':', '-')}T{clock}"
    return _iso_time(text + zone) or _iso_time(text)


def _iso_time(text):
    from datetime import datetime

    try:
        return datetime.fromisoformat(text).isoformat()
    except (TypeError, ValueError):
        return None


def _take_limits(memory_bytes, cpu_seconds):
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
