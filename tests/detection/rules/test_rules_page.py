"""docs/rules.md says what the rules take, and its examples are read as it says."""

import re

import pytest
import yaml

from detection.rules.base import RULE_KINDS, SEVERITIES, ZONE_KINDS
from detection.rules.config import parse_config
from detection.rules.dialects import read_dialects
from detection.rules.dialects.sections import FLAT_KEYS, GLOBAL_LIMITS, PARAMETERS
from detection.rules.dialects.zones import DIALECT_KEYS
from tests.detection.rules.rules_page import BLOCK, PAGE, table_of

TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)


def test_every_kind_has_its_section_and_its_table():
    said = dict(BLOCK.findall(TEXT))
    assert set(said) == {*RULE_KINDS, "every"}
    wrong = [name for name, table in said.items() if table != table_of(name)]
    assert wrong == [], "python -m tests.detection.rules.rules_page writes the tables"


@pytest.mark.parametrize("kind", sorted(RULE_KINDS))
def test_a_section_names_severity_and_category(kind):
    section = TEXT.split(f"### `{kind}`")[1].split("\n### ")[0].split("\n## ")[0]
    section = " ".join(section.split())
    assert f"Severity {RULE_KINDS[kind].default_severity}" in section
    category = RULE_KINDS[kind].category
    assert category == "unknown" or f"category `{category}`" in section


@pytest.mark.parametrize(
    "word", [*SEVERITIES, *ZONE_KINDS, *DIALECT_KEYS, *PARAMETERS, *FLAT_KEYS, *GLOBAL_LIMITS]
)
def test_no_word_is_left_out(word):
    assert f"`{word}`" in TEXT


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_read(example):
    document = yaml.safe_load(example)
    options = {"frame_size": (1920, 1080)}
    if isinstance(document, dict) and isinstance(document.get("rules"), list):
        assert parse_config(example, file_name="example").rules
    elif isinstance(document, list) or "zones" in document:
        assert read_dialects(zones_text=example, **options).config.zones
    else:
        zones = next(one for one in EXAMPLES if one.startswith("- {id:"))
        assert read_dialects(zones, example, **options).config.rules
