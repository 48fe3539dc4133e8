"""The mistakes of a detector that are worth a look first."""

from training.learning.detection_matches import Matches, apart

MOST = 24
DIGITS = 5


def worst(matches: list[Matches], score: float) -> list[dict]:
    """Return the surest false boxes, the biggest missed ones and the surest of a wrong class.

    The three kinds take turns, so that none crowds out the others.
    """
    false, missed, confused = [], [], []
    for one in matches:
        left = apart(one, score)
        where = one.position
        false += [_row(where, "false", name, said, box) for name, box, said in left.false]
        missed += [_row(where, "missed", name, None, box) for name, box in left.missed]
        confused += [
            _row(where, "wrong_class", said, how_sure, box) | {"truth": true}
            for true, _, said, box, how_sure in left.confused
        ]
    kinds = [
        sorted(false, key=lambda row: -row["score"]),
        sorted(missed, key=lambda row: -_size(row["box"])),
        sorted(confused, key=lambda row: -row["score"]),
    ]
    return _in_turns(kinds)


def _in_turns(kinds):
    chosen = []
    for turn in range(max(map(len, kinds))):
        chosen += [rows[turn] for rows in kinds if turn < len(rows)]
    return chosen[:MOST]


def _row(where, kind, name, score, box):
    return {
        "entry": where,
        "kind": kind,
        "class": name,
        "score": None if score is None else round(score, DIGITS),
        "box": [round(float(edge), DIGITS) for edge in box],
    }


def _size(box):
    return (box[2] - box[0]) * (box[3] - box[1])
