"""Windows of features on a grid in time: one way to cut them, to learn from and to serve by.

Frames come as fast as a camera pleases, twelve a second here and twenty-nine there, and faster or
slower within one file. So a window is no number of rows: it is a fixed number of points in time,
and at each of them stands the latest row that was known by then. Training cuts whole files with
``gather``; a stream cuts row by row with ``RollingWindow``; both find the same rows by the same
comparison and compute nothing with them, so what serves is what was learned from, bit for bit.

Times are seconds on the source's clock and rise from row to row by more than ``SLACK``.
"""

import math
from dataclasses import asdict, dataclass, fields

import numpy as np

from hitlsite.errors import DomainError

# So much later than its point a row may come and still count for it: grids are not exact.
SLACK = 1e-6
STATISTICS = ("mean", "std", "min", "max", "slope")
AGGREGATIONS = ("stats", "flatten")
MOST_STEPS = 3000
# So many windows are computed at once, which bounds the memory whatever is asked.
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """How windows are cut, all in seconds: their length, how far apart their ends are, how far
    apart the points in them are, and how far apart two rows may be before they are a gap.

    Raises:
        DomainError: window_invalid.
    """

    window_seconds: float = 2.0
    step_seconds: float = 0.5
    grid_seconds: float = 0.1
    gap_seconds: float = 1.0

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not math.isfinite(value) or value <= SLACK:
                raise _invalid(field.name, "Must be a number of seconds above 0.")
        if not 2 <= self.window_seconds / self.grid_seconds + SLACK <= MOST_STEPS:
            told = f"Must be between 2 and {MOST_STEPS} times the grid of {self.grid_seconds} s."
            raise _invalid("window_seconds", told)

    @property
    def steps(self) -> int:
        """How many points a window has."""
        return round(self.window_seconds / self.grid_seconds)

    @property
    def offsets(self) -> np.ndarray:
        """How long before the end each point is, (S,) seconds; the last is 0."""
        return np.arange(self.steps - 1, -1, -1) * self.grid_seconds

    def as_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "WindowSpec":
        """Return the spec that ``as_dict`` told.

        Raises:
            DomainError: window_invalid.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(values.keys() - known)
        if unknown:
            raise _invalid(unknown[0], "There is no such length.")
        return cls(**values)


def _invalid(name, told):
    return DomainError("window_invalid", f"{name}: {told}", fields={name: told})


def ends(times: np.ndarray, spec: WindowSpec) -> np.ndarray:
    """Return the ends (m,) of all whole windows, multiples of the step counted from second 0.

    A window is whole where rows cover it from its first point to its end and no two of them that
    follow each other, those around its ends among them, are further apart than a gap.
    """
    times = np.asarray(times, dtype=float)
    if not len(times):
        return np.empty(0)
    cuts = np.flatnonzero(np.diff(times) > spec.gap_seconds) + 1
    begins = times[np.append(0, cuts)]
    finishes = times[np.append(cuts, len(times)) - 1]
    first = np.floor((begins + spec.offsets[0]) / spec.step_seconds)
    last = np.ceil(finishes / spec.step_seconds)
    many = np.maximum(last - first + 1, 0).astype(int)
    stretch = np.repeat(np.arange(len(begins)), many)
    place = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    found = (first[stretch] + place) * spec.step_seconds
    is_whole = _is_whole(found, begins[stretch], spec) & (found <= finishes[stretch] + SLACK)
    return found[is_whole]


def _is_whole(end, begun, spec):
    """Tell whether a stretch that began then covers the windows with these ends."""
    return end - spec.offsets[0] + SLACK >= begun


def places(times: np.ndarray, ends: np.ndarray, spec: WindowSpec) -> np.ndarray:
    """Return which row stands at each point, (m, S); -1 where none was known by then."""
    points = np.asarray(ends, dtype=float)[:, None] - spec.offsets
    return np.searchsorted(np.asarray(times, dtype=float), points + SLACK, side="right") - 1


def gather(times: np.ndarray, values: np.ndarray, ends: np.ndarray, spec: WindowSpec) -> np.ndarray:
    """Return the windows with these ends, (m, S, C) float32.

    Args:
        times: (n,), rising.
        values: (n, C); NaN is missing and stays so.
        ends: (m,); a point before the first row is missing.
    """
    values = np.asarray(values, dtype=np.float32)
    rows = places(times, ends, spec)
    found = (
        values[rows] if len(values) else np.empty((*rows.shape, values.shape[1]), dtype=np.float32)
    )
    found[rows < 0] = np.nan
    return found


class RollingWindow:
    """The window that ends at the latest row of a stream.

    It keeps the rows of one window and no more. A gap, or a clock that goes back, starts it anew.
    """

    def __init__(self, spec: WindowSpec, width: int):
        self._spec, self._width = spec, width
        self._offsets = spec.offsets
        self._clear(32)

    def _clear(self, room):
        self._times = np.empty(room)
        self._values = np.empty((room, self._width), dtype=np.float32)
        self._first = self._count = 0
        self._begun = math.inf

    def add(self, at_seconds: float, values) -> np.ndarray | None:
        """Take the next row, (C,); return the window (S, C) float32 that ends with it.

        None until rows cover a whole window.
        """
        if self._count:
            ago = at_seconds - self._times[self._first + self._count - 1]
            if not SLACK < ago <= self._spec.gap_seconds:
                self._clear(32)
        if not self._count:
            self._begun = float(at_seconds)
        self._append(at_seconds, values)
        points = at_seconds - self._offsets
        kept = slice(self._first, self._first + self._count)
        rows = np.searchsorted(self._times[kept], points + SLACK, side="right") - 1
        is_whole = _is_whole(at_seconds, self._begun, self._spec)
        window = self._values[kept][rows] if is_whole else None
        self._forget(max(int(rows[0]), 0))
        return window

    def _append(self, at_seconds, values):
        place = self._first + self._count
        if place == len(self._times):
            place = self._made_room()
        self._times[place] = at_seconds
        self._values[place] = values
        self._count += 1

    def _made_room(self):
        """Move the rows that are kept to the front of arrays twice their size; return their end."""
        times, values, kept = self._times, self._values, self._count
        first, begun = self._first, self._begun
        self._clear(max(32, 2 * kept))
        self._times[:kept] = times[first : first + kept]
        self._values[:kept] = values[first : first + kept]
        self._count, self._begun = kept, begun
        return kept

    def _forget(self, rows):
        self._first += rows
        self._count -= rows

    def state(self) -> dict:
        """Return what ``restore`` needs to go on."""
        kept = slice(self._first, self._first + self._count)
        return {
            "begun": self._begun if self._count else None,
            "times": self._times[kept].copy(),
            "values": self._values[kept].copy(),
        }

    def restore(self, state: dict) -> None:
        """Go on from a state.

        Raises:
            DomainError: window_invalid, where it is of other columns.
        """
        times = np.asarray(state["times"], dtype=float)
        values = np.asarray(state["values"], dtype=np.float32)
        if len(times) and values.shape != (len(times), self._width):
            told = f"A state of {values.shape[-1]} columns is not one of {self._width}."
            raise _invalid("values", told)
        self._clear(max(32, 2 * len(times)))
        self._count = len(times)
        self._times[: self._count] = times
        if self._count:
            self._values[: self._count] = values
        self._begun = math.inf if state["begun"] is None else float(state["begun"])


def aggregated(windows: np.ndarray, agg: str, spec: WindowSpec | None = None) -> np.ndarray:
    """Return one row of numbers per window, (m, F) float64, named by ``aggregated_names``.

    What a window gives does not depend on which others are computed with it, to the last bit.

    Args:
        windows: (m, S, C); NaN is missing. It counts for nothing in a statistic; a statistic of
            nothing is missing, and so is the slope of one point.
        agg: "stats" or "flatten".
        spec: whose grid the slope is told by, per second; the usual one where it is None.

    Raises:
        DomainError: agg_unknown.
    """
    _require_known(agg)
    windows = np.asarray(windows)
    many, steps, columns = windows.shape
    if agg == "flatten":
        return windows.astype(float).reshape(many, steps * columns)
    grid = (spec or WindowSpec()).grid_seconds
    found = np.empty((many, columns, len(STATISTICS)))
    for first in range(0, many, _AT_ONCE):
        part = windows[first : first + _AT_ONCE].astype(float)
        flat = np.ascontiguousarray(part.transpose(1, 0, 2)).reshape(steps, -1)
        rows = _statistics(flat, grid).T.reshape(len(part), columns, len(STATISTICS))
        found[first : first + len(part)] = rows
    return found.reshape(many, columns * len(STATISTICS))


def _require_known(agg):
    if agg not in AGGREGATIONS:
        told = f"Must be one of {', '.join(AGGREGATIONS)}."
        raise DomainError("agg_unknown", f"agg: {told}", fields={"agg": told})


def _statistics(values, grid_seconds):
    """Return the statistics (5, k) of columns of points, (S, k)."""
    is_known = ~np.isnan(values)
    count = is_known.sum(axis=0).astype(float)
    at = np.arange(len(values))[:, None] * grid_seconds
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = _sum(np.where(is_known, values, 0.0)) / count
        away = np.where(is_known, values - mean, 0.0)
        std = np.sqrt(_sum(away * away) / count)
        late = np.where(is_known, at - _sum(np.where(is_known, at, 0.0)) / count, 0.0)
        slope = np.where(count > 1, _sum(late * away) / _sum(late * late), np.nan)
    # A zero has no sign here: which of two a minimum meets first is nobody's business.
    low, high = np.fmin.reduce(values) + 0.0, np.fmax.reduce(values) + 0.0
    return np.stack([mean, std, low, high, slope])


def _sum(rows):
    """Return the sum (k,) of rows, added one after the other.

    Left to itself, the library adds in an order that depends on the shape.
    """
    total = np.zeros(rows.shape[1])
    for row in rows:
        total += row
    return total


def aggregated_names(columns, agg: str, spec: WindowSpec | None = None) -> tuple[str, ...]:
    """Return the names of what ``aggregated`` gives, in its order.

    Raises:
        DomainError: agg_unknown.
    """
    _require_known(agg)
    if agg == "stats":
        return tuple(f"{column}_{what}" for column in columns for what in STATISTICS)
    steps = range((spec or WindowSpec()).steps)
    return tuple(f"{column}_step_{step:02d}" for step in steps for column in columns)
