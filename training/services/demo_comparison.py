"""What two watches of the demo's scene found, held against what the renderer put into it."""

import json
from dataclasses import dataclass

from detection.services import stored_tracks

IOU = 0.5
MOMENTS = (8.0, 31.0, 58.0)  # seconds of the scene at which people are in view


@dataclass(frozen=True, slots=True)
class Watched:
    """One watch of the scene.

    Attributes:
        called: what its boxes are called.
        in_view: how often somebody was in view in a sampled frame, and ``found`` how often a box
            was put on them (IoU 0.5 or more).
        boxes: how many boxes there are, on somebody or not.
    """

    detector: str
    incidents: int
    called: tuple[str, ...]
    in_view: int
    found: int
    boxes: int

    @property
    def recall(self):
        return self.found / self.in_view if self.in_view else 0.0

    @property
    def precision(self):
        return self.found / self.boxes if self.boxes else 0.0


def keep_truth(truth, path):
    """Write beside a rendered film who is where in it."""
    visits = [
        {str(number): list(box) for number, box in visit.boxes_xyxy.items()}
        for visit in truth.visits
    ]
    path.write_text(json.dumps({"fps": truth.fps, "visits": visits}))


def watched(footage, truth_path):
    """Return what a watch found, as Watched."""
    import numpy as np

    from training.learning.boxes import matched

    truth = json.loads(truth_path.read_text())
    in_view = found = boxes = 0
    called = set()
    for at_seconds, seen in _frames(footage):
        true = _true(truth, at_seconds)
        mine = sorted((one for one in seen if not one.is_static), key=lambda one: -one.score)
        edges = np.array([one.box_xyxy for one in mine], float).reshape(-1, 4)
        in_view += len(true)
        boxes += len(mine)
        found += int(matched(edges, true, (IOU,)).sum())
        called |= {one.class_name for one in mine}
    return Watched(
        detector=footage.deployment.name,
        incidents=footage.incidents.count(),
        called=tuple(sorted(called)),
        in_view=in_view,
        found=found,
        boxes=boxes,
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    box_xyxy: tuple
    class_name: str
    score: float
    track_id: int
    is_static: bool


def _frames(footage):
    """Yield (seconds, what was seen) of every sampled frame."""
    for log in footage.track_logs.order_by("segment__position"):
        columns = stored_tracks.read(log.path)
        by_time = {float(at): [] for at in columns.empty_at_seconds}
        for row in range(len(columns)):
            by_time.setdefault(float(columns.at_seconds[row]), []).append(
                _Seen(
                    tuple(columns.boxes[row]),
                    str(columns.class_name[row]),
                    float(columns.score[row]),
                    int(columns.track_id[row]),
                    bool(columns.is_static[row]),
                )
            )
        yield from sorted(by_time.items())


def _true(truth, at_seconds):
    import numpy as np

    number = str(round(at_seconds * truth["fps"]))
    return np.array([one[number] for one in truth["visits"] if number in one], float).reshape(-1, 4)


def draw(scene, watches, target):
    """Write one picture: a row a moment of the scene, a column a watch.

    Args:
        scene: path of the film.
        watches: (caption, footage) of each column.
        target: path of the JPEG.
    """
    import numpy as np

    from detection.vision.drawing import draw_boxes
    from detection.vision.recording import encode_jpeg

    images = _images(scene)
    columns = []
    for caption, footage in watches:
        frames = list(_frames(footage))
        drawn = []
        for at_seconds, image in zip(MOMENTS, images, strict=True):
            _, seen = min(frames, key=lambda frame: abs(frame[0] - at_seconds))
            told = f"{caption}, {at_seconds:.0f} s"
            drawn.append(
                draw_boxes(image, [one for one in seen if not one.is_static], caption=told)
            )
        columns.append(np.vstack(drawn))
    target.write_bytes(encode_jpeg(np.hstack(columns)))


def _images(scene):
    from detection.vision.video import open_source

    source = open_source(scene)
    try:
        return [next(iter(source.frames(at_seconds))).image() for at_seconds in MOMENTS]
    finally:
        source.close()
