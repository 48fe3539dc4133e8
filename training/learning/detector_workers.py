"""Training on several GPUs: a process for each, followed from the one that was asked.

The processes hear nothing of rows and leases. The first of them writes what it would report into a
file, from which the asking process reports it; whatever stops that one stops them all.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from detection.vision import libraries
from hitlsite.errors import DomainError

SETTINGS_NAME, TOLD_NAME, LOG_NAME = "workers.json", "told.jsonl", "workers.log"
_LOOKED_EVERY_SECONDS = 0.5
_GRACE_SECONDS = 10


def train_on_several(settings, cache_dir, folder, report):
    """Train as ``LearningTrainer`` does, on the GPUs that ``settings["device"]`` names.

    Raises:
        DomainError: training_failed, with the last words of the processes.
    """
    told = {"settings": settings, "cache_dir": str(cache_dir)}
    (folder / SETTINGS_NAME).write_text(json.dumps(told))
    processes = len(settings["device"].split(","))
    launcher = ("torch.distributed.run", "--standalone", f"--nproc_per_node={processes}")
    follow([sys.executable, "-m", *launcher, "-m", __name__, str(folder)], folder, report)


def follow(command, folder, report):
    """Run a command that writes into ``folder``/told.jsonl, and report every line of it.

    A line is {"epoch": figures} or {"progress": [done, total, message]}. The last progress is told
    again and again, for only whoever reports hears that it shall stop.

    Raises:
        DomainError: training_failed; whatever the report raises, once every process has ended.
    """
    told = folder / TOLD_NAME
    told.write_text("")
    paths = os.pathsep.join(path for path in sys.path if path)
    with (folder / LOG_NAME).open("w") as log, told.open() as lines:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONPATH": paths},
            start_new_session=True,
        )
        try:
            last = (0, 0, "starting the processes")
            while process.poll() is None:
                last = _reported(lines, report, last)
                report.progress(*last)
                time.sleep(_LOOKED_EVERY_SECONDS)
            _reported(lines, report, last)
        finally:
            _end(process)
    if process.returncode:
        words = (folder / LOG_NAME).read_text(errors="replace").strip().splitlines()
        raise DomainError("training_failed", f"Training broke off: {' '.join(words[-1:])[:300]}")


def _reported(lines, report, last):
    """Report the lines that are there; return the last progress."""
    while True:
        place = lines.tell()
        line = lines.readline()
        if not line.endswith("\n"):
            lines.seek(place)
            return last
        said = json.loads(line)
        if "epoch" in said:
            report.epoch(said["epoch"])
        else:
            last = tuple(said["progress"])


def _end(process):
    """End the whole group of processes, gently first."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            return
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue


class Teller:
    """Writes into the file what the asking process will report."""

    def __init__(self, folder):
        self._path = folder / TOLD_NAME

    def epoch(self, figures):
        self._tell({"epoch": figures})

    def progress(self, done, total, message=""):
        self._tell({"progress": [done, total, message]})

    def _tell(self, said):
        with self._path.open("a") as sink:
            sink.write(json.dumps(said) + "\n")


def work(folder):
    """Take part in a training, as one of its processes."""
    told = json.loads((folder / SETTINGS_NAME).read_text())
    libraries.prepare(told["cache_dir"])
    from training.learning.detector_training import LearningTrainer

    LearningTrainer(told["settings"], Teller(folder)).train()


if __name__ == "__main__":
    work(Path(sys.argv[1]))
