"""The product in a folder and a database of a benchmark's own."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def prepare(**environment):
    """Set Django up on an empty folder, which goes away with the process, and return the folder.

    Args:
        environment: variables by their names; LOG_LEVEL is WARNING unless somebody says otherwise.
    """
    folder = Path(tempfile.mkdtemp(prefix="second-look-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    os.environ["SECOND_LOOK_DATA_DIR"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "hitlsite.settings"
    os.environ.update(environment)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    return folder
