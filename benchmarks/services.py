"""A PostgreSQL and a web server of a benchmark's own, and a client that is signed in."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CSRF = "b" * 32


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def postgres():
    """Run a PostgreSQL in a folder that goes away again, and give its URL.

    None where this machine has no server. Durable as by default: every commit is flushed.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    binaries = found[-1].parent if found else None
    if binaries is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="second-look-postgres-"))
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_postgres:
        shutil.chown(folder, "postgres")
    port, data = free_port(), str(folder / "db")

    def run(*words):
        subprocess.run(
            [*as_postgres, *map(str, words)], check=True, cwd=folder, stdout=subprocess.DEVNULL
        )

    run(binaries / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8")
    options = f"-p {port} -h 127.0.0.1 -k '{folder}'"
    run(binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def web(processes=1):
    """Serve the product as docs/operations.md says for PostgreSQL, and give the port."""
    port = free_port()
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "uvicorn", "hitlsite.asgi:application"),
            *("--no-access-log", "--log-level", "warning", "--port", str(port)),
            *("--workers", str(processes)),
        ],
        cwd=ROOT,
        env={**os.environ, "API_THROTTLE_USER": "1000000/min", "DATABASE_POOL": "20"},
    )
    try:
        _await_answer(server, port)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=30)


def _await_answer(server, port):
    for _ in range(600):
        if server.poll() is not None:
            raise SystemExit("The web server ended at once.")
        try:
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            link.request("GET", "/livez")
            if link.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The web server did not answer within a minute.")


class Client:
    """One signed-in person on one connection that stays open."""

    def __init__(self, port, user):
        from django.conf import settings
        from django.test import Client as Browser

        browser = Browser()
        browser.force_login(user)
        session = browser.cookies[settings.SESSION_COOKIE_NAME].value
        self._headers = {
            "Cookie": f"{settings.SESSION_COOKIE_NAME}={session}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
            "Content-Type": "application/json",
        }
        self._link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method, path, body=None):
        """Return (status, parsed answer)."""
        sent = None if body is None else json.dumps(body)
        self._link.request(method, f"/api/v1/{path}", body=sent, headers=self._headers)
        answer = self._link.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else None
