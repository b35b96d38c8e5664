"""`atomlens.server.open_inference.tensors`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from atomlens.open_inference import open_inference_pb2 as pb
from atomlens.server.errors import InputError
from atomlens.server.open_inference.tensors import are_raw, read_inputs, write_texts
from tests.server.open_inference.requests import WATER, infer_request

Change = Callable[[pb.ModelInferRequest], object]


@pytest.mark.parametrize("raw", [True, False])
def test_tensors_are_read_by_name(raw: bool) -> None:
    """From buffers as from elements, with their types and shapes."""
    request = infer_request("m", {**WATER, "pbc": np.array([[True, False, True]])}, raw=raw)
    found = read_inputs(request)
    assert are_raw(request) is raw
    assert list(found) == ["numbers", "positions", "atoms", "pbc"]
    for name, array in WATER.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert found["pbc"].tolist() == [[1, 0, 1]]


BROKEN: dict[str, tuple[Change, str, str]] = {
    "fewer buffers": (
        lambda one: one.raw_input_contents.pop(),
        "must be one for each of 3 inputs, got 2",
        "WRONG_SHAPE",
    ),
    "short buffer": (
        lambda one: one.raw_input_contents.__setitem__(1, b"12345678"),
        r"`positions` of shape \[3, 3\] must have 72 bytes, got 8",
        "WRONG_SHAPE",
    ),
    "unknown": (lambda one: setattr(one.inputs[2], "name", "atom"), "got 'atom'", "UNKNOWN_INPUT"),
    "twice": (lambda one: setattr(one.inputs[2], "name", "numbers"), "got 'numbers' twice", "WRONG_SHAPE"),
    "type": (
        lambda one: setattr(one.inputs[1], "datatype", "FP32"),
        "`positions` must be of datatype FP64, got 'FP32'",
        "WRONG_TYPE",
    ),
    "shape": (
        lambda one: one.inputs[1].shape.append(1),
        r"`positions` must be \[-1, 3\], .*got \[3, 3, 1\]",
        "WRONG_SHAPE",
    ),
    "negative": (lambda one: one.inputs[0].shape.__setitem__(0, -1), r"got \[-1\]", "WRONG_SHAPE"),
    "huge": (
        lambda one: one.inputs[0].shape.__setitem__(0, 2**62),
        f"must have {2**65} bytes, got 24",
        "WRONG_SHAPE",
    ),
    "elsewhere": (
        lambda one: (
            one.inputs[0].parameters["shared_memory_region"].MergeFrom(pb.InferParameter(string_param="x"))
        ),
        "shared_memory_region is not offered",
        "UNSUPPORTED",
    ),
}


@pytest.mark.parametrize(("change", "message", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_breaks_a_rule_is_refused(change: Change, message: str, reason: str) -> None:
    """With the tensor and the rule, and before anything is made of it."""
    request = infer_request("m")
    change(request)
    with pytest.raises(InputError, match=message) as caught:
        read_inputs(request)
    assert caught.value.reason == reason


def test_elements_must_be_as_many_as_the_shape_has() -> None:
    """Elements in the field of another type are none at all."""
    request = infer_request("m", raw=False)
    request.inputs[0].contents.Clear()
    request.inputs[0].contents.int_contents.extend([8, 1, 1])
    with pytest.raises(InputError, match="must have 3 elements in `int64_contents`, got 0"):
        read_inputs(request)


def test_texts_come_after_their_lengths() -> None:
    """In bytes of UTF-8, little-endian."""
    assert write_texts(iter(["", "Å"])) == b"\x00\x00\x00\x00\x02\x00\x00\x00\xc3\x85"
