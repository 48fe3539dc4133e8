"""What the kinds of zones mean: monitored, restricted, private and public."""

from dataclasses import replace

import pytest

from detection.rules.base import RuleSpec, ZoneSpec
from tests.detection.rules.scenes import HALL, OUTSIDE, VAULT, Visit, crowd, entry, loitering, run

# The left half of the hall and the vault, whose edges are those of HALL.
LEFT = ((0.0, 0.7), (0.5, 0.7), (0.5, 1.0), (0.0, 1.0))
PATH = ZoneSpec("path", "public", LEFT)
DESK = ZoneSpec("desk", "private", LEFT)
LEFT_X, EDGE_X, RIGHT_X = 0.25, 0.5, 0.75


class TestPublic:
    """A public zone is a way through: who stands in it is no intruder, and is seen otherwise."""

    @pytest.mark.parametrize("x, count", [(LEFT_X, 0), (EDGE_X, 0), (RIGHT_X, 1)])
    def test_who_stands_in_it_is_in_no_restricted_zone(self, x, count):
        incidents = run([entry()], [Visit(1, 0, 6, x=x)], zones=[VAULT, PATH])
        assert len(incidents) == count

    @pytest.mark.parametrize("zones", [[PATH, VAULT], [VAULT, PATH]])
    def test_the_order_of_zones_does_not_matter(self, zones):
        assert run([entry()], [Visit(1, 0, 6, x=LEFT_X)], zones=zones) == []

    def test_every_rule_over_the_restricted_zone_agrees(self):
        rules = [replace(loitering(2.0), zones=("vault",)), replace(crowd(), zones=("vault",))]
        visits = [Visit(number, 0, 9, x=0.1 * number) for number in (1, 2, 3)]
        assert run(rules, visits, zones=[VAULT, PATH]) == []
        assert len(run(rules, visits, zones=[VAULT])) == 4

    def test_other_zones_and_the_whole_picture_count_there(self):
        rules = [loitering(2.0), RuleSpec("all", "presence"), replace(loitering(3.0), name="p")]
        rules[2] = replace(rules[2], zones=("path",))
        (incident,) = run(rules, [Visit(1, 0, 6, x=LEFT_X)], zones=[HALL, VAULT, PATH])
        assert [hit.zone for hit in incident.hits] == ["frame", "hall", "path"]

    def test_an_entry_begins_where_the_way_is_left(self):
        visits = [Visit(1, 0, 10, x=0.45), Visit(1, 10.1, 20, x=0.55)]
        (incident,) = run([entry()], visits, zones=[VAULT, PATH])
        assert incident.opened_at_seconds == pytest.approx(11.2)
        assert incident.hits[0].numbers["since_seconds"] == pytest.approx(10.2)


class TestPrivate:
    @pytest.mark.parametrize("x, count", [(LEFT_X, 0), (EDGE_X, 0), (RIGHT_X, 4)])
    def test_who_stands_in_it_is_nowhere_else(self, x, count):
        rules = [
            loitering(2.0),
            entry(),
            RuleSpec("all", "presence"),
            replace(crowd(threshold_count=1), zones=()),
        ]
        incidents = run(rules, [Visit(1, 0, 9, x=x)], zones=[HALL, VAULT, DESK])
        assert sum(len(incident.hits) for incident in incidents) == count

    def test_a_stay_ends_at_its_edge(self):
        visits = [Visit(1, 0, 10, x=0.55), Visit(1, 10.1, 20, x=0.45)]
        (incident,) = run([loitering()], visits, zones=[HALL, DESK])
        assert (incident.closed_at_seconds, incident.close_reason) == (10.0, "rule_stopped")

    def test_private_wins_over_public(self):
        zones = [VAULT, PATH, DESK]
        assert (
            run([replace(loitering(), zones=("path",))], [Visit(1, 0, 9, x=LEFT_X)], zones=zones)
            == []
        )


class TestOverlaps:
    def test_one_stay_in_two_zones_is_one_incident_with_a_hit_for_each(self):
        rule = replace(loitering(), zones=("hall", "vault"))
        (incident,) = run([rule], [Visit(1, 0, 9)])
        assert [(hit.zone, hit.opened_at_seconds) for hit in incident.hits] == [
            ("hall", 5.0),
            ("vault", 5.0),
        ]

    def test_dwell_is_of_a_zone_and_does_not_add_up(self):
        upper = ZoneSpec("upper", "monitored", ((0, 0.4), (1, 0.4), (1, 0.6), (0, 0.6)))
        rule = replace(loitering(10.0), zones=("hall", "upper"))
        visits = [Visit(1, 0, 6), Visit(1, 6.1, 12, feet=OUTSIDE)]
        assert run([rule], visits, zones=[HALL, upper]) == []
