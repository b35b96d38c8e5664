"""`docs/wire.md`, held to the .proto files, to the server's errors and to bytes as they are sent."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from atomlens.client import Client
from atomlens.client.inputs import read_one
from atomlens.client.lone import lone_request
from atomlens.server.limits import MAX_STRUCTURES
from atomlens.server.open_inference.signature import INPUTS
from atomlens.v1.explanation_service_pb2 import ExplainRequest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "wire.md").read_text()
SOURCES = [ast.parse(path.read_text()) for path in (ROOT / "server").rglob("*.py")]
FIELD = re.compile(r"((?: *//.*\n)+) *bytes (\w+) = \d+;")
MEANING = re.compile(r"\b(u?int(?:8|32|64)|float(?:32|64)), (\([^)]*\))")
WORD = re.compile(r"[A-Z][A-Z_]{4,}")
SAME_EV = 1e-4


def fields() -> Iterator[tuple[str, str, str]]:
    """Yield name, type and shape of every bytes field, as its comment in the .proto file tells."""
    for path in sorted((ROOT / "proto" / "atomlens" / "v1").glob("*.proto")):
        for message in re.split(r"^message ", path.read_text(), flags=re.MULTILINE)[1:]:
            for comment, field in FIELD.findall(message):
                meaning = MEANING.search(" ".join(comment.replace("//", " ").split()))
                assert meaning, f"{path.name}: the comment of {field} must tell type and shape"
                yield f"{message.split()[0]}.{field}", meaning[1], meaning[2]


def block(name: str) -> str:
    """Return a block of the page."""
    found = re.search(rf"```{name}\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found
    return found[1]


def hexadecimal(text: str) -> bytes:
    """Return the bytes at the beginning of each line, behind an indent or a name."""
    rows = (
        re.match(r"\s*(?:[a-z]{5,} +)?((?:[0-9a-f]{2} )*[0-9a-f]{2})(?: {2,}|$)", row)
        for row in text.splitlines()
    )
    return b"".join(bytes.fromhex(row[1]) for row in rows if row)


def reasons() -> set[str]:
    """Return every reason that the server's source gives an error."""
    found = set()
    for node in (node for tree in SOURCES for node in ast.walk(tree)):
        if isinstance(node, ast.Call):
            named = [keyword.value for keyword in node.keywords if keyword.arg == "reason"]
            function = getattr(node.func, "id", "")
            found |= _words(named + node.args[1:2] * (function.endswith("Error") or function == "Rule"))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            found |= _words([node.value] if getattr(target, "id", "") == "reason" else [])
    return found


def _words(nodes: list[ast.expr]) -> set[str]:
    return {word for word in map(_text, nodes) if WORD.fullmatch(word)}


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_bytes_field_is_laid_out() -> None:
    """With the type and the shape that the .proto file tells, and no field that there is not."""
    rows = re.findall(r"^\| `(\w+\.\w+)` \| (\w+) \| (\([^)]*\)) \|", DOCUMENT, re.MULTILINE)
    assert sorted(rows) == sorted(fields())
    assert len(rows) == len(set(rows)) > 30


def test_every_reason_is_in_the_table() -> None:
    """And each that is in the table is one that the server knows."""
    told = set(
        re.findall(
            r"`([A-Z_]{5,})`", " ".join(re.findall(r"^\| `[A-Z_]+` \|.*\|(.*)\|$", DOCUMENT, re.MULTILINE))
        )
    )
    assert reasons() <= told
    known = {_text(node) for tree in SOURCES for node in ast.walk(tree)}
    assert told <= known


def test_the_example_is_what_is_sent() -> None:
    """The bytes of the page are those of the Python client's request, and can be read as such."""
    sent = hexadecimal(block("request"))
    request = lone_request("schnet-qm9-energy", read_one(ROOT / "examples" / "water.xyz"))
    assert sent == request.SerializeToString(deterministic=True)
    assert len(sent) == 108
    assert ExplainRequest.FromString(sent) == request


def test_the_example_is_what_is_answered() -> None:
    """The buffers of the page hold the numbers beside them, which are those of the bundled model."""
    text = block("answer")
    shown = np.frombuffer(hexadecimal(text.partition("\n")[2]), "<f8")
    beside = [float(number) for number in re.findall(r"(-?\d+\.\d+) eV", text)]
    np.testing.assert_allclose(shown, beside, atol=1e-6)
    with Client.local() as client:
        answer = client.explain(ROOT / "examples" / "water.xyz", "schnet-qm9-energy@3")
    head = answer.heads["energy"]
    assert head.model is not None
    assert head.offset is not None
    expected = [head.value, *head.contributions, *head.model, *head.offset]
    assert shown == pytest.approx(expected, abs=SAME_EV)


def test_numbers_in_the_text_are_those_of_the_code() -> None:
    """How many structures a message may hold, and the inputs of the Open Inference Protocol."""
    assert f"at most {MAX_STRUCTURES:,} structures" in DOCUMENT
    rows = re.findall(r"^\| `(\w+)` \| ([A-Z0-9]+) \| \[(.*?)\] \|", DOCUMENT, re.MULTILINE)
    told = [(name, datatype, tuple(map(int, shape.split(", ")))) for name, datatype, shape in rows]
    assert told == [(tensor.name, tensor.datatype, tensor.shape) for tensor in INPUTS]
