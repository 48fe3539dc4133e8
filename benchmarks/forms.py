"""What a trained detector loses and gains in each form in which it can serve.

yolo11n.pt, as if it had just been trained: exported to ONNX for OpenVINO and ONNX Runtime, and to
eight bits for OpenVINO, calibrated on every second photo of COCO128. The other half judges: mAP50
and mAP50-95 of every form beside the f32 form under OpenVINO, with the interval of the difference
(bootstrap over photos), and the median time of one picture.

    python benchmarks/forms.py [--quick]
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = "yolo11n.pt"
QUICK_PHOTOS = 24
# An eight-bit form may lose as much as the product gives up for speed.
WORTH_OF_SPEED = 0.01


def photos():
    """Return (photos that calibrate, photos that judge, class names)."""
    from review.labels import yolo

    shared = Path(os.environ.get("SECOND_LOOK_SHARED") or ROOT.parent / "shared")
    folder = shared / "images/coco128"
    if not folder.is_dir():
        sys.exit(f"There is no {folder}.")
    read = yolo.read_folder(folder)
    pictures = sorted(read.pictures, key=lambda one: str(one.path))
    return pictures[::2], pictures[1::2], read.class_names


def found_by(folder, form, pictures, cache):
    """Return what a form finds on every picture, low scores included."""
    import cv2

    from training.learning import detector_forms
    from training.services.folder_evaluation import LEAST_SCORE, by_class

    detector = detector_forms.load(
        folder, form.files, backend=form.backend, precision=form.precision, cache_dir=cache
    )
    detector.min_score = LEAST_SCORE
    return [by_class(detector.detect(cv2.imread(str(one.path)), 0.0)) for one in pictures]


def compared(truths, reference, found):
    """Return {figure: (of the reference, of the form, interval of the difference)}."""
    from training.learning import gate
    from training.learning.boxes import BoxFigures

    figures = BoxFigures(len(truths))
    for group, pair in enumerate(zip(reference, found, strict=True)):
        figures.add_picture(group, truths[group], pair)
    told = {}
    for name, thresholds in (("mAP50", ((0.5,),)), ("mAP50-95", ())):
        report = gate.decide(figures.mean(*thresholds), [], seed=0)
        told[name] = (report.champion, report.challenger, report.lower, report.upper)
    return told


def measured(scratch, is_quick):
    """Return (rows for people, figures, marks)."""
    from training.learning import detector_forms
    from training.services.folder_evaluation import truths_of

    models = Path(os.environ.get("SECOND_LOOK_MODEL_DIR") or ROOT / "var/models")
    calibration, judging, names = photos()
    if is_quick:
        calibration, judging = calibration[:QUICK_PHOTOS], judging[:QUICK_PHOTOS]
    best = shutil.copyfile(models / WEIGHTS, scratch / "best.pt")
    forms = detector_forms.make_forms(
        best,
        calibration=[one.path for one in calibration],
        pictures=[one.path for one in judging],
        cache_dir=scratch / "cache",
        progress=lambda done, total, what: None,
    )
    truths = [truths_of(one, names) for one in judging]
    reference = found_by(scratch, forms[0], judging, scratch / "cache")
    rows = [("photos", f"{len(calibration)} calibrate, {len(judging)} judge")]
    figures, marks = {}, {}
    for form in forms:
        found = found_by(scratch, form, judging, scratch / "cache")
        told = compared(truths, reference, found)
        rows.append((form.name, f"{form.milliseconds:.1f} ms a picture"))
        for name, (_, figure, lower, upper) in told.items():
            rows.append((f"  {name}", f"{figure:.4f}, difference {lower:+.4f} to {upper:+.4f}"))
        figures[form.name] = {"milliseconds": form.milliseconds, **told}
        if form.precision == "int8":
            before, after, *_ = told["mAP50"]
            marks["mAP50 lost in eight bits"] = (before - after, "<=", WORTH_OF_SPEED)
            faster = forms[0].milliseconds / form.milliseconds
            marks["times faster in eight bits"] = (faster, ">=", 1.0)
    return rows, figures, marks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_PHOTOS} photos a half")
    wanted = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from benchmarks.reporting import finish

    with tempfile.TemporaryDirectory() as scratch:
        rows, figures, marks = measured(Path(scratch), wanted.quick)
    finish("forms", rows, figures, marks)


if __name__ == "__main__":
    main()
