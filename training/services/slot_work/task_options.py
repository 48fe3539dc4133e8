"""What a dataset of windows is asked for: which question, which features, how they are cut."""

from dataclasses import fields

from detection.services import serving
from detection.slots import TASK_CLASSIFIER
from detection.vision.windows import WindowSpec
from hitlsite.bounds import as_id
from hitlsite.errors import DomainError
from training.learning import balancing, splits
from training.models import FeatureSet, LabelSet, ModelVersion
from training.services.slot_work import tables

OWN = 0  # instead of a label set: the label column of the features themselves
RATIOS = {"train_ratio": splits.TRAIN, "val_ratio": splits.VAL, "test_ratio": splits.TEST}
KNOWN = ("label_set", "feature_sets", "detector_mode", "window_seconds", "step_seconds")
KNOWN += ("balance", *RATIOS, "seed")
LEAST_RATIO = 0.01
LONGEST_WINDOW, SHORTEST_STEP, LONGEST_STEP = 60.0, 0.1, 60.0
MOST_SEED = 2**31 - 1
_OF_PICTURES = ("frames_per_track", "whole_imports")


def clean_options(options, sites):
    """Return the options of a freeze with all that is not given as usual.

    Args:
        options: ``label_set`` as id or name, 0 for what the features say themselves; where it is
            not given, the only one of the sites, of several the one that what serves was trained
            for, or 0 where there is none. ``feature_sets`` as
            ids, where not given the newest of every video that has labels. ``window_seconds``,
            ``step_seconds``, ``balance``, ``train_ratio``, ``val_ratio``, ``test_ratio``,
            ``detector_mode``, ``seed``, ``camera_share``.

    Raises:
        DomainError: option_unknown, invalid, label_set_needed, ratios_invalid.
    """
    told = {name: value for name, value in options.items() if name not in _OF_PICTURES}
    tables.clean_options(told, *KNOWN)
    spec = WindowSpec()
    cleaned = {
        **{name: told[name] for name in (tables.SYNTHETIC,) if name in told},
        "label_set": _label_set(told.get("label_set"), sites),
        "window_seconds": _number(told, "window_seconds", spec.window_seconds, 0.5, LONGEST_WINDOW),
        "step_seconds": _number(
            told, "step_seconds", spec.step_seconds, SHORTEST_STEP, LONGEST_STEP
        ),
        "balance": _one_of(told, "balance", balancing.WAYS, balancing.NONE),
        "seed": int(_number(told, "seed", 0, 0, MOST_SEED, whole=True)),
        "camera_share": told.get("camera_share", 1.0),
        **_ratios(told),
    }
    if told.get("detector_mode"):
        modes = FeatureSet.Detector.values
        cleaned["detector_mode"] = _one_of(told, "detector_mode", modes, None)
    if told.get("feature_sets"):
        cleaned["feature_sets"] = _feature_sets(told["feature_sets"], sites)
    spec_of(cleaned)
    return cleaned


def spec_of(options) -> WindowSpec:
    """Return how the windows of a freeze are cut.

    Raises:
        DomainError: window_invalid.
    """
    names = {field.name for field in fields(WindowSpec)}
    return WindowSpec(**{name: value for name, value in options.items() if name in names})


def shares_of(options) -> dict[str, float]:
    """Return {split: share} of a freeze's cleaned options."""
    return {split: options[name] for name, split in RATIOS.items()}


def _label_set(given, sites):
    known = {row.pk: row for row in LabelSet.objects.filter(site__in=sites)}
    if given is None or given == "":
        served = _served() if len(known) > 1 else None
        if served in known:
            return served
        if len(known) > 1:
            there = ", ".join(sorted(f"{row.name} ({pk})" for pk, row in known.items()))
            told = f"Say which label set; there are: {there[:300]}."
            raise DomainError("label_set_needed", told, fields={"label_set": told})
        return next(iter(known), OWN)
    if as_id(given) == OWN:
        return OWN
    for pk, row in known.items():
        if str(given) in (str(pk), row.name):
            return pk
    raise _invalid("label_set", f"the id or the name of a label set at these sites, not {given}")


def _served():
    """Return the id of the label set that what serves the slot answers, or None."""
    champion = serving.champion(TASK_CLASSIFIER)
    uuid = champion.model_version_uuid if champion else None
    version = ModelVersion.objects.filter(uuid=uuid).select_related("dataset").first()
    return version.dataset.options.get("label_set") if version and version.dataset else None


def _feature_sets(given, sites):
    """Return the ids of finished features of these sites, given as a list or as "3,5"."""
    if isinstance(given, str | int):
        given = [part.strip() for part in str(given).split(",") if part.strip()]
    if not isinstance(given, list | tuple):
        raise _invalid("feature_sets", "a list of ids")
    pks = sorted({as_id(one) for one in given} - {None})
    rows = FeatureSet.objects.filter(pk__in=pks, site__in=sites).select_related("footage")
    known = {row.pk: row for row in rows}
    if len(pks) != len(given) or known.keys() != set(pks):
        missing = [str(one) for one in given if as_id(one) not in known]
        more = f"; not found: {', '.join(missing)}"[:100] if missing else ", each once"
        raise _invalid("feature_sets", f"ids of features at these sites{more}")
    for row in known.values():
        if row.state != row.State.DONE:
            raise _invalid("feature_sets", f"ids of finished features: {row.pk} is {row.state}")
    _refuse_twice(known.values())
    return pks


def _refuse_twice(rows):
    seen = {}
    for row in rows:
        if row.footage_id is None:
            continue
        other = seen.setdefault(row.footage_id, row)
        if other is not row:
            told = f"of different videos: {other.pk} and {row.pk} are both of {row.name}"
            raise _invalid("feature_sets", f"ids of features {told}")


def _ratios(told):
    given = {
        name: _number(told, name, splits.SHARES[split], LEAST_RATIO, 1.0)
        for name, split in RATIOS.items()
    }
    total = sum(given.values())
    if abs(total - 1.0) > 0.005:
        told = f"{', '.join(RATIOS)} must add up to 1; they are {total:.4g} together."
        raise DomainError("ratios_invalid", told, fields=dict.fromkeys(RATIOS, told))
    return given


def _number(told, name, usual, least, most, *, whole=False):
    given = told.get(name)
    if given is None or given == "":
        return usual
    try:
        if isinstance(given, bool):
            raise ValueError(given)
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not least <= number <= most or (whole and number != int(number)):
        raise _invalid(name, f"{'a whole' if whole else 'a'} number from {least:g} to {most:g}")
    return number


def _one_of(told, name, known, usual):
    given = told.get(name) or usual
    if given not in known:
        raise _invalid(name, f"one of {', '.join(known)}")
    return given


def _invalid(name, told):
    return DomainError("invalid", f"{name} must be {told}.", fields={name: f"Must be {told}."})
