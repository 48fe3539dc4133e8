"""A task classifier that is quickly trained, and landmarks that need no network to be found."""

import numpy as np

from detection.models import Segment
from detection.services import deployments, model_store, task_serving
from detection.slots import TASK_CLASSIFIER
from detection.vision import landmarks
from detection.vision.landmarks import Landmarks
from detection.vision.task_columns import names_of
from detection.vision.windows import WindowSpec, ends, gather
from training.learning import task_models

COLUMNS = ("right_hand_x", "right_hand_y", "right_elbow_angle", "right_hand_speed")
SPEC = WindowSpec(window_seconds=1.0, step_seconds=0.5, grid_seconds=0.2, gap_seconds=1.0)


class BrightLandmarker:
    """Sees a body in every picture, its right hand where the brightness of the picture says."""

    fails_at = frozenset()

    def __init__(self):
        self.asked = 0

    def find(self, image):
        self.asked += 1
        if self.asked in self.fails_at:
            raise landmarks.MediapipeError("The mediapipe process died twice.")
        body = np.full((33, 3), 0.5, np.float32)
        body[11, :2], body[12, :2] = (0.6, 0.3), (0.4, 0.3)
        body[14, :2] = (0.35, 0.45)
        share = 0.5 + 0.4 * float(np.sin(image[:, :, 0].astype(float).mean() * 8))
        body[16, :2] = (share, 0.6)
        return Landmarks(pose=body)


def train(folder, *, seed=0, busy="work", mode="mediapipe", columns=COLUMNS, **told):
    """Write the files of a forest into a folder that calls the right half of the picture ``busy``.

    It is only to give answers that differ from frame to frame and hang together.
    """
    noise = np.random.default_rng(seed)
    times = np.arange(600) / 5
    values = noise.random((len(times), len(columns))).astype(np.float32)
    values[:, 0] = 0.5 + 0.3 * np.sin(times / 3) + 0.05 * noise.random(len(times))
    found = ends(times, SPEC)
    windows = gather(times, values, found, SPEC)
    labels = [busy if window[:, 0].mean() > 0.5 else "idle" for window in windows]
    model = task_models.fit(
        windows,
        labels,
        "random_forest",
        {"n_estimators": 8},
        seed,
        columns=columns,
        spec=SPEC,
        detector_mode=mode,
        **{"frames_per_second": 5.0, "sample_rate": 1, **told},
    )
    folder.mkdir(parents=True, exist_ok=True)
    return [folder / name for name in model.save(folder)]


def deploy(folder, name="tasks-1", **columns):
    """Promote the classifier whose files lie in a folder; train one where there is none."""
    paths = sorted(folder.glob("model.*")) + sorted(folder.glob("task.json"))
    files = model_store.keep(paths or train(folder))
    columns = {
        "files": files,
        "sha256": files[0]["sha256"],
        "backend": "skops",
        "precision": "f32",
        "class_names": ["idle", "work"],
        **columns,
    }
    return deployments.activate(TASK_CLASSIFIER, name=name, **columns)


assert set(COLUMNS) <= set(names_of("mediapipe"))


def trouble_of(camera):
    """Return why the latest footage of a camera was not classified; "" where it was."""
    latest = Segment.objects.filter(footage__camera=camera, state=Segment.State.DONE)
    latest = latest.order_by("-finished_at", "-pk").first()
    is_off = latest is not None and latest.error_code == task_serving.OFF
    return latest.error_message if is_off else ""
