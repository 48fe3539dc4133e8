"""What a page says about a table of features: lengths, shares that are missing, a thinned plot.

It is computed once, when the table is whole, so that no page ever opens the file.
"""

PLOTTED = 240
DIGITS = 4
ALWAYS = 0.999


def figures(table, *, damage=""):
    """Return FeatureSet.figures of a FeatureTable.

    Args:
        damage: what was lost of the video, a sentence, or "".
    """
    import numpy as np

    times, values = table.times, table.values
    missing = np.isnan(values).mean(axis=0) if len(values) else np.ones(values.shape[1])
    shares = {name: _rounded(share) for name, share in zip(table.names, missing, strict=True)}
    steps = np.diff(times)
    step = float(np.median(steps)) if len(steps) else 0.0
    made = {
        "seconds": _rounded(times[-1] - times[0] + step if len(times) else 0.0),
        "first_seconds": _rounded(times[0] if len(times) else 0.0),
        "frames_per_second": _rounded(1.0 / step if step else 0.0),
        "longest_step": _rounded(steps.max() if len(steps) else 0.0),
        "missing": shares,
        "labels": _counted(table.labels),
        "plot": _plot(times, values, table.names),
        "ignored": list(table.ignored),
        "damage": damage,
    }
    return made | {"warnings": _warnings(table, shares, damage)}


def mode_of(names):
    """Return the narrowest mode that can have these columns."""
    from detection.vision import task_columns

    return task_columns.mode_of(names)


def sample_rate_of(frame_index):
    """Return every how many-th frame a table has: the step that most of its rows have."""
    import numpy as np

    steps = np.diff(frame_index)
    return max(1, int(np.median(steps))) if len(steps) else 1


def _counted(labels):
    counts = {}
    for label in labels or ():
        if label:
            counts[label] = counts.get(label, 0) + 1
    return counts


def _plot(times, values, names):
    """Return {"at": seconds, "values": {name: numbers or None}}, means of equal stretches of time.

    A stretch in which a column is always missing has None.
    """
    import numpy as np

    if not len(times):
        return {"at": [], "values": {name: [] for name in names}}
    count = min(PLOTTED, len(times))
    edges = np.linspace(times[0], times[-1] + 1e-9, count + 1)
    place = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, count - 1)
    plotted = {}
    for column, name in enumerate(names):
        known = ~np.isnan(values[:, column])
        numbers = values[known, column].astype(np.float64)
        totals = np.bincount(place[known], weights=numbers, minlength=count)
        counts = np.bincount(place[known], minlength=count)
        plotted[name] = [
            _rounded(total / number) if number else None
            for total, number in zip(totals, counts, strict=True)
        ]
    middles = (edges[:-1] + edges[1:]) / 2
    return {"at": [_rounded(at) for at in middles], "values": plotted}


def _warnings(table, shares, damage):
    """Return what whoever learns from the table should know, a sentence each."""
    import numpy as np

    told = [damage] if damage else []
    if not len(table.times):
        return [*told, "No frame was measured."]
    people = _column(table, "num_people")
    if people is not None:
        nobody, several = float(np.mean(people < 1)), float(np.mean(people > 1))
        if nobody >= ALWAYS:
            told.append("The detector saw no person in any frame.")
        if several > 0:
            told.append(
                f"Several people are in {100 * several:.0f} % of the frames; the columns tell of "
                "one: the nearest for the body, the largest for the boxes."
            )
    elif shares and min(shares.values()) >= ALWAYS:
        told.append("Nobody was found in any frame.")
    always = [name for name, share in shares.items() if share >= ALWAYS]
    if always and len(always) < len(shares):
        told.append(f"Always missing: {', '.join(always)}.")
    if table.ignored:
        told.append(f"Columns that are not known were left out: {', '.join(table.ignored)}.")
    return told


def _column(table, name):
    import numpy as np

    if name not in table.names:
        return None
    found = table.values[:, table.names.index(name)]
    return None if np.isnan(found).all() else found


def _rounded(value):
    return round(float(value), DIGITS)
