"""Let challengers with known true differences pass the gate, beside two rules that others use.

A simulated model answers each item of a test split right or wrong. The champion is right on 80 %;
a challenger is right on as many and so many points more or less, and the two differ on 12 % of the
items at least. Every item is its own group, of one of two cameras.

    higher            accept when the point estimate is higher
    not worse         accept unless a one-sided unpaired z-test of two proportions finds the
                      challenger worse at 5 %
    gate              training.learning.gate at its default margins

Drift: twenty rounds, one after the other, in which a challenger's true accuracy differs from the
champion's by -1 point on average, 2 points of standard deviation; what the rule accepts becomes the
champion. That is retraining that mostly does nothing.

    python benchmarks/gate.py [--challengers N] [--quick]
"""

import argparse
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
ACCURACY, DISCORDANCE = 0.80, 0.12
SIZES, QUICK_SIZES = (12, 50, 200, 1000), (12, 200)
GAINS = (0.0, -0.05, 0.03, 0.05, 0.10)
ROUNDS, DRIFT_ITEMS, DRIFT_MEAN, DRIFT_SPREAD = 20, 200, -0.01, 0.02
Z_95 = 1.6448536269514722
RULES = ("gate", "higher", "not worse")


def answers(rng, items, accuracy, gain):
    """Return whether champion and challenger are right, bool arrays (2, items)."""
    apart = max(DISCORDANCE, abs(gain))
    only_challenger, only_champion = (apart + gain) / 2, (apart - gain) / 2
    drawn = rng.random(items)
    both = drawn < accuracy - only_champion
    champion = both | (drawn >= 1 - only_champion)
    challenger = both | (
        (drawn >= 1 - only_champion - only_challenger) & (drawn < 1 - only_champion)
    )
    return np.stack([champion, challenger])


def accepts(rng, right):
    """Return {rule: whether it accepts} and the gate's outcome."""
    from training.learning import gate
    from training.learning.paired import Rate

    items = right.shape[1]
    camera = rng.integers(0, 2, items)
    slices = [
        gate.Slice("camera", str(number), int(mask.sum()), Rate(right * mask, mask.astype(float)))
        for number in (0, 1)
        for mask in [camera == number]
    ]
    report = gate.decide(Rate(right.astype(float), np.ones(items)), slices)
    champion, challenger = right.mean(axis=1)
    pooled = (champion + challenger) / 2
    error = np.sqrt(2 * pooled * (1 - pooled) / items)
    is_worse = error > 0 and (challenger - champion) / error < -Z_95
    return {
        "gate": report.outcome == gate.Outcome.PROMOTE,
        "higher": challenger > champion,
        "not worse": not is_worse,
    }, report


def shares(items, gain, challengers, seed):
    """Return {rule: share accepted} and {outcome of the gate: share}."""
    rng = np.random.default_rng([seed, items, int(1000 * gain) + 1000])
    accepted, outcomes = dict.fromkeys(RULES, 0), {}
    for _ in range(challengers):
        told, report = accepts(rng, answers(rng, items, ACCURACY, gain))
        for rule, is_accepted in told.items():
            accepted[rule] += int(is_accepted)
        name = report.outcome.value
        outcomes[name] = outcomes.get(name, 0) + 1
    share = {rule: count / challengers for rule, count in accepted.items()}
    return share, {name: count / challengers for name, count in outcomes.items()}


def drift(runs, seed=0):
    """Return {rule: (mean change of true accuracy after all rounds, share of runs that fell)}."""
    ends = {rule: [] for rule in RULES}
    for rule in RULES:
        rng = np.random.default_rng([seed, RULES.index(rule)])
        for _ in range(runs):
            accuracy = ACCURACY
            for _ in range(ROUNDS):
                gain = float(np.clip(rng.normal(DRIFT_MEAN, DRIFT_SPREAD), -0.1, 0.1))
                # Neither may leave what the answers are drawn from.
                gain = min(gain, 0.97 - accuracy)
                told, _ = accepts(rng, answers(rng, DRIFT_ITEMS, accuracy, gain))
                accuracy += gain if told[rule] else 0.0
            ends[rule].append(accuracy - ACCURACY)
    return {
        rule: (float(np.mean(found)), float(np.mean(np.array(found) < -0.01)))
        for rule, found in ends.items()
    }


def measured(challengers, sizes):
    """Return (rows for people, figures, the highest share of false promotions)."""
    head = "".join(f"{rule:>12}" for rule in RULES)
    rows, figures, worst = [("accepted, per cent", f"true gain{head}")], {}, 0.0
    for items in sizes:
        for gain in GAINS:
            begun = perf_counter()
            share, outcomes = shares(items, gain, challengers, seed=1)
            spent = 1000 * (perf_counter() - begun) / challengers
            figures[f"{items} items, {gain:+.2f}"] = {
                "accepted": share,
                "outcomes": outcomes,
                "ms": round(spent, 2),
            }
            told = "".join(f"{100 * share[rule]:12.1f}" for rule in RULES)
            unsure = f"{100 * outcomes.get('not_enough_data', 0):.0f} not enough data"
            rows.append((f"  {items} items", f"{gain:+9.2f}{told}   ({unsure}; {spent:.1f} ms)"))
            worst = max(worst, share["gate"] if gain <= 0 else 0.0)
    return rows, figures, worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--challengers", type=int)
    parser.add_argument("--quick", action="store_true", help="100 challengers, 12 and 200 items")
    wanted = parser.parse_args()
    challengers = wanted.challengers or (100 if wanted.quick else 1000)
    sys.path.insert(0, str(ROOT))
    from benchmarks.reporting import finish

    rows, figures, worst = measured(challengers, QUICK_SIZES if wanted.quick else SIZES)
    runs = max(challengers // 10, 10)
    ends = drift(runs)
    rows.append((f"true change after {ROUNDS} rounds", f"{runs} runs, {DRIFT_ITEMS} items"))
    for rule, (mean, fell) in ends.items():
        told = f"{100 * mean:+.1f} points, fell by over one in {100 * fell:.0f} % of the runs"
        rows.append((f"  {rule}", told))
        figures[f"drift, {rule}"] = {"mean": mean, "fell": fell}
    marks = {
        "false promotions": (worst, "<=", 0.05),
        "runs in which the gate drifted down": (ends["gate"][1], "<=", 0.05),
    }
    finish("gate", rows, figures, marks)


if __name__ == "__main__":
    main()
