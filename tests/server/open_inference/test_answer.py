"""`atomlens.server.open_inference.answer`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from atomlens.open_inference import open_inference_pb2 as pb
from atomlens.server.engine import Engine
from atomlens.server.errors import InputError
from atomlens.server.open_inference.answer import answer
from atomlens.server.open_inference.inference import Inference
from atomlens.server.repository import Repository
from tests.server.open_inference.requests import WATER, infer_request

TWICE: dict[str, Any] = {
    "numbers": np.array([8, 1, 1, 8, 1, 1, 8, 1, 1]),
    "positions": np.concatenate([WATER["positions"]] * 3),
    "atoms": np.array([3, 3, 3]),
}
POISON = {**TWICE, "numbers": np.array([8, 1, 1, 8, 99, 1, 8, 1, 1])}


def ask(
    repository: Repository, model: str, arrays: dict[str, Any], outputs: list[str]
) -> dict[str, np.ndarray]:
    """Return the tensors of an answer by name, texts as they are on the wire."""
    inference = Inference.from_proto(infer_request(model, arrays, outputs), repository)
    engine = Engine(repository)
    response = answer(inference, *engine.ask(inference.model, inference.structures, inference.heads))
    return dict(
        zip(
            [one.name for one in response.outputs],
            map(_values, response.outputs, response.raw_output_contents),
            strict=True,
        )
    )


def _values(output: pb.ModelInferResponse.InferOutputTensor, content: bytes) -> np.ndarray:
    if output.datatype == "BYTES":
        return np.array([content])
    return np.frombuffer(content, "<f8").reshape(tuple(output.shape))


@pytest.mark.parametrize("model", ["toy-schnet-dipole", "toy-schnet-energy", "toy-schnet-extent"])
def test_a_failed_structure_leaves_nan_in_its_place(repository: Repository, model: str) -> None:
    """In every tensor, and every other structure has what it has without it."""
    names = [head + part for head in _heads(repository, model) for part in (".properties", ".contributions")]
    if model == "toy-schnet-dipole":
        names += ["charge.vectors", "charge.origins", "charge.raw"]
    good, found = (ask(repository, model, arrays, [*names, "errors"]) for arrays in (TWICE, POISON))
    for name in names:
        assert found[name].shape == good[name].shape
        lost = slice(1, 2) if len(found[name]) == 3 else slice(3, 6)
        kept = np.delete(np.arange(len(found[name])), lost)
        assert np.isnan(found[name][lost]).all()
        np.testing.assert_allclose(found[name][kept], good[name][kept], atol=1e-3)
    assert good["errors"].item() == bytes(12)[: len(good["errors"].item())]
    assert b"structures[1].numbers[1]: " in found["errors"].item()


def _heads(repository: Repository, model: str) -> list[str]:
    return [head.name for head in repository.find(model).card.heads]


def test_failures_end_a_call_that_does_not_ask_for_them(repository: Repository) -> None:
    """With the first, how many there are and the way out."""
    arrays = {**POISON, "numbers": np.array([8, 1, 1, 8, 99, 1, 8, 1, 99])}
    with pytest.raises(
        InputError, match=r"structures\[1\].numbers\[1\]: .*Es.*; 2 structures failed, the output `errors`"
    ) as caught:
        ask(repository, "toy-schnet-energy", arrays, [])
    assert (caught.value.reason, caught.value.field) == ("UNKNOWN_ELEMENT", "structures[1].numbers[1]")


def test_warnings_are_told_when_asked_for(repository: Repository) -> None:
    """Two atoms nearer than any in training are told of in words."""
    close = {**WATER, "positions": WATER["positions"] * 0.5}
    found = ask(repository, "toy-schnet-energy", close, ["warnings"])
    assert list(found) == ["warnings"]
    assert "Å" in found["warnings"].item()[4:].decode()


def test_an_empty_batch_has_empty_tensors(repository: Repository) -> None:
    """Of the shapes that metadata tell."""
    none = {"numbers": np.zeros(0, np.int64), "positions": np.zeros((0, 3)), "atoms": np.zeros(0, np.int64)}
    found = ask(repository, "toy-schnet-dipole", none, [])
    assert {name: values.shape for name, values in found.items()} == {
        "charge.properties": (0,),
        "charge.contributions": (0,),
        "charge.raw": (0,),
        "charge.vectors": (0, 3),
        "charge.origins": (0, 3),
    }
