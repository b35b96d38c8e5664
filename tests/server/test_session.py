"""`atomlens.server.session`."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from onnx import parser

from atomlens.server.bundle import ATOMS
from atomlens.server.errors import BundleError, EngineError
from atomlens.server.graph import check_graph
from atomlens.server.model import Model
from atomlens.server.neighbors import NeighborTable
from atomlens.server.session import AtomsSession, ProviderError, Session, check_provider
from atomlens.server.structures import Structures

WITHOUT_CUDA = "CUDAExecutionProvider" not in ort.get_available_providers()


def test_cpu_is_always_there() -> None:
    """Nothing is raised."""
    check_provider("cpu")


def test_a_provider_that_the_runtime_lacks_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what the runtime has and what to install."""
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ProviderError, match=r"`provider` cuda is not in this build .* atomlens\[gpu\]"):
        check_provider("cuda")


@pytest.mark.skipif(not WITHOUT_CUDA, reason="this runtime has CUDA and may grant it")
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_is_not_granted_is_an_error(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that promises CUDA and then runs on the CPU is never taken for the GPU."""
    monkeypatch.setattr(
        ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    with pytest.raises(ProviderError, match="cuda was asked for and the runtime did not grant it"):
        AtomsSession(model.bundle.atoms, model.card, "cuda")


def test_the_runtime_does_not_change_providers_later(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own fallback to the CPU, when a run fails, is off."""
    made: list[ort.InferenceSession] = []
    real = ort.InferenceSession

    def spy(*args: object, **kwargs: object) -> ort.InferenceSession:
        made.append(real(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(ort, "InferenceSession", spy)
    AtomsSession(model.bundle.atoms, model.card, "cpu")
    assert made[0]._enable_fallback is False


def test_contributions_are_float64_from_float32(model: Model, water: Structures) -> None:
    """One number for each atom and head."""
    outputs = model.run(model.prepare(water))
    assert set(outputs) == {"energy"}
    assert outputs["energy"].dtype == np.float64
    assert np.array_equal(outputs["energy"], outputs["energy"].astype(np.float32))


def test_an_error_of_the_runtime_is_an_engine_error(model: Model) -> None:
    """In one line."""
    session = AtomsSession(model.bundle.atoms, model.card, "cpu")
    table = NeighborTable(np.array([[7]]), np.zeros((1, 1, 3), np.float32))  # there is no atom 7
    with pytest.raises(EngineError, match="the runtime failed: ") as caught:
        session.run(np.array([1]), np.zeros((1, 3), np.float32), table)
    assert "\n" not in str(caught.value)


GRAPH = """
<ir_version: 10, opset_import: ["" : 18]>
shapes (float[n] width, float[n] height) => (float[n] area, double[n] exact)
{
  area = Mul (width, height)
  exact = Cast <to = 11> (area)
}
"""


@pytest.fixture(scope="module")
def shapes() -> Session:
    """A graph made by hand."""
    return Session("shapes.onnx", parser.parse_model(GRAPH).SerializeToString(), "cpu")


def test_a_graph_takes_what_it_asks_for(shapes: Session) -> None:
    """Of whatever is fed, and gives the outputs wanted in their order."""
    assert shapes.inputs == {"width", "height"}
    assert shapes.outputs == {"area": "tensor(float)", "exact": "tensor(double)"}
    fed = {name: np.array([2.0, 3.0], np.float32) for name in ("height", "depth", "width")}
    exact, area = shapes.run(["exact", "area"], fed)
    assert exact.dtype == np.float64
    assert area.dtype == np.float32
    assert exact.tolist() == area.tolist() == [4.0, 9.0]


@pytest.mark.parametrize(
    ("known", "wanted", "message"),
    [
        ({"width"}, ["area"], r"shapes.onnx: asks for unknown inputs \['height'\]"),
        ({"width", "height"}, ["area", "volume"], r"shapes.onnx: lacks the outputs \['volume'\]"),
        ({"width", "height"}, ["exact"], r"output 'exact' must be tensor\(float\), got tensor\(double\)"),
    ],
)
def test_a_graph_that_breaks_the_contract_is_refused(
    known: set[str], wanted: list[str], message: str, shapes: Session
) -> None:
    """The error names the file and what is at fault."""
    shapes.check_contract(frozenset({"width", "height", "depth"}), ["area"])
    with pytest.raises(BundleError, match=message):
        shapes.check_contract(frozenset(known), wanted)


def test_what_the_graph_cannot_take_is_an_engine_error(shapes: Session) -> None:
    """Whatever the runtime calls it."""
    with pytest.raises(EngineError, match="the runtime failed: "):
        shapes.run(["area"], {"width": np.zeros(2), "height": np.zeros(2, np.float32)})


def test_a_file_is_read_as_what_was_checked(model: Model) -> None:
    """Though it also looks like the runtime's own format, in a field that ONNX does not have."""
    disguise = b"xORTM" + b"y" * 20
    graph = b"\xa2\x06" + bytes([len(disguise)]) + disguise + model.bundle.atoms
    check_graph(ATOMS, graph)
    assert graph[4:8] == b"ORTM"
    assert Session(ATOMS, graph, "cpu").inputs == {"numbers", "positions", "neighbors", "shifts"}
