"""What may be set of each algorithm that learns from tables, with defaults and limits."""

from dataclasses import dataclass

from hitlsite.errors import DomainError


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number or a float with its limits, both included."""

    default: float
    lowest: float
    highest: float
    is_whole: bool = False

    def objection(self, value):
        """Return a sentence on what is wrong with a value, "" where nothing is."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        is_within = is_number and self.lowest <= value <= self.highest
        if is_within and not (self.is_whole and value != int(value)):
            return ""
        what = "whole number" if self.is_whole else "number"
        return f"This must be a {what} from {self.lowest:g} to {self.highest:g}."

    def clean(self, value):
        return int(value) if self.is_whole else float(value)


@dataclass(frozen=True, slots=True)
class Switch:
    default: bool

    def objection(self, value):
        return "" if isinstance(value, bool) else "This must be true or false."

    def clean(self, value):
        return value


# ``balanced``: every class weighs as much as any other, however few rows it has.
_BALANCED = {"balanced": Switch(False)}
KNOWN = {
    "random_forest": {
        "trees": Number(100, 1, 1000, is_whole=True),
        "leaf_rows": Number(2, 1, 1000, is_whole=True),
        **_BALANCED,
    },
    "svm": {"c": Number(1.0, 1e-4, 1e4), **_BALANCED},
    "logistic": {"c": Number(1.0, 1e-6, 1e6), **_BALANCED},
    "lightgbm": {
        "trees": Number(100, 1, 2000, is_whole=True),
        "leaves": Number(31, 2, 1024, is_whole=True),
        "leaf_rows": Number(20, 1, 10_000, is_whole=True),
        "learning_rate": Number(0.1, 1e-3, 1.0),
        **_BALANCED,
    },
}


def clean(algorithm: str, parameters: dict | None = None, **defaults) -> dict:
    """Return all parameters of an algorithm, with defaults where nothing is given.

    Args:
        defaults: others than the usual ones.

    Raises:
        DomainError: algorithm_unknown, parameters_invalid; the fields name each that is wrong.
    """
    known = KNOWN.get(algorithm)
    if known is None:
        raise DomainError(
            "algorithm_unknown",
            f"There is no algorithm {algorithm} for tables; there are {', '.join(KNOWN)}.",
            fields={"algorithm": f"This must be one of {', '.join(KNOWN)}."},
        )
    given = {} if parameters is None else parameters
    if not isinstance(given, dict):
        raise _invalid({"parameters": "This must be an object."})
    wrong = {
        f"parameters.{str(name)[:60]}": f"{algorithm} has no such parameter; "
        f"it has {', '.join(known)}."
        for name in given
        if name not in known
    }
    for name, value in given.items():
        objection = known[name].objection(value) if name in known else ""
        if objection:
            wrong[f"parameters.{name}"] = objection
    if wrong:
        raise _invalid(wrong)
    usual = {name: one.default for name, one in known.items()} | defaults
    return {name: one.clean(given.get(name, usual[name])) for name, one in known.items()}


def _invalid(fields):
    name, sentence = next(iter(fields.items()))
    return DomainError("parameters_invalid", f"{name}: {sentence}", fields=fields)
