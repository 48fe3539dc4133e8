"""Learning from pictures on which only some classes are labelled.

A picture teaches a class only where a person said that every such object on it has its box.
Everywhere else the class is neither right nor wrong: it has no share in the loss, no share in what
validation counts, and no mosaic puts the picture beside one with other classes labelled.

Imported only after ``detection.vision.libraries.prepare``.
"""

import random
from collections import defaultdict

import numpy as np
import torch
from ultralytics.data.augment import Mosaic
from ultralytics.data.dataset import YOLODataset
from ultralytics.models.yolo.detect import DetectionValidator
from ultralytics.utils.loss import E2ELoss, v8DetectionLoss


class PartialLoss(v8DetectionLoss):
    """The usual loss, with the class terms of each picture left out that nobody labelled there.

    The batch says under "known" which they are, bool (pictures, classes).
    """

    def loss(self, preds, batch):
        self.class_weights = batch["known"].to(preds["scores"].dtype)[:, None, :]
        return super().loss(preds, batch)


def partial_criterion(network):
    """Return the loss of a detection network, be it with one head or with two."""
    if getattr(network.model[-1], "one2one_cv2", None) is not None:
        return E2ELoss(network, PartialLoss)
    return PartialLoss(network)


class KnownClasses:
    """Which classes are labelled on which picture.

    Args:
        rows: {"path", "known": indices of the outputs that are exhaustively labelled there}.
        classes: how many outputs there are.
    """

    def __init__(self, rows, classes):
        self._of = {row["path"]: np.isin(np.arange(classes), row["known"]) for row in rows}

    def of(self, paths, device="cpu"):
        """Return bool (pictures, classes)."""
        return torch.from_numpy(np.stack([self._of[path] for path in paths])).to(device)


class AlikePartners(Mosaic):
    """A mosaic of pictures on which the same classes are labelled."""

    def get_params(self, labels):
        self._beside = labels["im_file"]
        return super().get_params(labels)

    def get_indexes(self):
        return self.dataset.partners(self._beside, self.n - 1)


class PictureSet(YOLODataset):
    """Pictures with their boxes from rows, not from label files: nothing is written beside them.

    Args:
        rows: {"path", "shape": (height, width), "boxes": [[output, x1, y1, x2, y2]] as shares,
            "known": outputs}; a picture may come several times.
    """

    def __init__(self, rows, **options):
        self._rows = rows
        self._alike = defaultdict(list)
        self._kind = {}
        super().__init__(img_path="", **options)

    def get_img_files(self, img_path):
        return [row["path"] for row in self._rows]

    def get_labels(self):
        for number, row in enumerate(self._rows):
            kind = tuple(sorted(row["known"]))
            self._alike[kind].append(number)
            self._kind[row["path"]] = kind
        return [_label(row) for row in self._rows]

    def partners(self, path, count):
        """Return the numbers of as many pictures like one, those at hand rather than others."""
        kind = self._kind[path]
        at_hand = [number for number in self.buffer if self._kind[self.im_files[number]] == kind]
        return random.choices(at_hand or self._alike[kind], k=count)

    def build_transforms(self, hyp):
        transforms = super().build_transforms(hyp)
        if self.augment:
            mixing = transforms.transforms[0]
            mixing.transforms[0] = AlikePartners(self, imgsz=self.imgsz, p=hyp.mosaic)
        return transforms


def _label(row):
    boxes = np.array(row["boxes"], np.float32).reshape(-1, 5)
    low, high = boxes[:, 1:3], boxes[:, 3:5]
    return {
        "im_file": row["path"],
        "shape": tuple(row["shape"]),
        "cls": boxes[:, :1],
        "bboxes": np.concatenate([(low + high) / 2, high - low], axis=1),
        "segments": [],
        "keypoints": None,
        "normalized": True,
        "bbox_format": "xywh",
    }


class PartialValidator(DetectionValidator):
    """Validation in which a found box of a class that is not labelled there counts for nothing.

    Attributes:
        known: the KnownClasses of the pictures.
    """

    known: KnownClasses

    def preprocess(self, batch):
        batch = super().preprocess(batch)
        batch["known"] = self.known.of(batch["im_file"], self.device)
        return batch

    def update_metrics(self, preds, batch):
        kept = []
        for found, known in zip(preds, batch["known"], strict=True):
            counts = known[found["cls"].long()]
            kept.append({name: values[counts] for name, values in found.items()})
        super().update_metrics(kept, batch)
