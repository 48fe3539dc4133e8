"""A web worker, a task's door and ``manage.py check`` never load a machine-learning library."""

import json
import os
import subprocess
import sys

import pytest

from tests.architecture.tree import APPS, ROOT, is_pure, module_name, python_files

HEAVY = (
    "torch",
    "torchvision",
    "ultralytics",
    "cv2",
    "av",
    "mediapipe",
    "sklearn",
    "lightgbm",
    "openvino",
    "onnx",
    "onnxruntime",
)
PROBE = """
import importlib, json, sys
import django
django.setup()
{body}
print(json.dumps(sorted(set({heavy!r}) & set(sys.modules))))
"""


def doors():
    """Return every module of the apps that is neither pure, nor settings, nor a test."""
    names = (module_name(path) for path in python_files())
    return sorted(
        name
        for name in names
        if name.split(".")[0] in APPS
        and not is_pure(name)
        and not name.startswith("hitlsite.settings")
    )


def heavy_after(body, folder):
    """Run ``body`` in a fresh interpreter and return the heavy libraries that it loaded."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "hitlsite.settings",
        "SECOND_LOOK_DATA_DIR": str(folder),
    }
    answer = subprocess.run(
        [sys.executable, "-c", PROBE.format(body=body, heavy=HEAVY)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            "import hitlsite.urls, hitlsite.asgi\n"
            f"for name in {doors()!r}: importlib.import_module(name)",
            id="every door",
        ),
        pytest.param(
            "from django.core.management import call_command\ncall_command('check')", id="check"
        ),
    ],
)
def test_the_light_path_stays_light(tmp_path, body):
    assert heavy_after(body, tmp_path) == []


def test_a_heavy_import_is_seen(tmp_path):
    assert "cv2" in heavy_after("import cv2", tmp_path)
