"""Several processes are followed, and end with the one that follows them."""

import os
import sys
import time

import pytest

from hitlsite.errors import DomainError
from tests.training.learning.lessons import Heard
from training.learning.detector_workers import Teller, follow

SPEAKS = """
import sys, time
from pathlib import Path
from training.learning.detector_workers import Teller
teller = Teller(Path(sys.argv[1]))
teller.progress(1, 4, "epoch 1 of 2")
teller.epoch({"epoch": 1, "map50": 0.5})
"""
STAYS = (
    SPEAKS
    + """
import os, subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
Path(sys.argv[1], "pids").write_text(f"{os.getpid()} {child.pid}")
time.sleep(300)
"""
)


def followed(code, folder, report):
    follow([sys.executable, "-c", code, str(folder)], folder, report)


def test_what_they_tell_is_reported(tmp_path):
    heard = Heard()

    followed(SPEAKS, tmp_path, heard)

    assert heard.epochs == [{"epoch": 1, "map50": 0.5}]


def test_a_failure_is_told_in_their_last_words(tmp_path):
    with pytest.raises(DomainError, match="no GPU here") as caught:
        followed("raise SystemExit('no GPU here')", tmp_path, Heard())

    assert caught.value.code == "training_failed"


def test_all_of_them_end_when_the_report_raises(tmp_path):
    class Impatient(Heard):
        def progress(self, done, total, message=""):
            if (tmp_path / "pids").exists():
                raise InterruptedError

    with pytest.raises(InterruptedError):
        followed(STAYS, tmp_path, Impatient())

    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert not any(_is_alive(pid) for pid in pids)


def _is_alive(pid):
    """Whether a process runs, after a moment in which one that was told to end may do so."""
    for _ in range(50):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().split()[2] == "Z":
                    return False
        except FileNotFoundError:
            return False
        time.sleep(0.1)
    os.kill(pid, 9)
    return True


def test_half_a_line_waits_for_its_other_half(tmp_path):
    halves = """
import sys, time
from pathlib import Path
with open(Path(sys.argv[1]) / "told.jsonl", "a") as sink:
    for part in ('{"epoch": {"ep', 'och": 7}}' + chr(10)):
        sink.write(part)
        sink.flush()
        time.sleep(0.8)
"""
    heard = Heard()

    followed(halves, tmp_path, heard)

    assert heard.epochs == [{"epoch": 7}]


def test_a_teller_writes_lines(tmp_path):
    teller = Teller(tmp_path)
    teller.progress(1, 2)
    teller.epoch({"epoch": 1})

    assert len((tmp_path / "told.jsonl").read_text().splitlines()) == 2
