"""One place that tells third-party vision libraries how to behave, before any is imported.

Several of them call home, write into the home directory, install packages or pick one thread
unless they are told otherwise, and they read those wishes once, when they are first imported.
Every module that imports torch, ultralytics, onnxruntime, openvino or matplotlib calls
``prepare`` first.
"""

import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path

FONTS = ("Arial.ttf", "Arial.Unicode.ttf")
INTEGRATIONS = ("clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb")

_prepared: Path | None = None


def prepare(cache_dir):
    """Set the environment and the configuration files that keep the libraries quiet and safe.

    Idempotent: the first directory is the one that counts, because the libraries remember it.
    ULTRALYTICS_SAFE_LOAD makes ultralytics read weights with the restricted unpickler only, and
    the empty entry for ``openvino_telemetry`` makes openvino and nncf take their built-in stubs.

    Args:
        cache_dir: a writable directory for settings, fonts and caches; made when missing.

    Raises:
        RuntimeError: ultralytics is already imported with loading left unrestricted.
    """
    global _prepared
    if _prepared is not None:
        return
    if "ultralytics" in sys.modules and os.environ.get("ULTRALYTICS_SAFE_LOAD") != "1":
        raise RuntimeError("ultralytics was imported before detection.vision.libraries.prepare().")
    root = Path(cache_dir).resolve() / "libraries"
    settings_dir = root / "ultralytics" / "Ultralytics"
    for folder in (settings_dir, root / "matplotlib"):
        folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(_required(root))
    for name, value in _preferred().items():
        os.environ.setdefault(name, value)
    sys.modules.setdefault("openvino_telemetry", None)
    _write_settings(settings_dir, root)
    _place_fonts(settings_dir)
    _prepared = root


def load_ultralytics():
    """Import and return ultralytics, and take back what it puts into Pillow.

    Its own ``Image.open`` asks for a package that is not there whenever a file is no picture, in
    every part of this process that opens one.
    """
    from PIL import Image

    open_image = Image.open
    try:
        import ultralytics.utils.patches
    finally:
        Image.open = open_image
    return ultralytics


def is_prepared():
    """Tell whether ``prepare`` has run in this process."""
    return _prepared is not None


def is_installed(module):
    """Tell whether a library can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def available_cores():
    """Count the processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _required(root):
    return {
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_CONFIG_DIR": str(root / "ultralytics"),
        "ULTRALYTICS_SAFE_LOAD": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "NO_ALBUMENTATIONS_UPDATE": "1",
        "MPLCONFIGDIR": str(root / "matplotlib"),
        "MPLBACKEND": "Agg",
        "WANDB_MODE": "disabled",
        "HF_HUB_OFFLINE": "1",
    }


def _preferred():
    # ultralytics sets OMP_NUM_THREADS to 1 where it is unset, which halves training on two cores.
    return {"OMP_NUM_THREADS": str(available_cores()), "YOLO_VERBOSE": "false"}


def _write_settings(settings_dir, root):
    # The keys and the version must be the library's own, or it resets the file and sync with it.
    settings = {
        "settings_version": "0.0.8",
        "datasets_dir": str(root / "datasets"),
        "weights_dir": str(root / "weights"),
        "runs_dir": str(root / "runs"),
        "uuid": "0" * 64,
        "sync": False,
        "api_key": "",
        "openai_api_key": "",
        "vscode_msg": False,
        "openvino_msg": False,
        **dict.fromkeys(INTEGRATIONS, False),
    }
    _replace(settings_dir / "settings.json", json.dumps(settings, indent=2).encode())


def _place_fonts(settings_dir):
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or not spec.submodule_search_locations:
        return
    shipped = Path(spec.submodule_search_locations[0]) / "mpl-data/fonts/ttf/DejaVuSans.ttf"
    for name in FONTS:
        if shipped.exists() and not (settings_dir / name).exists():
            _replace(settings_dir / name, shipped.read_bytes())


def _replace(path, content):
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as target:
        target.write(content)
    os.replace(temporary, path)
