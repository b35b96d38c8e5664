"""Random and poisonous messages over a real socket: an answer or a clear status, and nobody is harmed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atomlens.open_inference import open_inference_pb2 as inference_pb
from atomlens.open_inference.open_inference_pb2_grpc import GRPCInferenceServiceStub
from atomlens.server.model import Model, Outputs
from atomlens.server.settings import ServerSettings
from atomlens.server.structures import Structures
from atomlens.v1 import explanation_service_pb2 as pb
from atomlens.v1 import model_service_pb2, probes_pb2, structures_pb2
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector
from atomlens.v1.model_service_pb2_grpc import ModelServiceStub

CLEAR = {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"}
ENERGY = ModelSelector(name="toy-bpnn-energy")
PROBES = ("toy-schnet-energy", "toy-bpnn-energy")
MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Pack = Callable[[Structures], structures_pb2.Structures]

int32s = st.one_of(st.integers(0, 4), st.sampled_from([-1, 2**31 - 1, -(2**31)]))
floats = st.one_of(st.floats(-5, 5), st.floats(width=64), st.sampled_from([0.0, 1e6, 1e300, float("nan")]))
names = st.one_of(
    st.sampled_from(["toy-schnet-energy", "toy-bpnn-dipole@1", "toy-schnet-formation"]), st.text(max_size=9)
)
heads = st.lists(st.one_of(st.sampled_from(["energy", "charge"]), st.text(max_size=4)), max_size=2)
selectors = st.builds(ModelSelector, name=names, digest=st.sampled_from(["", "", "", "00"]))


def buffers(dtype: str, values: st.SearchStrategy[Any], length: int) -> st.SearchStrategy[bytes]:
    """Return strategies for the right number of values, most often, and for any bytes."""
    right = st.lists(values, min_size=length, max_size=length)
    return st.one_of(
        right.map(lambda row: np.array(row, dtype).tobytes()),
        right.map(lambda row: np.array(row, dtype).tobytes()),
        st.binary(max_size=24),
    )


@st.composite
def packed(draw: st.DrawFn) -> structures_pb2.Structures:
    """Structures in which anything may be wrong, or nothing."""
    counts = draw(st.lists(st.one_of(st.integers(0, 4), st.integers(0, 4), int32s), max_size=4))
    atoms = sum(count for count in counts if 0 < count < 9)
    message = structures_pb2.Structures(
        counts=np.array(counts, "<i4").tobytes() + draw(st.sampled_from([b"", b"", b"", b"\x00"])),
        numbers=draw(buffers("u1", st.one_of(st.sampled_from([1, 6, 7, 8]), st.integers(0, 255)), atoms)),
        positions=draw(buffers("<f8", floats, 3 * atoms)),
    )
    for name, dtype, values, length in (
        ("cells", "<f8", floats, 9),
        ("pbc", "u1", st.integers(0, 2), 3),
        ("charges", "<f8", floats, 1),
        ("spins", "<i4", int32s, 1),
    ):
        if draw(st.integers(0, 3)) == 0:
            setattr(message, name, draw(buffers(dtype, values, length * len(counts))))
    return message


grids = st.builds(
    probes_pb2.Grid,
    origin=buffers("<f8", floats, 3),
    axes=buffers("<f8", floats, 9),
    counts=buffers("<i4", int32s, 3),
)
fitted = st.builds(probes_pb2.FittedGrid, spacing_angstrom=floats, margin_angstrom=floats)


@st.composite
def probes(draw: st.DrawFn) -> probes_pb2.ProbeRequest:
    """Probes of anything anywhere."""
    where = draw(st.sampled_from(["grid", "fitted", "points", None]))
    places: dict[str, st.SearchStrategy[Any]] = {
        "grid": grids,
        "fitted": fitted,
        "points": buffers("<f8", floats, 6),
    }
    request = probes_pb2.ProbeRequest(
        model=draw(selectors),
        structures=draw(packed()),
        elements=draw(st.one_of(st.just(b"\x01"), st.binary(max_size=3))),
        heads=draw(heads),
        left_out=draw(st.one_of(st.just(b""), buffers("<i4", int32s, 1))),
        slab_points=draw(st.sampled_from([0, 0, 16384, 1, 2**32 - 1])),
        first_slab=draw(st.sampled_from([0, 0, 1, 2**63])),
        digest=draw(st.sampled_from(["", "", "00"])),
    )
    if where is not None:
        value = draw(places[where])
        if isinstance(value, Message):
            getattr(request, where).CopyFrom(value)
        else:
            request.points = value
    return request


@st.composite
def inferences(draw: st.DrawFn) -> inference_pb.ModelInferRequest:
    """Tensors of any name, type and shape, raw, one by one or both."""
    request = inference_pb.ModelInferRequest(
        model_name=draw(names), model_version=draw(st.sampled_from(["", "", "1", "x"]))
    )
    tensors = [
        ("numbers", "INT64", 1, "<i8"),
        ("positions", "FP64", 3, "<f8"),
        ("atoms", "INT64", 1, "<i8"),
        ("pbc", "BOOL", 3, "?"),
    ]
    atoms = draw(st.integers(0, 4))
    for name, datatype, width, dtype in draw(st.permutations(tensors)):
        rows = atoms if name in ("numbers", "positions") else 1
        shape = [rows, width][: 1 if width == 1 else 2]
        request.inputs.add(
            name=draw(st.sampled_from([name] * 6 + ["", "cells"])),
            datatype=draw(st.sampled_from([datatype] * 6 + ["FP32", ""])),
            shape=draw(st.sampled_from([shape] * 6 + [[], [-1], [2**62, 2**62]])),
        )
        values = draw(buffers(dtype, floats if dtype == "<f8" else st.integers(0, 8), rows * width))
        request.raw_input_contents.append(values)
    if draw(st.integers(0, 5)) == 0:
        del request.raw_input_contents[draw(st.integers(0, 3)) :]
    for name in draw(st.lists(st.sampled_from(["energy.properties", "errors", "warnings", "x"]), max_size=2)):
        request.outputs.add(name=name)
    return request


@pytest.fixture(scope="module")
def channel(background: Callable[[ServerSettings], str], toy_repository: Path) -> Any:
    """A channel to a server with the toy models."""
    address = background(ServerSettings(address="127.0.0.1:0", models=toy_repository, workers=1))
    with grpc.insecure_channel(address) as open_channel:
        yield open_channel


def told(call: Callable[[], Any]) -> Any:
    """Return the answer, or None for a status that tells the caller what to change."""
    try:
        return call()
    except grpc.RpcError as error:
        failed: Any = error
        assert failed.code().name in CLEAR, failed
        assert failed.details()
        return None


@MANY
@given(model=selectors, structures=packed(), wanted=heads)
def test_a_random_batch_is_answered_or_refused(
    model: ModelSelector, structures: structures_pb2.Structures, wanted: list[str], channel: grpc.Channel
) -> None:
    """As a whole or structure by structure, never as a failure of ours, and with a number for each atom."""
    request = pb.ExplainRequest(model=model, structures=structures, heads=wanted)
    answer = told(lambda: ExplanationServiceStub(channel).Explain(request, timeout=30))
    if answer is not None:
        counts = np.frombuffer(answer.explanations.counts, "<i4")
        assert len(counts) == len(structures.counts) // 4
        assert all(
            failure.status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
            for failure in answer.explanations.failures
        )
        for head in answer.explanations.heads:
            assert np.isfinite(np.frombuffer(head.contributions, "<f8")).all()
            assert len(head.contributions) == 8 * counts.sum()


@MANY
@given(model=selectors, chunks=st.lists(st.tuples(st.binary(max_size=17), packed()), max_size=3))
def test_a_random_stream_is_answered_or_refused(
    model: ModelSelector, chunks: list[tuple[bytes, structures_pb2.Structures]], channel: grpc.Channel
) -> None:
    """Ids may be of other numbers than the structures."""
    messages = [pb.ExplainStreamRequest(options=pb.StreamOptions(model=model))]
    for ids, structures in chunks:
        own = np.arange(len(structures.counts) // 4, dtype="<u8").tobytes() if len(ids) < 8 else ids
        messages.append(pb.ExplainStreamRequest(chunk=pb.StructureChunk(ids=own, structures=structures)))
    answers = told(lambda: list(ExplanationServiceStub(channel).ExplainStream(iter(messages), timeout=30)))
    assert answers is None or len(answers) == 1 + len(chunks)


@MANY
@given(request=probes())
def test_a_random_probe_is_answered_or_refused(
    request: probes_pb2.ProbeRequest, channel: grpc.Channel
) -> None:
    """With a header at least, after which its reader may leave."""

    def header() -> probes_pb2.ProbeResponse:
        answers = ExplanationServiceStub(channel).Probe(request, timeout=30)
        first = next(iter(answers))
        answers.cancel()
        return first

    answer = told(header)
    assert answer is None or answer.HasField("header")


@MANY
@given(request=inferences())
def test_random_tensors_are_answered_or_refused(
    request: inference_pb.ModelInferRequest, channel: grpc.Channel
) -> None:
    """By the Open Inference Protocol too."""
    answer = told(lambda: GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=30))
    assert answer is None or len(answer.outputs) == len(answer.raw_output_contents)


@MANY
@given(name=st.text(max_size=30))
def test_a_random_name_is_no_model(name: str, channel: grpc.Channel) -> None:
    """Of any characters, paths among them."""
    stub = ModelServiceStub(channel)
    for path in (name, f"../{name}", f"toy-bpnn-energy@{name}"):
        request = model_service_pb2.GetModelRequest(name=path)
        card = told(partial(stub.GetModel, request, timeout=30))
        assert card is None or card.status.name == "toy-bpnn-energy"


def test_a_good_call_is_answered_after_all_that(channel: grpc.Channel, water: Structures, pack: Pack) -> None:
    """Run after the others, it asks the same server."""
    request = pb.ExplainRequest(model=ENERGY, structures=pack(water))
    answer = ExplanationServiceStub(channel).Explain(request, timeout=30)
    assert not answer.explanations.failures
    assert len(answer.explanations.heads) == 1


def test_poison_among_thousands_fails_alone(
    serving: Callable[..., Any], water: Structures, pack: Pack
) -> None:
    """One breaks the runtime and one gives NaN; 3,000 others have what they have alone."""
    many, breaks, spoils = 3000, 1234, 2345
    crowd = Structures.concatenate([water] * many)
    numbers, positions = crowd.numbers.copy(), crowd.positions.copy()
    numbers[3 * breaks], numbers[3 * spoils] = 6, 7  # by which the fault knows them
    poisoned = Structures.molecules(crowd.counts, numbers, positions)

    async def main() -> None:
        async with serving() as (server, channel):
            model: Model = server._engine.repository.find(ENERGY.name)
            run = model.run

            def fail(work: Any) -> Outputs:
                if (work.numbers == 6).any():
                    raise RuntimeError("the runtime is out of order")
                outputs = run(work)
                return {name: np.where(work.numbers == 7, np.nan, values) for name, values in outputs.items()}

            model.run = fail  # type: ignore[method-assign]
            stub: Any = ExplanationServiceStub(channel)
            alone = await stub.Explain(pb.ExplainRequest(model=ENERGY, structures=pack(water)))
            answer = await stub.Explain(pb.ExplainRequest(model=ENERGY, structures=pack(poisoned)))
            assert [failure.structure for failure in answer.explanations.failures] == [breaks, spoils]
            energies = np.frombuffer(answer.explanations.heads[0].properties, "<f8")
            (expected,) = np.frombuffer(alone.explanations.heads[0].properties, "<f8")
            kept = np.delete(energies, [breaks, spoils])
            np.testing.assert_allclose(kept, expected, atol=1e-3)
            assert np.isnan(energies[[breaks, spoils]]).all()

    asyncio.run(main())
