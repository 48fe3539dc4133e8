"""The charts of the learning pages: which points of which rows are drawn beside each other."""

from training.templatetags.charts import TONES, Axis, Bars, Lines, Series, axis_for
from training.templatetags.figures_shown import called, digits

MOST_CLASSES = 5
MOST_CELLS = 16
LOG_FIGURES = (("mAP50", "mAP50"), ("precision", "precision"), ("recall", "recall"))
PICTURED = "A perfect model would lie on the line from corner to corner."


def of_evaluation(figures, champion=None):
    """Return the charts that the figures of an evaluation have points for.

    Args:
        champion: figures of the champion on the same split, drawn beside them.
    """
    curves, before = figures.get("curves", {}), (champion or {}).get("curves", {})
    makers = (_precision_recall, _f1, _calibration, _histogram)
    drawn = (make(curves, before, figures) for make in makers)
    return [chart for chart in drawn if chart is not None]


def _precision_recall(curves, before, figures):
    by_name = curves.get("precision_recall") or {}
    if not by_name:
        return None
    main = "all" if "all" in by_name else next(iter(by_name))
    series = [Series("this version", by_name[main], "a")]
    old = (before.get("precision_recall") or {}).get(main)
    if old:
        series.insert(0, Series("champion", old, "b"))
    chosen = _most_true(figures, by_name, main)
    series = [*(Series(name, by_name[name], "faint") for name in chosen), *series]
    what = "all classes" if main == "all" else main
    note = f"Faint: the classes with the most true boxes, of {len(by_name) - 1}." if chosen else ""
    return Lines(
        f"Precision over recall, {what}",
        f"Precision at rising recall, from {_span(by_name[main])}.",
        Axis("recall"),
        Axis("precision"),
        series,
        note=note if len(by_name) - 1 > len(chosen) else "",
    )


def _most_true(figures, by_name, main):
    """Return the classes that are drawn one by one: those with the most true boxes."""
    rows = sorted(figures.get("classes", []), key=lambda row: -row["truths"])
    names = [row["name"] for row in rows if row["name"] in by_name and row["name"] != main]
    return names[:MOST_CLASSES] if len(names) > 1 else []


def _span(points):
    return f"{points[0][1]:.2f} at {points[0][0]:.2f} to {points[-1][1]:.2f} at {points[-1][0]:.2f}"


def _f1(curves, before, figures):
    points = curves.get("f1")
    if not points:
        return None
    series = [Series("this version", points, "a")]
    if before.get("f1"):
        series.insert(0, Series("champion", before["f1"], "b"))
    at, best = figures["score_threshold"], figures["f1"]
    told = f"The mean F1 is best, {best:.3f}, when boxes count from a score of {at:.3f} on."
    return Lines(
        "F1 over the score from which boxes count",
        told,
        Axis("score"),
        Axis("mean F1"),
        series,
        rings=((at, best, f"best: {best:.3f} at {at:.3f}"),),
        note=told,
    )


def _calibration(curves, before, figures):
    points = curves.get("calibration")
    if not points:
        return None
    series = [Series("this version", [point[:2] for point in points], "a", has_dots=True)]
    if before.get("calibration"):
        old = [point[:2] for point in before["calibration"]]
        series.insert(0, Series("champion", old, "b", has_dots=True))
    return Lines(
        "Calibration",
        f"How often answers of a score are right. {PICTURED}",
        Axis("mean score"),
        Axis("share right"),
        series,
        is_diagonal=True,
        note=PICTURED,
    )


def _histogram(curves, before, figures):
    counted = curves.get("histogram")
    if not counted or not any([*counted["right"], *counted["wrong"]]):
        return None
    right, wrong = sum(counted["right"]), sum(counted["wrong"])
    return Bars(
        "Scores of right and wrong answers",
        f"{right:,} right answers and {wrong:,} wrong ones by score.",
        Axis("score"),
        counted["edges"],
        counted["right"],
        counted["wrong"],
        note="Heights are square roots of counts, so that the few are seen beside the many.",
    )


def confusion(figures):
    """Return the rows of the heat table, the busiest classes of many, and how many are left out."""
    told = figures.get("confusion")
    if not told or not told["names"]:
        return None
    names, rows = told["names"], told["rows"]
    columns = [sum(row[place] for row in rows) for place in range(len(names))]
    busy = sorted(range(len(names)), key=lambda place: -(sum(rows[place]) + columns[place]))
    chosen = {place for place in busy[:MOST_CELLS] if sum(rows[place]) + columns[place]}
    if names[-1] == "background":
        chosen.add(len(names) - 1)
    kept = sorted(chosen)
    return {
        "names": [names[place] for place in kept],
        "rows": [(names[place], _cells(rows[place], place, kept)) for place in kept],
        "left_out": len(names) - len(kept),
    }


def _cells(row, place, kept):
    """Return (count, share of the row, is it right) of each cell."""
    total = sum(row) or 1
    return [(row[column], row[column] / total, column == place) for column in kept]


def of_epochs(history):
    """Return the charts of a run's epochs: what should fall, and what should rise."""
    names = [name for row in history for name, value in row.items() if _is_drawn(name, value)]
    names = list(dict.fromkeys(names))
    losses = [name for name in names if "loss" in name]
    rising = [name for name in names if name not in losses]
    charts = [_epochs("Loss by epoch", losses, history, "loss")] if losses else []
    if rising:
        charts.append(_epochs("Figures on the validation split by epoch", rising, history, ""))
    return charts


def _is_drawn(name, value):
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and name not in ("epoch", "epochs", "seconds", "learning_rate", "lr", "time")


def _epochs(title, names, history, what):
    series = [
        Series(
            called(name),
            [[row["epoch"], row[name]] for row in history if "epoch" in row and name in row],
            TONES[number % len(TONES)],
        )
        for number, name in enumerate(names)
    ]
    values = [y for one in series for _, y in one.points if y is not None]
    is_share = not what and all(0.0 <= value <= 1.0 for value in values)
    epochs = [row["epoch"] for row in history if "epoch" in row]
    last = ", ".join(f"{one.name} {digits(one.points[-1][1])}" for one in series if one.points)
    return Lines(
        title,
        f"Epochs {min(epochs)} to {max(epochs)}; at the last: {last}.",
        _epoch_axis(min(epochs), max(epochs)),
        Axis(what or "share") if is_share else axis_for(what, values),
        series,
    )


def _epoch_axis(first, last):
    """Return an axis whose labels are whole epochs."""
    parts = next((count for count in (5, 4, 3, 2) if (last - first) % count == 0), 1)
    if last == first:
        return Axis("epoch", first, first + 1, (str(first), ""))
    labels = tuple(str(first + (last - first) * part // parts) for part in range(parts + 1))
    return Axis("epoch", first, last, labels)


def of_log(rows):
    """Return the chart of the log: figures of versions in the order of time; None below one."""
    judged = [row for row in rows if row.kind in ("run", "judgement") and row.figure is not None]
    if not judged:
        return None
    promoted = {row.version_id for row in rows if row.kind == "promote"}
    series = _log_series(judged)
    names = [row.model_version.rpartition("-")[2] for row in judged]
    breaks = tuple(
        (place - 0.5, f"the test split became revision {row.test_revision}")
        for place, row in enumerate(judged)
        if place and row.test_revision != judged[place - 1].test_revision
    )
    main = series[0].points
    rings = tuple(
        (place, main[place][1], f"{row.model_version}: deployed")
        for place, row in enumerate(judged)
        if row.version_id in promoted and main[place][1] is not None
    )
    note = "Ringed: deployed." if rings else ""
    if breaks:
        note += " Dashed: the test split changed, so figures on either side cannot be compared."
    return Lines(
        "Figures on the test split, version by version",
        f"{len(judged)} judged versions, {len(rings)} of them deployed, oldest first.",
        _version_axis(names),
        Axis("share"),
        series,
        breaks=breaks,
        rings=rings,
        note=note.strip(),
    )


def _log_series(judged):
    """Return mAP50, precision and recall where the slot has them, what the gate compares else."""
    found = []
    for number, (name, title) in enumerate(LOG_FIGURES):
        points = [[place, getattr(row, name)] for place, row in enumerate(judged)]
        if any(value is not None for _, value in points):
            found.append(Series(title, points, TONES[number], has_dots=True))
    if found:
        return found
    points = [[place, row.figure] for place, row in enumerate(judged)]
    return [Series(judged[-1].figure_name or "figure", points, has_dots=True)]


def _version_axis(names):
    if len(names) == 1:
        return Axis("version", -1, 1, ("", names[0], ""))
    shown = names if len(names) <= 12 else None
    if shown is None:
        places = [round((len(names) - 1) * part / 4) for part in range(5)]
        shown = [names[place] for place in places]
    return Axis("version", 0, len(names) - 1, tuple(shown))
