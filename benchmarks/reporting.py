"""How every benchmark prints: a table for people, then one JSON line for machines."""

import json
import platform
import sys


def machine():
    """Return one line on the processor and the system that the figures were taken on."""
    import os

    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def finish(name, rows, figures, marks):
    """Print the table and the JSON line, and exit 1 when a mark is missed.

    Args:
        rows: (what, value) pairs for people.
        figures: numbers by name.
        marks: {name: (measured, "<=" or ">=", wanted)}.
    """
    width = max(len(what) for what, _ in rows)
    print(f"{name} ({machine()})")
    for what, value in rows:
        print(f"  {what:<{width}}  {value}")
    holds = {}
    for mark, (measured, relation, wanted) in marks.items():
        holds[mark] = measured <= wanted if relation == "<=" else measured >= wanted
        verdict = "holds" if holds[mark] else "MISSED"
        print(f"  mark {mark}: {measured:.4g} {relation} {wanted:g}: {verdict}")
    spelled = {mark: f"{relation} {wanted:g}" for mark, (_, relation, wanted) in marks.items()}
    print(
        json.dumps(
            {"name": name, "figures": figures, "marks": spelled, "holds": all(holds.values())}
        )
    )
    sys.exit(0 if all(holds.values()) else 1)
