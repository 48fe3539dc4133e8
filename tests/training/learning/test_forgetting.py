"""What fine-tuning unlearns is reported, and replay keeps it from being unlearned."""

from collections import Counter

import cv2
import numpy as np
import pytest

from detection.vision import libraries
from tests.training.learning.lessons import Heard, coco128, coco_names
from training.learning import forgetting, replay
from training.learning.boxes import BoxFigures
from training.learning.detector import FineTune, fine_tune

SAFARI = {"giraffe", "elephant", "zebra", "bear"}
SIZE, BATCH, STEPS = 192, 8, 100


def figures(**ap50):
    return {"classes": [{"name": n, "truths": 5, "ap50": value} for n, value in ap50.items()]}


def test_classes_are_told_by_how_far_they_fell():
    told = forgetting.report(
        figures(cat=0.5, dog=0.8, bus=0.3), figures(cat=0.52, dog=0.4, bus=0.29)
    )

    assert [row["name"] for row in told["classes"]] == ["dog", "bus", "cat"]
    assert told["classes"][0]["fall"] == pytest.approx(0.4)
    assert told["forgotten"] == ["dog"]
    assert told["mean_fall"] == pytest.approx((0.4 + 0.01 - 0.02) / 3)


def test_what_cannot_be_compared_is_left_out():
    before = figures(cat=0.5, dog=None, bus=0.3)
    before["classes"][2]["truths"] = 0

    told = forgetting.report(before, figures(cat=0.5))

    assert [row["name"] for row in told["classes"]] == ["cat"]
    assert forgetting.report(figures(), figures())["mean_fall"] == 0.0


class Lesson:
    """Animals of the savannah to learn, other photos to learn again, and others to be asked.

    On all of them every one of the 80 classes is labelled, so each says what is not there as well.
    """

    def __init__(self, material, model_dir, folder):
        self.names, self.base = coco_names(material), model_dir / "yolo11n.pt"
        self._folder = folder
        pictures = coco128(material)
        self.new = [one for one in pictures if self.classes(one) and self.classes(one) <= SAFARI]
        rest = [one for one in pictures if one not in self.new]
        self.old, self.held_out = rest[::2], rest[1::2]
        self.shown = set().union(*map(self.classes, self.old)) - SAFARI

    def classes(self, picture):
        return {self.names[label] for label, _ in picture.boxes}

    def learned(self, name, pictures):
        """Fine-tune for as many steps, however many pictures there are; return the weights."""
        epochs = round(STEPS / -(-len(pictures) // BATCH))
        task = FineTune(
            pictures=tuple(pictures),
            validation=(),
            class_names=self.names,
            cache_dir=self._folder / "cache",
            base=self.base,
            epochs=epochs,
            batch=BATCH,
            image_size=SIZE,
            device="cpu",
            learning_rate=1e-4,
        )
        return fine_tune(task, self._folder / name, Heard())

    def figures(self, weights):
        """Return the AP50 of every class on the photos that nobody learned from."""
        from detection.vision.detectors import TorchDetector

        libraries.prepare(self._folder / "cache")
        detector = TorchDetector(weights, input_size=SIZE, min_score=0.001)
        kept, truths = BoxFigures(len(self.held_out)), Counter()
        for group, picture in enumerate(self.held_out):
            true = {name: np.zeros((0, 4)) for name in self.names}
            for label, box in picture.boxes:
                true[self.names[label]] = np.vstack([true[self.names[label]], box])
                truths[self.names[label]] += 1
            said = detector.detect(cv2.imread(str(picture.path)), 0.0)
            called = np.array(said.class_names, dtype=object)
            found = {
                name: (said.boxes_xyxy[called == name].astype(float), said.scores[called == name])
                for name in set(said.class_names)
            }
            kept.add_picture(group, true, (found, {}))
        once = np.ones((1, len(self.held_out)))
        return {
            "classes": [
                {"name": name, "truths": truths[name], "ap50": float(one.values(once, None)[0])}
                for name, one in kept.of_classes((0.5,)).items()
            ]
        }

    def fall(self, before, weights):
        """Return the mean fall of the classes that the old photos show."""
        told = forgetting.report(before, self.figures(weights))
        falls = [row["fall"] for row in told["classes"] if row["name"] in self.shown]
        return sum(falls) / len(falls)


@pytest.mark.slow
def test_replay_keeps_what_is_lost_without_it(tmp_path, material, model_dir):
    lesson = Lesson(material, model_dir, tmp_path)
    before = lesson.figures(lesson.base)

    without = lesson.fall(before, lesson.learned("without", lesson.new))
    both = replay.mixed(lesson.old, lesson.new, 0.85)
    with_replay = lesson.fall(before, lesson.learned("with", both))

    print(f"mean fall of AP50: {without:.3f} without replay, {with_replay:.3f} with it")
    assert without > 0.08
    assert with_replay < without / 2
