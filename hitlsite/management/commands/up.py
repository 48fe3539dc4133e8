"""Run the whole product for one person: web, worker and beat under one roof.

In production each of them is a service of its own; on a laptop it should take one command, and
none of them should outlive it.
"""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from hitlsite.commands import Command as BaseCommand
from hitlsite.errors import DomainError

EXIT_CODES = {"web": 10, "worker": 11, "beat": 12, "ingest": 13, "trainer": 14}
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE_SECONDS = 10.0
LAST_WORDS_SECONDS = 2.0
# A stream or a training keeps its worker busy for hours; review must not wait behind it.
QUEUES = {"ingest": "ingest", "worker": "inference,review", "trainer": "training"}


class Command(BaseCommand):
    help = (
        "Run web, three workers and beat until Ctrl-C. When one of them ends, the others are "
        "stopped and the exit code says which: 10 web, 11 worker, 12 beat, 13 ingest worker, "
        "14 trainer."
    )

    def add_arguments(self, parser):
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000)")
        parser.add_argument("--no-worker", action="store_true", help="web only")

    def handle(self, *, host, port, no_worker, **options):
        check_port(host, port)
        check_migrations()
        children = Children(self.stdout.write)
        # SIGINT too: whoever starts this in the background of a script has it ignored.
        previous = {number: signal.signal(number, _interrupt) for number in STOP_SIGNALS}
        try:
            for name, command in commands(host, port, with_worker=not no_worker).items():
                children.start(name, command)
            children.announce(host, port)
            ended, code = children.wait()
        except KeyboardInterrupt:
            self.stdout.write("Stopping.")
            return
        finally:
            children.stop()
            for number, handler in previous.items():
                signal.signal(number, handler)
        self.stderr.write(f"{ended} ended by itself with code {code}; everything is stopped.")
        sys.exit(EXIT_CODES[ended])


def _interrupt(number, frame):
    raise KeyboardInterrupt


def check_port(host, port):
    """Raise DomainError (port_invalid, port_taken) unless this machine lets us listen there."""
    if not 1 <= port <= 65535:
        raise DomainError("port_invalid", f"{port} is no port: choose 1 to 65535 with --port.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise DomainError(
            "port_taken",
            f"Cannot listen on {host} port {port} ({error.strerror}); choose another with --port.",
        ) from error


def check_migrations():
    """Raise DomainError(database_outdated) when the database lacks a migration."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        first = missing[0][0]
        raise DomainError(
            "database_outdated",
            f"The database lacks {len(missing)} migrations, {first.app_label}.{first.name} first; "
            "run manage.py migrate.",
        )


def commands(host, port, *, with_worker=True):
    """Return the command line of each process by its name."""
    celery = [sys.executable, "-m", "celery", "-A", "hitlsite", "--quiet"]
    web = [sys.executable, "-m", "uvicorn", "hitlsite.asgi:application", "--no-access-log"]
    # Open pages listen for news for as long as they are open: they must not hold up the end.
    web += ["--lifespan", "off", "--timeout-graceful-shutdown", "3"]
    found = {"web": [*web, "--host", host, "--port", str(port)]}
    if with_worker:
        worker = [*celery, "worker", "--concurrency", "1", "-l", "WARNING"]
        for name, queues in QUEUES.items():
            found[name] = [*worker, "-Q", queues, "-n", f"{name}@%h"]
        found["beat"] = [*celery, "beat", "--pidfile", "", "-l", "WARNING"]
    return found


class Children:
    """Processes that live and end together.

    Args:
        write: takes one line of text; called from several threads, one line at a time.
        grace_seconds: how long a process may take to end before it is killed.
    """

    def __init__(self, write, *, grace_seconds=GRACE_SECONDS):
        self._write = write
        self._grace_seconds = grace_seconds
        self._processes = {}
        self._relays = []
        self._ended = queue.SimpleQueue()
        self._is_stopping = threading.Event()
        self._one_line = threading.Lock()

    def start(self, name, command):
        """Start a process whose lines appear as ``name | line``."""
        process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # A group of its own: Ctrl-C reaches only this command, which then asks each child
            # once. A worker that is asked twice drops its task.
            start_new_session=True,
        )
        self._processes[name] = process
        relay = _thread(self._relay, name, process)
        self._relays.append(relay)
        _thread(self._watch, name, process)

    def announce(self, host, port):
        """Print the address as soon as it answers."""
        _thread(self._announce, host, port)

    def wait(self):
        """Return (name, exit code) of the first process that ends by itself."""
        return self._ended.get()

    def stop(self):
        """Ask every process to end, and kill what is left of their groups after the grace."""
        self._is_stopping.set()
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + self._grace_seconds
        try:
            for process in self._processes.values():
                _wait_until(process, deadline)
        finally:
            for process in self._processes.values():
                _kill_group(process)
        for relay in self._relays:
            relay.join(timeout=LAST_WORDS_SECONDS)

    def _relay(self, name, process):
        for line in process.stdout:
            self._say(f"{name:<7} | {line.rstrip()}")

    def _watch(self, name, process):
        self._ended.put((name, process.wait()))

    def _announce(self, host, port):
        while not self._is_stopping.wait(0.2):
            try:
                socket.create_connection((host, port), timeout=1).close()
            except OSError:
                continue
            self._say(f"Second Look: {address(host, port)} (Ctrl-C stops it)")
            return

    def _say(self, line):
        with self._one_line:
            self._write(line)


def _thread(target, *arguments):
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def address(host, port):
    """Return the address for a browser: names of IPv6 go into brackets."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _wait_until(process, deadline):
    try:
        process.wait(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return


def _kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
