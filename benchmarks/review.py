"""The review with many items: pages, counts and verdicts, in the service and over HTTP.

Sites of 1,000, 10,000 and 100,000 items are seeded into one PostgreSQL of the benchmark's own
(into SQLite where there is none), and a reviewer of each site works on it. In the service: the
page of 50 at the top, the page ten pages on, the counts, the next item, one verdict with its audit
entry. Over HTTP the same through the API of a web server process, sessions, permissions and JSON
included. Then eight reviewers share one site's items over HTTP until none is left, on PostgreSQL
and on SQLite: each claims five, decides them and goes on; what they were told is compared with
what is stored.

    python benchmarks/review.py [--quick]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZES, QUICK_SIZES = (1_000, 10_000, 100_000), (1_000, 10_000)
REPEATS, DECISIONS = 60, 200
REVIEWERS, SHARED, PROCESSES = 8, 1_000, 2
SERVICE = ("page", "page ten on", "counts", "next", "decide")
WRONGS = ("lost", "twice", "told_otherwise", "chain_broken")
HTTP = ("list 50", "counts", "next", "decide")


def set_up(database_url=None):
    """Prepare the product; no item goes to two people, who would each have to decide it."""
    from benchmarks.product import prepare

    os.environ.pop("DATABASE_URL", None)
    database = {"DATABASE_URL": database_url} if database_url else {}
    prepare(LOG_LEVEL="ERROR", SECOND_REVIEW_SHARE="0", **database)


def add_site(name, count, *, people=1):
    """Return (site, its reviewers) of a site with ``count`` pending items."""
    from django.contrib.auth import get_user_model
    from django.db import connection

    from hitlsite import people as roles
    from review.services import seeding

    site = seeding.seed(name, count)
    names = [f"{name} reviewer {number}" for number in range(people)]
    for one in names:
        roles.add_member(site, one, roles.REVIEWER, "a long password")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    # Loaded one by one, as each request loads its own.
    users = get_user_model().objects
    return site, [users.get(username=one) for one in names]


def median_ms(act, times):
    taken = []
    for number in range(times):
        begun = time.perf_counter()
        act(number)
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


def measure_service(site, user):
    """Return {what: median ms}."""
    from review import selectors
    from review.models import TrainingItem
    from review.services import decisions, queue

    pending = {"status": "pending_review"}
    cursor = None
    for _ in range(10):
        cursor = selectors.items_page(user, filters=pending, after=cursor).next_cursor
    waiting = TrainingItem.objects.filter(site=site).order_by("priority")
    ids = list(waiting.values_list("pk", flat=True)[:DECISIONS])

    def decide(number):
        verdict = {"verdict": "confirmed"} if number % 2 else _rejection()
        decisions.decide(ids[number], by=user, **verdict)

    return {
        "page": median_ms(lambda _: selectors.items_page(user, filters=pending), REPEATS),
        "page ten on": median_ms(
            lambda _: selectors.items_page(user, filters=pending, after=cursor), REPEATS
        ),
        "counts": median_ms(lambda _: selectors.counts(user), REPEATS),
        "next": median_ms(lambda _: queue.next_item(user), REPEATS),
        "decide": median_ms(decide, len(ids)),
    }


def _rejection():
    return {"verdict": "rejected", "reason": "baseline_noise"}


def measure_http(port, site, user):
    """Return {what: median ms} through the API."""
    from benchmarks.services import Client
    from review.models import TrainingItem

    client = Client(port, user)
    waiting = TrainingItem.objects.filter(site=site, status="pending_review").order_by("priority")
    ids = list(waiting.values_list("pk", flat=True)[:DECISIONS])

    def get(path):
        status, _ = client.ask("GET", path)
        assert status == 200, (path, status)

    def claim(_):
        status, answer = client.ask("POST", "items/claim/", {"count": 1})
        assert status == 200, (status, answer)

    def decide(number):
        status, answer = client.ask("POST", f"items/{ids[number]}/decide/", _rejection())
        assert status == 200, (status, answer)

    get("items/stats/")
    return {
        "list 50": median_ms(lambda _: get("items/?status=pending_review"), REPEATS),
        "counts": median_ms(lambda _: get("items/stats/"), REPEATS),
        "next": median_ms(claim, REPEATS),
        "decide": median_ms(decide, len(ids)),
    }


def share(port, count):
    """Let eight reviewers empty one site's queue over HTTP; return what came of it."""
    from benchmarks.services import Client
    from hitlsite import audit
    from review.models import Decision, TrainingItem

    site, users = add_site("shared", count, people=REVIEWERS)
    clients = [Client(port, user) for user in users]
    begun = time.perf_counter()
    with ThreadPoolExecutor(REVIEWERS) as pool:
        told = [pk for found in pool.map(_empty, clients) for pk in found]
    seconds = time.perf_counter() - begun
    stored = Decision.objects.filter(item__site=site)
    decided = TrainingItem.objects.filter(site=site).exclude(status="pending_review").count()
    return {
        "decisions_a_second": round(len(told) / seconds, 1),
        "lost": count - decided,
        "twice": len(told) - len(set(told)) + stored.count() - decided,
        "told_otherwise": len(set(told) ^ set(stored.values_list("item", flat=True))),
        "chain_broken": int(not audit.verify().is_whole),
    }


def _empty(client):
    """Claim and decide until nothing is left; return the items whose verdict was accepted."""
    accepted = []
    while True:
        _, answer = client.ask("POST", "items/claim/", {"count": 5})
        if not answer["results"]:
            return accepted
        for item in answer["results"]:
            status, _ = client.ask("POST", f"items/{item['id']}/decide/", _rejection())
            accepted += [item["id"]] if status == 200 else []


def on_sqlite(count):
    """Run the eight reviewers on SQLite, in a process of its own."""
    command = [sys.executable, __file__, "--share-on-sqlite", str(count)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(told.splitlines()[-1])


def main(sizes, shared):
    from benchmarks.services import postgres, web

    with postgres() as url:
        set_up(url)
        figures = {"database": "PostgreSQL" if url else "SQLite", "service": {}, "http": {}}
        sites = {}
        for size in sizes:
            site, users = sites[size] = add_site(f"{size} items", size)
            figures["service"][size] = measure_service(site, users[0])
        with web() as port:
            for size in sizes[1:]:
                figures["http"][size] = measure_http(port, sites[size][0], sites[size][1][0])
        with web(PROCESSES) as port:
            figures["reviewers"] = share(port, shared)
        figures["reviewers_sqlite"] = on_sqlite(shared)
        _tell(figures, sizes)


def _tell(figures, sizes):
    from benchmarks.reporting import finish

    service, http = figures["service"], figures["http"]
    largest = sizes[-1]
    rows = [("database", figures["database"]), ("median ms in the service", _sizes(sizes))]
    rows += [(f"  {what}", _row(service, sizes, what)) for what in SERVICE]
    rows += [("median ms over HTTP", _sizes(sizes[1:]))]
    rows += [(f"  {what}", _row(http, sizes[1:], what)) for what in HTTP]
    marks = {
        "page_ms": (max(service[largest]["page"], service[largest]["page ten on"]), "<=", 30),
        "counts_ms": (service[largest]["counts"], "<=", 20),
        "decide_ms": (service[largest]["decide"], "<=", 10),
        "decide_growth": (service[largest]["decide"] / service[sizes[0]]["decide"], "<=", 1.5),
        "http_list_ms": (http[largest]["list 50"], "<=", 60),
        "http_counts_ms": (http[largest]["counts"], "<=", 30),
        "http_next_ms": (http[largest]["next"], "<=", 30),
        "http_decide_ms": (http[largest]["decide"], "<=", 40),
    }
    for name, title in (("reviewers", figures["database"]), ("reviewers_sqlite", "SQLite")):
        found = figures[name]
        rows += [
            (
                f"8 reviewers, {title}, {PROCESSES} web processes",
                ", ".join(f"{k} {v}" for k, v in found.items()),
            )
        ]
        marks[f"{name}_a_second"] = (found["decisions_a_second"], ">=", 60)
        marks[f"{name}_wrong"] = (
            sum(found[what] for what in WRONGS),
            "<=",
            0,
        )
    finish("review", rows, figures, marks)


def _sizes(sizes):
    return "".join(f"{size:>9,}" for size in sizes) + "  items"


def _row(found, sizes, what):
    return "".join(f"{found[size][what]:>9.1f}" for size in sizes)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1,000 and 10,000 items")
    parser.add_argument("--share-on-sqlite", type=int, metavar="N", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.share_on_sqlite:
        from benchmarks.services import web

        set_up()
        with web(PROCESSES) as port:
            print(json.dumps(share(port, options.share_on_sqlite)))
    else:
        main(QUICK_SIZES if options.quick else SIZES, 200 if options.quick else SHARED)
