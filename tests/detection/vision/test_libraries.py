"""What the libraries are told is what they do: no calls home, no files in the home directory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def run(code, tmp_path, *, wrapper=(), **environment):
    """Run code in a fresh interpreter with a home directory of its own."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return subprocess.run(
        [*wrapper, sys.executable, "-c", code],
        cwd=ROOT,
        env={**kept, "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


PREPARE = "from detection.vision import libraries; libraries.prepare({folder!r})\n"


def test_the_environment_is_set_and_asking_twice_changes_nothing(tmp_path):
    code = (
        PREPARE
        + "import json, os, sys\nbefore = dict(os.environ)\nlibraries.prepare('elsewhere')\n"
        + "assert before == dict(os.environ) and libraries.is_prepared()\n"
        + "heavy = 'torch ultralytics openvino onnxruntime matplotlib'.split()\n"
        + "assert not set(heavy) & set(sys.modules)\n"
        + "print(json.dumps(before))"
    ).format(folder=str(tmp_path / "cache"))

    answer = run(code, tmp_path)

    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert told["YOLO_OFFLINE"] == "true" and told["YOLO_AUTOINSTALL"] == "false"
    assert told["ULTRALYTICS_SAFE_LOAD"] == "1" and told["ORT_DISABLE_TELEMETRY"] == "1"
    assert Path(told["YOLO_CONFIG_DIR"]).is_relative_to(tmp_path)
    assert not (ROOT / "elsewhere").exists()


def test_an_earlier_import_without_the_safe_loader_is_refused(tmp_path):
    code = (
        "import sys, types\nsys.modules['ultralytics'] = types.ModuleType('ultralytics')\n"
        + PREPARE
    ).format(folder=str(tmp_path))

    answer = run(code, tmp_path)

    assert "RuntimeError: ultralytics was imported before" in answer.stderr


@pytest.mark.slow
def test_ultralytics_keeps_our_settings_and_finds_its_fonts(tmp_path):
    code = (
        PREPARE
        + "from ultralytics.utils import AUTOINSTALL, ONLINE, SAFE_LOAD, SETTINGS\n"
        + "from ultralytics.utils.checks import check_font\n"
        + "assert (AUTOINSTALL, ONLINE, SAFE_LOAD) == (False, False, True)\n"
        + "assert SETTINGS['sync'] is False and SETTINGS['wandb'] is False\n"
        + "fonts = [check_font(name) for name in libraries.FONTS]\n"
        + "print(*[str(font) for font in fonts], SETTINGS['runs_dir'], sep='\\n')"
    ).format(folder=str(tmp_path / "cache"))

    answer = run(code, tmp_path)

    assert answer.returncode == 0, answer.stderr
    assert all(Path(line).is_relative_to(tmp_path) for line in answer.stdout.split())
    assert "Creating new" not in answer.stdout + answer.stderr


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "torch"])
def test_loading_and_one_inference_reach_for_nobody(tmp_path, model_dir, strace, backend):
    trace = tmp_path / "trace"
    wrapper = (strace, "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(trace))
    code = (
        "import numpy as np\nfrom detection.vision.backends import load_detector\n"
        f"detector = load_detector('yolo11n.pt', model_dir={str(model_dir)!r}, "
        f"cache_dir={str(tmp_path / 'cache')!r}, backend={backend!r}, input_size=320, "
        "precision='f32')\n"
        "detector.detect(np.zeros((90, 160, 3), np.uint8), 0.0)\nprint(detector.backend)"
    )

    answer = run(code, tmp_path, wrapper=wrapper)

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == [backend]
    outward = [line for line in trace.read_text().splitlines() if "AF_INET" in line]
    assert outward == []
    assert list((tmp_path / "home").rglob("*")) == []


@pytest.mark.slow
def test_pillow_stays_as_it_was(tmp_path):
    code = (
        "from PIL import Image\nbefore = Image.open\n"
        "from detection.vision import libraries\n"
        f"libraries.prepare({str(tmp_path / 'cache')!r})\n"
        "libraries.load_ultralytics().YOLO\nprint(Image.open is before)"
    )

    answer = run(code, tmp_path)

    assert answer.stdout.split() == ["True"], answer.stderr
