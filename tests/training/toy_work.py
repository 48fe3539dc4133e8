"""A slot's work that learns in no time: which of two classes a number belongs to.

It stands in for the slots where a test is about the core: runs, the gate, promotions. What it
learns is a border between the means of the classes, kept as text.
"""

from pathlib import Path

import numpy as np

from detection.slots import LOD_POLICY
from hitlsite import storage
from hitlsite.errors import DomainError
from tests import factories
from training.learning.gate import Slice
from training.learning.paired import Rate
from training.models import Dataset, DatasetEntry
from training.services.slot_work import Form, Trained

SLOT = LOD_POLICY
BORDER = 0.5


def dataset(*, groups=60, rows=4, flipped=0.0, number=1, seed=1, site=None):
    """Return a frozen dataset of numbers; ``flipped`` is the share of wrong training labels."""
    rng = np.random.default_rng(seed)
    made = Dataset.objects.create(
        slot=SLOT,
        number=number,
        state=Dataset.State.DONE,
        manifest_sha256=f"{seed}{number}{int(100 * flipped)}".rjust(64, "0"),
        test_sha256="t" * 64,
        test_revision=1,
        taxonomy=[{"name": name, "former": []} for name in ("low", "high")],
    )
    owner = site or factories.site()
    made.sites.add(owner)
    entries = []
    for group in range(3 * groups):
        split = ("train", "val", "test")[group % 3]
        for _ in range(rows):
            number = float(rng.random())
            is_high = (number > BORDER) != (split == "train" and rng.random() < flipped)
            label = {"label": "high" if is_high else "low", "features": {"x": number}}
            entries.append(
                DatasetEntry(
                    dataset=made,
                    position=len(entries),
                    sha256=f"{len(entries):064x}",
                    split=split,
                    group=f"group {group}",
                    origin="field",
                    label=label,
                    site=owner,
                )
            )
    DatasetEntry.objects.bulk_create(entries)
    return made


def gather(options, sites, report):
    raise DomainError("nothing_to_freeze", "There is nothing to freeze.")


def clean_parameters(algorithm, parameters):
    unknown = set(parameters) - {"border", "steps"}
    if unknown:
        raise DomainError("parameter_unknown", f"There is no parameter {min(unknown)}.")
    return {"steps": 3, **parameters}


def train(run, champion, folder, report):
    """Learn a border, or take the one of the parameters; ``reached`` counts steps over attempts."""
    report.stage("training")
    reached = Path(folder) / "reached"
    done = int(reached.read_text()) if reached.exists() else 0
    for step in range(done, run.parameters["steps"]):
        report.progress(step, run.parameters["steps"], "looking")
        report.epoch({"epoch": step + 1, "loss": 1.0 / (step + 1)})
        reached.write_text(str(step + 1))
    border = run.parameters.get("border", _border(run.dataset))
    path = Path(folder) / "border.txt"
    path.write_text(repr(border))
    sha256 = storage.sha256_of(path)
    slow = Form("exact", "toy", (path.name,), sha256, milliseconds=2.0)
    fast = Form("quick", "toy", (path.name,), sha256, precision="int8", milliseconds=1.0)
    return Trained((path.name,), (slow, fast), ("low", "high"))


def _border(dataset):
    means = []
    for name in ("low", "high"):
        labels = [entry.label for entry in dataset.entries.filter(split="train")]
        means.append(np.mean([one["features"]["x"] for one in labels if one["label"] == name]))
    return float(np.mean(means))


def score(subject, dataset, entries, report):
    if subject is None:
        return {entry.position: "low" for entry in entries}
    border = float((subject.folder / subject.files[0]).read_text())
    return {
        entry.position: "high" if entry.label["features"]["x"] > border else "low"
        for entry in entries
    }


def figures(dataset, entries, scores):
    right = np.mean([scores[entry.position] == entry.label["label"] for entry in entries])
    return {
        "figure": float(right),
        "figure_name": "accuracy",
        "accuracy": float(right),
        "items": len(entries),
        "classes": [{"name": "high", "truths": 1, "f1": float(right)}],
    }


def paired(dataset, entries, champion, challenger):
    names = sorted({entry.group for entry in entries})
    places = {name: place for place, name in enumerate(names)}
    hits, totals = np.zeros((2, len(names))), np.zeros(len(names))
    for entry in entries:
        totals[places[entry.group]] += 1
        for row, scores in enumerate((champion, challenger)):
            hits[row, places[entry.group]] += scores[entry.position] == entry.label["label"]
    rate = Rate(hits, totals)
    return rate, [Slice("class", "every", rate.items, rate)]
