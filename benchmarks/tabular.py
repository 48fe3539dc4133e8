"""A table of a device's measures: read with its trajectory, kept in a dataset, learned and asked.

The table has the form of 24 columns, drawn at random; its level of detail follows from the frame
rate and from how the view moved a moment before. Reading is timed against the plain way: a
dictionary a row, and for every row a loop over the ten before it; both must give the same columns.
The best of several rounds counts, because other work on the machine only ever adds.

    python benchmarks/tabular.py [--rows N] [--rounds N] [--quick]
"""

import argparse
import csv
import io
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
MOST_LOAD_SECONDS, MOST_LOGISTIC_SECONDS, MOST_ROW_MILLISECONDS = 0.1, 1.0, 2.0
ASKED = 200
BASELINES = {"random_forest": "2.9 s", "svm": "5.4 s", "logistic": "23 s", "lightgbm": "-"}


def table(rows, seed=0):
    """Return a CSV text and the level of every row, as text."""
    from training.learning.sample_tables import NUMBERS, TIMESTAMP

    rng = np.random.default_rng(seed)
    numbers = {name: rng.uniform(0, 1, rows) for name in NUMBERS}
    numbers["deviceFPS"] = rng.uniform(10, 60, rows)
    moved = np.append(0.0, numbers["viewportVelocity"][:-1])
    levels = np.where(moved > 0.7, 5, np.where(numbers["deviceFPS"] > 35, 2, 0))
    is_noise = rng.random(rows) < 0.1
    levels = np.where(is_noise, rng.choice([0, 2, 5], rows), levels)
    numbers["decisionLOD"] = levels
    lines = [",".join((TIMESTAMP, *NUMBERS))]
    for row in range(rows):
        cells = [f"{numbers[name][row]:.6g}" for name in NUMBERS]
        lines.append(",".join([f"{1_772_442_000_000 + 100 * row}", *cells]))
    return "\n".join(lines) + "\n", levels.astype(str)


def plainly(text):
    """Return the columns (n, 35) by one dictionary a row and a loop over the rows before each."""
    from training.learning.sample_tables import STRETCH_ROWS
    from training.learning.trajectory import MEASURES, MOTION, POINTS

    rows = [
        {name: float(cell) for name, cell in row.items()}
        for row in csv.DictReader(io.StringIO(text))
    ]
    found = []
    for place, row in enumerate(rows):
        cells = [row[name] for name in MEASURES]
        first = place - place % STRETCH_ROWS
        for ago in range(1, POINTS + 1):
            before = rows[place - ago] if place - ago >= first else None
            cells += [before[name] if before else 0.0 for name in MOTION]
        found.append(cells)
    return np.array(found)


def timed(work, rounds=1):
    """Return (seconds of the quickest round, what it gave)."""
    best, found = float("inf"), None
    for _ in range(rounds):
        begun = perf_counter()
        found = work()
        best = min(best, perf_counter() - begun)
    return best, found


def reading(text, rounds):
    """Return (rows for people, figures, features): a table with its trajectory, ours and plain."""
    from training.learning import sample_tables

    ours, features = timed(lambda: sample_tables.read(text).features(), rounds)
    plain, wanted = timed(lambda: plainly(text), max(rounds // 3, 1))
    if not np.array_equal(features, wanted):
        raise SystemExit("The two ways of reading do not agree.")
    rows = [
        (f"{len(features)} rows with trajectory, ours", f"{ours:.3f} s"),
        ("  the plain loop, dictionaries included", f"{plain:.3f} s ({plain / ours:.1f} times)"),
    ]
    return rows, {"load_seconds": ours, "plain_load_seconds": plain}, features


def learning(features, labels, rounds):
    """Return (rows for people, figures): training, files and one row, by algorithm."""
    from detection.vision.tabular import model as tabular_model
    from training.learning import tabular
    from training.learning.trajectory import COLUMNS

    rows, figures = [("10k x 35 and the like", "train    load   one row   kB")], {}
    for algorithm in tabular_model.ALGORITHMS:
        repeated = rounds if algorithm == "logistic" else 1
        spent, model = timed(
            lambda name=algorithm: tabular.fit(features, labels, name, columns=COLUMNS), repeated
        )
        with tempfile.TemporaryDirectory() as folder:
            names = tabular_model.save(model, Path(folder))
            size = sum((Path(folder) / name).stat().st_size for name in names) / 1000
            load, loaded = timed(lambda place=folder: tabular_model.load(Path(place)))
        loaded.probabilities(features[:1])

        def ask(asked=loaded):
            for row in features[:ASKED]:
                asked.probabilities(row[None])

        one = 1000 * timed(ask, rounds)[0] / ASKED
        told = f"{spent:5.2f} s {load:6.3f} s {one:6.3f} ms {size:6.0f}"
        rows.append((f"  {algorithm}", f"{told}   (baseline {BASELINES[algorithm]})"))
        figures[algorithm] = {"train_seconds": spent, "load_seconds": load, "row_ms": one}
    return rows, figures


def dataset(features, labels, rounds):
    """Return (rows for people, figures): a frozen dataset's table out of the database."""
    from detection.slots import LOD_POLICY
    from hitlsite.models import Site
    from training.learning.trajectory import COLUMNS
    from training.models import Dataset, DatasetEntry
    from training.services.slot_work import tables

    site, _ = Site.objects.get_or_create(name="benchmark")
    frozen = Dataset.objects.create(slot=LOD_POLICY, number=1, state=Dataset.State.DONE)
    entries = [
        DatasetEntry(
            dataset=frozen,
            position=place,
            sha256=f"{place:064x}",
            split="train",
            group="benchmark",
            origin="field",
            label={"label": label, "features": dict(zip(COLUMNS, row, strict=True))},
            site=site,
        )
        for place, (row, label) in enumerate(zip(features.tolist(), labels.tolist(), strict=True))
    ]
    DatasetEntry.objects.bulk_create(entries, batch_size=500)

    def read():
        return tables.table_of(tables.labels_of(frozen, "train"), COLUMNS)

    spent, found = timed(read, rounds)
    if not np.array_equal(found, features):
        raise SystemExit("The dataset does not hold what was put into it.")
    return [(f"{len(found)} rows of a frozen dataset", f"{spent:.3f} s")], {"dataset": spent}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="2,000 rows")
    wanted = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from benchmarks.product import prepare
    from benchmarks.reporting import finish

    prepare()
    text, labels = table(wanted.rows or (2000 if wanted.quick else 10_000))
    rows, figures, features = reading(text, 2 * wanted.rounds)
    for more, told in (
        dataset(features, labels, wanted.rounds),
        learning(features, labels, wanted.rounds),
    ):
        rows += more
        figures |= told
    slowest = max(one["row_ms"] for one in figures.values() if isinstance(one, dict))
    marks = {
        "reading with trajectory (s)": (figures["load_seconds"], "<=", MOST_LOAD_SECONDS),
        "logistic trained (s)": (
            figures["logistic"]["train_seconds"],
            "<=",
            MOST_LOGISTIC_SECONDS,
        ),
        "one row served, slowest (ms)": (slowest, "<=", MOST_ROW_MILLISECONDS),
    }
    finish("tabular", rows, figures, marks)


if __name__ == "__main__":
    main()
