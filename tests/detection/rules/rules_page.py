"""The tables of docs/rules.md as the code has them.

``python -m tests.detection.rules.rules_page`` writes them into the page after a change.
"""

import re

from detection.rules.base import LIFECYCLE_PARAMETERS, RULE_KINDS
from tests.architecture.tree import ROOT

PAGE = ROOT / "docs/rules.md"
BLOCK = re.compile(r"<!-- parameters of (\w+) -->\n(.*?)<!-- end -->\n", re.S)
HEAD = "| parameter | default | unit | from | to | meaning |\n|---|---|---|---|---|---|\n"


def table_of(name):
    """Return the table of a kind, without what every kind has; "every" has the rest."""
    if name == "every":
        parameters = LIFECYCLE_PARAMETERS
    else:
        parameters = {
            key: parameter
            for key, parameter in RULE_KINDS[name].parameters_by_name.items()
            if LIFECYCLE_PARAMETERS.get(key) != parameter
        }
    return HEAD + "".join(_row(key, parameter) for key, parameter in parameters.items())


def _row(name, parameter):
    default = "follows" if parameter.default is None else f"{parameter.default:g}"
    unit = f"{parameter.unit}, whole" if parameter.is_whole else parameter.unit
    cells = [f"`{name}`", default, unit, f"{parameter.minimum:g}", f"{parameter.maximum:g}"]
    return f"| {' | '.join([*cells, parameter.meaning])} |\n"


def rewrite(text):
    """Return the page with its tables as they should be."""
    return BLOCK.sub(
        lambda found: f"<!-- parameters of {found[1]} -->\n{table_of(found[1])}<!-- end -->\n", text
    )


if __name__ == "__main__":
    PAGE.write_text(rewrite(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
