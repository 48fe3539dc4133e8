"""The files of the project, as the tests of this folder walk over them."""

import ast
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("hitlsite", "detection", "review", "training")
# Packages and modules that hold no Django: arithmetic, geometry, pictures, files.
PURE = {
    "detection": {"vision", "rules", "slots", "checkpoints"},
    "review": {
        "privacy",
        "ranking",
        "agreement",
        "recall",
        "guideline_texts",
        "annotation_checks",
        "labels",
    },
    "training": {"learning", "exporting"},
}
NOT_OURS = {".git", "var", "node_modules", "__pycache__", "test-results"}


def files(root=ROOT):
    """Yield every file that belongs to the project, caches and environments left out."""
    for folder, names, found in os.walk(root):
        here = Path(folder)
        names[:] = sorted(n for n in names if _is_ours(here / n))
        yield from (here / name for name in sorted(found))


def _is_ours(folder):
    hidden_cache = folder.name.startswith(".") and folder.name.endswith("_cache")
    is_environment = (folder / "pyvenv.cfg").exists()
    return not (
        folder.name in NOT_OURS or hidden_cache or is_environment or folder.name == ".hypothesis"
    )


def python_files(root=ROOT):
    """Yield every Python file but migrations, which a command writes."""
    for path in files(root):
        if path.suffix == ".py" and "migrations" not in path.parts:
            yield path


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(path, root=ROOT):
    """Return the dotted name: ``detection/vision/__init__.py`` is ``detection.vision``."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_pure(module):
    app, _, rest = module.partition(".")
    return rest.partition(".")[0] in PURE.get(app, set())
