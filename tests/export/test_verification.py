"""`atomlens.export.verification`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from atomlens.export.checkpoint import Checkpoint
from atomlens.export.examples import verification_batches
from atomlens.export.verification import VerificationError, verify
from atomlens.server.verification import TOLERANCE

NAMES = [
    *("toy-schnet-energy", "toy-schnet-dipole", "toy-schnet-extent", "toy-schnet-formation"),
    *("toy-bpnn-energy", "toy-bpnn-dipole", "toy-bpnn-formation"),
]


def with_weight(graph: bytes, change: float) -> bytes:
    """Return the graph with its last weights changed."""
    model = onnx.load_from_string(graph)
    weights = [tensor for tensor in model.graph.initializer if tensor.name.endswith("weight")]
    values = onnx.numpy_helper.to_array(weights[-1]) + np.float32(change)
    weights[-1].CopyFrom(onnx.numpy_helper.from_array(values, weights[-1].name))
    return model.SerializeToString()


@pytest.mark.parametrize("name", NAMES)
def test_graphs_agree_with_their_networks(
    name: str, toy_checkpoints: dict[str, Checkpoint], toy_repository: Path
) -> None:
    """Every output of every case is within the tolerance, and cases keep what the network said."""
    checkpoint = toy_checkpoints[name]
    batches = verification_batches(checkpoint)
    graph = (toy_repository / name / "1" / "atoms.onnx").read_bytes()
    rows, cases = verify(checkpoint.build(), graph, batches)
    outputs = {"toy-schnet": 2, "toy-bpnn": 1}[name.rsplit("-", 1)[0]]
    assert len(rows) == outputs * len(batches)
    assert all(row.within(TOLERANCE) for row in rows)
    assert [case.name for case in cases] == list(batches)
    assert all(
        len(values) == len(case.structures.numbers)
        for case in cases
        for values in case.contributions.values()
    )


@pytest.mark.parametrize("change", [0.01, np.nan])
def test_a_graph_with_other_weights_is_refused(
    change: float, toy_checkpoints: dict[str, Checkpoint], toy_repository: Path
) -> None:
    """The worst cases are in the message and all rows in the error; NaN is refused too."""
    checkpoint = toy_checkpoints["toy-schnet-energy"]
    graph = (toy_repository / "toy-schnet-energy" / "1" / "atoms.onnx").read_bytes()
    batches = verification_batches(checkpoint)
    with pytest.raises(
        VerificationError, match=r"energy differs by .* in 'largest training structure'"
    ) as caught:
        verify(checkpoint.build(), with_weight(graph, change), batches)
    assert len(caught.value.rows) == 2 * len(batches)
