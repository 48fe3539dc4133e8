"""Which weights exist, where they come from, and whether the files at hand are the ones meant.

A checksum is pinned where the bytes of a release are known; for the rest the first download
records one beside the files, and every later look compares with it.
"""

import json
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

from detection.vision.detectors import file_sha256
from hitlsite.errors import DomainError

RECORD_NAME = "checksums.json"
TIMEOUT_SECONDS = 60
_ASSETS = "https://github.com/ultralytics/assets/releases/download/v8.3.0"
_MEDIAPIPE = "https://storage.googleapis.com/mediapipe-models"


@dataclass(frozen=True, slots=True)
class KnownWeights:
    """A file that the product can use.

    Attributes:
        name: the file's name in the model directory.
        url: where it is published.
        purpose: what it is for.
        licence: its licence.
        sha256: the digest of the published bytes, or None when it is recorded on first fetch.
        is_default: fetched when nothing else is asked for.
    """

    name: str
    url: str
    purpose: str
    licence: str
    sha256: str | None = None
    is_default: bool = True


CATALOGUE = (
    KnownWeights(
        "yolo11n.pt",
        f"{_ASSETS}/yolo11n.pt",
        "finds people and things",
        "AGPL-3.0",
        "0ebbc80d4a7680d14987a577cd21342b65ecfd94632bd9a8da63ae6417644ee1",
    ),
    KnownWeights(
        "yolov8n.pt",
        f"{_ASSETS}/yolov8n.pt",
        "finds people and things, where yolo11n is not wanted",
        "AGPL-3.0",
        "f59b3d833e2ff32e194b5bb8e08d211dc7c5bdf144b90d2c8412c47ccfc83b36",
        is_default=False,
    ),
    KnownWeights(
        "yolov8n-pose.pt",
        f"{_ASSETS}/yolov8n-pose.pt",
        "finds people with 17 keypoints",
        "AGPL-3.0",
        "c6fa93dd1ee4a2c18c900a45c1d864a1c6f7aba75d84f91648a30b7fb641d212",
    ),
    KnownWeights(
        "face_detection_yunet_2023mar.onnx",
        "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/"
        "face_detection_yunet/face_detection_yunet_2023mar.onnx",
        "finds faces for the privacy scan",
        "MIT",
        "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    ),
    KnownWeights(
        "blaze_face_short_range.tflite",
        f"{_MEDIAPIPE}/face_detector/blaze_face_short_range/float16/1/"
        "blaze_face_short_range.tflite",
        "finds large faces for the privacy scan",
        "Apache-2.0",
        "b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f",
    ),
    KnownWeights(
        "pose_landmarker_lite.task",
        f"{_MEDIAPIPE}/pose_landmarker/pose_landmarker_lite/float16/1/pose_landmarker_lite.task",
        "finds body landmarks",
        "Apache-2.0",
        "59929e1d1ee95287735ddd833b19cf4ac46d29bc7afddbbf6753c459690d574a",
        is_default=False,
    ),
    KnownWeights(
        "hand_landmarker.task",
        f"{_MEDIAPIPE}/hand_landmarker/hand_landmarker/float16/1/hand_landmarker.task",
        "finds hand landmarks",
        "Apache-2.0",
        is_default=False,
    ),
)


@dataclass(frozen=True, slots=True)
class WeightsStatus:
    """What is known about one file of a model directory.

    Attributes:
        name: the file's name.
        status: missing | published (the published bytes) | recorded (as on the first fetch) |
            unrecorded (present, nothing to compare with) | different (from either; it may be a
            model of one's own under a known name, or damaged).
        sha256: of the file, None when missing.
        sentence: the same for people, with path and source.
    """

    name: str
    status: str
    sha256: str | None
    sentence: str

    def as_dict(self):
        return asdict(self)


def known(names=None, *, catalogue=CATALOGUE):
    """Return the known weights asked for, or the default ones.

    Raises:
        DomainError: weights_unknown, naming the ones that are known.
    """
    if not names:
        return tuple(w for w in catalogue if w.is_default)
    by_name = {w.name: w for w in catalogue}
    for name in names:
        if name not in by_name:
            raise DomainError(
                "weights_unknown", f"{name} is none of the known weights: {', '.join(by_name)}."
            )
    return tuple(by_name[name] for name in names)


def verify_models(model_dir, *, catalogue=CATALOGUE):
    """Look at every known file of a model directory.

    Returns:
        list of WeightsStatus, in the catalogue's order.
    """
    model_dir = Path(model_dir)
    recorded = _recorded(model_dir)
    return [_status(w, model_dir / w.name, recorded.get(w.name)) for w in catalogue]


def fetch_models(model_dir, names=None, *, catalogue=CATALOGUE, report=lambda status: None):
    """Download what is missing from a model directory; what is there is only verified.

    Args:
        model_dir: made when missing.
        names: file names; the default weights when empty.
        report: called with the WeightsStatus of each file as it is done.

    Returns:
        list of WeightsStatus.

    Raises:
        DomainError: weights_unknown; weights_unreachable, when a source cannot be reached: it
            says which file goes where and from which address; weights_different, when the
            downloaded bytes are not the published ones, which are then thrown away.
    """
    model_dir = Path(model_dir)
    wanted = known(names, catalogue=catalogue)
    model_dir.mkdir(parents=True, exist_ok=True)
    done = []
    for index, weights in enumerate(wanted):
        target = model_dir / weights.name
        if not target.exists():
            _download(weights, target, [w for w in wanted[index:] if _is_absent(w, model_dir)])
        status = _status(weights, target, _recorded(model_dir).get(weights.name))
        report(status)
        done.append(status)
    return done


def _is_absent(weights, model_dir):
    return not (model_dir / weights.name).exists()


def _download(weights, target, missing):
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{weights.name}.")
    try:
        with os.fdopen(handle, "wb") as sink, _open(weights.url) as source:
            shutil.copyfileobj(source, sink)
        digest = file_sha256(temporary)
        if weights.sha256 and digest != weights.sha256:
            raise DomainError(
                "weights_different",
                f"{weights.url} sent bytes with sha256 {digest}, not {weights.sha256}; "
                f"{weights.name} was not kept.",
            )
        Path(temporary).chmod(0o644)
        if not weights.sha256:
            _record(target.parent, weights, digest)
        os.replace(temporary, target)
    except (urllib.error.URLError, OSError) as error:
        raise DomainError("weights_unreachable", _by_hand(target.parent, missing, error)) from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def _open(url):
    request = urllib.request.Request(url, headers={"User-Agent": "second-look"})
    return urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)


def _by_hand(model_dir, missing, error):
    reason = getattr(error, "reason", None) or error
    lines = "; ".join(f"{w.url} as {model_dir / w.name}" for w in missing)
    return f"The weights could not be downloaded ({reason}). Put by hand: {lines}."


def _status(weights, path, recorded):
    if not path.exists():
        return WeightsStatus(
            weights.name, "missing", None, f"{path} is missing; its source is {weights.url}"
        )
    digest = file_sha256(path)
    expected, kind = (weights.sha256, "published") if weights.sha256 else (recorded, "recorded")
    status = "unrecorded" if expected is None else kind if digest == expected else "different"
    return WeightsStatus(weights.name, status, digest, _SENTENCES[status].format(path=path))


_SENTENCES = {
    "published": "{path} is the published file",
    "recorded": "{path} is the file that was first fetched",
    "unrecorded": "{path} is there; no checksum is published for it and none was recorded",
    "different": "{path} is not the published or first fetched file; check where it comes from",
}


def _recorded(model_dir):
    try:
        return json.loads((model_dir / RECORD_NAME).read_text())
    except (OSError, ValueError):
        return {}


def _record(model_dir, weights, digest):
    entries = {**_recorded(model_dir), weights.name: digest}
    handle, temporary = tempfile.mkstemp(dir=model_dir, prefix=f".{RECORD_NAME}.")
    with os.fdopen(handle, "w") as sink:
        json.dump(entries, sink, indent=2, sort_keys=True)
    Path(temporary).chmod(0o644)
    os.replace(temporary, model_dir / RECORD_NAME)
