"""Answer: explanations as the tensors that were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from atomlens.open_inference import open_inference_pb2 as pb
from atomlens.server.buffers import Array, encode
from atomlens.server.errors import ServerError
from atomlens.server.explanations import Explanations
from atomlens.server.heads import HeadResult
from atomlens.server.open_inference.inference import Inference
from atomlens.server.open_inference.signature import Output
from atomlens.server.open_inference.tensors import write_texts
from atomlens.server.provenance import Provenance

ATOMIC = {"contributions", "model", "offset", "raw"}  # the others are of structures


def answer(inference: Inference, explanations: Explanations, provenance: Provenance) -> pb.ModelInferResponse:
    """Return the message that answers a request.

    Raises:
        ServerError: a structure failed, and the caller did not ask for errors one by one.
    """
    check_failures(inference, explanations.failures)
    response = pb.ModelInferResponse(
        model_name=provenance.model, model_version=str(provenance.version), id=inference.id
    )
    for name in ("digest", "provider"):
        response.parameters[name].string_param = getattr(provenance, name)
    for name in ("queue_ms", "compute_ms"):
        response.parameters[name].double_param = getattr(provenance, name)
    for output in inference.outputs:
        _add(response, output, inference, explanations)
    return response


def check_failures(inference: Inference, failures: Mapping[int, ServerError]) -> None:
    """Do nothing if no structure failed, or the caller asked for errors one by one.

    Raises:
        ServerError: that of the first structure, which the call ends with.
    """
    if not failures or inference.takes_failures:
        return
    first, many = min(failures), len(failures)
    error = failures[first]
    others = f"; {many} structures failed, the output `errors` has the others answered" * (many > 1)
    message = f"{error.field or f'structures[{first}]'}: {error.message}{others}"
    raise type(error)(message, error.reason, error.field, error.retry_seconds)


def _add(
    response: pb.ModelInferResponse, output: Output, inference: Inference, explanations: Explanations
) -> None:
    """Add one tensor, NaN where a structure failed."""
    if output.head is None:
        texts = _errors(explanations) if output.part == "errors" else _warnings(explanations)
        shape, content = (explanations.structures,), write_texts(texts)
    else:
        (result,) = (one for one in explanations.heads if one.head.name == output.head.name)
        values = _spread(_values(result, output.part), output.part, inference, explanations)
        shape, content = values.shape, encode(values, "<f8")
    response.outputs.add(name=output.tensor.name, datatype=output.tensor.datatype, shape=shape)
    response.raw_output_contents.append(content)


def _values(result: HeadResult, part: str) -> Array:
    values: Array = getattr(result if part in ("properties", "contributions") else result.parts, part)
    return values


def _spread(values: Array, part: str, inference: Inference, explanations: Explanations) -> Array:
    """Return values of answered structures, or of their atoms, at their places among all."""
    if not explanations.failures:
        return values
    answered, structures = explanations.answered, inference.structures
    places = structures.atoms_of(answered) if part in ATOMIC else answered
    many = len(structures.numbers) if part in ATOMIC else len(structures)
    spread = np.full((many, *values.shape[1:]), np.nan)
    spread[places] = values
    return spread


def _errors(explanations: Explanations) -> Iterator[str]:
    for index in range(explanations.structures):
        error = explanations.failures.get(index)
        yield "" if error is None else f"{error.field or f'structures[{index}]'}: {error.message}"


def _warnings(explanations: Explanations) -> Iterator[str]:
    texts: dict[int, list[str]] = {}
    for one in explanations.warnings:
        texts.setdefault(one.structure, []).append(one.message)
    for index in range(explanations.structures):
        yield "\n".join(texts.get(index, ()))
