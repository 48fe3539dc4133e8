"""The plots of a classifier as pictures: what is taken for what, how sure it may be, and why.

matplotlib is imported only when something is drawn, on a canvas that needs no screen.
"""

from pathlib import Path

import numpy as np

MOST_COLUMNS = 20
DPI = 120
RIGHT, OTHER, INK = "#0a6c7d", "#b0560c", "#333333"


def write(folder: Path, figures: dict, importance: dict | None, ablations: dict | None):
    """Draw what there is and return the names of the pictures.

    Args:
        figures: as ``classifier_figures.figures`` gives them; nothing is drawn of an empty one.
    """
    drawn = []
    if figures.get("items"):
        drawn += [
            _picture(folder, "confusion.png", _confusion, figures["confusion"]),
            _picture(folder, "calibration.png", _calibration, figures["curves"]["calibration"]),
            _picture(folder, "per_class.png", _per_class, figures["classes"]),
        ]
    if importance and importance["columns"]:
        drawn.append(_picture(folder, "importance.png", _importance, importance))
    if ablations:
        drawn.append(_picture(folder, "ablations.png", _ablations, ablations))
    return drawn


def _picture(folder, name, draw, told):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.add_subplot(), told)
    figure.savefig(Path(folder) / name, dpi=DPI)
    return name


def _confusion(axes, told):
    table = np.array(told["rows"], dtype=float)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(table.shape):
        tone = "white" if shares[row, column] > 0.6 else INK
        axes.text(column, row, f"{table[row, column]:.0f}", ha="center", va="center", color=tone)
    places = range(len(told["names"]))
    axes.set_xticks(places, told["names"], rotation=45, ha="right")
    axes.set_yticks(places, told["names"])
    axes.set(xlabel="what it says", ylabel="what is true", title="What is taken for what")


def _calibration(axes, points):
    axes.plot([0, 1], [0, 1], linestyle="--", color="#999999", label="perfect")
    axes.plot([one[0] for one in points], [one[1] for one in points], "o-", color=RIGHT)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="mean score", ylabel="share right")
    axes.set_title("How often answers of a score are right")


def _per_class(axes, rows):
    names = [f"{row['name']} ({row['truths']})" for row in rows]
    places = np.arange(len(rows))
    for number, (figure, tone) in enumerate(
        (("precision", RIGHT), ("recall", OTHER), ("f1", "#6a3fb0"))
    ):
        values = [row[figure] for row in rows]
        axes.bar(places + (number - 1) * 0.27, values, 0.25, color=tone, label=figure)
    axes.set_xticks(places, names, rotation=30, ha="right")
    axes.set(ylim=(0, 1.05), title="By class, with how many are true")
    axes.legend(loc="lower right")


def _importance(axes, told):
    rows = told["columns"][:MOST_COLUMNS][::-1]
    falls = [100 * row["fall"] for row in rows]
    spreads = [100 * row["spread"] for row in rows]
    axes.barh([row["column"] for row in rows], falls, xerr=spreads, color=RIGHT, ecolor="#888888")
    axes.set_xlabel("points of macro F1 lost when it is another window's")
    axes.set_title(f"What each column is worth, {told['windows']} windows of validation")


def _ablations(axes, told):
    rows = [row for row in told["rows"] if row.get("test") is not None]
    places = np.arange(len(rows))
    for number, (split, tone) in enumerate((("val", OTHER), ("test", RIGHT))):
        values = [row[split] or 0.0 for row in rows]
        bars = axes.bar(places + (number - 0.5) * 0.36, values, 0.34, color=tone, label=split)
        axes.bar_label(bars, fmt="%.3f", padding=2)
    axes.set_xticks(places, [f"{row['columns']}\n{row['count']} columns" for row in rows])
    axes.set(ylim=(0, 1.1), ylabel="macro F1", title="Trained on some of the columns")
    axes.legend(loc="lower right")
