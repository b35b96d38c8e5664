"""What the server never does, whatever it is asked and whatever a bundle holds."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import atomlens.server.app
import atomlens.v1

from . import untouched

SERVER = Path(atomlens.server.app.__file__).parent
SOURCES = [*SERVER.rglob("*.py"), *Path(next(iter(atomlens.v1.__path__))).rglob("*.py")]
UNSAFE = {
    "pickle",
    "_pickle",
    "cPickle",
    "cloudpickle",
    "dill",
    "joblib",
    "marshal",
    "shelve",
    "torch",
    "yaml",
}
CODE = {"eval", "exec", "compile", "__import__"}  # of Python's own functions


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the packages that a module imports, at its top or later."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def called(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield the calls of a module by what they call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_nothing_is_unpickled_and_no_code_is_made_of_data(source: Path) -> None:
    """Bundles are JSON, ONNX and arrays without objects."""
    tree = ast.parse(source.read_text())
    assert UNSAFE.isdisjoint(imported(tree))
    for name, call in called(tree):
        assert name not in CODE
        if name.rpartition(".")[2] in ("load", "loads", "read_array") and name.startswith(("np", "numpy")):
            given = {one.arg: ast.unparse(one.value) for one in call.keywords}
            assert given.get("allow_pickle") == "False"


def test_these_rules_would_find_what_they_forbid() -> None:
    """A rule that finds nothing anywhere forbids nothing."""
    tree = ast.parse("def f(x):\n    from pickle import loads\n    return eval(np.load(x))")
    assert set(imported(tree)) == {"pickle"}
    assert [name for name, _ in called(tree)] == ["eval", "np.load"]


def test_no_name_of_a_request_touches_the_disk(toy_repository: Path, tmp_path: Path) -> None:
    """In no call, whatever it looks like; and nobody gets anything but an error."""
    shutil.copytree(toy_repository, tmp_path / "models")
    done = subprocess.run(
        [sys.executable, untouched.__file__, str(tmp_path / "models")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["touched"] == []
    assert "canary" in told["canary"][0][1]  # the hook is there
    assert len(told["codes"]) == 17
    assert {code for codes in told["codes"].values() for code in codes} <= {"NOT_FOUND", "INVALID_ARGUMENT"}
