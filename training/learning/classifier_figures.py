"""How well a classifier answers: its figures, the points of its plots, its worst mistakes.

The definitions are those of scikit-learn; what a class scores that nothing was true of is left out
of the mean, as the gate leaves it out.
"""

from collections.abc import Sequence

import numpy as np

from training.learning import curves

MISTAKES = 24
CURVE_POINTS = 101
NAMES = {"macro_f1": "macro F1", "weighted_f1": "weighted F1", "auc": "AUC", "accuracy": "accuracy"}


def figures(
    truths: Sequence[str],
    probabilities,
    classes: Sequence[str],
    groups: Sequence,
    positions: Sequence[int],
    *,
    figure: str = "macro_f1",
    positive: str | None = None,
) -> dict:
    """Return Evaluation.figures of a classifier; a figure that nothing is known of is None.

    Args:
        truths: what is true of each item; a class that the model does not know is answered wrong.
        probabilities: (items, classes), in the order of ``classes``.
        groups: what each item belongs to.
        positions: of each item in its dataset; mistakes are named by it.
        figure: the key of the figure that the gate compares.
        positive: of two classes the one that is looked for; the last unless named.
    """
    likely = np.asarray(probabilities, dtype=float).reshape(len(truths), len(classes))
    names = [*classes, *sorted(set(truths) - set(classes))]
    place = {name: number for number, name in enumerate(names)}
    true = np.array([place[name] for name in truths], dtype=int)
    answered = likely.argmax(axis=1) if len(true) else true
    scores = likely.max(axis=1) if len(true) else np.zeros(0)
    right = answered == true
    table = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(table, (true, answered), 1)
    rows = _classes(names, table)
    occurring = [row["f1"] for row in rows if row["truths"]]
    found = {
        "accuracy": float(right.mean()) if len(true) else None,
        "macro_f1": float(np.mean(occurring)) if occurring else None,
        "weighted_f1": _weighted(rows) if occurring else None,
        "classes": rows,
        "confusion": {"names": names, "rows": table.tolist()},
        "curves": {
            "calibration": curves.calibration(scores, right),
            "histogram": curves.histogram(scores, right),
        },
        "mistakes": _mistakes(names, true, answered, scores, positions),
        "items": len(true),
        "groups": len(set(groups)),
    }
    if len(classes) == 2:
        wanted = list(classes).index(positive) if positive is not None else 1
        _add_ranking(found, likely[:, wanted], true == wanted, classes[wanted])
    return {"figure": found.get(figure), "figure_name": NAMES.get(figure, figure), **found}


def area_under_curve(scores: np.ndarray, is_positive: np.ndarray) -> float | None:
    """Return how often a positive item scores above a negative one, ties counting half.

    >>> area_under_curve(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    positives, negatives = int(is_positive.sum()), int((~is_positive).sum())
    if not positives or not negatives:
        return None
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[places]
    above = ranks[is_positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def _add_ranking(found, scores, is_positive, name):
    found["positive"] = name
    found["auc"] = area_under_curve(scores, is_positive)
    found["average_precision"] = None
    if not is_positive.any():
        return
    order = np.argsort(-scores, kind="stable")
    # Items of one score are taken together or not at all.
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    hits = np.cumsum(is_positive[order])[last]
    precision, recall = hits / (last + 1), hits / is_positive.sum()
    steps = np.diff(recall, prepend=0.0)
    found["average_precision"] = float((steps * precision).sum())
    chosen = np.unique(np.linspace(0, len(last) - 1, CURVE_POINTS).round().astype(int))
    drawn = curves.points(recall[chosen], precision[chosen])
    found["curves"]["precision_recall"] = {name: [[0.0, drawn[0][1]], *drawn]}


def _classes(names, table):
    rows = []
    for number, name in enumerate(names):
        hits = int(table[number, number])
        truths, answers = int(table[number].sum()), int(table[:, number].sum())
        rows.append(
            {
                "name": name,
                "truths": truths,
                "precision": hits / answers if answers else 0.0,
                "recall": hits / truths if truths else 0.0,
                "f1": 2 * hits / (truths + answers) if truths + answers else 0.0,
            }
        )
    return rows


def _weighted(rows):
    """Return the mean F1 of the classes, each weighing as much as there are true items of it."""
    return sum(row["f1"] * row["truths"] for row in rows) / sum(row["truths"] for row in rows)


def _mistakes(names, true, answered, scores, positions):
    """Return the wrong answers that the model was surest of."""
    wrong = np.flatnonzero(answered != true)
    worst = wrong[np.argsort(-scores[wrong], kind="stable")][:MISTAKES]
    return [
        {
            "entry": int(positions[number]),
            "truth": names[true[number]],
            "answer": names[answered[number]],
            "score": round(float(scores[number]), curves.DIGITS),
        }
        for number in worst
    ]
