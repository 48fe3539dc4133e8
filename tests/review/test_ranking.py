"""What comes first: severity, then doubt, then disagreement, then age."""

import doctest
import math
from itertools import pairwise

import pytest

from review import ranking, selectors
from review.ranking import SEVERITY_WEIGHTS, priority
from review.services import conversion
from tests import factories

SEVERITIES = sorted(SEVERITY_WEIGHTS, key=SEVERITY_WEIGHTS.get)


def test_the_docstring_tells_the_truth():
    assert doctest.testmod(ranking).failed == 0


@pytest.mark.parametrize(("below", "above"), list(pairwise(SEVERITIES)))
def test_no_doubt_lifts_an_item_over_a_graver_one(below, above):
    most = priority(below, 0.25, threshold=0.25, disagreement=1.0)
    least = priority(above, 1.0, threshold=0.25)
    assert most < least


@pytest.mark.parametrize("threshold", [0.1, 0.25, 0.5, 0.9])
def test_the_nearer_to_the_threshold_the_sooner(threshold):
    above = [
        priority("low", threshold + step * (1 - threshold) / 5, threshold=threshold)
        for step in range(6)
    ]
    below = [
        priority("low", threshold - step * threshold / 5, threshold=threshold) for step in range(6)
    ]
    for side in (above, below):
        assert side == sorted(side, reverse=True)
        assert (side[0], side[-1]) == (1.6, 1.0)


@pytest.mark.parametrize(("below", "above"), list(pairwise(SEVERITIES)))
@pytest.mark.parametrize("confirmed", [0.0, 0.5, 0.75, 1.0])
def test_no_triage_lifts_an_item_over_a_graver_one(below, above, confirmed):
    most = priority(below, 0.25, threshold=0.25, disagreement=1.0, confirmed=confirmed)
    assert most < min(priority(above, 1.0), priority(above, 1.0, confirmed=0.0))


def test_where_triage_spoke_its_doubt_counts_and_not_the_detectors():
    assert priority("low", 0.5, confirmed=0.9) == priority("low", 0.9, confirmed=0.9)
    doubtful = [priority("low", 0.5, confirmed=share) for share in (0.5, 0.7, 0.3, 1.0, 0.0)]
    assert doubtful == sorted(doubtful, reverse=True)


def test_disagreement_lifts():
    assert priority("low", 0.7, disagreement=0.5) > priority("low", 0.7)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, -3.0, 7.0])
def test_what_is_no_score_still_has_a_place(wrong):
    for given in ({}, {"threshold": wrong}, {"disagreement": wrong}):
        assert 3.0 <= priority("high", wrong, **given) < 4.0
    assert priority("unheard of", 0.5) == priority("medium", 0.5)


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_a_threshold_at_either_end(threshold):
    for score in (0.0, 0.5, 1.0):
        assert 2.0 <= priority("medium", score, threshold=threshold) <= 2.6


@pytest.mark.django_db
def test_of_equals_the_older_comes_first(camera, reviewer, scanner_off):
    served = factories.deployment(threshold=0.4)
    items = [
        conversion.convert(
            factories.incident(camera, with_files=False, deployment=served, peak_score=score)
        )[0]
        for score in (0.9, 0.41, 0.9)
    ]

    assert selectors.items_page(reviewer).items == [items[1], items[0], items[2]]
    assert items[1].priority == priority("medium", 0.41, threshold=0.4)


@pytest.fixture
def scanner_off(settings, tmp_path, data_dir):
    settings.DETECTOR, settings.MODEL_DIR = "motion", tmp_path
