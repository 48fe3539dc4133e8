"""Scanners that need no weights: they see the person that the factories draw."""

import pytest

from review.privacy.faces import FaceScanner
from review.services import privacy, proposing
from tests.review.privacy.drawing import BreakingDetector, ColourDetector


@pytest.fixture
def scanner():
    return FaceScanner(yunet_path=None, person_detector=ColourDetector())


@pytest.fixture
def broken_scanner():
    return FaceScanner(yunet_path=None, person_detector=BreakingDetector())


@pytest.fixture
def redact(scanner):
    """Ask for a redaction, then do what a worker does about it."""

    def redacting(item, by, *, scanner=scanner, **asked):
        privacy.apply_redaction(item, by=by, **asked)
        proposing.propose_waiting(item.pk, scanner=scanner)
        item.refresh_from_db()

    return redacting
