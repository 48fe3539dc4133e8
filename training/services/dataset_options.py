"""What a freeze may be asked for besides its slot and sites, checked by name."""

from detection.models import Camera
from detection.slots import OBJECT_DETECTOR
from hitlsite.bounds import as_id
from hitlsite.errors import DomainError
from training.services import slot_work

MOST_FRAMES_A_TRACK = 1000
INHERITED, WHOLE = "synthetic_cameras", "whole_imports"


def clean(slot, given, sites, previous):
    """Return the options of a freeze with what it takes over from the dataset before.

    Cameras whose pictures were rendered stay so until other ones are named: forgetting it once
    would let rendered pictures judge.

    Raises:
        DomainError: invalid, ``fields`` naming each; option_unknown, or what the slot says.
    """
    options = {name: value for name, value in given.items() if value is not None}
    if INHERITED not in options and previous is not None and previous.options.get(INHERITED):
        options[INHERITED] = previous.options[INHERITED]
        known = set(Camera.objects.filter(pk__in=options[INHERITED]).values_list("pk", flat=True))
        options[INHERITED] = sorted(known)
    elif INHERITED in options:
        options[INHERITED] = _cameras(options[INHERITED], sites)
    if not options.get(INHERITED, True):
        del options[INHERITED]
    if "frames_per_track" in options:
        most = MOST_FRAMES_A_TRACK
        _number(options, "frames_per_track", int, 1, most, f"a whole number from 1 to {most}")
    if WHOLE in options:
        options[WHOLE] = _is_yes(options[WHOLE])
        if not options[WHOLE]:
            del options[WHOLE]
    if "camera_share" in options:
        _number(options, "camera_share", float, 0.01, 1.0, "a share from 0.01 to 1")
    return _of_slot(slot, options, sites)


def _of_slot(slot, options, sites):
    """Return the options as the slot's own check returns them, where it has one."""
    check = getattr(slot_work.of(slot), "clean_options", None)
    if check is not None:
        return check(options, sites)
    known = {INHERITED, WHOLE, "frames_per_track", "camera_share"}
    if slot == OBJECT_DETECTOR and not options.keys() <= known:
        unknown = ", ".join(sorted(options.keys() - known))[:100]
        raise DomainError(
            "option_unknown",
            f"There is no option {unknown}; there are: {', '.join(sorted(known))}.",
        )
    return options


def _cameras(given, sites):
    """Return the ids of cameras of these sites, given as a list or as "3,5"."""
    if isinstance(given, str | int):
        given = [part for part in str(given).split(",") if part.strip()]
    if not isinstance(given, list | tuple):
        raise _invalid(INHERITED, "a list of ids")
    pks = {as_id(str(one).strip()) for one in given} - {None}
    known = set(Camera.objects.filter(pk__in=pks, site__in=sites).values_list("pk", flat=True))
    if len(pks) != len(given) or known != pks:
        raise _invalid(INHERITED, "ids of cameras at these sites")
    return sorted(known)


def _is_yes(given):
    told = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if str(given).casefold() not in told:
        raise _invalid(WHOLE, "yes or no")
    return told[str(given).casefold()]


def _number(options, name, kind, least, most, told):
    given = options[name]
    try:
        if isinstance(given, bool):
            raise ValueError(given)
        number = kind(given)
        is_right = least <= number <= most and number == float(given)
    except (TypeError, ValueError, OverflowError):
        is_right = False
    if not is_right:
        raise _invalid(name, told)
    options[name] = number


def _invalid(name, told):
    return DomainError("invalid", f"{name} must be {told}.", fields={name: f"Must be {told}."})
