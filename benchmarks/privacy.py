"""How many faces survive a redaction, judged by a detector that took no part in it.

Faces were marked by hand on 40 frames (marked_faces.json: coordinates only). The films, or single
frames of the long one, go through the product's own scan, redaction and second look. Then a judge
that neither redacted nor looked again searches the surroundings of every mark, in the original
and in the output:

- mediapipe judges what the union without mediapipe redacted: this is the mark;
- the facial keypoints of a pose network (nose and both eyes) judge the whole union. Such a
  network places eyes where a head must have them, seen or not, so this is shown with the same
  figure for heads that are black and without the mark.

A face that the judge cannot find in the original tells nothing about the redaction; those are
counted and left out. A film whose redaction is not verified does not leave and cannot leak: it is
counted as blocked.

    python benchmarks/privacy.py [--quick]
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MATERIAL = Path(os.environ.get("SECOND_LOOK_SHARED", ROOT.parent / "shared"))
MARKS = Path(__file__).with_name("marked_faces.json")
STILLS_ONLY = ("one-by-one-person-detection.mp4",)
SURROUNDINGS, BODY = 1.0, 3.0
JUDGE_SCORE, KEYPOINT_SCORE = 0.5, 0.5
CONFIDENCE = 0.95
EARLIER_MS = 232.0
BIG = (1280, 720)


def upper_bound(leaks, judged):
    """Return the 95 % upper bound of a share (Clopper-Pearson, one-sided as a bound is)."""
    from scipy.stats import beta

    if not judged:
        return 1.0
    return 1.0 if leaks == judged else float(beta.ppf(CONFIDENCE, leaks + 1, judged - leaks))


def pictures(path, times):
    """Return the frames (BGR) of a clip at these times, or the still itself for each."""
    import cv2

    from review.privacy import media

    if Path(path).suffix != ".mp4":
        return dict.fromkeys(times, cv2.imread(str(path)))
    found = {}
    with media.open_clip(path) as clip:
        for frame in media.clip_frames(clip, "film"):
            near = [at for at in times if abs(at - frame.at_seconds) < 0.004]
            found.update((at, frame.bgr()) for at in near)
    return found


def works(frames):
    """Yield (kind, bytes, marked frames): a film, or one frame of a film that is too long."""
    import cv2

    for film in dict.fromkeys(frame["film"] for frame in frames):
        path = MATERIAL / "footage" / film
        marked = [frame for frame in frames if frame["film"] == film]
        if film not in STILLS_ONLY:
            yield "clip", path.read_bytes(), marked
            continue
        stills = pictures(path, [frame["at_seconds"] for frame in marked])
        for frame in marked:
            encoded = cv2.imencode(".png", stills[frame["at_seconds"]])[1]
            yield "frame_peak", encoded.tobytes(), [frame]


def redacted(kind, content, method):
    """Send one file through the service; return (original, output or None, local paths)."""
    from django.core.files.storage import default_storage

    from review.services import privacy
    from tests import factories

    incident = factories.incident(with_files=False)
    row = factories.evidence(incident, kind, content, at_seconds=0.0)
    item = factories.item(incident, privacy="unscanned")
    item.requested_redaction = {"method": method, "drawn_regions": [], "by": None}
    privacy.scan_item(item)
    if item.privacy == "clear":
        return default_storage.path(row.path), default_storage.path(row.path)
    item.requested_redaction = {"method": method, "drawn_regions": [], "by": None}
    item.save(update_fields=["requested_redaction"])
    (draft,) = privacy.propose(item)
    is_verified = draft.state == "verified"
    return default_storage.path(row.path), default_storage.path(draft.path) if is_verified else None


class MediapipeJudge:
    """Says whether mediapipe finds a face at a mark, given the mark's surroundings."""

    def __init__(self):
        from review.privacy.mediapipe_faces import MediapipeFaces

        path = Path(os.environ["SECOND_LOOK_MODEL_DIR"]) / "blaze_face_short_range.tflite"
        self._faces = MediapipeFaces(path, JUDGE_SCORE)

    def sees(self, image, mark):
        part, inside = surroundings(image, mark, SURROUNDINGS)
        return any(is_in(centre(box), inside) for box, _ in self._faces.faces(part))

    def close(self):
        self._faces.close()


class PoseJudge:
    """Says whether a pose network places the nose and both eyes inside a mark."""

    def __init__(self):
        from django.conf import settings

        from detection.vision.poses import find_pose_weights, load_estimator

        weights = find_pose_weights(settings.MODEL_DIR)
        self._estimator = load_estimator(weights, cache_dir=settings.CACHE_DIR)

    def sees(self, image, mark):
        region = grown(mark, BODY)
        for person in self._estimator.estimate(image, region).keypoints:
            face = person[:3]
            if (face[:, 2] >= KEYPOINT_SCORE).all() and all(is_in(p[:2], mark) for p in face):
                return True
        return False

    def close(self):
        pass


def grown(mark, share):
    x1, y1, x2, y2 = mark
    dx, dy = (x2 - x1) * share, (y2 - y1) * share
    return max(x1 - dx, 0.0), max(y1 - dy, 0.0), min(x2 + dx, 1.0), min(y2 + dy, 1.0)


def surroundings(image, mark, share):
    """Return the part of a picture around a mark, and the mark within it."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = (
        round(side * px) for side, px in zip(grown(mark, share), (width, height) * 2, strict=True)
    )
    size = (x2 - x1, y2 - y1) * 2
    corner = (x1, y1) * 2
    in_px = [side * px for side, px in zip(mark, (width, height) * 2, strict=True)]
    inside = [(v - c) / s for v, c, s in zip(in_px, corner, size, strict=True)]
    return image[y1:y2, x1:x2], inside


def centre(box):
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def is_in(point, box):
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def judge(frames, make_judge, *, method):
    """Redact everything and return what the judge sees: counts by name."""
    counts = {"faces": 0, "unseen in the original": 0, "blocked": 0, "judged": 0, "leaks": 0}
    one = make_judge()
    for kind, content, marked in works(frames):
        original, output = redacted(kind, content, method)
        times = [frame["at_seconds"] for frame in marked]
        before, after = pictures(original, times), output and pictures(output, times)
        for frame in marked:
            for mark in frame["faces"]:
                counts["faces"] += 1
                if not one.sees(before[frame["at_seconds"]], mark):
                    counts["unseen in the original"] += 1
                elif after is None:
                    counts["blocked"] += 1
                else:
                    counts["judged"] += 1
                    counts["leaks"] += one.sees(after[frame["at_seconds"]], mark)
    one.close()
    counts["upper"] = upper_bound(counts["leaks"], counts["judged"])
    return counts


def times_at_720p(rounds):
    """Return milliseconds a frame at 1280x720: of a scan, of processor in it, of a redaction.

    The processor time is this process's own; mediapipe's process is not in it.
    """
    import cv2

    from review.privacy.redact import redact_clip
    from review.services.scanning import face_scanner
    from tests.factories import clip

    film = MATERIAL / "footage" / "face-demographics-walking-preview.mp4"
    frames = list(pictures(film, [number / 12 for number in range(30)]).values())
    big = [cv2.resize(frame, BIG)[..., ::-1].copy() for frame in frames]
    folder = Path(tempfile.mkdtemp(prefix="second-look-bench-"))
    source = folder / "clip.mp4"
    source.write_bytes(clip(big, fps=5))
    scanner = face_scanner()
    scan = scanner.scan_clip(source)
    scans, worked_ms, redactions = [], [], []
    for _ in range(rounds):
        started, worked = time.perf_counter(), time.process_time()
        scan = scanner.scan_clip(source)
        scans.append((time.perf_counter() - started) * 1000 / scan.frames_scanned)
        worked_ms.append((time.process_time() - worked) * 1000 / scan.frames_scanned)
        started = time.perf_counter()
        redact_clip(source, folder / "out.mp4", scan.regions, "blur")
        redactions.append((time.perf_counter() - started) * 1000 / len(big))
    return [statistics.median(taken) for taken in (scans, worked_ms, redactions)]


def spelled(counts):
    return (
        f"{counts['leaks']}/{counts['judged']} (at most {counts['upper']:.1%});"
        f" {counts['unseen in the original']} of {counts['faces']} not seen in the original,"
        f" {counts['blocked']} in blocked files"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the mark only, no pose network")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from benchmarks.product import prepare

    os.environ.setdefault("SECOND_LOOK_MODEL_DIR", str(MATERIAL / "models"))
    prepare()
    from django.conf import settings
    from django.test.utils import override_settings

    from benchmarks.reporting import finish

    frames = json.loads(MARKS.read_text(encoding="utf-8"))["frames"]
    with override_settings(MEDIAPIPE=False):
        figures = {"mediapipe": judge(frames, MediapipeJudge, method=settings.REDACTION_METHOD)}
    rows = [
        ("marked", f"{figures['mediapipe']['faces']} faces on {len(frames)} frames"),
        ("leaks, judged by mediapipe", spelled(figures["mediapipe"])),
    ]
    if not options.quick:
        for method in ("blur", "mask"):
            figures[f"pose {method}"] = judge(frames, PoseJudge, method=method)
            rows.append((f"pose network, {method}", spelled(figures[f"pose {method}"])))
    scan_ms, processor_ms, redact_ms = times_at_720p(1 if options.quick else 3)
    figures |= {"scan_ms_720p": scan_ms, "redact_ms_720p": redact_ms}
    figures["scan_processor_ms_720p"] = processor_ms
    rows += [
        ("scan, a frame of 1280x720", f"{scan_ms:.0f} ms (an earlier system: {EARLIER_MS:.0f} ms)"),
        ("of it processor time, without mediapipe's", f"{processor_ms:.0f} ms"),
        ("redaction, a frame of 1280x720", f"{redact_ms:.1f} ms"),
    ]
    marks = {"upper_bound_of_leaks": (figures["mediapipe"]["upper"], "<=", 0.10)}
    finish("privacy", rows, figures, marks)


if __name__ == "__main__":
    main()
