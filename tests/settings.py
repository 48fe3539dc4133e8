"""Settings for the tests: a data folder of their own, no throttle, no lock-out, fast hashing."""

import os
import tempfile

os.environ.setdefault("SECOND_LOOK_DATA_DIR", tempfile.mkdtemp(prefix="second-look-test-"))
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 40)
os.environ.setdefault("LOG_LEVEL", "WARNING")
if os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

from hitlsite.settings import *  # noqa: E402, F403
from hitlsite.settings import AUTHENTICATION_BACKENDS as _backends  # noqa: E402
from hitlsite.settings import REST_FRAMEWORK as _rest  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AXES_ENABLED = False
AUTHENTICATION_BACKENDS = [name for name in _backends if "axes" not in name]
REST_FRAMEWORK = {**_rest, "DEFAULT_THROTTLE_CLASSES": []}
