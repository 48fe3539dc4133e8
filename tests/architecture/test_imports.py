"""Imports point one way: between the apps, between the layers, and never from pure code up.

training -> review -> detection -> hitlsite
urls -> admin | management | views | api -> tasks | forms -> services -> selectors -> models
-> pure packages
"""

import ast
import sys

import pytest

from tests.architecture.tree import APPS, PURE, ROOT, is_pure, module_name, parse, python_files

LAYERS = {
    "urls": 0,
    "apps": 1,
    "admin": 1,
    "admin_annotations": 1,
    "admin_datasets": 1,
    "admin_features": 1,
    "admin_learning": 1,
    "admin_photos": 1,
    "admin_retraining": 1,
    "admin_webhooks": 1,
    "management": 1,
    "views": 1,
    "health": 1,
    "api": 1,
    "templatetags": 1,
    "tasks": 2,
    "forms": 2,
    "services": 3,
    "selectors": 4,
    "models": 5,
} | {name: 6 for names in PURE.values() for name in names}

# The foundation is no flow of its own: its modules serve the layer of the apps named here.
FOUNDATION_LAYERS = {
    "commands": 1,
    "pages": 1,
    "middleware": 1,
    "health": 1,
    "metrics": 1,
    "checks": 1,
    "api_errors": 1,
    "streaming": 1,
    "backends": 1,
    "logs": 1,
    "audit": 3,
    "jobs": 3,
    "people": 3,
    "sites": 3,
    "broker": 3,
    "storage": 6,
    "bounds": 6,
    "outbound": 6,
    "rows": 6,
    "garbage": 6,
    "errors": 6,
}
# The glue is what starts the project, so it may know every app.
GLUE = {"hitlsite.urls", "hitlsite.celery", "hitlsite.asgi", "hitlsite.wsgi"}
GLUE_PACKAGES = ("hitlsite.settings",)
# What pure code may take from the project besides pure code.
PURE_MAY_USE = {"hitlsite.errors"}
RULES_MAY_USE = {"numpy", "shapely", "yaml"}
WEB = {"django", "rest_framework", "celery", "kombu", "storages", "knox", "drf_spectacular"}


def imported_modules(path, root):
    """Yield (line, dotted name) of every import, those inside functions included."""
    package = module_name(path, root).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, _target(base, alias.name, root)) for alias in node.names)


def _target(base, name, root):
    """Return the module that ``from base import name`` reaches."""
    if base.split(".")[0] not in APPS:
        return base
    inner = root.joinpath(*base.split("."), name)
    return f"{base}.{name}" if inner.is_dir() or inner.with_suffix(".py").exists() else base


def layer_of(module):
    """Return the layer's number, or None for an app's own package and for what starts it."""
    app, _, rest = module.partition(".")
    part = rest.partition(".")[0]
    if not part or module in GLUE or module.startswith(GLUE_PACKAGES):
        return None
    if part in LAYERS:
        return LAYERS[part]
    if app == "hitlsite" and part in FOUNDATION_LAYERS:
        return FOUNDATION_LAYERS[part]
    raise LookupError(f"{module} is in no layer; name its layer in {__name__}")


def is_glue(module):
    return module in GLUE or module.startswith(GLUE_PACKAGES) or module in APPS


def wrong_imports(root=ROOT):
    """Return one sentence for every import that points the wrong way."""
    sentences = []
    for path in python_files(root):
        module = module_name(path, root)
        if module.split(".")[0] in APPS and not is_glue(module):
            for line, target in imported_modules(path, root):
                reason = objection(module, target)
                if reason:
                    place = f"{path.relative_to(root)}:{line}"
                    sentences.append(f"{place} imports {target}: {reason}")
    return sentences


def objection(module, target):
    """Say what is wrong with ``module`` importing ``target``, or return None."""
    root_package = target.split(".")[0]
    if is_pure(module):
        return _objection_to_pure(module, target, root_package)
    if root_package not in APPS:
        return None
    if APPS.index(root_package) > APPS.index(module.split(".")[0]):
        return f"{root_package} comes later in the flow"
    try:
        mine, theirs = layer_of(module), layer_of(target)
    except LookupError as error:
        return str(error)
    if mine is not None and theirs is not None and theirs < mine:
        return "that layer is above this one"
    return None


def _objection_to_pure(module, target, root_package):
    if root_package in WEB:
        return "a pure package knows nothing of Django"
    if target in PURE_MAY_USE:
        return None
    if root_package in APPS and not is_pure(target):
        return "a pure package knows only pure packages"
    if root_package in APPS and APPS.index(root_package) > APPS.index(module.split(".")[0]):
        return f"{root_package} comes later in the flow"
    allowed = root_package in RULES_MAY_USE | set(APPS) | sys.stdlib_module_names
    if module.startswith("detection.rules") and not allowed:
        return f"rules use only the standard library and {', '.join(sorted(RULES_MAY_USE))}"
    return None


def test_imports_point_one_way():
    assert wrong_imports() == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("hitlsite/jobs.py", "from detection.models import Camera"),
        ("detection/services/incidents.py", "from review.models import TrainingItem"),
        ("review/views.py", "import training.services.runs"),
        ("detection/services/cameras.py", "from detection.tasks import ingest_waiting"),
        ("detection/services/cameras.py", "from detection import tasks"),
        ("detection/services/cameras.py", "from .. import tasks"),
        ("training/services/runs.py", "from detection.tasks import ingest_waiting"),
        ("detection/services/cameras.py", "def start():\n    from detection.tasks import x"),
        ("review/selectors.py", "from review.services.queue import claim"),
        ("review/models/item.py", "from review.selectors import waiting"),
        ("detection/models/camera.py", "from hitlsite.audit import record"),
        ("detection/tasks.py", "from detection.views import live"),
        ("detection/vision/video.py", "from django.conf import settings"),
        ("detection/vision/video.py", "from detection.models import Camera"),
        ("detection/vision/video.py", "from review.privacy import redact"),
        ("review/privacy/redact.py", "import rest_framework.serializers"),
        ("detection/rules/dwell.py", "import cv2"),
        ("detection/rules/dwell.py", "from hitlsite.jobs import claim"),
    ],
)
def test_a_wrong_import_is_found(tmp_path, file, line):
    (tmp_path / "detection").mkdir()
    (tmp_path / "detection/tasks.py").write_text("")
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{line}\n")

    assert [sentence for sentence in wrong_imports(tmp_path) if sentence.startswith(file)]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("hitlsite/urls.py", "from review import views"),
        ("hitlsite/settings/base.py", "import training.models"),
        ("training/services/promotion.py", "from detection.services.deployments import activate"),
        ("review/services/conversion.py", "from hitlsite.audit import record"),
        ("review/services/privacy.py", "from review.privacy import faces"),
        ("review/privacy/faces.py", "from detection.vision.types import Detections"),
        ("detection/rules/config.py", "from hitlsite.errors import DomainError\nimport yaml"),
        ("detection/views.py", "from django.http import HttpResponse"),
        ("tests/detection/test_x.py", "from training.models import Dataset"),
    ],
)
def test_a_right_import_is_left_alone(tmp_path, file, line):
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(f"{line}\n")

    assert wrong_imports(tmp_path) == []


def test_a_module_in_no_layer_is_named(tmp_path):
    (tmp_path / "detection").mkdir()
    (tmp_path / "detection/helpers.py").write_text("from detection.models import Camera\n")

    assert "detection.helpers is in no layer" in wrong_imports(tmp_path)[0]
