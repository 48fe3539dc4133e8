"""Where a replay of a window begins, and which incident is which."""

from dataclasses import replace
from datetime import timedelta

import pytest

from detection.rules.config import RulesConfig
from detection.services import replay, replay_plans
from detection.services.matching import match
from hitlsite.errors import DomainError
from tests import factories
from tests.detection.rules.scenes import HALL, Visit, film, loitering
from tests.detection.track_logs import store_frames

BEGIN = factories.STARTS_AT


def incident(key="loitering:1:1000", opened=1.0, closed=9.0, tracks=(1,), footage=1):
    rule = key.split(":")[0]
    return replay.Replayed(
        footage_id=footage,
        key=key,
        category="loitering",
        severity="low",
        class_name="person",
        opened_at_seconds=opened,
        closed_at_seconds=closed,
        opened_at=BEGIN + timedelta(seconds=opened),
        closed_at=BEGIN + timedelta(seconds=closed),
        close_reason="rule_stopped",
        why="",
        rules=(rule,),
        zones=("hall",),
        track_ids=tracks,
        hits=({"rule_name": rule},),
    )


class TestMatch:
    @pytest.mark.parametrize(
        ("other", "is_same"),
        [
            (incident(), True),
            (incident("stays:1:4000", opened=4.0), True),
            (incident("stays:7:4000", opened=4.0, tracks=(7, 1)), True),
            (incident("stays:7:4000", opened=4.0, tracks=(7,)), False),
            (incident("stays:1:9500", opened=9.5, closed=12.0), False),
            (incident("crowd:crowd:hall:4000", opened=4.0, tracks=(1, 2, 3)), False),
            (incident(footage=2), False),
        ],
    )
    def test_the_same_subject_at_the_same_time(self, other, is_same):
        assert match([incident()], [other]) == ([(incident(), other)] if is_same else [])

    def test_the_best_of_several_wins(self):
        short = incident("stays:1:2000", opened=2.0, closed=3.0)
        long = incident("stays:1:4000", opened=4.0, closed=9.0)
        same = incident()
        assert match([same], [short, long]) == [(same, long)]
        assert match([same], [short, long, same]) == [(same, same)]
        assert match([short, long], [same]) == [(long, same)]

    def test_a_crowd_is_matched_by_its_zone(self):
        before = incident("crowd:crowd:hall:4000", opened=4.0, tracks=(1, 2))
        after = incident("many:crowd:hall:5000", opened=5.0, tracks=(8, 9))
        assert match([before], [after]) == [(before, after)]


class TestWhereItBegins:
    """Logs of a minute, a hundred rows in each but the quiet ones; the window is the last one."""

    def begins(self, quiet=(), minutes=100):
        logs = [
            replay_plans.StoredLog("", 0 if at in quiet else 100, 60.0 * at, 60.0 * at + 60)
            for at in range(minutes)
        ]
        row = factories.Footage(starts_at=BEGIN)
        window = replay_plans.Window(row, BEGIN + timedelta(minutes=minutes - 0.5), None)
        wanted = replay_plans._logs_of_window(logs, window, margin=600.0)
        assert wanted[-1] is logs[-1]
        return logs.index(wanted[0])

    def test_at_the_start_of_the_session_where_that_is_cheap(self):
        assert self.begins() == 0

    def test_a_margin_before_the_window_otherwise(self, monkeypatch):
        monkeypatch.setattr(replay_plans, "CHEAP_ROWS", 2000)
        assert self.begins() == 89

    def test_where_it_was_quiet_if_that_is_near(self, monkeypatch):
        monkeypatch.setattr(replay_plans, "CHEAP_ROWS", 2000)
        assert self.begins(quiet={80}) == 80
        assert self.begins(quiet={20}) == 89


@pytest.mark.django_db
@pytest.mark.usefixtures("data_dir")
def test_a_late_window_gives_what_the_whole_replay_gives_there(monkeypatch):
    visits = [Visit(number, 50.0 * number, 50.0 * number + 20) for number in range(1, 60)]
    row = store_frames(film(visits, fps=2, until=3000), fps=2, segment_seconds=60)
    config = RulesConfig((HALL,), (loitering(5.0),))
    whole = replay.replay(row.camera, config)
    since = row.starts_at + timedelta(seconds=2500)
    monkeypatch.setattr(replay_plans, "CHEAP_ROWS", 100)
    seen = []
    late = replay.replay(row.camera, config, since=since, progress=lambda *told: seen.append(told))
    assert late == [one for one in whole if one.closed_at >= since]
    assert seen[-1][1] < 30 < row.track_logs.count()


class TestHowMuchIsRead:
    """A session of 50 minutes in which somebody is always there, two sightings a second."""

    @pytest.fixture
    def row(self, db, data_dir, monkeypatch):
        monkeypatch.setattr(replay_plans, "CHEAP_ROWS", 100)
        monkeypatch.setattr(replay_plans, "MARGIN_SECONDS", 120.0)
        return store_frames(film([Visit(1, 0.0, 3000.0)], fps=2, until=3000), fps=2)

    def read(self, row, *, most_rows=None, **parameters):
        rule = loitering(5.0)
        rule = replace(rule, parameters={**rule.parameters, **parameters})
        since = row.starts_at + timedelta(seconds=2900)
        config = RulesConfig((HALL,), (rule,))
        plans = replay_plans.plan(row.camera, [config], since, None, None, most_rows=most_rows)
        return sum(log.row_count for _, logs in plans for log in logs)

    def test_what_lies_before_the_window_counts(self, row):
        in_window = 2 * 100
        read = self.read(row)
        assert read > 2 * in_window
        assert self.read(row, most_rows=read) == read
        with pytest.raises(DomainError) as refusal:
            self.read(row, most_rows=read - 1)
        assert refusal.value.code == "replay_too_long"
        assert f"{read:,}" in refusal.value.message

    def test_a_long_threshold_is_looked_back_at_in_full(self, row):
        assert self.read(row, threshold_seconds=2000.0) > 2 * 2000

    def test_a_long_cool_down_is_not(self, row):
        assert self.read(row, cooldown_seconds=86_400.0) == self.read(row)
