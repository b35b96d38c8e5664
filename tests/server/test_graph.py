"""`atomlens.server.graph`: with graphs that the `onnx` package writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import onnx
import pytest
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto, helper

from atomlens.server import graph
from atomlens.server.errors import BundleError
from atomlens.server.graph import check_graph

FILE = "atoms.onnx"
NUMBERS = helper.make_tensor_value_info("numbers", TensorProto.FLOAT, ["atoms"])
ENERGY = helper.make_tensor_value_info("energy", TensorProto.FLOAT, ["atoms"])


def made(
    nodes: Sequence[NodeProto] = (), weights: Sequence[TensorProto] = (), **fields: object
) -> ModelProto:
    """Return a model with these nodes."""
    one = helper.make_graph(list(nodes) or [relu()], "g", [NUMBERS], [ENERGY], list(weights))
    model = helper.make_model(one, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    model.MergeFrom(ModelProto(**fields))  # type: ignore[arg-type]
    return model


def relu(domain: str = "", **attributes: AttributeProto) -> NodeProto:
    """Return a node, with attributes of any kind."""
    node = helper.make_node("Relu", ["numbers"], ["energy"], domain=domain)
    node.attribute.extend(attributes.values())
    return node


def outside() -> TensorProto:
    """Return a tensor whose numbers lie in a file of the system."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../../../etc/hostname")
    return tensor


def undeclared() -> TensorProto:
    """Return such a tensor that does not say so."""
    tensor = outside()
    tensor.ClearField("data_location")
    return tensor


def branch(weights: Sequence[TensorProto] = (), nodes: Sequence[NodeProto] = ()) -> AttributeProto:
    """Return an attribute that holds a graph."""
    return helper.make_attribute("then_branch", GraphProto(initializer=weights, node=nodes))


def function(nodes: Sequence[NodeProto], domain: str = "mine", name: str = "Own") -> onnx.FunctionProto:
    """Return a function."""
    return onnx.FunctionProto(name=name, domain=domain, node=nodes)


def constant(tensor: TensorProto) -> NodeProto:
    """Return a node that holds a tensor."""
    return helper.make_node("Constant", [], ["energy"], value=tensor)


def deep(node: NodeProto, levels: int = 6) -> NodeProto:
    """Return a node inside graphs of nodes."""
    for _ in range(levels):
        node = relu(g=branch(nodes=[node]))
    return node


def listed(field: str, value: object) -> AttributeProto:
    """Return an attribute with one value in a list."""
    return AttributeProto(name="x", **{field: [value]})  # type: ignore[arg-type]


HIDING: dict[str, Callable[[TensorProto], ModelProto]] = {
    "initializer": lambda tensor: made(weights=[tensor]),
    "attribute": lambda tensor: made([constant(tensor)]),
    "list of an attribute": lambda tensor: made([relu(x=listed("tensors", tensor))]),
    "subgraph": lambda tensor: made([relu(g=branch([tensor]))]),
    "list of subgraphs": lambda tensor: made([relu(x=listed("graphs", GraphProto(initializer=[tensor])))]),
    "subgraph of subgraphs": lambda tensor: made([deep(constant(tensor))]),
    "function": lambda tensor: made(functions=[function([constant(tensor)])]),
    "default of a function": lambda tensor: made(
        functions=[
            onnx.FunctionProto(name="f", domain="d", attribute_proto=[helper.make_attribute("t", tensor)])
        ]
    ),
    "subgraph of a function": lambda tensor: made(functions=[function([relu(g=branch([tensor]))])]),
}


def refusal(model: ModelProto | bytes) -> str:
    """Return why a graph is refused."""
    content = model if isinstance(model, bytes) else model.SerializeToString()
    with pytest.raises(BundleError) as caught:
        check_graph(FILE, content)
    return str(caught.value)


@pytest.mark.parametrize("tensor", [outside, undeclared])
@pytest.mark.parametrize("place", HIDING)
def test_numbers_outside_the_file_are_refused(place: str, tensor: Callable[[], TensorProto]) -> None:
    """Wherever they are asked for, and whether or not the tensor says so."""
    assert (
        refusal(HIDING[place](tensor())) == f"{FILE}: tensor 'w' lies outside the file, which no tensor may"
    )


@pytest.mark.parametrize("place", HIDING)
def test_numbers_inside_the_file_are_taken(place: str) -> None:
    """In the same places."""
    check_graph(
        FILE, HIDING[place](helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])).SerializeToString()
    )


@pytest.mark.parametrize("place", HIDING)
def test_a_shape_of_more_numbers_than_the_file_can_hold_is_refused(place: str) -> None:
    """Before anybody makes room for them."""
    huge = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2**31, 2**31, 2**31])
    assert "claim 9903520314283042199192993792 numbers, more than its" in refusal(HIDING[place](huge))


def test_a_shape_has_no_negative_length() -> None:
    """Two of which would make a positive number."""
    bent = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[-1, -1])
    assert refusal(made(weights=[bent])) == f"{FILE}: tensor 'w' has the shape [-1, -1]"


FOREIGN: dict[str, ModelProto | bytes] = {
    "graph": made([relu("com.example")]),
    "the runtime's own": made([helper.make_node("EPContext", [], ["energy"], domain="com.microsoft")]),
    "subgraph": made([deep(relu("com.example"))]),
    "function": made(functions=[function([relu("com.example")])]),
    "function of another name": made([relu("mine")], functions=[function([relu()])]),
    "function of another domain": made([relu("mine")], functions=[function([relu()], "other", "Relu")]),
    "machine learning": made([relu("ai.onnx.ml")]),
    "no text": made([relu("com.example")]).SerializeToString().replace(b"example", b"\xff\xfeample"),
}


@pytest.mark.parametrize("place", FOREIGN)
def test_operators_of_other_domains_are_refused(place: str) -> None:
    """Some of them read files, and none is needed."""
    assert refusal(FOREIGN[place]).startswith(f"{FILE}: operators must be those of ai.onnx, got ")


@pytest.mark.parametrize("domain", ["", "ai.onnx"])
def test_operators_of_the_format_are_taken(domain: str) -> None:
    """By both names of their domain; also what the file makes of them."""
    own = helper.make_node("Own", ["numbers"], ["energy"], domain="mine")
    check_graph(FILE, made([relu(domain), own], functions=[function([relu()])]).SerializeToString())


SPARSE = SparseTensorProto(dims=[2**40])


@pytest.mark.parametrize(
    "model",
    [
        made([relu(x=AttributeProto(name="x", sparse_tensor=SPARSE))]),
        made([relu(x=listed("sparse_tensors", SPARSE))]),
        made([relu(g=helper.make_attribute("g", GraphProto(sparse_initializer=[SPARSE])))]),
    ],
    ids=["attribute", "list", "initializer"],
)
def test_sparse_tensors_are_refused(model: ModelProto) -> None:
    """They may claim any shape with few numbers."""
    assert refusal(model) == f"{FILE}: must not hold sparse tensors"


def test_a_graph_for_training_is_refused() -> None:
    """It has graphs of its own."""
    training = onnx.TrainingInfoProto(algorithm=GraphProto(initializer=[outside()]))
    assert refusal(made(training_info=[training])) == f"{FILE}: must not hold `training_info`"


def test_too_many_nodes_or_tensors_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted over all graphs and functions of the file."""
    monkeypatch.setattr(graph, "MOST_NODES", 7)
    monkeypatch.setattr(graph, "MOST_TENSORS", 1)
    one = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    check_graph(FILE, made([deep(relu())], [one]).SerializeToString())
    assert refusal(made([deep(relu(), 7)])) == f"{FILE}: may have 7 nodes, got 8"
    assert refusal(made([deep(constant(one))], [one])) == f"{FILE}: may have 1 tensors, got 2"


@pytest.mark.parametrize("content", [b"\x00\x01\x02" * 100, b"\x3a\x05a"])
def test_what_is_no_graph_is_refused(content: bytes) -> None:
    """With protobuf's reason."""
    assert refusal(content).startswith(f"{FILE}: no graph the runtime can load: ")


def test_every_graph_that_is_exported_is_taken(toy_repository: Path) -> None:
    """Of all families and heads, with probes and without."""
    files = list(toy_repository.glob("*/*/*.onnx"))
    for file in files:
        check_graph(file.name, file.read_bytes())
    assert len(files) == 21
