"""Rows of measures from devices and files: stored once each, whatever is sent twice.

A batch is taken whole or not at all.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from detection.models import Device
from detection.slots import SLOTS
from hitlsite import audit
from hitlsite.errors import DomainError, Forbidden, NotFound
from hitlsite.models import Site
from training.models import TabularSample

ADD = "training.add_tabularsample"
MOST_SAMPLES = 1000
MOST_FILE_BYTES = 200_000_000
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch: rows that are new, and rows that were there already.

    ``ignored`` are columns of a file that nobody knows.
    """

    stored: int
    known: int
    labelled: int = 0
    ignored: tuple[str, ...] = ()


def tabular_slot(name):
    """Return a slot that takes rows of numbers.

    Raises:
        NotFound: there is no such slot.
        DomainError: slot_not_tabular.
    """
    slot = SLOTS.get(name)
    known = ", ".join(one.name for one in SLOTS.values() if one.is_tabular)
    if slot is None:
        raise NotFound(
            f"There is no slot {str(name)[:60]}; rows of numbers go to: {known}.",
            code="slot_unknown",
            fields={"slot": "There is no such slot."},
        )
    if not slot.is_tabular:
        raise DomainError(
            "slot_not_tabular",
            f"The slot {slot.name} takes no rows of numbers; these do: {known}.",
            fields={"slot": "This slot takes no rows of numbers."},
        )
    return slot


def site_for(by, pk=None):
    """Return the site that somebody sends samples of; a device is told its camera's.

    Raises:
        NotFound: no such site for this user, or several to choose from.
    """
    device = Device.objects.filter(user=by).select_related("camera__site").first()
    if device is not None:
        is_live = device.revoked_at is None
        sites = Site.objects.filter(pk=device.camera.site_id) if is_live else Site.objects.none()
    else:
        sites = Site.objects.visible_to(by)
    if pk is not None:
        site = sites.filter(pk=pk).first()
        if site is None:
            raise NotFound(f"There is no site {pk}.", fields={"site": "No such site."})
        return site
    found = list(sites[:2])
    if len(found) != 1:
        raise NotFound("Name the site of the samples.", fields={"site": "This is needed."})
    return found[0]


def add(slot, site, rows, by):
    """Store a batch of samples and return Stored.

    Args:
        rows: dicts with client_id, timestamp, the measures by name, and as may be sequence, label
            and label_source; a decision without a label is its own label.

    Raises:
        NotFound, Forbidden; DomainError: slot_not_tabular, too_many_samples, samples_invalid.
            Nothing is stored then.
    """
    from training.learning import sample_rows

    slot = tabular_slot(slot)
    site = site_for(by, site.pk)
    if not by.has_perm(ADD):
        raise Forbidden("You may not send samples.")
    if not isinstance(rows, list) or not rows or len(rows) > MOST_SAMPLES:
        told = f"This must be a list of 1 to {MOST_SAMPLES} samples."
        raise DomainError("samples_invalid", f"samples: {told}", fields={"samples": told})
    checked = sample_rows.checked(rows, zone=ZoneInfo(site.time_zone))
    return _store(slot, site, checked, by=by)


def import_csv(path, slot, site, label_source="", *, by=None, progress=None):
    """Store the rows of a CSV file and return Stored; what was imported before is known.

    A table without times keeps its order, as if its rows had come in a millisecond apart.

    Args:
        label_source: what the file's labels are, or its decisions where it has no labels.

    Raises:
        NotFound; DomainError: slot_not_tabular, label_source_unknown, file_unreadable,
            samples_invalid with line and column.
    """
    from training.learning import sample_rows, sample_tables

    slot = tabular_slot(slot)
    if label_source and label_source not in sample_rows.SOURCES:
        raise DomainError(
            "label_source_unknown",
            f"{label_source} is no source of labels; it is one of "
            f"{', '.join(sample_rows.SOURCES)}.",
        )
    path = Path(path)
    zone = ZoneInfo(site.time_zone)
    table = sample_tables.read(_text(path), name=path.stem, zone=zone)
    rows = _rows_of(table, label_source)
    stored = _store(slot, site, rows, by=by, progress=progress, file=path.name)
    return Stored(stored.stored, stored.known, stored.labelled, tuple(table.ignored))


def _text(path):
    try:
        if path.stat().st_size > MOST_FILE_BYTES:
            raise DomainError(
                "file_unreadable", f"{path.name} is larger than {MOST_FILE_BYTES} bytes."
            )
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise DomainError("file_unreadable", f"{path.name} is no text in UTF-8.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DomainError("file_unreadable", f"{path} cannot be read: {reason}.") from error


def _rows_of(table, label_source):
    """Return the rows of a table as they are stored."""
    from training.learning import sample_rows, sample_tables

    nothing = [""] * len(table)
    texts = {name: table.texts.get(name, nothing) for name in sample_tables.TEXTS}
    client_ids = [
        given or f"csv:{digest}"
        for given, digest in zip(texts["client_id"], table.digests(), strict=True)
    ]
    names = list(table.numbers)
    cells = zip(*(table.numbers[name].tolist() for name in names), strict=True)
    times, found = _times(table), []
    for place, numbers in enumerate(cells):
        named = zip(names, numbers, strict=True)
        measures = {name: value for name, value in named if value == value}
        given, said = texts["label"][place], texts["label_source"][place]
        decision = measures[sample_tables.DECISION]
        label, source = sample_rows.labelled(given, said or label_source, decision)
        if label and not given:
            source = label_source or source
        sequence = table.sequences[place]
        row = sample_rows.Row(client_ids[place], sequence, times[place], measures, label, source)
        found.append(row)
    return found


def _times(table):
    now = timezone.now()
    return [
        datetime.fromtimestamp(seconds, UTC)
        if seconds == seconds
        else now + timedelta(milliseconds=place)
        for place, seconds in enumerate(table.times.tolist())
    ]


@transaction.atomic
def _store(slot, site, rows, *, by=None, progress=None, file=""):
    # Whoever else sends the same rows waits here, so that what is new is counted once.
    audit.hold()
    fresh = {row.client_id: row for row in reversed(rows)}
    ids = list(fresh)
    for start in range(0, len(ids), _CHUNK):
        known = TabularSample.objects.filter(
            slot=slot.name, site=site, client_id__in=ids[start : start + _CHUNK]
        )
        for client_id in known.values_list("client_id", flat=True):
            del fresh[client_id]
    made = [_sample(slot, site, row, by) for row in rows if fresh.pop(row.client_id, None)]
    for start in range(0, len(made), _CHUNK):
        TabularSample.objects.bulk_create(made[start : start + _CHUNK])
        if progress:
            progress(min(start + _CHUNK, len(made)), len(made))
    labelled = sum(bool(one.label) for one in made)
    if made:
        detail = {"slot": slot.name, "stored": len(made), "labelled": labelled, "file": file}
        audit.record("samples.stored", made[-1], actor=by, site=site, detail=detail)
    return Stored(len(made), len(rows) - len(made), labelled)


def _sample(slot, site, row, by):
    return TabularSample(
        slot=slot.name,
        site=site,
        client_id=row.client_id,
        sequence=row.sequence,
        at=row.at,
        measures=row.measures,
        label=row.label,
        label_source=row.label_source,
        created_by=by,
    )
