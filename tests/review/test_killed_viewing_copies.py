"""A worker that is killed while it makes a viewing copy leaves nothing that anybody could watch."""

import pytest

from tests.training.other_process import python

SETUP = """
import os, signal, django
django.setup()
from django.conf import settings
from django.core.management import call_command
from hitlsite import storage
from review.models import ViewingCopy
from review.privacy import stretches
from review.privacy.faces import FaceScanner
from review.services import viewing_copies
from tests.review.privacy.drawing import ColourDetector, read_clip, scene, write_clip
stretches.SECONDS = 1.0
scanner = FaceScanner(yunet_path=None, person_detector=ColourDetector())

def left():
    return sorted(path.name for path in settings.SCRATCH_DIR.rglob("*") if path.is_file())
"""
KILLED = """
call_command("migrate", verbosity=0)
from tests import factories
from tests.cast import person
site = factories.site("Harbour")
reviewer = person("reviewer", "reviewer", site)
path = write_clip(settings.DATA_DIR / "walk.mp4",
                  [scene((20 + 5 * step, 60, 140)) for step in range(30)])
footage = factories.footage(factories.camera(site), location=str(path), duration_seconds=3.0,
                            sha256=storage.sha256_of(path), byte_count=path.stat().st_size)

class Dying(FaceScanner):
    def scan_clip(self, path, **kwargs):
        if path.name == "draft-00002.mp4":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().scan_clip(path, **kwargs)

dying = Dying(yunet_path=None, person_detector=ColourDetector())
viewing_copies.make_now(viewing_copies.ask(footage, reviewer).pk, scanner=dying)
"""
AFTER = """
copy = ViewingCopy.objects.get()
print(copy.state, repr(copy.path), viewing_copies.is_served(copy, copy.footage))
print([name for name in left() if name.startswith("part")])
print(any(name.startswith("draft") for name in left()), viewing_copies.run_waiting())
ViewingCopy.objects.update(lease_expires_at="2026-01-01T00:00Z")
made = viewing_copies.make_now(copy.pk, scanner=scanner)
print(made.state, made.attempts, viewing_copies.is_served(made, made.footage), left())
print(len(read_clip(settings.MEDIA_ROOT / made.path)[0]))
"""


@pytest.mark.slow
def test_a_killed_worker_leaves_nothing_to_watch_and_another_goes_on(tmp_path):
    killed = python(SETUP + KILLED, tmp_path)
    assert killed.returncode == -9, killed.stderr

    after = python(SETUP + AFTER, tmp_path)
    assert after.returncode == 0, after.stderr
    assert after.stdout.splitlines() == [
        "running '' False",
        "['part-00000.json', 'part-00000.mp4']",
        "True 0",
        "done 2 True []",
        "30",
    ]
