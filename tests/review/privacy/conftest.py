"""What the privacy tests share."""

import pytest

from review.privacy.faces import FaceScanner
from tests.review.privacy.drawing import ColourDetector, scene


@pytest.fixture
def people_scanner():
    return FaceScanner(yunet_path=None, person_detector=ColourDetector())


@pytest.fixture
def walk():
    """Return 20 pictures of one person who walks from left to right in two seconds."""
    return [scene((40 + 8 * step, 60, 140)) for step in range(20)]
