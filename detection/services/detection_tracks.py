"""Public detections put through the cameras' own trackers, for other people's measures.

Nothing of it is stored but a file of tracks in the same text format as the detections.
"""

import time

from hitlsite.errors import DomainError

HIGHEST_FPS = 10_000


def describe_sequence(folder=None, *, frame_size=None, fps=None):
    """Return the SequenceInfo of a folder, or of a lone file of detections.

    Args:
        folder: of the sequence; it knows the rest.
        frame_size: text such as "1920x1080", in pixels.
        fps: frames a second of the detections.

    Raises:
        DomainError: arguments_missing, arguments_contradict, frame_size_invalid, fps_invalid or
            sequence_invalid.
    """
    from detection.rules.dialects import parse_frame_size
    from detection.vision import mot

    if folder is not None:
        if frame_size is not None or fps is not None:
            message = "--frame-size and --fps go with --detections; a --sequence knows its own."
            raise DomainError("arguments_contradict", message)
        return mot.read_sequence_info(folder)
    if frame_size is None or fps is None:
        message = "--detections needs --frame-size and --fps; a --sequence knows its own."
        raise DomainError("arguments_missing", message)
    if not 0 < fps <= HIGHEST_FPS:
        raise DomainError("fps_invalid", f"--fps must be a number above 0, not {fps:g}.")
    return mot.SequenceInfo("", fps, parse_frame_size(frame_size), None)


def _read_scaled(source, info, scale):
    """Return (detections with scores in 0..1, the scale that was used); see ``mot.scale_scores``.

    Raises:
        DomainError: detections_invalid or scores_invalid.
    """
    from detection.vision import mot

    rows = mot.read_rows(source, length=info.length)
    scores, scale = mot.scale_scores(rows.scores, scale)
    return mot.Rows(rows.frames, rows.ids, rows.boxes, scores), scale


def track_file(source, output, info, *, tracker, scale="auto", show_progress):
    """Write the tracks of a file of detections to another file, and return a report.

    Args:
        info: see ``describe_sequence``.
        tracker: "botsort" or "bytetrack".
        scale: how scores come to 0..1; see ``mot.scale_scores``.
        show_progress: called with the number of frames to come; returns a context manager whose
            ``update`` takes the number of frames done since the last call.

    Raises:
        DomainError: what is wrong with the detections, or results_unwritable.
    """
    from detection.vision import mot
    from detection.vision.tracking import make_tracker

    if output.resolve() == source.resolve():
        raise DomainError("results_unwritable", f"{output} is the file of the detections.")
    rows, scale = _read_scaled(source, info, scale)
    size, fps = info.frame_size, info.fps
    started = time.perf_counter()
    ours = make_tracker(tracker, sampling_fps=fps, frame_size=size)
    frames = mot.find_frames(rows, fps)
    with show_progress(len(frames)) as bar:
        found = mot.track(rows, ours, fps=fps, frame_size=size, frames=frames, progress=bar.update)
    seconds = time.perf_counter() - started
    mot.write_rows(output, found)
    return {
        "sequence": info.name,
        "tracker": tracker,
        "scores": scale,
        "detections": len(rows),
        "frames": int(rows.frames[-1]),
        "tracks": len(set(found.ids.tolist())),
        "rows": len(found),
        "seconds": round(seconds, 3),
        "output": str(output),
    }
