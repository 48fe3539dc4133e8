"""One command runs everything, says where, and leaves nothing behind."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from hitlsite.management.commands.up import Children, address, commands

FOREVER = "import time; print('ready'); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + FOREVER
WITH_CHILD = (
    "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', "
    f"{STUBBORN!r}]); print('child', child.pid); child.wait()"
)


@pytest.fixture
def children():
    """Children whose lines are kept in ``children.lines``, with a short grace."""
    lines = Lines()
    group = Children(lines.add, grace_seconds=0.5)
    group.lines = lines
    yield group
    group.stop()


class Lines:
    """Lines as they arrive; ``wait_for`` blocks until one of them has the text."""

    def __init__(self):
        self.all = []
        self._changed = threading.Condition()

    def add(self, line):
        with self._changed:
            self.all.append(line)
            self._changed.notify_all()

    def wait_for(self, text):
        with self._changed:
            assert self._changed.wait_for(lambda: self._find(text), timeout=20), self.all
            return self._find(text)

    def _find(self, text):
        return next((line for line in self.all if text in line), None)


def python(code):
    return [sys.executable, "-c", code]


def all_end(handles):
    """Wait for processes, given as pidfds; False when one is still there after ten seconds."""
    handles = set(handles)
    while handles:
        ended = select.select(handles, [], [], 10)[0]
        if not ended:
            return False
        handles -= set(ended)
    return True


def test_lines_carry_the_name_of_their_process(children):
    children.start("web", python("print('one'); import sys; print('two', file=sys.stderr)"))

    children.wait()

    assert children.lines.wait_for("one") == "web     | one"
    assert children.lines.wait_for("two") == "web     | two"


def test_the_first_to_end_is_named_with_its_code(children):
    children.start("web", python(FOREVER))
    children.start("worker", python("raise SystemExit(7)"))

    assert children.wait() == ("worker", 7)


def test_what_ignores_the_request_to_end_is_killed(children):
    children.start("web", python(STUBBORN))
    children.lines.wait_for("ready")
    started = time.monotonic()

    children.stop()

    assert children.wait() == ("web", -signal.SIGKILL)
    assert time.monotonic() - started < 10


def test_grandchildren_go_too(children):
    children.start("worker", python(WITH_CHILD))
    grandchild = os.pidfd_open(int(children.lines.wait_for("child ").split()[-1]))
    children.lines.wait_for("ready")

    children.stop()

    assert all_end([grandchild])


def test_a_taken_port_is_one_line_and_code_two():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(CommandError, match=f"port {port} .*--port") as caught:
            call_command("up", port=port, stdout=StringIO())

    assert caught.value.returncode == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"port": 70000}, "70000 is no port"),
        ({"host": "203.0.113.7", "port": 8000}, r"203\.0\.113\.7"),
    ],
)
def test_an_impossible_address_is_refused(options, said):
    with pytest.raises(CommandError, match=said):
        call_command("up", stdout=StringIO(), **options)


def test_without_a_worker_there_is_only_web():
    assert list(commands("127.0.0.1", 8000)) == ["web", "ingest", "worker", "trainer", "beat"]
    assert list(commands("127.0.0.1", 8000, with_worker=False)) == ["web"]


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", "http://127.0.0.1:8000/"), ("::1", "http://[::1]:8000/")]
)
def test_the_address_can_be_opened(host, expected):
    assert address(host, 8000) == expected


def manage(*arguments, folder, **options):
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "hitlsite.settings",
        "SECOND_LOOK_DATA_DIR": str(folder),
    }
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.Popen(
        command,
        cwd=settings.BASE_DIR,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        **options,
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_a_database_without_tables_is_refused(tmp_path):
    up = manage("up", "--port", str(free_port()), folder=tmp_path, stderr=subprocess.PIPE)

    _, complaint = up.communicate(timeout=60)

    assert up.returncode == 2
    assert "manage.py migrate" in complaint
    assert len(complaint.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM])
def test_everything_comes_up_and_goes_down(tmp_path, stop_signal):
    assert manage("migrate", "--verbosity", "0", folder=tmp_path).wait(timeout=120) == 0
    port = free_port()
    up = manage("up", "--port", str(port), folder=tmp_path)
    try:
        lines = iter(up.stdout.readline, "")
        assert any(f"http://127.0.0.1:{port}/" in line for line in lines)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=20) as answer:
            assert answer.status == 200
        family = [os.pidfd_open(pid) for pid in _descendants(up.pid)]
        assert len(family) >= 3

        up.send_signal(stop_signal)
        up.communicate(timeout=60)

        assert up.returncode == 0
        assert all_end(family)
    finally:
        up.kill()


def _descendants(pid):
    """Return the process numbers of all children, their children included."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as status:
                    parent = int(status.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += [int(entry), *_descendants(int(entry))]
    return found
