"""What the page of one file of features draws: what is missing, and each column over time."""

from django.contrib.humanize.templatetags.humanize import ordinal

from detection.vision import task_columns
from training.templatetags.charts import Lines, Series, axis_for

SOURCES = {
    "pose": "Body landmarks",
    "hands": "Hand landmarks",
    "detector": "Object detector",
    "code": "Measuring code",
}


def shown(row):
    """Return what the template shows of finished features."""
    figures = row.figures
    known = [one for one in task_columns.VALUES if one.name in figures.get("missing", {})]
    return {
        "figures": figures,
        "facts": _facts(row, figures),
        "columns": [(one, 1.0 - figures["missing"][one.name]) for one in known],
        "others": [one for one in task_columns.OTHERS if task_columns.is_in(row.detector, one)],
        "charts": [chart for chart in (_chart(one, figures) for one in known) if chart],
        "sources": [
            (SOURCES[name], row.sources[name]) for name in SOURCES if row.sources.get(name)
        ],
    }


def _facts(row, figures):
    facts = [
        ("Rows", f"{row.frames:,}"),
        ("Seconds", f"{figures['seconds']:,.1f}"),
        ("Rows a second", f"{figures['frames_per_second']:.4g}"),
        ("Measured", f"every {ordinal(row.sample_rate)} frame" if row.sample_rate > 1 else "all"),
    ]
    if figures.get("frames_decoded"):
        facts.insert(1, ("Frames of the video", f"{figures['frames_decoded']:,}"))
    return facts


def _chart(column, figures):
    """Return the chart of a column, None where it is always missing."""
    at, values = figures["plot"]["at"], figures["plot"]["values"].get(column.name, ())
    known = [value for value in values if value is not None]
    if not known:
        return None
    unit = column.unit.partition(",")[0]
    says = f"Between {min(known):.3g} and {max(known):.3g} {unit}"
    gaps = len(values) - len(known)
    if gaps:
        says += f"; missing in {gaps} of {len(values)} stretches of time"
    return Lines(
        column.name,
        f"{says}.",
        axis_for("seconds", at, from_zero=False),
        axis_for(unit, known, from_zero=False),
        [Series(column.name, [list(pair) for pair in zip(at, values, strict=True)])],
        note=column.meaning + f", {unit}.",
    )
