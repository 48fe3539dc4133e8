"""The classes of a dataset: places among a model's outputs that no rename and no merge moves.

A row of a taxonomy is {"name", "former", "label_classes"}. Its place is for ever; its ids say
which label classes stand there, one a site. A class that was merged away keeps its place without
examples and says in ``merged_into`` where its boxes count now; taking the merge back fills the
place again. The name of a merged class is kept as a former name of what it became, so that a model
that still calls it so is understood.
"""

from collections.abc import Iterable
from dataclasses import dataclass

MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A label class as it is now; ``standing`` is the id that counts, its own unless merged."""

    pk: int
    name: str
    former: tuple[str, ...] = ()
    standing: int | None = None

    @property
    def counts_as(self) -> int:
        return self.pk if self.standing is None else self.standing

    @property
    def is_merged(self) -> bool:
        return self.counts_as != self.pk


def placed(
    previous: list[dict], classes: Iterable[Labelled], used: set[int]
) -> tuple[list[dict], dict[int, int]]:
    """Return the taxonomy that follows another, and the place of every class by its id.

    Args:
        previous: rows of the dataset before.
        classes: every label class that is known, in an order of its own.
        used: ids of the classes that have a box; only those make a new place.

    >>> rows, places = placed([], [Labelled(4, "person"), Labelled(5, "Person")], {4, 5})
    >>> [row["name"] for row in rows], places
    (['person'], {4: 0, 5: 0})
    """
    known = {one.pk: one for one in classes}
    seats = [list(row["label_classes"]) for row in previous]
    seat_of = {pk: place for place, seat in enumerate(seats) for pk in seat}
    by_name = _names(seats, known)
    for one in known.values():
        if one.is_merged or one.pk in seat_of:
            continue
        place = by_name.get(one.name.casefold())
        if place is None and one.pk in used:
            place = by_name[one.name.casefold()] = len(seats)
            seats.append([])
        if place is not None:
            seats[place].append(one.pk)
            seat_of[one.pk] = place
    joined = _joined(seats, known)
    places = {
        one.pk: joined[seat_of[one.counts_as]] for one in known.values() if one.counts_as in seat_of
    }
    return _rows(previous, seats, known, joined, places), places


def _live(seat, known):
    """Return the classes of a place that are still themselves."""
    return [known[pk] for pk in seat if pk in known and not known[pk].is_merged]


def _names(seats, known):
    names = {}
    for place, seat in enumerate(seats):
        for one in _live(seat, known):
            names.setdefault(one.name.casefold(), place)
    return names


def _joined(seats, known):
    """Return to which place each leads: of two that now have one name, both to the first."""
    first, joined = {}, []
    for place, seat in enumerate(seats):
        live = _live(seat, known)
        name = live[0].name.casefold() if live else None
        joined.append(place if name is None else first.setdefault(name, place))
    return joined


def _rows(previous, seats, known, joined, places):
    rows, taken = [], set()
    for place, seat in enumerate(seats):
        live = _live(seat, known)
        goes = _goes(seat, place, live, joined, places)
        if live and goes == place:
            name = live[0].name
        else:
            old = previous[place]["name"] if place < len(previous) else live[0].name
            name = _free(old, taken | _standing_names(seats, known, joined), goes != place)
        taken.add(name.casefold())
        row = {"name": name, "former": [], "label_classes": list(seat)}
        rows.append(row if goes == place else row | {"merged_into": goes})
    current = {row["name"].casefold() for row in rows}
    for place, row in enumerate(rows):
        row["former"] = _former(place, known, places, current)
        if "merged_into" in row:
            row["merged_into"] = rows[row["merged_into"]]["name"]
    return rows


def _goes(seat, place, live, joined, places):
    """Return the place at which the boxes of a place count now."""
    if live:
        return joined[place]
    return next((places[pk] for pk in seat if pk in places), place)


def _standing_names(seats, known, joined):
    return {
        _live(seat, known)[0].name.casefold()
        for place, seat in enumerate(seats)
        if _live(seat, known) and joined[place] == place
    }


def _free(name, taken, is_merged):
    """Return a name for a place that holds nothing any more, unlike every name in use."""
    base = name.removesuffix(f" ({MERGED})")
    wanted = f"{base} ({MERGED})" if is_merged else name
    number = 2
    while wanted.casefold() in taken:
        wanted = f"{base} ({MERGED} {number})"
        number += 1
    return wanted


def _former(place, known, places, current):
    """Return every other name by which a place is known, none of them in use for another."""
    told = {}
    for one in known.values():
        if places.get(one.pk) == place:
            for name in (one.name, *one.former):
                told.setdefault(name.casefold(), name)
    return sorted(name for folded, name in told.items() if folded not in current)
