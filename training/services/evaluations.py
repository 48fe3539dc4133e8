"""Score what would serve on a frozen split, and let the gate judge a version by it.

Champion and challenger are always scored on the same entries: those of the challenger's dataset.
A test split that was corrected or has grown is another split with another hash, on which the
champion is scored anew before anything is compared.
"""

from django.db import transaction

from hitlsite.errors import DomainError
from training.learning import gate
from training.models import DatasetEntry, Evaluation, GateDecision
from training.services import kept_scores, slot_work, subjects

Split = DatasetEntry.Split
# A faster form may cost this much of the figure on the validation split.
WORTH_OF_SPEED = 0.01
NOTHING = "nothing"


def evaluate(subject, dataset, split, report):
    """Return (the Evaluation, the scores) of a subject on one split of a dataset.

    Args:
        subject: None stands for a model that knows nothing; its Evaluation is None.

    Raises:
        DomainError: no_entries; what keeps an artifact or a picture from being read.
    """
    work = slot_work.of(dataset.slot)
    entries = list(slot_work.entries_of(dataset, split))
    if not entries:
        raise DomainError("no_entries", f"{dataset} has nothing in its split {split}.")
    scores = work.score(subject, dataset, entries, report)
    if subject is None:
        return None, scores
    path, sha256 = kept_scores.keep(scores)
    evaluation = Evaluation.objects.create(
        slot=dataset.slot,
        dataset=dataset,
        split=split,
        test_sha256=dataset.test_sha256 if split == Split.TEST else "",
        version_id=subject.version_id,
        name=subject.name,
        sha256=subject.sha256,
        backend=subject.backend,
        input_size=subject.input_size,
        precision=subject.precision,
        figures=work.figures(dataset, entries, scores),
        scores_path=path,
        scores_sha256=sha256,
    )
    return evaluation, scores


def choose_form(version, report):
    """Choose the form in which a version would serve: the fastest that is as good as the best.

    They are compared on the validation split, which the test knows nothing of. Forms are timed
    where they were made; what they were made of decides nothing else.
    """
    forms = [dict(form) for form in version.forms]
    if slot_work.entries_of(version.dataset, Split.VAL).exists():
        for number, form in enumerate(forms):
            report.progress(number, len(forms), f"validating {form['name']}")
            subject = subjects.of_version(version, form)
            scored, _ = evaluate(subject, version.dataset, Split.VAL, report)
            form["figure"] = scored.figures["figure"]
            form["threshold"] = scored.figures.get("score_threshold")
        best = max(form["figure"] for form in forms)
        as_good = [form for form in forms if form["figure"] >= best - WORTH_OF_SPEED]
        chosen = min(as_good, key=lambda form: form.get("milliseconds") or 0.0)
        why = f"the fastest within {100 * WORTH_OF_SPEED:.0f} point of the best on validation"
    else:
        chosen, why = forms[0], "the most exact one: there was nothing to compare the forms on"
    for form in forms:
        form["serves"] = form is chosen
        form["why"] = why if form is chosen else ""
    version.forms = forms
    version.save(update_fields=["forms"])


def judge(version, report, *, seed=0):
    """Score champion and version on the version's test split and return the GateDecision.

    Marked pictures, where there are any, are scored beside it and decide nothing.
    """
    dataset = version.dataset
    work = slot_work.of(version.slot)
    entries = list(slot_work.entries_of(dataset, Split.TEST))
    champion = subjects.champion(version.slot)
    report.log(f"champion: {champion.name if champion else NOTHING}")
    before, of_champion = evaluate(champion, dataset, Split.TEST, report)
    challenger = subjects.of_version(version)
    after, of_challenger = evaluate(challenger, dataset, Split.TEST, report)
    if slot_work.entries_of(dataset, Split.MARKED).exists():
        for subject in (champion, challenger):
            evaluate(subject, dataset, Split.MARKED, report)
    figure, slices = work.paired(dataset, entries, of_champion, of_challenger)
    told = gate.decide(figure, slices, seed=seed)
    for sentence in told.reasons:
        report.log(sentence)
    with transaction.atomic():
        decision = GateDecision.objects.create(
            version=version,
            champion=before,
            challenger=after,
            outcome=told.outcome.value,
            report=told.as_dict(),
        )
        _store_forgetting(version, before, after)
    return decision


def is_outdated(decision):
    """Whether another champion serves by now than the one that the gate compared with."""
    before = decision.champion
    return subjects.champion_sha256(decision.version.slot) != (before.sha256 if before else "")


def _store_forgetting(version, before, after):
    from training.learning import forgetting

    if before is not None and "classes" in before.figures:
        version.forgetting = forgetting.report(before.figures, after.figures)
        version.save(update_fields=["forgetting"])
