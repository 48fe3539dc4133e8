"""What a detector scores on a dataset's test split by pycocotools, from its files alone."""

import contextlib
import io

import cv2
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detection.services.model_store import main_path
from detection.vision.backends import load_detector
from hitlsite import storage
from training.models import DatasetEntry

LEAST_SCORE = 0.001
SIDE = 1000


def of_test_split(dataset, subject):
    """Return (mAP50, mAP50-95) of a Subject; boxes of classes the dataset lacks are left out."""
    detector = load_detector(
        str(main_path(subject.folder, subject.files)),
        model_dir=subject.folder,
        cache_dir=subject.folder.parent,
        backend=subject.backend,
        input_size=subject.input_size,
        precision=subject.precision,
    )
    detector.min_score = LEAST_SCORE
    names, true, found = dataset.class_names, [], []
    entries = list(dataset.entries.filter(split=DatasetEntry.Split.TEST))
    for image_id, entry in enumerate(entries, start=1):
        for name, *box in entry.label["boxes"]:
            row = _row(image_id, names.index(name), box)
            true.append(row | {"iscrowd": 0, "id": len(true) + 1})
        said = detector.detect(_picture(entry), 0.0)
        for name, box, score in zip(said.class_names, said.boxes_xyxy, said.scores, strict=True):
            if name in names:
                found.append(_row(image_id, names.index(name), box) | {"score": float(score)})
    return _scored(len(entries), names, true, found)


def _picture(entry):
    content = storage.local_copy(entry.path)[0].read_bytes()
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def _row(image_id, category_id, box):
    x1, y1, x2, y2 = (SIDE * float(edge) for edge in box)
    where = {"image_id": image_id, "category_id": category_id}
    return where | {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}


def _scored(pictures, names, true, found):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": number} for number in range(1, pictures + 1)],
            "annotations": true,
            "categories": [{"id": number, "name": name} for number, name in enumerate(names)],
            "info": {},
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[1], evaluation.stats[0]
