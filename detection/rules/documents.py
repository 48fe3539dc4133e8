"""Reads documents that people write by hand, and says what is wrong with them.

Everything a document can hold may be wrong: the type, the size, the spelling. The readers here
return a checked value or raise ``Refusal`` with the key at fault; none of them prints more of a
value than a person wants to read.
"""

import json
import math
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from reprlib import Repr

import yaml

LONGEST_TEXT = 300_000
LONGEST_NAME = 60  # as the columns of zones, rules and rule hits have it

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = LONGEST_NAME
_SHORT.maxlevel = 2


class Refusal(Exception):
    """Something is wrong at a key."""

    def __init__(self, key: str, problem: str):
        super().__init__(key, problem)
        self.key = key
        self.problem = problem


class ConfigLoader(yaml.SafeLoader):
    """YAML in which 22:00 stays text and a key stands once."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                continue
            if key_node.value in seen:
                problem = f"the key {shorten(key_node.value)} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep=deep)

    def construct_clock_number(self, node):
        text = self.construct_scalar(node)
        if ":" in text:
            return text
        is_whole = node.tag.endswith(":int")
        return self.construct_yaml_int(node) if is_whole else self.construct_yaml_float(node)


for _tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
    ConfigLoader.add_constructor(_tag, ConfigLoader.construct_clock_number)


def load_text(text: str):
    """Read YAML or JSON, or refuse with the line at fault."""
    if len(text) > LONGEST_TEXT:
        raise Refusal("", f"is longer than {LONGEST_TEXT} characters")
    try:
        document = _load_json(text)
        # ConfigLoader is a SafeLoader.
        return yaml.load(text, Loader=ConfigLoader) if document is None else document
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}" if mark else "the file"
        raise Refusal(line, f"is not valid YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise Refusal(f"line {line}", f"is not valid YAML: {error.reason}") from None
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Refusal("", f"is not valid YAML: {reason}") from None


def _load_json(text):
    """Read JSON, of which YAML 1.1 takes some numbers and escapes for text; None otherwise."""
    try:
        return json.loads(text, object_pairs_hook=_refuse_double_keys)
    except json.JSONDecodeError:
        return None


def _refuse_double_keys(pairs):
    document = {}
    for key, value in pairs:
        if key in document:
            raise ValueError(f"the key {shorten(key)} stands twice")
        document[key] = value
    return document


def refuse_unknown_keys(entry: Mapping, known: Collection[str], key: str) -> None:
    """Refuse a mapping that has other keys than the known ones."""
    for name in entry:
        if name not in known:
            place = f"{key}.{name}" if key else str(name)
            place = _printable(place)[:LONGEST_NAME]
            keys = ", ".join(known)
            raise Refusal(place, f"is an unknown key{suggest(name, known)} (known: {keys})")


def read_required(entry: Mapping, name: str, key: str):
    """Return the value under a name that must be there."""
    if name not in entry:
        raise Refusal(f"{key}.{name}", "is missing")
    return entry[name]


def read_name(value, key: str) -> str:
    """Return a printable text without blanks around it."""
    is_usable = isinstance(value, str) and value == value.strip() and value.isprintable()
    if not is_usable or not 0 < len(value) <= LONGEST_NAME:
        problem = f"must be a text of 1 to {LONGEST_NAME} characters, it is {shorten(value)}"
        raise Refusal(key, problem)
    return value


def read_texts(value, key: str) -> tuple[str, ...]:
    """Return a list of texts."""
    if not isinstance(value, list | tuple):
        raise Refusal(key, f"must be a list, it is a {name_type(value)}")
    for position, text in enumerate(value):
        if not isinstance(text, str) or not text:
            raise Refusal(f"{key}[{position}]", f"must be a text, it is {shorten(text)}")
    return tuple(value)


def read_choice(value, known: tuple[str, ...], key: str) -> str:
    """Return a value that is one of a few texts."""
    if value not in known:
        listed = ", ".join(known)
        problem = f"must be one of {listed}, it is {shorten(value)}{suggest(value, known)}"
        raise Refusal(key, problem)
    return value


def is_number(value) -> bool:
    """Say whether a value is a real number; comparing it with limits then does the rest."""
    is_numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return is_numeric and not (isinstance(value, float) and math.isnan(value))


def suggest(name, known: Collection[str]) -> str:
    """Return "; did you mean ...?" when a name resembles known ones."""
    close = get_close_matches(name[:LONGEST_NAME], known, n=3) if isinstance(name, str) else ()
    return f"; did you mean {' or '.join(close)}?" if close else ""


def name_type(value) -> str:
    """Return what a person would call the value's type."""
    names = {str: "text", bool: "boolean", int: "number", float: "number", list: "list"}
    return names.get(type(value), "mapping" if isinstance(value, Mapping) else "nothing")


def shorten(value) -> str:
    """Return a value as text that fits into a sentence, whatever its size."""
    if isinstance(value, str):
        start = _printable(value[:LONGEST_NAME])
        return f'"{start}"' if len(value) <= LONGEST_NAME else f'"{start}..."'
    try:
        return _SHORT.repr(value)
    except ValueError:  # an integer of thousands of digits
        return "a huge number"


def _printable(text):
    """Return a text that stays on its line: line ends and control characters become blanks."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
