"""The registry: a kind of rule is one class."""

import pytest

from detection.rules.base import (
    LIFECYCLE_PARAMETERS,
    RULE_KINDS,
    SEVERITIES,
    Holding,
    Rule,
    RuleSpec,
)
from detection.rules.config import parse_config
from tests.detection.rules.scenes import Visit, run


@pytest.fixture
def first_sight():
    """A kind of rule that holds for everyone in sight, defined here and nowhere else."""

    class FirstSight(Rule):
        kind = "first_sight"

        def observe(self, scene):
            return [Holding(one.number, self.zones[0], (one,)) for one in scene.subjects]

        def numbers(self, subject, zone, until_seconds):
            return {"until_seconds": until_seconds}

        def why(self, class_name, zone, numbers):
            return f"{class_name} in sight"

        def forget(self, numbers):
            pass

        def state(self):
            return {}

        def restore(self, state):
            pass

    yield FirstSight
    del RULE_KINDS["first_sight"]


def test_defining_a_class_adds_a_kind(first_sight):
    config = parse_config({"rules": [{"kind": "first_sight"}]}, file_name="rules.yaml")
    (incident,) = run(config.rules, [Visit(1, 1, 4)])
    assert incident.opened_at_seconds == 1.0
    assert incident.hits[0].why == "person in sight"
    assert incident.category == "unknown"


@pytest.mark.parametrize("kind", sorted(RULE_KINDS))
def test_every_kind_has_sound_defaults(kind):
    rule_class = RULE_KINDS[kind]
    assert rule_class.kind == kind
    assert rule_class.default_severity in SEVERITIES
    assert rule_class.parameters_by_name.keys() >= LIFECYCLE_PARAMETERS.keys()
    for name, value in rule_class.complete_parameters({}).items():
        parameter = rule_class.parameters_by_name[name]
        assert parameter.minimum <= value <= parameter.maximum
    assert rule_class.find_conflict(rule_class.complete_parameters({})) is None


def test_a_rule_without_parameters_runs_on_the_defaults():
    (incident,) = run([RuleSpec("loitering", "loitering", ("hall",))], [Visit(1, 0, 40)])
    assert incident.opened_at_seconds == 30.0
    assert incident.hits[0].parameters == {
        "threshold_seconds": 30.0,
        "grace_seconds": 2.0,
        "cooldown_seconds": 30.0,
    }
