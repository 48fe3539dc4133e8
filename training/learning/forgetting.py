"""What a model knows less of than the one it was compared with, class by class."""

FELL_BY = 0.02


def report(before: dict, after: dict) -> dict:
    """Compare the classes of two figures of the same split.

    Args:
        before, after: with ``classes``, rows of "name", "truths" and "ap50" or "f1".

    Returns:
        {"classes": rows of name, truths, before, after, fall, by the largest fall;
        "forgotten": names of those that fell by more than two points; "mean_fall"}.

    >>> row = {"name": "dog", "truths": 9}
    >>> told = report({"classes": [row | {"ap50": 0.5}]}, {"classes": [row | {"ap50": 0.25}]})
    >>> told["forgotten"], told["mean_fall"]
    (['dog'], 0.25)
    """
    later = {row["name"]: row for row in after["classes"]}
    rows = []
    for row in before["classes"]:
        figures = [_figure(row), _figure(later.get(row["name"], {}))]
        if row["truths"] and None not in figures:
            told = {"name": row["name"], "truths": row["truths"]}
            told |= {"before": figures[0], "after": figures[1], "fall": figures[0] - figures[1]}
            rows.append(told)
    rows.sort(key=lambda row: (-row["fall"], row["name"]))
    return {
        "classes": rows,
        "forgotten": [row["name"] for row in rows if row["fall"] > FELL_BY],
        "mean_fall": sum(row["fall"] for row in rows) / len(rows) if rows else 0.0,
    }


def _figure(row):
    return row.get("ap50", row.get("f1"))
