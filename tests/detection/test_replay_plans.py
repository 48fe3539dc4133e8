"""Where a replay of a window begins, and which incident is which."""

from datetime import timedelta

import pytest

from detection.services import replay, replay_plans
from detection.services.matching import match
from tests import factories
from tests.detection.rules.scenes import Visit, film, loitering
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
    from detection.rules.config import RulesConfig
    from tests.detection.rules.scenes import HALL

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
