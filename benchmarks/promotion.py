"""Predictions over HTTP while models are deployed and taken back: does any fail, and who answered?

    python benchmarks/promotion.py [--seconds N] [--rate N] [--quick]

Two web processes on PostgreSQL (SQLite where there is none) answer rows of a tabular slot, so many
a second from four clients, whatever the answers before took. Meanwhile versions of other algorithms
are promoted and rolled back by a third process, this one. What a web process loads when it is asked
for the first time at all is left out, what it loads for a version it has not seen is not.
"""

import argparse
import itertools
import os
import statistics
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

CLIENTS, ALGORITHMS = 4, ("logistic", "lightgbm", "random_forest")
PATH = "slots/lod-policy/predict/"


def models():
    """Return {name: columns of a deployment} of three small models that were really trained."""
    import numpy as np
    from django.conf import settings

    from detection.services import model_store
    from detection.vision.tabular import model as tabular_model
    from training.learning import tabular
    from training.learning.trajectory import COLUMNS

    rng = np.random.default_rng(0)
    features = rng.normal(size=(2000, len(COLUMNS)))
    labels = np.where(features[:, 0] > 0, "2", "0")
    found = {}
    for algorithm in ALGORITHMS:
        folder = settings.SCRATCH_DIR / algorithm
        folder.mkdir(parents=True)
        model = tabular.fit(features, labels, algorithm, columns=COLUMNS)
        files = model_store.keep([folder / name for name in tabular_model.save(model, folder)])
        found[algorithm] = {"files": files, "sha256": files[0]["sha256"], "backend": algorithm}
    return found


class Asking(threading.Thread):
    """One client that asks at its own pace and keeps (moment, milliseconds, status, who)."""

    def __init__(self, client, every_seconds, seconds, warm):
        super().__init__()
        self.seen = []
        self._client, self._every, self._seconds = client, every_seconds, seconds
        self._warm = warm

    def run(self):
        from training.learning.trajectory import MEASURES

        body = {"rows": [dict.fromkeys(MEASURES, 0.5)]}
        self._client.ask("POST", PATH, body)
        self._warm.wait()
        due = time.perf_counter()
        until = due + self._seconds
        while due < until:
            time.sleep(max(due - time.perf_counter(), 0.0))
            begun = time.perf_counter()
            status, answer = self._client.ask("POST", PATH, body)
            taken = 1e3 * (time.perf_counter() - begun)
            who = answer[0]["deployment"]["name"] if status == 200 else str(answer)[:200]
            self.seen.append((begun, taken, status, who))
            due += self._every


def run(port, user, seconds, rate):
    """Return what every client saw, and [(moment before, moment after, name)] of the changes."""
    from benchmarks.services import Client
    from detection.services import deployments
    from detection.slots import LOD_POLICY

    known = models()
    names = (f"model-{number}" for number in itertools.count(1))
    changes = []

    def change(act):
        before = time.perf_counter()
        served = act()
        changes.append((before, time.perf_counter(), served.name))

    def promote(algorithm):
        return deployments.activate(LOD_POLICY, name=next(names), **known[algorithm])

    change(lambda: promote(ALGORITHMS[0]))
    warm = threading.Barrier(CLIENTS + 1)
    clients = [Asking(Client(port, user), CLIENTS / rate, seconds, warm) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    warm.wait()
    pause = seconds / (2 * len(ALGORITHMS))
    for algorithm in ALGORITHMS[1:]:
        time.sleep(pause)
        change(lambda algorithm=algorithm: promote(algorithm))
        time.sleep(pause)
        change(lambda: deployments.roll_back(LOD_POLICY)[0])
    for client in clients:
        client.join()
    return [one for client in clients for one in client.seen], changes


def wrong_names(seen, changes):
    """Return how many answers name neither the model that served nor the one before it.

    The one before may still answer while the new one is being loaded.
    """
    count = 0
    for begun, taken, status, who in seen:
        ended = begun + taken / 1e3
        before = [name for _, after, name in changes if after <= begun][-2:]
        during = [name for start, after, name in changes if start <= ended and after > begun]
        count += status == 200 and who not in {*before, *during}
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=50.0, help="predictions a second")
    parser.add_argument("--quick", action="store_true", help="12 seconds")
    wanted = parser.parse_args()
    from benchmarks.product import prepare
    from benchmarks.reporting import finish
    from benchmarks.services import postgres, web

    with postgres() as url:
        prepare(**({"DATABASE_URL": url} if url else {}))
        from django.contrib.auth import get_user_model

        user = get_user_model().objects.create_superuser("bench", password=os.urandom(8).hex())
        with web(processes=2) as port:
            seen, changes = run(port, user, 12.0 if wanted.quick else wanted.seconds, wanted.rate)
    taken = sorted(milliseconds for _, milliseconds, _, _ in seen)
    span = max(begun for begun, *_ in seen) - min(begun for begun, *_ in seen)
    failed = [who for _, _, status, who in seen if status != 200]
    figures = {
        "predictions": len(seen),
        "rate": len(seen) / span,
        "failed": len(failed),
        "wrong_names": wrong_names(seen, changes),
        "changes": len(changes),
        "median_ms": statistics.median(taken),
        "p99_ms": taken[int(0.99 * len(taken))],
        "slowest_ms": taken[-1],
    }
    rows = [(name, f"{value:.4g}") for name, value in figures.items()]
    rows += sorted(
        (f"answered by {who}", str(count))
        for who, count in Counter(who for _, _, status, who in seen if status == 200).items()
    )
    rows += [("failed", sentence) for sentence in failed[:3]]
    marks = {
        "rate": (figures["rate"], ">=", 0.98 * wanted.rate),
        "failed": (figures["failed"], "<=", 0),
        "wrong_names": (figures["wrong_names"], "<=", 0),
    }
    finish("promotion", rows, figures, marks)


if __name__ == "__main__":
    main()
