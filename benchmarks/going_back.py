"""Let verdicts come in one by one, and count who cries wolf and who sees the wolf how soon.

Before a deployment people have given so many verdicts, of which one in five rejects. After it they
give up to 300 more, and both rules look after each of them:

    ours              training.learning.sequential.rise, alarm at alpha = 1 %
    z-test each look  a one-sided test of two proportions at 1 %, from the tenth verdict on

Without a change any alarm is false. With one, the rate of rejections is 40, 60 or 80 % from the
deployment on, and the figure is how many verdicts it took.

    python benchmarks/going_back.py [--rounds N] [--quick]
"""

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
ALPHA, MOST_NEW, FIRST_LOOK = 0.01, 300, 10
BEFORE = (30, 100, 500)
RATE, WORSE = 0.2, (0.4, 0.6, 0.8)
Z_99 = 2.3263478740408408


def alarm_of_ours(old, new):
    """Return with which new verdict the product's test goes off, None for never."""
    from training.learning import sequential

    return sequential.rise(old, new, alpha=ALPHA).alarm_at


def alarm_of_z_test(old, new):
    """Return with which new verdict a test of two proportions at every look goes off."""
    counts = np.arange(1, len(new) + 1)
    share_new, share_old = np.cumsum(new) / counts, old.mean()
    together = (np.cumsum(new) + old.sum()) / (counts + len(old))
    spread = np.sqrt(together * (1 - together) * (1 / counts + 1 / len(old)))
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = np.nan_to_num((share_new - share_old) / spread) > Z_99
    beyond[: FIRST_LOOK - 1] = False
    return int(beyond.argmax()) + 1 if beyond.any() else None


RULES = {"ours": alarm_of_ours, "z-test each look": alarm_of_z_test}


def alarms(rng, before, rate, rounds):
    """Return {rule: the verdict at which it went off in each round, None for never}."""
    found = {name: [] for name in RULES}
    for _ in range(rounds):
        old = (rng.random(before) < RATE).astype(float)
        new = (rng.random(MOST_NEW) < rate).astype(float)
        for name, rule in RULES.items():
            found[name].append(rule(old, new))
    return found


def told(found):
    """Return (share of rounds with an alarm, median verdict of those with one or None)."""
    hits = [at for at in found if at is not None]
    return len(hits) / len(found), float(np.median(hits)) if hits else None


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=4000)
    parser.add_argument("--quick", action="store_true", help="400 rounds")
    args = parser.parse_args()
    rounds = 400 if args.quick else args.rounds
    rng = np.random.default_rng(20261122)
    rows, figures, marks = [], {}, {}
    for before in BEFORE:
        for rate in (RATE, *WORSE):
            for name, found in alarms(rng, before, rate, rounds).items():
                share, middle = told(found)
                after = "" if middle is None else f", median verdict {middle:.0f}"
                rows.append((f"{before} before, {rate:.0%}, {name}", f"{share:.2%}{after}"))
                key = f"{before}_{rate:g}_{name.split()[0]}"
                figures[key] = {"alarms": share, "median": middle}
                if name == "ours" and rate == RATE:
                    # What is counted may lie three standard errors above what is true.
                    most = ALPHA + 3 * (ALPHA * (1 - ALPHA) / rounds) ** 0.5
                    marks[f"false alarms, {before} before"] = (share, "<=", most)
    reporting.finish("going_back", rows, figures, marks)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    from benchmarks import reporting

    main()
