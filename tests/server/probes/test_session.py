"""`atomlens.server.probes.session`: with graphs made by hand, so that what they say is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import parser

from atomlens.server.card import Card
from atomlens.server.errors import BundleError, EngineError
from atomlens.server.model import Model
from atomlens.server.probes.session import ProbeSession

GRAPH = """
<ir_version: 10, opset_import: ["" : 18]>
probe (float[points, 3] points, int64[elements] elements, float[%s] %s)
  => (%s[elements, points] first, %s[elements, points] %s)
{
  one = Constant <value_ints = [1]> ()
  factors = Cast <to = 1> (elements)
  column = Unsqueeze (factors, one)
  sums = ReduceSum <keepdims = 0> (points, one)
  felt = ReduceSum <keepdims = 0> (%s)
  total = Add (sums, felt)
  product = Mul (column, total)
  first = Cast <to = %d> (product)
  %s = Add (first, first)
}
"""
POINTS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.1]])
SUMS = POINTS.astype(np.float32).sum(1)  # (points,)
FIELD = np.array([6, 7]), np.array([[0.5, 0.25, 0.25], [1.0, 2.0, 3.0]])


def graph(felt: str = "positions", kind: str = "float", second: str = "second") -> bytes:
    """Return a graph: element times the sum of a point and of what is felt, and twice as much."""
    shape = {"positions": "field, 3", "context": "layers, field, features"}.get(felt, "n")
    types = {"float": 1, "double": 11}
    text = GRAPH % (shape, felt, kind, kind, second, felt, types[kind], second)
    return bytes(parser.parse_model(text).SerializeToString())


@pytest.fixture(scope="module")
def card(model: Model) -> Card:
    """A card with two heads."""
    (head,) = model.card.heads
    return replace(model.card, heads=(replace(head, name="first"), replace(head, name="second")))


@pytest.mark.parametrize("wanted", [(0,), (1,), (0, 1), (1, 0)])
def test_values_come_head_by_head_and_element_by_element(wanted: tuple[int, ...], card: Card) -> None:
    """Those of the heads wanted, in the order in which they are wanted."""
    session = ProbeSession(graph(), card, "cpu", False)
    heads = [card.heads[index] for index in wanted]
    values = session.run(heads, np.array([8, 1]), POINTS, *FIELD, None)
    expected = [(index + 1) * element * (SUMS + 7) for index in wanted for element in (8, 1)]
    assert values.dtype == np.float32
    assert np.array_equal(values, np.array(expected, np.float32))


def test_context_is_fed_where_the_graph_asks_for_it(card: Card) -> None:
    """A graph that feels less needs none, and may be given it."""
    context = np.full((2, 2, 5), 0.5, np.float32)
    for felt, total in (("context", 10), ("positions", 7)):
        session = ProbeSession(graph(felt), card, "cpu", True)
        assert session.needs_context == (felt == "context")
        (values,) = session.run(card.heads[:1], np.array([1]), POINTS, *FIELD, context)
        assert np.array_equal(values, SUMS + np.float32(total))


@pytest.mark.parametrize(
    ("content", "has_context", "message"),
    [
        (graph("pixels"), True, r"probe.onnx: asks for unknown inputs \['pixels'\]"),
        (graph(second="third"), True, r"probe.onnx: lacks the outputs \['second'\]"),
        (graph(kind="double"), True, r"output 'first' must be tensor\(float\), got tensor\(double\)"),
        (graph("context"), False, "asks for 'context', which atoms.onnx does not give"),
        (b"noise", True, "probe.onnx: no graph the runtime can load"),
    ],
    ids=["input", "output", "type", "context", "noise"],
)
def test_a_graph_that_breaks_the_contract_is_refused(
    content: bytes, has_context: bool, message: str, card: Card
) -> None:
    """The error says how."""
    with pytest.raises(BundleError, match=message):
        ProbeSession(content, card, "cpu", has_context)


def test_an_error_of_the_runtime_is_an_engine_error(card: Card) -> None:
    """In one line."""
    session = ProbeSession(graph(), card, "cpu", False)
    with pytest.raises(EngineError, match="the runtime failed: ") as caught:
        session.run(card.heads, np.array([[1]]), POINTS, *FIELD, None)
    assert "\n" not in str(caught.value)
