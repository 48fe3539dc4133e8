"""What every test may ask for: real material, servers, a browser, and files of its own.

Somebody with nothing but the virtual environment can run the whole suite: what is missing is
skipped, and says why. Where everything has to be there (``.ci/run``), the variables
``SECOND_LOOK_REQUIRE_MATERIAL=1`` and ``SECOND_LOOK_REQUIRE_SERVICES=1`` turn those skips into
failures.
"""

import asyncio
import importlib
import ipaddress
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest

from tests.cast import *  # noqa: F403

ROOT = Path(__file__).resolve().parent.parent
SERVICE_FIXTURES = {"postgres_url", "redis_url", "chromium", "strace"}
BROWSER_FIXTURES = {"chromium", "browser", "context", "page", "new_context"}
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
REDIS_DATABASES = 16

if "PYTEST_XDIST_WORKER" in os.environ:
    # Numeric libraries take every core in every worker otherwise, and crowd each other out.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items):
    """Mark what needs a browser or a server, and keep all browser tests in one worker.

    Raises:
        UsageError: a test elsewhere takes a fixture by a name that is the browser's. pytest would
            move all browser tests up to it, and the loop that their browser leaves running gives
            the tests after them two connections, of which one locks out the other.
    """
    for item in items:
        wanted = set(item.fixturenames)
        if wanted & BROWSER_FIXTURES and "browser" not in item.path.parts:
            raise pytest.UsageError(f"{item.nodeid} uses a fixture of tests/browser")
        if wanted & (SERVICE_FIXTURES | BROWSER_FIXTURES):
            item.add_marker("services")
        if wanted & BROWSER_FIXTURES:
            item.add_marker("browser")
            item.add_marker(pytest.mark.xdist_group("browser"))


def pytest_unconfigure(config):
    """Remove the data folder that the test settings made for this run."""
    if hasattr(config, "workerinput"):
        return
    folder = Path(os.environ.get("SECOND_LOOK_DATA_DIR", ""))
    if folder.name.startswith("second-look-test-") and folder.parent == Path(tempfile.gettempdir()):
        shutil.rmtree(folder, ignore_errors=True)


def _without(what, variable):
    """Skip the test for want of ``what``, or fail where ``variable`` says it must be there."""
    if os.environ.get(variable) == "1":
        pytest.fail(f"{what} ({variable}=1)")
    pytest.skip(what)


@pytest.fixture(scope="session", autouse=True)
def _only_this_machine():
    """Refuse every connection that would leave this machine."""
    connect = socket.socket.connect

    def checked(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
            raise AssertionError(f"a test tried to reach {address[0]}:{address[1]}")
        return connect(self, address)

    socket.socket.connect = checked
    yield
    socket.socket.connect = connect


def _is_local(host):
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def _no_waiting_loop(request):
    """Let tests without a browser start event loops of their own while Playwright's waits."""
    waiting = asyncio._get_running_loop()
    if waiting is None or "chromium" in request.fixturenames:
        yield
        return
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(waiting)


@pytest.fixture(scope="session", autouse=True)
def _never_the_real_data():
    """Stop before the first test if the settings point at a person's own data."""
    from django.conf import settings

    if settings.DATA_DIR == ROOT / "var":
        pytest.exit(f"The tests would write into {settings.DATA_DIR}.", returncode=3)


@pytest.fixture(scope="session", autouse=True)
def _groups_outlive_a_flush():
    """Put back the groups, which a migration made, when a test that commits has emptied the tables.

    Such a test must not ask for serialized_rollback: that empties the permissions for the next.
    """
    from django.apps import apps
    from django.db.models.signals import post_migrate

    from hitlsite import people

    groups = importlib.import_module("training.migrations.0009_task_permissions")

    def grant(sender, **kwargs):
        if sender.label == "training":
            people.grant_groups(apps, groups.GROUP_PERMISSIONS)

    post_migrate.connect(grant)
    yield
    post_migrate.disconnect(grant)


@pytest.fixture
def data_dir(settings, tmp_path):
    """Give one test a data folder of its own and return it."""
    folder = tmp_path / "data"
    folder.mkdir()
    settings.DATA_DIR = folder
    for name in ("MEDIA_ROOT", "CACHE_DIR", "SCRATCH_DIR", "EXPORT_DIR", "TRAINING_DIR"):
        setattr(settings, name, folder / name.split("_")[0].lower())
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(settings.MEDIA_ROOT)},
        },
    }
    return folder


@pytest.fixture
def eager_tasks():
    """Run tasks where they are called."""
    from hitlsite.celery import app

    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.fixture(scope="session")
def material():
    """Return the folder of real footage, images and weights that lies beside the repository."""
    folder = Path(os.environ.get("SECOND_LOOK_SHARED") or ROOT.parent / "shared")
    if not (folder / "footage").is_dir():
        _without(f"there is no material in {folder}", "SECOND_LOOK_REQUIRE_MATERIAL")
    return folder


@pytest.fixture(scope="session")
def model_dir(request):
    """Return the folder of model weights."""
    named = os.environ.get("SECOND_LOOK_MODEL_DIR")
    folder = Path(named) if named else request.getfixturevalue("material") / "models"
    if not folder.is_dir():
        _without(f"there are no models in {folder}", "SECOND_LOOK_REQUIRE_MATERIAL")
    return folder


@pytest.fixture(scope="session")
def footage(material):
    """Return the folder of real footage."""
    return material / "footage"


@pytest.fixture(scope="session")
def demo_scene(tmp_path_factory):
    """Return (path of the rendered demo film, its truth); rendering takes some seconds."""
    from detection.vision.scenes import render_scene

    path = tmp_path_factory.mktemp("scene") / "lobby.mp4"
    return path, render_scene(path)


@pytest.fixture(scope="session")
def postgres_url():
    """Return the URL of an empty PostgreSQL database that nobody else uses."""
    server = os.environ.get("TEST_POSTGRES_URL")
    if not server:
        _without("TEST_POSTGRES_URL names no server", "SECOND_LOOK_REQUIRE_SERVICES")
    import psycopg
    from psycopg import sql

    name = f"second_look_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield f"{server.rsplit('/', 1)[0]}/{name}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )


@pytest.fixture
def redis_url():
    """Return the URL of an emptied Redis database that no other test process uses."""
    server = os.environ.get("TEST_REDIS_URL")
    if not server:
        _without("TEST_REDIS_URL names no server", "SECOND_LOOK_REQUIRE_SERVICES")
    import redis

    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    url = f"{server.rstrip('/')}/{int(worker) % REDIS_DATABASES}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture(scope="session")
def strace():
    """Return the path of an installed strace that may trace here."""
    path = shutil.which("strace")
    if path is None:
        _without("strace is not installed", "SECOND_LOOK_REQUIRE_SERVICES")
    tried = subprocess.run([path, "-qq", "-o", os.devnull, "true"], check=False)
    if tried.returncode:
        _without("this system does not let strace trace", "SECOND_LOOK_REQUIRE_SERVICES")
    return path


@pytest.fixture(scope="session")
def chromium():
    """Return the path of an installed Chromium."""
    path = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    if path is None:
        _without("Chromium is not installed", "SECOND_LOOK_REQUIRE_SERVICES")
    # Playwright's synchronous door keeps an event loop running in this thread until the session
    # ends; Django would take every later query in this process for one made in async code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    return path


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args, chromium):
    """Start the system's Chromium, quiet and without calls to its maker."""
    return {**browser_type_launch_args, "executable_path": chromium, "args": CHROMIUM_FLAGS}
