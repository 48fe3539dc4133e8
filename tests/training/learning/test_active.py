"""What to label next: what makes a picture worth it, and how they are picked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.learning import active
from training.learning.active import Candidate

BOX, ASIDE = (0.1, 0.1, 0.4, 0.5), (0.6, 0.1, 0.9, 0.5)


def seen(*rows):
    """Return (boxes, scores, names) of (box, score, name) rows."""
    boxes, scores, names = zip(*rows, strict=True) if rows else ((), (), ())
    return np.array(boxes, float).reshape(-1, 4), np.array(scores), tuple(names)


def unit(*rows):
    found = np.array(rows, float)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


class TestDoubt:
    @pytest.mark.parametrize(
        ("scores", "doubt"), [([], 0.0), ([0.9], 0.0), ([0.3], 1.0), ([0.425], 0.5)]
    )
    def test_scores_near_the_threshold_are_in_doubt(self, scores, doubt):
        assert active.near_threshold(scores, 0.3) == pytest.approx(doubt)

    def test_two_doubts_are_more_than_one_and_never_more_than_all(self):
        one, two = (active.near_threshold([0.425] * count, 0.3) for count in (1, 2))
        assert one < two == pytest.approx(0.75)
        assert active.near_threshold([0.3] * 50, 0.3) == 1.0

    def test_the_least_sure_box_that_is_told(self):
        assert active.least_confident([0.9, 0.5, 0.1], 0.25) == pytest.approx(0.5)
        assert active.least_confident([0.1], 0.25) == 0.0

    def test_a_rival_class_at_the_same_place_is_a_small_margin(self):
        boxes, scores, names = seen((BOX, 0.6, "cat"), (BOX, 0.5, "dog"), (ASIDE, 0.9, "cat"))
        assert active.margin(boxes, scores, names) == pytest.approx(0.5 / 0.6)
        assert active.margin(boxes[:1], scores[:1], names[:1]) == 0.0
        assert active.margin(boxes, scores, ("cat",) * 3) == 0.0


class TestDisagreement:
    @pytest.mark.parametrize(
        ("first", "second", "share"),
        [
            (seen(), seen(), 0.0),
            (seen((BOX, 0.8, "cat")), seen((BOX, 0.4, "cat")), 0.0),
            (seen((BOX, 0.8, "cat")), seen(), 1.0),
            (seen((BOX, 0.8, "cat")), seen((BOX, 0.8, "dog")), 1.0),
            (seen((BOX, 0.8, "cat")), seen((ASIDE, 0.8, "cat")), 1.0),
            (seen((BOX, 0.5, "cat"), (ASIDE, 0.5, "cat")), seen((BOX, 0.5, "cat")), 1 / 3),
            # A faint box of the other counts as seen, and not by itself.
            (seen((BOX, 0.8, "cat")), seen((BOX, 0.11, "cat"), (ASIDE, 0.12, "cat")), 0.0),
        ],
    )
    def test_it_is_the_share_that_only_one_sees(self, first, second, share):
        assert active.disagreement(first, second) == pytest.approx(share)
        assert active.disagreement(second, first) == pytest.approx(share)


class TestKCenter:
    def test_the_farthest_from_what_is_labelled_comes_first(self):
        looks = unit((1, 0, 0), (0.9, 0.1, 0), (0, 1, 0), (0, 0, 1))
        found = active.k_center(looks, 3, labelled=looks[:1])

        assert [place for place, _ in found] == [2, 3, 1]
        distances = [distance for _, distance in found]
        assert distances == sorted(distances, reverse=True)

    def test_without_labels_it_begins_in_the_middle(self):
        looks = unit((1, 0, 0), (1, 1, 1), (0, 1, 0), (0, 0, 1))
        assert active.k_center(looks, 1)[0][0] == 1

    def test_it_takes_each_once_and_no_more_than_there_are(self):
        looks = unit((1, 0), (1, 0), (1, 0))
        found = active.k_center(looks, 9)
        assert sorted(place for place, _ in found) == [0, 1, 2]
        assert active.k_center(looks[:0], 3) == []

    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 1000), count=st.integers(1, 12))
    def test_it_covers_at_most_twice_as_far_as_can_be(self, seed, count):
        rng = np.random.default_rng(seed)
        looks = unit(*rng.normal(size=(12, 4)))
        chosen = [place for place, _ in active.k_center(looks, count)]
        assert len(set(chosen)) == count
        # Gonzalez: the chords to the nearest centre are at most as long as between two centres.
        chords = np.linalg.norm(looks[:, None] - looks[chosen][None], axis=2)
        apart = np.linalg.norm(looks[chosen][:, None] - looks[chosen][None], axis=2)
        if count > 1:
            assert chords.min(axis=1).max() <= apart[np.triu_indices(count, 1)].min() + 1e-6


def candidates(count=60):
    return [Candidate(f"p{n:03}", doubt=(n % 10) / 10, disagreement=0.0) for n in range(count)]


class TestSelecting:
    def test_one_in_ten_is_drawn_at_random(self):
        picks = active.select(candidates(), 20, seed=1)

        assert len({pick.key for pick in picks}) == 20
        assert [pick.arm for pick in picks].count(active.RANDOM) == 2
        assert all(pick.why for pick in picks)
        assert {p.why for p in picks if p.arm == active.RANDOM} == {
            "drawn at random, to compare with"
        }

    def test_the_others_are_those_in_doubt(self):
        picks = active.select(candidates(), 12, seed=1)
        of_model = [pick for pick in picks if pick.arm == active.MODEL]
        assert min(pick.doubt for pick in of_model) >= 0.7
        assert {pick.why for pick in of_model} == {"the detector is in doubt"}

    @pytest.mark.parametrize("with_looks", [False, True])
    def test_order_does_not_matter_and_the_seed_does(self, with_looks):
        rows = candidates()
        looks = unit(*np.random.default_rng(0).normal(size=(60, 8))) if with_looks else None
        shuffled = np.random.default_rng(5).permutation(60)
        first = active.select(rows, 10, seed=3, embeddings=looks)
        again = active.select(
            [rows[place] for place in shuffled],
            10,
            seed=3,
            embeddings=None if looks is None else looks[shuffled],
        )
        assert first == again
        assert active.select(rows, 10, seed=4, embeddings=looks) != first

    def test_of_twins_in_doubt_one_is_taken(self):
        twins = [Candidate(f"twin {n}", doubt=0.9) for n in range(8)]
        others = [Candidate(f"other {n}", doubt=0.8) for n in range(4)]
        rng = np.random.default_rng(2)
        looks = unit(*[(5, 0, 0, 0, 0)] * 8, *rng.normal(size=(4, 5)))
        picks = active.select(twins + others, 5, seed=0, embeddings=looks, random_share=0.0)

        assert sum(pick.key.startswith("twin") for pick in picks) <= 2

    def test_the_control_arm_is_drawn_from_all_evenly(self):
        rows, drawn = candidates(20), np.zeros(20)
        for seed in range(400):
            for pick in active.select(rows, 10, seed=seed):
                if pick.arm == active.RANDOM:
                    drawn[int(pick.key[1:])] += 1
        assert drawn.sum() == 400
        assert drawn.min() >= 5 and drawn.max() <= 42

    @pytest.mark.parametrize("count", [0, 1, 3, 99])
    def test_any_number_can_be_asked_for(self, count):
        rows = candidates(5)
        assert len(active.select(rows, count, seed=0)) == min(count, 5)
        assert active.select([], count, seed=0) == []


class TestMeasuring:
    @pytest.mark.parametrize(
        ("saved", "is_changed"),
        [
            ([(0, BOX), (1, ASIDE)], False),
            ([(1, ASIDE), (0, (0.101, 0.1, 0.4, 0.5))], False),
            ([(0, BOX)], True),
            ([(0, BOX), (0, ASIDE)], True),
            ([(0, BOX), (1, (0.6, 0.1, 0.8, 0.4))], True),
            ([(0, BOX), (0, BOX)], True),
            ([], True),
        ],
    )
    def test_other_boxes_than_were_proposed_are_a_change(self, saved, is_changed):
        assert active.is_changed([(0, BOX), (1, ASIDE)], saved) == is_changed
        assert not active.is_changed([], [])

    def test_the_bounds_of_a_share(self):
        low, high = active.share_interval(5, 10)
        assert (low, high) == pytest.approx((0.2693, 0.7307), abs=1e-4)
        assert active.share_interval(0, 0) == (0.0, 1.0)
        assert active.share_interval(0, 20)[0] == 0.0
