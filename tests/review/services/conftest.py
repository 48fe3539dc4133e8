"""Scanners that need no weights: they see the person that the factories draw."""

import pytest

from review.privacy.faces import FaceScanner
from tests.review.privacy.drawing import BreakingDetector, ColourDetector


@pytest.fixture
def scanner():
    return FaceScanner(yunet_path=None, person_detector=ColourDetector())


@pytest.fixture
def broken_scanner():
    return FaceScanner(yunet_path=None, person_detector=BreakingDetector())
