"""What an export may be narrowed down to, checked before it is stored."""

from datetime import date
from functools import partial

from detection.models import Camera, Incident
from hitlsite.bounds import as_id, is_day_in_range
from hitlsite.errors import DomainError

MOST_CHOSEN = 30_000


def clean_filters(site, given):
    """Return filters as they are stored: plain JSON values, empty ones left out.

    Raises:
        DomainError: invalid, with a message for the field at fault.
    """
    readers = {
        "camera": partial(_camera, site),
        "category": _category,
        "since": _day,
        "until": _day,
        "items": _items,
    }
    unknown = sorted(set(given) - set(readers))
    if unknown:
        raise invalid(unknown[0], f"There is no such filter; there are {', '.join(readers)}.")
    cleaned = {}
    for name, value in given.items():
        if value not in (None, "", []):
            try:
                cleaned[name] = readers[name](value)
            except (ValueError, TypeError) as error:
                raise invalid(name, str(error)) from error
    return cleaned


def clean_formats(given, known):
    """Return the formats as they are stored: sorted, each once.

    Raises:
        DomainError: invalid, where one is not among ``known`` or this is no list.
    """
    if not isinstance(given, list | tuple) or not all(one in known for one in given):
        raise invalid("formats", f"This must be any of {', '.join(known)}.")
    return sorted(set(given))


def invalid(field, message):
    return DomainError("invalid", f"{field}: {message}", fields={field: message})


def _camera(site, value):
    pk = value.pk if isinstance(value, Camera) else as_id(value)
    if not Camera.objects.filter(site=site, pk=pk).exists():
        raise ValueError(f"The site has no camera {str(value)[:20]}.")
    return pk


def _category(value):
    if value not in Incident.Category.values:
        raise ValueError(f"This must be one of {', '.join(Incident.Category.values)}.")
    return value


def _day(value):
    day = value if isinstance(value, date) else date.fromisoformat(value)
    if not is_day_in_range(day):
        raise ValueError(f"{day} is too far off.")
    return day.isoformat()


def _items(value):
    if len(value) > MOST_CHOSEN:
        raise ValueError(f"At most {MOST_CHOSEN} items can be chosen one by one.")
    chosen = {as_id(pk) for pk in value}
    if None in chosen:
        raise ValueError("These must be the ids of items.")
    return sorted(chosen)
