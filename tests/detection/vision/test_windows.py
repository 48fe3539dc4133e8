"""Windows on a grid in time: what trains and what serves is the same, and nothing spans a gap."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.vision import windows
from detection.vision.windows import RollingWindow, WindowSpec
from hitlsite.errors import DomainError

SPEC = WindowSpec()
SPECS = (
    SPEC,
    WindowSpec(window_seconds=1.0, step_seconds=0.3, grid_seconds=0.07, gap_seconds=0.4),
    WindowSpec(window_seconds=0.5, step_seconds=1.0, grid_seconds=0.25, gap_seconds=2.0),
)

# Steps between rows: usual frame rates, jitter, whatever else there is, and gaps.
_steps = st.one_of(
    st.sampled_from([1 / 30, 1 / 29.97, 1 / 12, 0.1, 0.2, 0.5, 1.0, 1.5]),
    st.floats(min_value=0.001, max_value=3.0),
)


@st.composite
def recordings(draw, width=3):
    """Times that rise in stretches of changing rates, and values of which some are missing."""
    parts = draw(st.lists(st.tuples(_steps, st.integers(1, 40)), min_size=1, max_size=6))
    begin = draw(st.sampled_from([0.0, 0.033, 1234.5, 1.7e9]))
    steps = np.concatenate([np.full(many, step) for step, many in parts])
    times = begin + np.concatenate([[0.0], np.cumsum(steps)])
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    values = rng.normal(0, 1000, (len(times), width)).astype(np.float32)
    values[rng.random(values.shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = np.nan
    return times, values


def rolled(times, values, spec):
    rolling = RollingWindow(spec, values.shape[1])
    return [rolling.add(at, row) for at, row in zip(times.tolist(), values, strict=True)]


def is_same(one, other):
    return np.asarray(one).tobytes() == np.asarray(other).tobytes()


class TestStreamsSeeWhatTrainingSaw:
    @settings(deadline=None)
    @given(recordings(), st.sampled_from(SPECS))
    def test_bit_for_bit_at_every_row(self, recording, spec):
        times, values = recording
        cut = windows.gather(times, values, times, spec)
        for place, window in enumerate(rolled(times, values, spec)):
            since = _since_the_last_gap(times[: place + 1], spec)
            is_whole = times[place] - spec.offsets[0] + windows.SLACK >= since
            assert (window is not None) == is_whole
            if window is not None:
                assert window.dtype == np.float32
                assert is_same(window, cut[place])

    @settings(deadline=None)
    @given(recordings(), st.sampled_from(SPECS))
    def test_every_end_on_the_grid_that_is_a_row_comes_out_of_the_stream_too(self, recording, spec):
        times, values = recording
        found = windows.ends(times, spec)
        by_time = dict(zip(times.tolist(), rolled(times, values, spec), strict=True))
        for end, window in zip(
            found.tolist(), windows.gather(times, values, found, spec), strict=True
        ):
            if end in by_time:
                assert is_same(by_time[end], window)

    @settings(deadline=None)
    @given(recordings(), st.sampled_from(SPECS), st.integers(0, 200))
    def test_going_on_from_a_state_changes_nothing(self, recording, spec, stopped):
        times, values = recording
        wanted = rolled(times, values, spec)
        stopped = min(stopped, len(times))
        first, second = RollingWindow(spec, 3), RollingWindow(spec, 3)
        for at, row in zip(times[:stopped], values[:stopped], strict=True):
            first.add(at, row)
        second.restore(first.state())
        for place in range(stopped, len(times)):
            window = second.add(times[place], values[place])
            assert (window is None) == (wanted[place] is None)
            if window is not None:
                assert is_same(window, wanted[place])

    def test_it_keeps_the_rows_of_one_window_and_no_more(self):
        rolling = RollingWindow(SPEC, 2)
        for place in range(5000):
            rolling.add(place / 25, [place, 0.0])
        state = rolling.state()
        assert len(state["times"]) <= 2.0 * 25 + 2
        assert len(rolling._times) <= 256

    def test_a_window_is_not_changed_by_later_rows(self):
        rolling = RollingWindow(SPEC, 1)
        window = [rolling.add(place / 10, [place]) for place in range(20)][-1]
        kept = window.copy()
        for place in range(20, 200):
            rolling.add(place / 10, [place])
        assert is_same(window, kept)

    def test_a_clock_that_goes_back_starts_anew(self):
        rolling = RollingWindow(SPEC, 1)
        assert [rolling.add(place / 10, [1.0]) for place in range(20)][-1] is not None
        again = [rolling.add(place / 10, [2.0]) for place in range(20)]
        assert again[:19] == [None] * 19
        assert set(again[19].ravel().tolist()) == {2.0}

    def test_a_state_of_other_columns_is_refused(self):
        rolling = RollingWindow(SPEC, 2)
        rolling.add(0.0, [1.0, 2.0])
        with pytest.raises(DomainError, match="2 columns"):
            RollingWindow(SPEC, 3).restore(rolling.state())


def _since_the_last_gap(times, spec):
    cuts = np.flatnonzero(np.diff(times) > spec.gap_seconds)
    return times[cuts[-1] + 1] if len(cuts) else times[0]


class TestEnds:
    @settings(deadline=None)
    @given(recordings(), st.sampled_from(SPECS))
    def test_no_window_holds_a_gap_and_none_that_is_whole_is_missing(self, recording, spec):
        times, _ = recording
        found = windows.ends(times, spec)
        wanted = [end for end in _all_ends(times, spec) if _is_covered(times, end, spec)]
        assert found.tolist() == wanted

    def test_a_video_of_four_seconds(self):
        times = np.arange(0, 4.0, 1 / 25)
        assert windows.ends(times, SPEC).tolist() == [2.0, 2.5, 3.0, 3.5]

    def test_windows_stand_on_both_sides_of_a_gap_and_not_across(self):
        times = np.concatenate([np.arange(0, 3.01, 0.1), np.arange(5.0, 8.01, 0.1)])
        assert windows.ends(times, SPEC).tolist() == [2.0, 2.5, 3.0, 7.0, 7.5, 8.0]

    def test_a_gap_as_long_as_is_allowed_is_none(self):
        times = np.concatenate([np.arange(0, 2.01, 0.25), np.arange(3.0, 5.01, 0.25)])
        assert windows.ends(times, SPEC).tolist() == [2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]

    def test_a_gap_of_years_takes_no_memory(self):
        times = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3e9])
        assert windows.ends(times, SPEC).tolist() == [2.0]

    @pytest.mark.parametrize("times", [[], [0.0], [0.0, 0.5, 1.0], [0.0, 5.0, 10.0]])
    def test_what_is_too_short_has_none(self, times):
        assert windows.ends(np.array(times), SPEC).tolist() == []


def _all_ends(times, spec):
    # Far from second 0 only the multiples around the recording are looked at.
    first = math.floor(times[0] / spec.step_seconds) - 1
    last = math.ceil(times[-1] / spec.step_seconds) + 1
    return [number * spec.step_seconds for number in range(first, last + 1)]


def _is_covered(times, end, spec):
    begin = end - spec.offsets[0]
    before = np.flatnonzero(times <= begin + windows.SLACK)
    after = np.flatnonzero(times >= end - windows.SLACK)
    if not len(before) or not len(after):
        return False
    touched = times[before[-1] : after[0] + 1]
    return bool((np.diff(touched) <= spec.gap_seconds).all())


class TestGather:
    def test_a_point_has_the_latest_row_known_by_then(self):
        times = np.array([0.0, 0.24, 0.26, 0.5])
        spec = WindowSpec(window_seconds=0.75, grid_seconds=0.25)
        found = windows.gather(times, np.array([[1.0], [2.0], [3.0], [4.0]]), [0.5], spec)
        assert found[0, :, 0].tolist() == [1.0, 2.0, 4.0]

    def test_rates_that_vary_within_a_file_give_windows_of_one_form(self):
        times = np.concatenate([np.arange(0, 3, 1 / 30), np.arange(3, 6, 1 / 5)])
        values = times[:, None]
        found = windows.gather(times, values, windows.ends(times, SPEC), SPEC)
        assert found.shape == (8, 20, 1)
        points = windows.ends(times, SPEC)[:, None] - SPEC.offsets
        late = points - found[:, :, 0]
        assert (late >= -1e-5).all() and (late < 0.2).all()

    def test_missing_stays_missing_and_is_never_filled_from_before(self):
        times = np.arange(0, 3, 0.1)
        values = np.ones((len(times), 2), dtype=np.float32)
        values[15] = np.nan
        found = windows.gather(times, values, [2.0], SPEC)[0]
        assert np.isnan(found).sum(axis=0).tolist() == [1, 1]

    def test_before_the_first_row_all_is_missing(self):
        found = windows.gather(np.array([5.0]), np.ones((1, 1)), [5.0], SPEC)[0, :, 0]
        assert np.isnan(found[:-1]).all() and found[-1] == 1.0

    def test_of_nothing_come_no_windows(self):
        assert windows.gather(np.empty(0), np.empty((0, 4)), [], SPEC).shape == (0, 20, 4)
        assert np.isnan(windows.gather(np.empty(0), np.empty((0, 4)), [2.0], SPEC)).all()


@st.composite
def cut_windows(draw):
    many, steps, columns = draw(st.tuples(st.integers(1, 9), st.integers(2, 24), st.integers(1, 7)))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    scale = draw(st.sampled_from([1e-3, 1.0, 1e6]))
    found = rng.normal(scale, scale, (many, steps, columns)).astype(np.float32)
    found[rng.random(found.shape) < draw(st.sampled_from([0.0, 0.2, 0.9]))] = np.nan
    return found


class TestAggregated:
    @settings(deadline=None)
    @given(cut_windows(), st.sampled_from(windows.AGGREGATIONS))
    def test_a_window_gives_the_same_whoever_is_with_it(self, cut, agg):
        together = windows.aggregated(cut, agg)
        for place in range(len(cut)):
            assert is_same(windows.aggregated(cut[place : place + 1], agg)[0], together[place])

    def test_more_than_are_computed_at_once(self):
        cut = np.random.default_rng(5).normal(size=(700, 20, 3)).astype(np.float32)
        together = windows.aggregated(cut, "stats")
        assert is_same(windows.aggregated(cut[650:651], "stats")[0], together[650])

    @settings(deadline=None)
    @given(cut_windows())
    def test_the_statistics_are_those_of_the_library(self, cut):
        found = windows.aggregated(cut, "stats").reshape(len(cut), cut.shape[2], 5)
        for window, rows in zip(cut.astype(float), found, strict=True):
            for column, row in zip(window.T, rows, strict=True):
                np.testing.assert_allclose(row, _plainly(column), rtol=1e-6, atol=1e-6)

    def test_the_slope_is_by_the_second(self):
        spec = WindowSpec(window_seconds=1.0, grid_seconds=0.25)
        rising = np.arange(4)[None, :, None] * 0.25 * 3.0
        slope = windows.aggregated(rising, "stats", spec)[0, 4]
        assert slope == pytest.approx(3.0)

    def test_what_is_wholly_missing_is_missing_and_one_point_has_no_slope(self):
        cut = np.full((1, 20, 2), np.nan, dtype=np.float32)
        cut[0, 7, 1] = 4.0
        found = windows.aggregated(cut, "stats").reshape(2, 5)
        assert np.isnan(found[0]).all()
        assert found[1, :4].tolist() == [4.0, 0.0, 4.0, 4.0] and np.isnan(found[1, 4])

    def test_flat_is_point_by_point(self):
        cut = np.arange(12, dtype=np.float32).reshape(1, 4, 3)
        assert windows.aggregated(cut, "flatten").tolist() == [list(range(12))]

    @pytest.mark.parametrize("agg", windows.AGGREGATIONS)
    def test_the_names_are_as_many_as_the_numbers_and_differ(self, agg):
        names = windows.aggregated_names(("a", "b"), agg)
        assert len(names) == windows.aggregated(np.zeros((1, 20, 2)), agg).shape[1]
        assert len(set(names)) == len(names)

    def test_no_windows_give_no_rows(self):
        assert windows.aggregated(np.empty((0, 20, 2)), "stats").shape == (0, 10)

    def test_an_unknown_way_is_refused(self):
        with pytest.raises(DomainError, match="stats, flatten"):
            windows.aggregated(np.zeros((1, 20, 2)), "median")


def _plainly(column):
    """Return the statistics of one column by the library's own functions."""
    is_known = ~np.isnan(column)
    known = column[is_known]
    if not len(known):
        return [np.nan] * 5
    at = np.arange(len(column))[is_known] * 0.1
    slope = np.polyfit(at, known, 1)[0] if len(known) > 1 else np.nan
    return [known.mean(), known.std(), known.min(), known.max(), slope]


class TestSpec:
    def test_it_comes_back_from_what_it_tells(self):
        assert WindowSpec.from_dict(SPECS[1].as_dict()) == SPECS[1]
        assert SPEC.steps == 20 and SPEC.offsets[-1] == 0.0

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("window_seconds", 0.1),
            ("window_seconds", 1e9),
            ("step_seconds", 0),
            ("grid_seconds", -1),
            ("gap_seconds", math.nan),
            ("step_seconds", "2"),
            ("step_seconds", True),
            ("hop", 1),
        ],
    )
    def test_what_is_no_length_is_refused_by_name(self, name, value):
        with pytest.raises(DomainError, match=name) as refused:
            WindowSpec.from_dict({name: value})
        assert refused.value.code == "window_invalid"
