"""What may be set of each algorithm that learns tasks from windows, with defaults and limits."""

from dataclasses import dataclass

from detection.slots import ALGORITHM_ALIASES
from detection.vision.tabular.parameters import Number, Switch
from detection.vision.windows import AGGREGATIONS
from hitlsite.errors import DomainError

FUSED = "fused"
COLUMN_SETS = (FUSED, "mediapipe", "yolo")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words; the first is the default."""

    known: tuple[str, ...]

    @property
    def default(self):
        return self.known[0]

    def objection(self, value):
        return "" if value in self.known else f"This must be one of {', '.join(self.known)}."

    def clean(self, value):
        return value


@dataclass(frozen=True, slots=True)
class Limit:
    """A whole number, or nothing where there is no limit."""

    lowest: int
    highest: int
    default: None = None

    def objection(self, value):
        if value is None:
            return ""
        return Number(0, self.lowest, self.highest, is_whole=True).objection(value)

    def clean(self, value):
        return None if value is None else int(value)


_COMMON = {"columns": Choice(COLUMN_SETS), "ablations": Switch(False)}
_AGGREGATED = {"agg": Choice(AGGREGATIONS), **_COMMON}
_TREES = {"n_estimators": Number(100, 1, 2000, is_whole=True), "max_depth": Limit(1, 64)}
_NETWORK = {
    "epochs": Number(40, 1, 1000, is_whole=True),
    "batch": Number(64, 1, 4096, is_whole=True),
    "hidden": Number(64, 4, 512, is_whole=True),
    "learning_rate": Number(1e-3, 1e-6, 1.0),
    **_COMMON,
}
KNOWN = {
    "random_forest": {**_TREES, **_AGGREGATED},
    "lightgbm": {**_TREES, "learning_rate": Number(0.1, 1e-3, 1.0), **_AGGREGATED},
    "lstm": _NETWORK,
    "tcn": _NETWORK,
    "transformer": _NETWORK,
    "online": {
        "epochs": Number(10, 1, 1000, is_whole=True),
        "learning_rate": Number(0.01, 1e-6, 1.0),
        **_AGGREGATED,
    },
}


def algorithm_named(name: str) -> str:
    """Return the algorithm that a name stands for, short ones too.

    >>> algorithm_named("rf"), algorithm_named("lstm")
    ('random_forest', 'lstm')
    """
    return ALGORITHM_ALIASES.get(name, name)


def clean(algorithm: str, parameters: dict | None = None) -> dict:
    """Return all parameters of an algorithm, with defaults where nothing is given.

    Raises:
        DomainError: algorithm_unknown, parameters_invalid; the fields name each that is wrong.
    """
    known = KNOWN.get(algorithm_named(algorithm))
    if known is None:
        told = f"This must be one of {', '.join(KNOWN)}."
        message = f"There is no algorithm {str(algorithm)[:40]} for tasks. {told}"
        raise DomainError("algorithm_unknown", message, fields={"algorithm": told})
    given = {} if parameters is None else parameters
    if not isinstance(given, dict):
        raise _invalid({"parameters": "This must be an object."})
    wrong = {}
    for name, value in given.items():
        has = f"{algorithm} has no such parameter; it has {', '.join(known)}."
        objection = known[name].objection(value) if name in known else has
        if objection:
            wrong[f"parameters.{str(name)[:60]}"] = objection
    if wrong:
        raise _invalid(wrong)
    return {name: one.clean(given.get(name, one.default)) for name, one in known.items()}


def _invalid(fields):
    name, sentence = next(iter(fields.items()))
    return DomainError("parameters_invalid", f"{name}: {sentence}", fields=fields)
