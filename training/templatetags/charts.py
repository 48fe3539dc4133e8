"""Charts as SVG that the server draws: points become paths, and a table beside them says the same.

A drawing is stretched to the room that it gets, lines keep their width, and words stand beside it
as HTML, so that they are as large on a phone as on a desk.
"""

from dataclasses import dataclass, field

from django import template
from django.utils.text import slugify

register = template.Library()

WIDTH, HEIGHT = 1000.0, 500.0
TONES = "abcdefgh"
MOST_ROWS = 21
STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a chart; ``tone`` is a letter of TONES, or "faint"."""

    name: str
    points: list
    tone: str = "a"
    has_dots: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """``labels`` name evenly spaced places; without any, numbers from low to high stand there."""

    title: str
    low: float = 0.0
    high: float = 1.0
    labels: tuple = ()


@dataclass(frozen=True, slots=True)
class Lines:
    """A chart of lines.

    Attributes:
        says: a sentence for those who do not see it.
        is_diagonal: whether the line on which both axes are equal is drawn.
        breaks: (x, words) of vertical lines.
        rings: (x, y, words) of points that are marked.
    """

    title: str
    says: str
    x: Axis
    y: Axis
    series: list[Series]
    is_diagonal: bool = False
    breaks: tuple = ()
    rings: tuple = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """A chart of bars that go up for one thing and down for another, both over the same bins."""

    title: str
    says: str
    x: Axis
    edges: list[float]
    up: list[int]
    down: list[int]
    names: tuple[str, str] = ("right", "wrong")
    note: str = ""
    tones: tuple[str, str] = field(default=("a", "b"))


@register.inclusion_tag("training/learning/_lines.html")
def lines(chart):
    """Draw a chart of lines with its table."""
    drawn = [_drawn(chart, one) for one in chart.series if one.points]
    return {
        "chart": chart,
        "key": slugify(chart.title),
        "width": WIDTH,
        "height": HEIGHT,
        "series": drawn,
        "named": [one for one in drawn if one["tone"] != "faint"],
        "faint": [one["name"] for one in drawn if one["tone"] == "faint"],
        "x_labels": _labels(chart.x),
        "y_labels": list(reversed(_labels(chart.y))),
        "grid": _grid(len(_labels(chart.y))),
        "breaks": [(_number(_across(chart, x)), words) for x, words in chart.breaks],
        "rings": [(_dot(_across(chart, x), _up(chart, y)), words) for x, y, words in chart.rings],
        "table": _table(chart),
    }


@register.inclusion_tag("training/learning/_bars.html")
def bars(chart):
    """Draw a chart of bars with its table; their areas would drown the few, so roots are drawn."""
    highest = max([*chart.up, *chart.down, 1]) ** 0.5
    span = chart.edges[-1] - chart.edges[0]
    drawn, middle = [], HEIGHT / 2
    for number, (up, down) in enumerate(zip(chart.up, chart.down, strict=True)):
        left, right = chart.edges[number], chart.edges[number + 1]
        x, width = WIDTH * (left - chart.edges[0]) / span, WIDTH * (right - left) / span
        above, below = (middle * count**0.5 / highest for count in (up, down))
        drawn.append(
            {
                "x": _number(x + 3),
                "width": _number(width - 6),
                "up_y": _number(middle - above),
                "up_height": _number(above),
                "down_y": _number(middle),
                "down_height": _number(below),
                "from": left,
                "to": right,
                "up": up,
                "down": down,
            }
        )
    return {
        "chart": chart,
        "key": slugify(chart.title),
        "width": WIDTH,
        "height": HEIGHT,
        "middle": middle,
        "bars": drawn,
        "x_labels": _labels(chart.x),
        "most": round(highest**2),
    }


def axis_for(title, values, *, from_zero=True):
    """Return an Axis with round ends around some values."""
    known = [value for value in values if value is not None] or [0.0, 1.0]
    low, high = (min(0.0, *known) if from_zero else min(known)), max(known)
    if high <= low:
        high = low + 1.0
    step = _round_step((high - low) / 4)
    bottom = step * (low // step)
    count = 1
    while bottom + count * step < high - 1e-9:
        count += 1
    labels = tuple(_short(bottom + number * step) for number in range(count + 1))
    return Axis(title, bottom, bottom + count * step, labels)


def _round_step(wanted):
    scale = 10.0 ** (len(str(int(wanted))) - 1) if wanted >= 1 else 1.0
    while scale > wanted:
        scale /= 10.0
    return next(scale * step for step in STEPS if scale * step >= wanted * (1 - 1e-9))


def _short(value):
    return f"{value:.4f}".rstrip("0").rstrip(".") or "0"


def _labels(axis):
    if axis.labels:
        return list(axis.labels)
    return [_short(axis.low + (axis.high - axis.low) * part / 4) for part in range(5)]


def _grid(count):
    return [_number(HEIGHT * part / max(count - 1, 1)) for part in range(count)]


def _across(chart, x):
    return WIDTH * (x - chart.x.low) / (chart.x.high - chart.x.low)


def _up(chart, y):
    return HEIGHT * (1 - (y - chart.y.low) / (chart.y.high - chart.y.low))


def _number(value):
    return f"{value:.1f}"


def _dot(x, y):
    """Return the path of a point: round ends of a line of no length stay round when stretched."""
    return f"M{_number(x)} {_number(y)}h0.01"


def _drawn(chart, series):
    """Return what the template draws; a point without a value, or a break, begins the line anew."""
    pieces, piece, last = [], [], None
    cuts = sorted(x for x, _ in chart.breaks)
    for x, y in series.points:
        is_cut = last is not None and any(last < cut <= x for cut in cuts)
        if (y is None or is_cut) and piece:
            pieces.append(piece)
            piece = []
        if y is not None:
            piece.append((_across(chart, x), _up(chart, y)))
        last = x
    pieces.append(piece)
    alone = [piece[0] for piece in pieces if len(piece) == 1]
    dots = [one for piece in pieces for one in piece] if series.has_dots else alone
    return {
        "name": series.name,
        "tone": series.tone,
        "path": "".join(_path(piece) for piece in pieces if len(piece) > 1),
        "dots": "".join(_dot(x, y) for x, y in dots),
    }


def _path(points):
    (first, *rest) = [f"{_number(x)} {_number(y)}" for x, y in points]
    return f"M{first}L{' '.join(rest)}"


def _table(chart):
    """Return (column names, rows); of many points only some, evenly spread, stand there."""
    values = [dict(map(tuple, one.points)) for one in chart.series]
    places = sorted({x for one in values for x in one})
    if len(places) > MOST_ROWS:
        step = (len(places) - 1) / (MOST_ROWS - 1)
        places = [places[round(number * step)] for number in range(MOST_ROWS)]
    rows = [(_place(chart.x, x), [one.get(x) for one in values]) for x in places]
    return [one.name for one in chart.series], rows


def _place(axis, x):
    """Return the words of a place on the axis: its label where each place has one."""
    has_names = axis.labels and len(axis.labels) == axis.high - axis.low + 1
    at = x - axis.low
    return axis.labels[int(at)] if has_names and at == int(at) else _short(x)
