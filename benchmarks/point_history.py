"""How well every algorithm tells tasks apart on windows that people recorded and labelled.

Material: 5296 windows of 16 places of a fingertip (x and y, relative to the first), each called one
of four gestures: stop, clockwise, counter clockwise, move. They were recorded one gesture after the
other, and a row is nearly always the row before it moved on by one place. Drawn at random, test
windows would share 15 of their 16 places with some that trained. So rows are cut into blocks of
neighbours, the first sixteen rows of every block are left out (no place of a fingertip is then on
both sides of a cut), and whole blocks train, validate or test. Every block tests once, over the
folds; a block's fold is drawn for each gesture apart.

Beside the algorithms of the product, with their usual parameters, stand two that know nothing of
time: the most frequent gesture, and the label of the nearest window that trained.

Figure: accuracy on what was held back. Intervals are of a bootstrap over blocks, 95 of 100; a
difference is paired, both answered by the same drawn blocks. All blocks are of one recording of
each gesture, so that they say how sure a figure is of this material and not of other hands.

    python benchmarks/point_history.py [--folds N] [--quick]
"""

import argparse
import os
import sys
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
STEPS, COLUMNS = 16, ("x", "y")
BLOCK, MARGIN = 80, 16
VALIDATES_ONE_IN = 5
DRAWS = 10_000
MAJORITY, NEAREST = "most frequent", "nearest neighbour"


def material():
    """Return the windows (n, 16, 2) and what they are called."""
    shared = Path(os.environ.get("SECOND_LOOK_SHARED") or ROOT.parent / "shared")
    folder = shared / "landmarks"
    if not folder.is_dir():
        sys.exit(f"There is no {folder}.")
    rows = np.loadtxt(folder / "point_history.csv", delimiter=",", dtype=np.float32)
    listed = (folder / "point_history_classifier_label.csv").read_text(encoding="utf-8-sig")
    names = np.array(listed.split("\n"))
    return rows[:, 1:].reshape(-1, STEPS, len(COLUMNS)), names[rows[:, 0].astype(int)]


def blocks_of(labels):
    """Return the block of every row, -1 in margins; a block has one gesture."""
    block = np.full(len(labels), -1)
    begins = np.append(0, np.flatnonzero(labels[1:] != labels[:-1]) + 1)
    number = 0
    for start, end in zip(begins, np.append(begins[1:], len(labels)), strict=True):
        for first in range(start, end, BLOCK):
            block[first + MARGIN : min(first + BLOCK, end)] = number
            number += 1
    return block


def folds_of(block, labels, folds, seed=0):
    """Return {block: its fold}, each gesture's blocks spread over all of them."""
    rng, found = np.random.default_rng(seed), {}
    for name in np.unique(labels):
        own = np.unique(block[(labels == name) & (block >= 0)])
        for place, one in enumerate(rng.permutation(own)):
            found[int(one)] = place % folds
    return found


def parts_of(block, fold_of, fold):
    """Return places that train, validate and test in a fold."""
    tests = [one for one, of in fold_of.items() if of == fold]
    rest = [one for one in fold_of if one not in tests]
    validates = rest[fold % VALIDATES_ONE_IN :: VALIDATES_ONE_IN]
    trains = sorted(set(rest) - set(validates))
    return tuple(np.flatnonzero(np.isin(block, part)) for part in (trains, validates, tests))


def answers(name, windows, labels, parts, seed):
    """Return what an algorithm or a plain rule says of what is held back."""
    train, val, test = parts
    if name == MAJORITY:
        names, counts = np.unique(labels[train], return_counts=True)
        return np.full(len(test), names[counts.argmax()])
    if name == NEAREST:
        from sklearn.neighbors import KNeighborsClassifier

        flat = windows.reshape(len(windows), -1)
        return KNeighborsClassifier(1).fit(flat[train], labels[train]).predict(flat[test])
    from detection.vision.windows import WindowSpec
    from training.learning import task_models

    model = task_models.fit(
        windows[train],
        labels[train],
        name,
        seed=seed,
        columns=COLUMNS,
        spec=WindowSpec(window_seconds=STEPS / 10, grid_seconds=0.1),
        val=(windows[val], labels[val]),
    )
    predictor = model.predictor()
    return np.array(predictor.classes)[predictor.probabilities(windows[test]).argmax(axis=1)]


def measured(windows, labels, block, folds, tested, algorithms):
    """Return ({name: right or not}, the block of each answer, {name: seconds a fold})."""
    fold_of = folds_of(block, labels, folds)
    right, seconds, tests = {name: [] for name in algorithms}, {}, []
    for fold in range(tested):
        parts = parts_of(block, fold_of, fold)
        tests.append(block[parts[2]])
        for name in algorithms:
            begun = perf_counter()
            said = answers(name, windows, labels, parts, fold)
            seconds[name] = seconds.get(name, 0.0) + (perf_counter() - begun) / tested
            right[name].append(said == labels[parts[2]])
    return {name: np.concatenate(one) for name, one in right.items()}, tests, seconds


def by_block(right, block):
    """Return (right answers, all answers) of every block."""
    _, number = np.unique(block, return_inverse=True)
    return np.bincount(number, weights=right), np.bincount(number).astype(float)


def interval(hits, totals, other=None, seed=0):
    """Return (accuracy, or its difference to another's; lower; upper)."""
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(totals), np.full(len(totals), 1 / len(totals)), size=DRAWS)
    gained = hits if other is None else hits - other
    values = drawn @ gained / (drawn @ totals)
    low, high = np.quantile(values, [0.025, 0.975])
    return float(gained.sum() / totals.sum()), float(low), float(high)


def told(value, low, high, *, signed=False):
    form = "+.3f" if signed else ".3f"
    sentence = f"{value:{form}} ({low:{form}} to {high:{form}})"
    return sentence + (
        ", includes zero: no difference shown" if signed and low <= 0 <= high else ""
    )


def report(right, tests, seconds):
    block = np.concatenate(tests)
    parts = {name: by_block(one, block) for name, one in right.items()}
    rows, figures = [], {}
    for name, (hits, totals) in parts.items():
        value = interval(hits, totals)
        rows.append((name, f"{told(*value)}   {seconds[name]:.1f} s a fold"))
        figures[name] = dict(zip(("accuracy", "low", "high"), value, strict=True))
        for plain in (MAJORITY, NEAREST):
            if name in (MAJORITY, NEAREST):
                continue
            gain = interval(hits, totals, parts[plain][0])
            rows.append((f"  over {plain}", told(*gain, signed=True)))
            figures[name][f"over {plain}"] = dict(zip(("gain", "low", "high"), gain, strict=True))
    return rows, figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="one fold, without lstm")
    wanted = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    warnings.filterwarnings("ignore", category=UserWarning)
    from benchmarks.reporting import finish
    from detection.vision import libraries
    from training.learning.task_parameters import KNOWN

    libraries.prepare(Path(os.environ.get("SECOND_LOOK_DATA_DIR") or ROOT / "var") / "cache")
    windows, labels = material()
    block = blocks_of(labels)
    algorithms = (MAJORITY, NEAREST, *(one for one in KNOWN if one != "lstm" or not wanted.quick))
    tested = 1 if wanted.quick else wanted.folds
    right, tests, seconds = measured(windows, labels, block, wanted.folds, tested, algorithms)
    rows, figures = report(right, tests, seconds)
    many = sum(map(len, tests))
    blocks = len(np.unique(np.concatenate(tests)))
    held_back = f"{many} windows in {blocks} blocks, {tested} of {wanted.folds} folds"
    rows.insert(0, ("held back", held_back))
    finish("point_history", rows, figures, {})


if __name__ == "__main__":
    main()
