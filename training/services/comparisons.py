"""Champion and challenger on the same test pictures, from what was kept of their evaluations."""

from functools import lru_cache

from training.models import DatasetEntry, Evaluation
from training.services import kept_scores


def ranked(decision):
    """Return the pictures of a judgement as ``learning.comparing.Compared`` rows.

    Those come first on which the two differ most; without kept boxes of the challenger there are
    none.
    """
    before, after = decision.champion, decision.challenger
    told = (before and before.scores_sha256, after.scores_sha256, after.dataset.manifest_sha256)
    return _ranked(before and before.pk, after.pk, told)


@lru_cache(maxsize=8)
def _ranked(champion_pk, challenger_pk, told):
    """Evaluations and datasets never change, so the hashes in ``told`` name the answer."""
    from training.learning import comparing

    after = Evaluation.objects.get(pk=challenger_pk)
    said = kept_scores.read(after)
    if not said:
        return ()
    before = Evaluation.objects.get(pk=champion_pk) if champion_pk else None
    entries = DatasetEntry.objects.filter(dataset=after.dataset_id, split=after.split)
    return tuple(
        comparing.ranked(
            entries.order_by("position").values_list("position", "label"),
            kept_scores.read(before) if before else None,
            said,
            (_score(before), _score(after)),
        )
    )


def _score(evaluation):
    """Return the score at which an evaluation's figures were read."""
    return evaluation.figures.get("score_threshold", 0.5) if evaluation else 0.5
