"""The training loop of the detector: ultralytics' own, fed from a job file and reporting home.

Everything that the loop needs lies in one folder: ``job.json`` (settings and pictures) and
``start.pt`` (the network that it begins with), so that another process can take part or go on.

Imported only after ``detection.vision.libraries.prepare``.
"""

import json
import os
from collections import defaultdict
from copy import copy
from pathlib import Path

from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils import RANK
from ultralytics.utils.torch_utils import unwrap_model

from detection.vision import checkpoints
from training.learning.partial_labels import (
    KnownClasses,
    PartialValidator,
    PictureSet,
    partial_criterion,
)

LOSSES = ("box_loss", "cls_loss", "dfl_loss")
_METRICS = {
    "precision": "metrics/precision(B)",
    "recall": "metrics/recall(B)",
    "map50": "metrics/mAP50(B)",
    "map50_95": "metrics/mAP50-95(B)",
}


class LearningTrainer(DetectionTrainer):
    """Trains on the job beside its folder; its report may raise to stop it.

    Args:
        overrides: settings of the library; "data" is the path of the job file, "model" that of the
            network to begin with, "resume" the checkpoint to go on from, if any.
        report: as in ``training.services.slot_work``.
    """

    def __init__(self, overrides, report):
        self._report = report
        told = {
            "on_train_epoch_start": [lambda _: self._begin_epoch()],
            "on_train_batch_end": [lambda _: self._tell_batch(1)],
            "on_val_batch_end": [lambda _: self._tell_batch(0)],
            "on_fit_epoch_end": [lambda _: self._tell_epoch()],
        }
        # Of several processes the first speaks for all.
        told = told if RANK in (-1, 0) else {}
        super().__init__(overrides=overrides, _callbacks=defaultdict(list, told))

    def check_resume(self, overrides):
        # The settings are those of the job again, not those in the checkpoint.
        self.resume = bool(self.args.resume)

    def get_dataset(self):
        job = json.loads(Path(self.args.data).read_text())
        names = dict(enumerate(job["names"]))
        self._known = KnownClasses(job["train"] + job["val"], len(names))
        self._validates = bool(job["val"])
        return {
            "train": job["train"],
            "val": job["val"] or job["train"][:1],
            "names": names,
            "nc": len(names),
            "channels": 3,
        }

    def setup_model(self):
        checkpoint = checkpoints.read_checkpoint(self.args.resume or self.args.model)
        self.model = (checkpoint.get("ema") or checkpoint["model"]).float()
        self.model.criterion = None
        self.model.requires_grad_(True)
        return checkpoint if self.resume else None

    def set_class_weights(self):
        # The last step before the average of the network is copied from it, with its loss.
        network = unwrap_model(self.model)
        network.criterion = partial_criterion(network)

    def resume_training(self, ckpt):
        super().resume_training(ckpt)
        network = unwrap_model(self.model)
        made = network.criterion
        network.criterion = partial_criterion(network)
        if hasattr(made, "updates") and made.updates:
            network.criterion.updates = made.updates - 1
            network.criterion.update()

    def build_dataset(self, img_path, mode="train", batch=None):
        stride = max(int(unwrap_model(self.model).stride.max()), 32)
        return PictureSet(
            img_path,
            imgsz=self.args.imgsz,
            batch_size=batch,
            augment=mode == "train",
            hyp=self.args,
            rect=mode == "val",
            stride=stride,
            pad=0.0 if mode == "train" else 0.5,
            data=self.data,
            task="detect",
        )

    def preprocess_batch(self, batch):
        batch = super().preprocess_batch(batch)
        batch["known"] = self._known.of(batch["im_file"], self.device)
        return batch

    def get_validator(self):
        validator = PartialValidator(
            self.test_loader,
            save_dir=self.save_dir,
            args=copy(self.args),
            _callbacks=self.callbacks,
        )
        validator.known = self._known
        return validator

    def validate(self):
        if self._validates:
            return super().validate()
        # Nothing to choose by: the last epoch is the best.
        self.best_fitness = float(self.epoch + 1)
        return {}, self.best_fitness

    def save_model(self):
        """Write aside and rename, so that a checkpoint is whole or not there."""
        whole = self.best, self.last
        partial = [path.with_name(f".{path.name}") for path in whole]
        self.best, self.last = partial
        try:
            saved = super().save_model()
        finally:
            self.best, self.last = whole
        for written, path in zip(partial, whole, strict=True):
            if written.exists():
                os.replace(written, path)
        return saved

    def read_results_csv(self):
        return {}

    def final_eval(self):
        """Leave it at the validation of the last epoch: whoever scores the forms does so anew."""

    def _tell_batch(self, batches):
        self._batches += batches
        total = len(self.train_loader)
        done = min(self.epoch * total + self._batches, self.epochs * total)
        self._report.progress(done, self.epochs * total, f"epoch {self.epoch + 1} of {self.epochs}")

    def _begin_epoch(self):
        self._batches = 0

    def _tell_epoch(self):
        figures = {name: self.metrics.get(key) for name, key in _METRICS.items()}
        self._report.epoch(
            {
                "epoch": self.epoch + 1,
                **{name: round(float(self.tloss[name]), 5) for name in LOSSES},
                **(figures if self._validates else {}),
                "learning_rate": max(self.lr.values()),
                "seconds": round(self.epoch_time, 2),
            }
        )
