"""Code of a test in a process of its own, which may be killed in the middle."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def python(code, folder):
    """Run code with the test settings on SQLite in a data folder; return the CompletedProcess."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "SECOND_LOOK_DATA_DIR": str(folder),
    }
    environment.pop("TEST_DATABASE_URL", None)
    environment.pop("DATABASE_URL", None)
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
