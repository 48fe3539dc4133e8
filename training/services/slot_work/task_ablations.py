"""What the measurements of bodies and those of objects are each worth: trained without the others.

A classifier is trained again on the columns of mediapipe alone, of the detector alone, and of both,
with the same algorithm, parameters and seed; what both together gain is told with its interval.
"""

from dataclasses import replace

from hitlsite.errors import DomainError
from training.models import DatasetEntry
from training.services import slot_work
from training.services.slot_work import tables

Split = DatasetEntry.Split
LEVEL = 0.025  # of each end of the interval


def ablations(run, predictor, material, report):
    """Return {"algorithm", "seed", "level", "rows"}.

    A row is {"columns": the set, "count": of columns, "val" and "test": macro F1 or None, "gains":
    {split: {"gain", "lower", "upper", "groups"} of all columns over these}, "why": a sentence where
    this set could not be trained}; of one group alone there is no interval.
    """
    from training.learning.task_parameters import COLUMN_SETS, FUSED

    fused, rows = {}, []
    entries = {
        split: list(slot_work.entries_of(run.dataset, split)) for split in (Split.VAL, Split.TEST)
    }
    for number, wanted in enumerate(COLUMN_SETS):
        report.progress(number, len(COLUMN_SETS), f"ablation: {wanted}")
        try:
            model = _model(run, wanted, predictor, material, report)
        except DomainError as error:
            rows.append({"columns": wanted, "count": 0, "why": error.message})
            continue
        row = {"columns": wanted, "count": len(model.columns), "gains": {}}
        for split, of_split in entries.items():
            row[split], scores = _scored(model, run.dataset, of_split, report)
            if wanted == FUSED:
                fused[split] = scores
            elif scores and fused.get(split):
                row["gains"][split] = _gain(run, of_split, scores, fused[split])
        rows.append(row)
    told = {"algorithm": run.algorithm, "seed": run.seed, "level": 1 - 2 * LEVEL}
    return {**told, "rows": rows}


def _model(run, wanted, predictor, material, report):
    """Return the predictor of a set of columns; what was trained on it already is not again.

    One that went on from the champion has learned from other windows: all are trained anew then.
    """
    if wanted == run.parameters["columns"] and run.algorithm != "online":
        return predictor
    parameters = {**run.parameters, "columns": wanted, "ablations": False}
    return material.fit(run.algorithm, parameters, _Quiet(report, wanted)).predictor()


class _Quiet:
    """A report that passes on how far it is, and keeps its epochs out of the run's own."""

    def __init__(self, report, wanted):
        self._report, self._wanted = report, wanted

    def progress(self, done, total, message=""):
        self._report.progress(done, total, f"ablation {self._wanted}: {message}")

    def epoch(self, figures):
        self._report.progress(figures["epoch"], 0, f"ablation {self._wanted}")

    def log(self, line):
        self._report.log(f"ablation {self._wanted}: {line}")


def _scored(predictor, dataset, entries, report):
    from training.services.slot_work import task_train

    if not entries:
        return None, {}
    scores = task_train.scores_of(predictor, "ablation", entries, report)
    return task_train.figures(dataset, entries, scores)["macro_f1"], scores


def _gain(run, entries, alone, fused):
    """Return by how much all columns are better than these, with the ends of the interval."""
    from training.learning import gate

    figure, _ = tables.paired(run.dataset, entries, alone, fused)
    margins = replace(gate.Margins(), level=LEVEL)
    told = gate.decide(figure, margins=margins, seed=run.seed)
    # One group drawn again is itself: it says nothing about how sure the gain is.
    ends = (told.lower, told.upper) if told.groups > 1 else (None, None)
    return {"gain": told.gain, "lower": ends[0], "upper": ends[1], "groups": told.groups}
