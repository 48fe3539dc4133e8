"""What learning leaves behind, as rows: a dataset, runs, versions with scores, and judgements.

Nothing is trained. What a detector would have found is made up from the true boxes, more or less
skilfully; figures, gate and kept scores are the product's own.
"""

import itertools
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

import numpy as np
from django.utils import timezone

from detection.models import Evidence
from detection.slots import INCIDENT_TRIAGE, OBJECT_DETECTOR
from hitlsite import storage
from tests import factories
from tests.training.rendered import CLASSES, SIDE, background_only, yard
from training.learning import detection_figures, forgetting, gate
from training.learning.boxes import BoxFigures
from training.learning.classifier_figures import figures as classifier_figures
from training.learning.comparing import truths_of
from training.learning.gate import Slice
from training.models import Dataset, DatasetEntry, Evaluation, GateDecision, ModelVersion
from training.models import TrainingRun as Run
from training.services import kept_scores

POOR, GOOD = 0.45, 0.9
_numbers = itertools.count(1)


def dataset(site, camera, *, pictures=12, with_files=True, slot=OBJECT_DETECTOR, **columns):
    """Return a frozen dataset whose test split has rendered pictures, every fourth one empty."""
    number = next(_numbers)
    made = Dataset.objects.create(
        slot=slot,
        number=Dataset.objects.filter(slot=slot).count() + 1,
        state=Dataset.State.DONE,
        manifest_sha256=f"{number:064x}",
        test_sha256=f"{number:064x}",
        taxonomy=[{"name": name, "former": [], "label_classes": []} for name in CLASSES],
        **{"test_revision": 1, **columns},
    )
    made.sites.add(site)
    for position in range(pictures):
        _entry(made, camera, position, with_files)
    return made


@lru_cache(maxsize=64)
def _picture(position):
    draw = background_only if position % 4 == 3 else yard
    picture = draw(position // 2, position)
    return factories.jpeg(np.ascontiguousarray(picture.image[:, :, ::-1])), picture.boxes


def _entry(dataset, camera, position, with_files):
    content, found_there = _picture(position)
    evidence = item = None
    if with_files:
        incident = factories.incident(camera, with_files=False)
        evidence = factories.evidence(
            incident,
            Evidence.Kind.FRAME_PEAK,
            content,
            at_seconds=32.0,
            width=SIDE,
            height=SIDE,
        )
        item = factories.item(incident, status="confirmed")
    boxes = [[name, *box] for name, box in found_there]
    DatasetEntry.objects.create(
        dataset=dataset,
        position=position,
        sha256=f"{position:064x}",
        split="test",
        group=f"{camera.name} {position // 2}",
        origin="field",
        label={"boxes": boxes, "exhaustive": list(CLASSES)},
        item=item,
        evidence=evidence,
        site=camera.site,
        camera=camera,
        captured_at=factories.STARTS_AT + timedelta(hours=position),
    )


def run(dataset, **columns):
    """Return a finished run with ten epochs behind it."""
    number = next(_numbers)
    ended = timezone.now() - timedelta(days=3) + timedelta(hours=number % 24)
    columns = {
        "algorithm": "yolo",
        "parameters": {"epochs": 10, "batch": 8},
        "code_version": "1.0",
        "trigger": Run.Trigger.PAGE,
        "inputs_sha256": f"{number:064x}",
        "state": Run.State.DONE,
        "stage": Run.Stage.ENDED,
        "started_at": ended - timedelta(minutes=31),
        "finished_at": ended,
        "history": [epoch(number) for number in range(1, 11)],
        "log": log(),
        **columns,
    }
    count = Run.objects.filter(slot=dataset.slot).count()
    return Run.objects.create(slot=dataset.slot, number=count + 1, dataset=dataset, **columns)


def epoch(number):
    left = 0.75**number
    return {
        "epoch": number,
        "box_loss": round(0.9 + 1.6 * left, 5),
        "cls_loss": round(0.6 + 3.1 * left, 5),
        "dfl_loss": round(1.0 + 0.8 * left, 5),
        "precision": round(0.86 - 0.7 * left, 5),
        "recall": round(0.79 - 0.75 * left, 5),
        "map50": round(0.83 - 0.8 * left, 5),
        "map50_95": round(0.52 - 0.5 * left, 5),
        "learning_rate": 0.001,
        "seconds": 12.5,
    }


def log(last="judging"):
    stages = ("preparing", "training", "exporting", "evaluating", "judging")
    reached = stages[: stages.index(last) + 1]
    return "\n".join(f"09:{minute:02d}:00 -- {stage}" for minute, stage in enumerate(reached))


def version(run, **columns):
    """Return a version with two forms and two stored files."""
    number = ModelVersion.objects.filter(slot=run.slot).count() + 1
    files = [_file(run, number, name) for name in ("best.onnx", "best-int8.onnx", "best.pt")]
    figure = {"input_size": 320, "serves": False, "backend": "onnxruntime"}
    forms = [
        figure
        | {
            "name": "onnx f32",
            "precision": "f32",
            "files": ["best.onnx"],
            "sha256": files[0]["sha256"],
            "milliseconds": 41.3,
            "figure": 0.81,
            "why": "slower than onnx int8 and no better",
        },
        figure
        | {
            "name": "onnx int8",
            "precision": "int8",
            "files": ["best-int8.onnx"],
            "sha256": files[1]["sha256"],
            "milliseconds": 17.9,
            "figure": 0.805,
            "serves": True,
            "why": "the fastest within a point of the best",
        },
    ]
    columns = {
        "algorithm": run.algorithm,
        "base": {"name": "yolo11n.pt", "sha256": "0" * 64},
        "class_names": list(CLASSES),
        "files": files,
        "forms": forms,
        **columns,
    }
    return ModelVersion.objects.create(
        slot=run.slot, number=number, run=run, dataset=run.dataset, **columns
    )


def _file(run, number, name):
    content = f"{run.slot} {number} {name}".encode()
    path, sha256, size = storage.store_bytes(
        run.dataset.sites.first().pk, "models", content, suffix=".bin"
    )
    return {"name": name, "path": path, "sha256": sha256, "byte_count": size}


def found(dataset, *, skill, seed=1):
    """Return {position: {class: (boxes, scores)}} of a detector of this skill, 0 to 1."""
    rng = np.random.default_rng([seed, int(100 * skill)])
    said = {}
    for entry in dataset.entries.filter(split="test"):
        here = {name: [] for name in CLASSES}
        for name, *box in entry.label["boxes"]:
            if rng.random() < skill:
                moved = np.clip(np.array(box) + rng.normal(0, 0.012, 4), 0, 1)
                other = CLASSES[1 - CLASSES.index(name)]
                named = name if rng.random() < 0.5 + skill / 2 else other
                here[named].append([*moved, rng.uniform(0.35 + skill / 4, 0.98)])
        for _ in range(rng.poisson(1.6 - skill)):
            low = rng.uniform(0, 0.7, 2)
            high = low + rng.uniform(0.08, 0.25, 2)
            named = CLASSES[int(rng.integers(2))]
            here[named].append([*low, *high, rng.uniform(0.05, 0.95 - skill / 3)])
        said[entry.position] = {name: _parted(rows) for name, rows in here.items()}
    return said


def _parted(rows):
    table = np.array(rows, dtype=float).reshape(-1, 5)
    return table[:, :4], table[:, 4]


def evaluation(dataset, said, *, version=None, name="yolo11n", split="test"):
    """Return the Evaluation of what was found, with the product's own figures."""
    pictures = [
        detection_figures.Picture(
            position=entry.position,
            group=entry.group,
            camera=entry.camera.name,
            truths=truths_of(entry.label),
            found=said.get(entry.position, {}),
            is_negative=not entry.label["boxes"],
        )
        for entry in dataset.entries.filter(split="test").select_related("camera")
    ]
    path, sha256 = kept_scores.keep(said)
    serving = version.serving_form if version else {}
    return Evaluation.objects.create(
        slot=dataset.slot,
        dataset=dataset,
        split=split,
        test_sha256=dataset.test_sha256,
        version=version,
        name=version.name if version else name,
        sha256=serving.get("sha256", "e" * 64),
        backend="onnxruntime",
        input_size=320,
        precision=serving.get("precision", "f32"),
        figures=detection_figures.figures(pictures),
        scores_path=path,
        scores_sha256=sha256,
    )


def judgement(version, champion, challenger, of_champion, of_challenger):
    """Return what the gate says of two Evaluations by what was found for each."""
    entries = list(version.dataset.entries.filter(split="test").select_related("camera"))
    groups = {name: number for number, name in enumerate(sorted({e.group for e in entries}))}
    both, cameras = BoxFigures(len(groups)), {}
    for entry in entries:
        truths = truths_of(entry.label)
        pair = tuple(one.get(entry.position, {}) for one in (of_champion, of_challenger))
        kept = cameras.setdefault(entry.camera.name, BoxFigures(len(groups)))
        for figures in (both, kept):
            figures.add_picture(groups[entry.group], truths, pair)
    of_classes = both.of_classes((0.5,))
    slices = [Slice("class", name, one.items, one) for name, one in of_classes.items()]
    for name, kept in cameras.items():
        mean = kept.mean((0.5,))
        slices.append(Slice("camera", name, mean.items, mean))
    told = gate.decide(both.mean((0.5,)), slices, margins=gate.Margins(draws=200))
    return GateDecision.objects.create(
        version=version,
        champion=champion,
        challenger=challenger,
        outcome=told.outcome.value,
        report=told.as_dict(),
    )


@dataclass(frozen=True)
class Learned:
    dataset: Dataset
    run: Run
    version: ModelVersion
    evaluation: Evaluation
    decision: GateDecision


def learned(site, camera, *, pictures=12, before=POOR, after=GOOD, with_files=True, **columns):
    """Return a whole run's rows, judged beside weights that were there before."""
    data = dataset(site, camera, pictures=pictures, with_files=with_files, **columns)
    return judged(data, before=before, after=after)


def judged(data, *, before=POOR, after=GOOD):
    """Return another run's rows on a dataset that there is."""
    made = version(run(data))
    old, new = found(data, skill=before), found(data, skill=after, seed=2)
    champion = evaluation(data, old)
    challenger = evaluation(data, new, version=made)
    decision = judgement(made, champion, challenger, old, new)
    figures = challenger.figures
    made.forgetting = forgetting.report(champion.figures, figures)
    made.save(update_fields=["forgetting"])
    made.run.result = {
        "version": made.name,
        "outcome": decision.outcome,
        "figure_name": figures["figure_name"],
        "figure": figures["figure"],
    }
    made.run.save(update_fields=["result"])
    return Learned(data, made.run, made, challenger, decision)


def triage(site):
    """Return a judged version of incident triage, which looks at no pictures."""
    made = Dataset.objects.create(
        slot=INCIDENT_TRIAGE,
        number=1,
        state=Dataset.State.DONE,
        manifest_sha256="7" * 64,
        test_revision=1,
    )
    made.sites.add(site)
    trained = run(made, algorithm="lightgbm", parameters={}, history=[])
    new = version(trained, class_names=["confirmed", "rejected"], base={})
    rng = np.random.default_rng(4)
    truths = [("rejected", "confirmed")[int(one)] for one in rng.random(60) < 0.4]
    lean = np.array([0.68 if truth == "confirmed" else 0.3 for truth in truths])
    likely = np.clip(lean + rng.normal(0, 0.22, 60), 0.01, 0.99)
    figures = classifier_figures(
        truths,
        np.stack([likely, 1 - likely], axis=1),
        ("confirmed", "rejected"),
        [str(number // 3) for number in range(60)],
        list(range(60)),
        figure="auc",
        positive="confirmed",
    )
    scored = Evaluation.objects.create(
        slot=made.slot,
        dataset=made,
        split="test",
        version=new,
        name=new.name,
        sha256="8" * 64,
        figures=figures,
    )
    report = gate.decide(BoxFigures(0).mean()).as_dict()
    decision = GateDecision.objects.create(
        version=new, challenger=scored, outcome=report["outcome"], report=report
    )
    return Learned(made, trained, new, scored, decision)
