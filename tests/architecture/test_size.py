"""Functions and files stay short enough to be read in one go."""

import ast

from tests.architecture.tree import ROOT, parse, python_files

MOST_LINES_A_FUNCTION = 60
MOST_LINES_A_FILE = 400


def too_long(root=ROOT):
    """Return one sentence for every function and file past its limit."""
    sentences = []
    for path in python_files(root):
        name = path.relative_to(root)
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > MOST_LINES_A_FILE:
            sentences.append(f"{name} has {lines} lines")
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                if lines > MOST_LINES_A_FUNCTION:
                    sentences.append(f"{name}:{node.lineno} {node.name} has {lines} lines")
    return sentences


def test_nothing_is_too_long():
    assert too_long() == []


def test_what_is_too_long_is_named(tmp_path):
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations/0001.py").write_text("x = 1\n" * 500)
    (tmp_path / "long.py").write_text("x = 1\n" * 401)
    (tmp_path / "function.py").write_text("def f():\n" + "    x = 1\n" * 60)
    (tmp_path / "fine.py").write_text("def f():\n" + "    x = 1\n" * 59)

    assert too_long(tmp_path) == ["function.py:1 f has 61 lines", "long.py has 401 lines"]
