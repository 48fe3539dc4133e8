"""What differs from slot to slot: where its data come from, how it learns and how it is scored.

The core (``services.datasets``, ``services.runs``, ``services.evaluations``) knows nothing of
boxes or tables; it asks the slot's work, one module each in this package.
"""

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from detection.slots import INCIDENT_TRIAGE, LOD_POLICY, OBJECT_DETECTOR, SLOTS, TASK_CLASSIFIER
from hitlsite.errors import DomainError
from training.learning.gate import Slice
from training.learning.paired import Paired
from training.models import Dataset, DatasetEntry, TrainingRun

_MODULES = {
    OBJECT_DETECTOR: "object_detector",
    LOD_POLICY: "tabular",
    INCIDENT_TRIAGE: "incident_triage",
    TASK_CLASSIFIER: "task_classifier",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that a dataset could take; the columns are those of DatasetEntry.

    Attributes:
        track: what at most a few frames are taken of, "" where there is no such thing.
        is_marked: chosen because a model failed on it, so that it never validates or tests.
        signature: as ``duplicates.signature``, beside ``phash``; only compared, never stored.
    """

    sha256: str
    group: str
    origin: str
    label: dict
    site_id: int
    path: str = ""
    camera_id: int | None = None
    item_id: int | None = None
    evidence_id: int | None = None
    sample_id: int | None = None
    feature_set_id: int | None = None
    captured_at: datetime | None = None
    is_night: bool | None = None
    phash: str = ""
    track: str = ""
    is_marked: bool = False
    signature: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Gathered:
    """What a slot found for a dataset.

    Attributes:
        candidates: in an order that does not depend on the machine.
        taxonomy: rows as in Dataset.taxonomy, in the order of the outputs.
        left_out: {reason: how many}.
        about: what the slot's own ``describe`` is told of all of them.
    """

    candidates: list[Candidate]
    taxonomy: list[dict]
    left_out: dict[str, int] = field(default_factory=dict)
    about: dict = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which a trained model can serve; the columns are those of ModelVersion.forms.

    ``files`` are names in the run's folder; ``sha256`` is that of the first of them;
    ``milliseconds`` is what one prediction took where it was trained, None where it was not timed.
    """

    name: str
    backend: str
    files: tuple[str, ...]
    sha256: str
    input_size: int = 0
    precision: str = "f32"
    milliseconds: float | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training left in its folder.

    Attributes:
        files: every file to keep, by name in the folder.
        forms: at least one, the most exact one first.
        base: {"name", "sha256"} of what it began from, {} for nothing.
    """

    files: tuple[str, ...]
    forms: tuple[Form, ...]
    class_names: tuple[str, ...]
    base: dict = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """An artifact that can be scored: a version's form, or weights that were there before.

    Attributes:
        folder: local folder that holds the form's files; for weights that were there before,
            their path.
        version_id: of ModelVersion, None where it is none of ours.
    """

    name: str
    sha256: str
    backend: str
    input_size: int
    precision: str
    class_names: tuple[str, ...]
    folder: Path
    files: tuple[str, ...] = ()
    version_id: int | None = None


class Report(Protocol):
    """Through which a long work tells how far it is; every call may raise to stop it."""

    def stage(self, stage: str) -> None: ...

    def progress(self, done: int, total: int, message: str = "") -> None: ...

    def epoch(self, figures: dict) -> None: ...

    def log(self, line: str) -> None: ...


class SlotWork(Protocol):
    """What a module of this package has; ``Scores`` is whatever it makes of them itself.

    It may have three more: ``clean_options(options, sites)`` for what a freeze is asked for;
    ``describe(gathered, draft, options)``, which returns what else Dataset.counts has and
    sentences to warn by; and ``inputs(parameters)`` for what decides a run beside its parameters,
    as plain values.
    """

    def gather(self, options: dict, sites: Iterable, report: Report) -> Gathered:
        """Return what may be frozen now, read anew from the rows."""
        ...

    def clean_parameters(self, algorithm: str, parameters: dict) -> dict:
        """Return the parameters of a run with defaults filled in; DomainError names a bad one."""
        ...

    def train(
        self, run: TrainingRun, champion: Subject | None, folder: Path, report: Report
    ) -> Trained:
        """Train in ``folder``; whatever an earlier attempt left there may be gone on from."""
        ...

    def score(
        self, subject: Subject | None, dataset: Dataset, entries: list[DatasetEntry], report: Report
    ) -> Any:
        """Return the Scores of a subject on entries; None stands for a model that knows nothing."""
        ...

    def figures(self, dataset: Dataset, entries: list[DatasetEntry], scores: Any) -> dict:
        """Return Evaluation.figures."""
        ...

    def paired(
        self, dataset: Dataset, entries: list[DatasetEntry], champion: Any, challenger: Any
    ) -> tuple[Paired, list[Slice]]:
        """Return what the gate compares."""
        ...


def of(slot: str) -> SlotWork:
    """Return the work of a slot.

    Raises:
        DomainError: slot_unknown, slot_not_trainable.
    """
    if slot not in SLOTS:
        raise DomainError(
            "slot_unknown", f"There is no slot {slot}; the slots are: {', '.join(SLOTS)}."
        )
    if slot not in _MODULES:
        raise DomainError("slot_not_trainable", f"The slot {slot} cannot be trained.")
    return importlib.import_module(f"{__name__}.{_MODULES[slot]}")


def entries_of(dataset: Dataset, *splits: str) -> Iterator[DatasetEntry]:
    """Return a dataset's entries of some splits in order."""
    return dataset.entries.filter(split__in=splits).select_related("camera").order_by("position")
