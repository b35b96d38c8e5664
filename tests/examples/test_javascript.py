"""`examples/javascript`: a client in another language, run on Node, says what the Python client says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atomlens.client import Client, Explanation, UnknownModelError
from atomlens.client.probe import Grid
from atomlens.client.testing import serve

ROOT = Path(__file__).parents[2]
JAVASCRIPT, WATER = ROOT / "examples" / "javascript", ROOT / "examples" / "water.xyz"
MODEL = "toy-schnet-energy"
SAME_EV = 1e-5  # in another batch the last bits of a float32 may differ


@pytest.fixture(scope="module")
def address(toy_repository: Path) -> Iterator[str]:
    """A server with the toy models."""
    with serve(toy_repository, workers=1) as server:
        yield server.address


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the example."""
    if not (JAVASCRIPT / "node_modules" / ".done").exists():
        pytest.skip("the packages of the example are not installed: `make test` installs them")
    command = [str(Path(sys.executable).with_name("node")), str(JAVASCRIPT / "main.js"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def told(address: str) -> dict[str, Any]:
    """What the example prints."""
    ran = run(address, MODEL, str(WATER))
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.fixture(scope="module")
def expected(address: str) -> Explanation:
    """What the Python client says of the same molecule."""
    with Client(address) as client:
        return client.explain(WATER, MODEL)


def test_what_the_example_is_to_be_told() -> None:
    """Without it there is one line that says how it is run."""
    ran = run("127.0.0.1:50551")
    assert (ran.returncode, ran.stderr) == (2, "usage: node main.js HOST:PORT MODEL FILE.xyz\n")


def test_a_molecule_is_explained(told: dict[str, Any], expected: Explanation) -> None:
    """With the property, its unit and the contributions."""
    (answer,) = told["explained"]
    assert (answer["head"], answer["unit"]) == ("energy", "eV")
    assert answer["property"] == pytest.approx(expected.energy, abs=SAME_EV)
    assert answer["contributions"] == pytest.approx(expected.contributions["energy"], abs=SAME_EV)


def test_a_stream_is_answered_by_ids(told: dict[str, Any], expected: Explanation) -> None:
    """A structure that fails has a reason, its neighbours their answers."""
    first, failed, last = told["streamed"]
    for answer in (first, last):
        assert answer["contributions"] == pytest.approx(expected.contributions["energy"], abs=SAME_EV)
    failure = failed["failure"]
    assert (failure["code"], failure["reason"]) == (3, "UNKNOWN_ELEMENT")
    assert failure["field"] == "structures[1].numbers[0]"


def test_a_probe_that_was_left_goes_on(told: dict[str, Any], address: str) -> None:
    """Slabs of two calls make the map that the Python client collects from one, to the last bit."""
    grid = Grid([-3.0] * 3, np.eye(3) * 0.2, [31] * 3)
    with Client(address) as client:
        probed = client.probe(WATER, "H", MODEL, grid=grid, slab_points=16384).collect()
    assert told["probed"]["slabs"] == 2
    assert told["probed"]["unit"] == "eV"
    np.testing.assert_array_equal(np.array(told["probed"]["values"], np.float32), probed.values.reshape(-1))


def test_a_refused_call_tells_its_reason(told: dict[str, Any], address: str) -> None:
    """Read from the details of its status, as the Python client reads it."""
    with Client(address) as client, pytest.raises(UnknownModelError) as caught:
        client.explain(WATER, "no-model")
    assert told["refused"]["reason"] == caught.value.reason == "UNKNOWN_MODEL"
    assert told["refused"]["message"] == caught.value.message
