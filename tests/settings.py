"""Settings for the tests: a data folder of their own, no throttle, no lock-out, fast hashing."""

import os
import tempfile

os.environ.setdefault("SECOND_LOOK_DATA_DIR", tempfile.mkdtemp(prefix="second-look-test-"))
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 40)
os.environ.setdefault("LOG_LEVEL", "WARNING")
os.environ["CELERY_BROKER_URL"] = "memory://"
# Which items two people must see is chance; tests of that say so themselves.
os.environ.setdefault("SECOND_REVIEW_SHARE", "0")
if os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

from hitlsite.settings import *  # noqa: F403
from hitlsite.settings import AUTHENTICATION_BACKENDS as _backends
from hitlsite.settings import DATA_DIR as _folder
from hitlsite.settings import DATABASES as _databases
from hitlsite.settings import INSTALLED_APPS as _apps
from hitlsite.settings import REST_FRAMEWORK as _rest

if _databases["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Threads share a file as processes do; a database in memory locks tables in ways of its own.
    _databases["default"]["TEST"] = {"NAME": str(_folder / "test.sqlite3")}

# It sees a query that is repeated for every row; ``tests.repeated_queries`` makes that an error.
INSTALLED_APPS = [*_apps, "zeal"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AXES_ENABLED = False
AUTHENTICATION_BACKENDS = [name for name in _backends if "axes" not in name]
REST_FRAMEWORK = {**_rest, "DEFAULT_THROTTLE_CLASSES": []}
