"""Training that a person asks for over the API: on a dataset that is there, or on what is new."""

from dataclasses import dataclass

from detection.slots import ALGORITHM_ALIASES, SLOTS
from hitlsite.errors import DomainError, Forbidden
from hitlsite.models import Job
from training.models import TabularSample, TrainingRun
from training.selectors import training_status
from training.selectors.new_samples import new_samples, why_none
from training.services import policies, preparing, runs, training_events

NEW, NEWEST = "new", "newest"
# "new" freezes what is there now as the policy says; a kind of label does so with those it names;
# "newest" takes the dataset that was frozen last.
SOURCES = (NEW, NEWEST, *TabularSample.LabelSource.values)


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of it: a run, an earlier one with the same inputs, or a job that will make one."""

    run: TrainingRun | None = None
    is_unchanged: bool = False
    job: Job | None = None


def require(by):
    """Raise Forbidden where ``by`` may not train."""
    if not by.has_perm(runs.ADD):
        raise Forbidden("Only admins train.")


def train(*, slot, by, force=False, dataset_id=None, sample_source="", algorithm=""):
    """Start a run, or the preparation of one, and return Asked.

    Args:
        force: skips the least number of new samples and trains on the same inputs again; never
            the gate.
        dataset_id: a frozen dataset; without it ``sample_source`` says what is trained on.
        sample_source: one of SOURCES, "new" where nothing is said.

    Raises:
        Forbidden, NotFound; Conflict run_active; DomainError: invalid, slot_unknown,
        slot_not_trainable, algorithm_unknown, too_few_samples, no_dataset, dataset_unfinished.
    """
    require(by)
    policy = policies.policy_of(slot)
    algorithm = ALGORITHM_ALIASES.get(algorithm, algorithm)
    _check(slot, dataset_id, sample_source, algorithm)
    trigger = TrainingRun.Trigger.API
    if training_status.is_active(slot):
        raise preparing.busy(slot)
    if dataset_id is not None or sample_source == NEWEST:
        started = runs.start(
            slot=slot,
            dataset_id=dataset_id,
            algorithm=algorithm or policy.algorithm,
            parameters=preparing.parameters_for(policy, algorithm),
            trigger=trigger,
            by=by,
            force=force,
        )
        return Asked(started.run, started.is_unchanged)
    source = "" if sample_source in ("", NEW) else sample_source
    if not force:
        _require_enough(policy, source)
    job = preparing.ask(
        policy, trigger=trigger, by=by, force=force, algorithm=algorithm, label_source=source
    )
    return Asked(job=job)


def _check(slot, dataset_id, sample_source, algorithm):
    known, fields = SLOTS[slot], {}
    if not known.is_trainable:
        sentence = why_none(slot)
        raise DomainError("slot_not_trainable", sentence, fields={"slot": sentence})
    if sample_source and dataset_id is not None:
        fields["sample_source"] = "A dataset says itself what it is made of."
    elif sample_source not in ("", *SOURCES):
        fields["sample_source"] = f"This must be one of {', '.join(SOURCES)}."
    elif sample_source not in ("", NEW, NEWEST) and not known.is_tabular:
        fields["sample_source"] = f"{slot} has no labelled rows: choose {NEW} or {NEWEST}."
    if algorithm and algorithm not in known.algorithms:
        fields["algorithm"] = f"{slot} is trained by: {', '.join(known.algorithms)}."
    if fields:
        named = " ".join(f"{name}: {sentence}" for name, sentence in fields.items())
        raise DomainError("invalid", named, fields=fields)


def _require_enough(policy, source):
    count = new_samples(policy.slot, source or policy.label_source)
    if count >= policy.min_samples:
        return
    sentence = preparing.too_few(policy, count)
    training_events.skipped(
        policy.slot,
        "too_few_samples",
        message=sentence,
        n_samples=count,
        min_required=policy.min_samples,
    )
    raise DomainError("too_few_samples", sentence, fields={"force": "This trains nevertheless."})
