"""Everything that was trained, judged and deployed, in the order of time: one row each.

The page, its chart and the downloaded CSV show the same rows. A run with what came of it is one
row; a later judgement of its version, and everything that was done with it, is a row of its own.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache

from django.db.models import Prefetch, Q

from training.models import DatasetEntry, Evaluation, GateDecision, Promotion, TrainingRun


@dataclass(frozen=True, slots=True)
class LogRow:
    """One line of the retraining log; the order of the fields is that of the CSV.

    Attributes:
        date: when it happened.
        model_version: name of the version, "" where none came of a run.
        photos_added: samples of the run's dataset that the dataset of the run before had not; None
            in rows that are no run's.
        precision, recall, mAP50: on the test split; None where the slot has no such figure.
        notes: of whoever approved; of a run that failed, why.
        kind: run, judgement, or what was done: promote, rollback, shadow, share, retire.
        state: of a run.
        dataset: number of the dataset within the slot.
        test_revision: figures of different revisions are of different pictures.
        figure_name, figure: what the gate compares.
        outcome: of the gate, with the gain and its ends.
        decided_by: who started the run or decided; "" for a policy.
        run_id, version_id, promotion_id: for links.
    """

    date: datetime
    model_version: str = ""
    photos_added: int | None = None
    precision: float | None = None
    recall: float | None = None
    mAP50: float | None = None
    notes: str = ""
    slot: str = ""
    kind: str = "run"
    state: str = ""
    run: int | None = None
    dataset: int | None = None
    test_revision: int | None = None
    figure_name: str = ""
    figure: float | None = None
    champion: float | None = None
    outcome: str = ""
    gain: float | None = None
    lower: float | None = None
    upper: float | None = None
    algorithm: str = ""
    trigger: str = ""
    decided_by: str = ""
    run_id: int | None = None
    version_id: int | None = None
    promotion_id: int | None = None


_LINKS = ("run_id", "version_id", "promotion_id")
COLUMNS = tuple(field.name for field in fields(LogRow) if field.name not in _LINKS)


def rows(slot, user=None):
    """Return the LogRows of a slot, oldest first; of what ``user`` may see, of all for None."""
    found = [*_runs(slot, user), *_promotions(slot, user)]
    return sorted(found, key=lambda row: row.date)


def _visible(model, user):
    return model.objects.visible_to(user) if user else model.objects.all()


def _runs(slot, user):
    judgements = GateDecision.objects.select_related("champion", "challenger").order_by("pk")
    tests = Evaluation.objects.filter(split=DatasetEntry.Split.TEST).order_by("pk")
    runs = (
        _visible(TrainingRun, user)
        .filter(slot=slot)
        .select_related("dataset", "created_by", "version")
        .prefetch_related(
            Prefetch("version__judgements", queryset=judgements),
            Prefetch("version__evaluations", queryset=tests),
        )
        .order_by("pk")
    )
    before = None
    for run in runs:
        yield from _rows_of(run, before)
        before = run.dataset


def _rows_of(run, before):
    version = getattr(run, "version", None)
    judgements = list(version.judgements.all()) if version else []
    evaluations = list(version.evaluations.all()) if version else []
    first = judgements[0] if judgements else None
    evaluation = first.challenger if first else next(iter(evaluations), None)
    common = _of_run(run) | ({"model_version": version.name} if version else {})
    common["version_id"] = version and version.pk
    yield LogRow(
        date=run.finished_at or run.started_at or run.created_at,
        photos_added=_added(run.dataset, before),
        notes=run.error_message,
        state=run.state,
        decided_by=_name(run.created_by),
        **common,
        **_figures(evaluation),
        **_gate(first),
    )
    for later in judgements[1:]:
        yield LogRow(
            date=later.decided_at,
            kind="judgement",
            **common,
            **_figures(later.challenger),
            **_gate(later),
        )


def _of_run(run):
    return {
        "slot": run.slot,
        "run": run.number,
        "run_id": run.pk,
        "dataset": run.dataset.number,
        "test_revision": run.dataset.test_revision,
        "algorithm": run.algorithm,
        "trigger": run.trigger,
    }


def _promotions(slot, user):
    shown = Promotion.objects.filter(slot=slot)
    if user:
        # What leads back to the weights of the start belongs to no dataset.
        runs = TrainingRun.objects.visible_to(user)
        shown = shown.filter(Q(version__run__in=runs) | Q(version=None))
    shown = shown.select_related(
        "version__run__dataset", "decided_by", "gate__challenger", "gate__champion"
    )
    for promotion in shown.order_by("pk"):
        version = promotion.version
        common = _of_run(version.run) if version else {"slot": slot}
        yield LogRow(
            date=promotion.decided_at,
            model_version=version.name if version else "",
            kind=promotion.act,
            notes=promotion.notes,
            decided_by=_name(promotion.decided_by),
            version_id=version and version.pk,
            promotion_id=promotion.pk,
            **common,
            **_figures(promotion.gate and promotion.gate.challenger),
            **_gate(promotion.gate),
        )


def _figures(evaluation):
    if evaluation is None:
        return {}
    told = evaluation.figures
    return {
        "precision": told.get("precision"),
        "recall": told.get("recall"),
        "mAP50": told.get("map50"),
        "figure_name": told.get("figure_name", ""),
        "figure": told.get("figure"),
    }


def _gate(decision):
    if decision is None:
        return {}
    told = decision.report
    return {"outcome": decision.outcome} | {
        name: told.get(name) for name in ("champion", "gain", "lower", "upper")
    }


def _name(user):
    return user.get_username() if user else ""


def _added(dataset, before):
    if before is not None and before.pk == dataset.pk:
        return 0
    old = (before.pk, before.manifest_sha256) if before else (None, "")
    return _new_contents(dataset.pk, dataset.manifest_sha256, *old)


@lru_cache(maxsize=4096)
def _new_contents(dataset, manifest, before, manifest_before):
    """Count the contents of a dataset that another has not; neither changes once it is frozen."""
    found = DatasetEntry.objects.filter(dataset=dataset).order_by()
    if before is not None:
        known = DatasetEntry.objects.filter(dataset=before).order_by().values("sha256")
        found = found.exclude(sha256__in=known)
    return found.values("sha256").distinct().count()
