"""`atomlens.server.services.inference`: asked by `tritonclient`, and by its bare messages."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from atomlens.open_inference import open_inference_pb2 as pb
from atomlens.open_inference.open_inference_pb2_grpc import GRPCInferenceServiceStub
from atomlens.server.settings import ServerSettings
from atomlens.server.structures import Structures
from atomlens.v1.explanation_service_pb2 import ExplainRequest
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import HeadExplanation, ModelSelector
from tests.server.open_inference.requests import TWO, infer_request

ASKING = Path(__file__).with_name("triton_client.py")
MODEL = "toy-schnet-energy"
Pack = Callable[[Structures], Any]


@pytest.fixture(scope="module")
def address(background: Callable[[ServerSettings], str], toy_repository: Path) -> str:
    """A server with the toy models."""
    return background(ServerSettings(address="127.0.0.1:0", models=toy_repository))


@pytest.fixture(scope="module")
def told(address: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `tritonclient` was told, as it is published and in a process of its own."""
    file = tmp_path_factory.mktemp("structures") / "two.npz"
    arrays: dict[str, Any] = dict(TWO)
    np.savez(file, **arrays)
    command = [sys.executable, str(ASKING), address, MODEL, str(file)]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stderr
    found: dict[str, Any] = json.loads(asked.stdout)
    return found


@pytest.fixture(scope="module")
def explained(address: str, pack: Pack) -> HeadExplanation:
    """The same two molecules, explained by our own service."""
    structures = Structures.molecules(TWO["atoms"], TWO["numbers"], TWO["positions"])
    with grpc.insecure_channel(address) as channel:
        request = ExplainRequest(model=ModelSelector(name=MODEL), structures=pack(structures))
        (head,) = ExplanationServiceStub(channel).Explain(request).explanations.heads
    return head


def test_server_and_models_tell_whether_they_are_ready(told: dict[str, Any]) -> None:
    """A model or version that there is not is not ready, which is no error."""
    assert told["live"]
    assert told["ready"]
    assert told["model_ready"] == [True, True]
    assert told["others_ready"] == [False, False]
    assert told["server"]["name"] == "atomlens"


def test_metadata_tell_the_tensors(told: dict[str, Any]) -> None:
    """With names, datatypes and shapes; the configuration tells what may be left out."""
    model = told["model"]
    assert (model["name"], model["versions"]) == (MODEL, ["1"])
    inputs = [(one["name"], one["datatype"], one["shape"]) for one in model["inputs"]]
    assert inputs[:3] == [
        ("numbers", "INT64", ["-1"]),
        ("positions", "FP64", ["-1", "3"]),
        ("atoms", "INT64", ["-1"]),
    ]
    outputs = {one["name"]: one["datatype"] for one in model["outputs"]}
    parts = ("properties", "contributions", "model", "offset")
    assert outputs == {**{f"energy.{part}": "FP64" for part in parts}, "errors": "BYTES", "warnings": "BYTES"}
    needed = [one["name"] for one in told["config"]["input"] if not one.get("optional")]
    assert needed == ["numbers", "positions"]


def test_tensors_hold_what_our_own_service_answers(told: dict[str, Any], explained: HeadExplanation) -> None:
    """To the last bit, in the same order, by the version and under the id of the request."""
    answer = told["answer"]
    buffers = {
        "properties": explained.properties,
        "contributions": explained.contributions,
        "model": explained.offset.model,
        "offset": explained.offset.offset,
    }
    assert answer == {f"energy.{name}": np.frombuffer(part, "<f8").tolist() for name, part in buffers.items()}
    assert (told["id"], told["version"]) == ("a request", "1")


def test_a_lone_structure_needs_no_atoms(told: dict[str, Any]) -> None:
    """Without `atoms` all atoms are of one structure."""
    assert told["lone"]["energy.properties"] == pytest.approx(
        told["answer"]["energy.properties"][:1], abs=1e-3
    )
    assert len(told["lone"]["energy.contributions"]) == 3


def test_one_bad_structure_fails_the_call_unless_errors_are_asked_for(told: dict[str, Any]) -> None:
    """The protocol has no status of a part: who does not look at `errors` must not go on with a NaN."""
    status, message = told["refused"]
    assert status == "StatusCode.INVALID_ARGUMENT"
    assert message.startswith("structures[1].numbers[0]: ")
    assert "Es (99)" in message
    errors, energies = told["some"]["errors"], told["some"]["energy.properties"]
    assert list(told["some"]) == ["errors", "energy.properties"]
    assert errors[0] == ""
    assert errors[1].startswith("structures[1].numbers[0]: ")
    assert np.isnan(energies).tolist() == [False, True]
    assert energies[0] == pytest.approx(told["answer"]["energy.properties"][0], abs=1e-3)


def test_errors_are_statuses_of_grpc(told: dict[str, Any]) -> None:
    """What is not answered is unimplemented, and harms nothing."""
    assert told["unknown"][0] == "StatusCode.NOT_FOUND"
    assert told["statistics"][0] == told["index"][0] == "StatusCode.UNIMPLEMENTED"


def test_both_clients_live_in_one_process() -> None:
    """Messages of the same names come with `tritonclient`; ours keep to themselves, whoever is first."""
    ours, theirs = "import atomlens.server.app", "import tritonclient.grpc"
    for script in (f"{ours}; {theirs}", f"{theirs}; {ours}"):
        ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr


def test_elements_one_by_one_are_taken_too(address: str) -> None:
    """Clients without raw contents get the same answer, which is raw."""
    with grpc.insecure_channel(address) as channel:
        stub = GRPCInferenceServiceStub(channel)
        raw, typed = (stub.ModelInfer(infer_request(MODEL, raw=raw)) for raw in (True, False))
    assert list(raw.raw_output_contents) == list(typed.raw_output_contents)
    assert len(raw.raw_output_contents) == len(raw.outputs)
    assert raw.parameters["provider"].string_param == "cpu"
    assert len(raw.parameters["digest"].string_param) == 64


@pytest.mark.parametrize("model", ["toy-schnet-dipole", "toy-schnet-extent", "toy-bpnn-dipole"])
def test_every_output_of_metadata_is_given(address: str, model: str) -> None:
    """In the type and with as many dimensions as they tell, for all kinds of heads."""
    with grpc.insecure_channel(address) as channel:
        stub = GRPCInferenceServiceStub(channel)
        outputs = stub.ModelMetadata(pb.ModelMetadataRequest(name=model)).outputs
        names = [output.name for output in outputs]
        answer = stub.ModelInfer(infer_request(model, outputs=names))
    assert [output.name for output in answer.outputs] == names
    for told, given in zip(outputs, answer.outputs, strict=True):
        assert (told.datatype, len(told.shape)) == (given.datatype, len(given.shape))


def test_a_crystal_comes_with_cells_and_pbc(
    address: str, pack: Pack, crystal: Callable[..., Structures]
) -> None:
    """And is explained as by our own service."""
    copper = crystal([29], [[0.1, 0.2, 0.3]], np.eye(3) * 2.55)
    arrays = {
        "numbers": copper.numbers,
        "positions": copper.positions,
        "cells": copper.cells,
        "pbc": copper.pbc,
    }
    with grpc.insecure_channel(address) as channel:
        stub = GRPCInferenceServiceStub(channel)
        answer = stub.ModelInfer(infer_request("toy-schnet-formation", arrays))
        request = ExplainRequest(model=ModelSelector(name="toy-schnet-formation"), structures=pack(copper))
        (head,) = ExplanationServiceStub(channel).Explain(request).explanations.heads
    assert answer.raw_output_contents[:2] == [head.properties, head.contributions]


def test_a_leaving_server_is_not_ready(serving: Callable[..., Any]) -> None:
    """It is still live."""

    async def main() -> None:
        async with serving() as (server, channel):
            stub: Any = GRPCInferenceServiceStub(channel)
            server._draining.set()
            assert not (await stub.ServerReady(pb.ServerReadyRequest())).ready
            assert not (await stub.ModelReady(pb.ModelReadyRequest(name=MODEL))).ready
            assert (await stub.ServerLive(pb.ServerLiveRequest())).live

    asyncio.run(main())
