"""The engine in this process."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atomlens.client import (
    AtomLensError,
    Client,
    InputError,
    MissingExtraError,
    UnknownModelError,
    UnusableModelError,
)
from atomlens.client.local import LocalTransport
from atomlens.client.probe.request import probe_request
from atomlens.v1 import probes_pb2

from .conftest import MODELS, WATER

POINTS = np.linspace(-4.0, 4.0, 3 * 40_000).reshape(-1, 3).tobytes()  # in three slabs of 16,384 points


def test_no_repository(tmp_path: Path) -> None:
    """A directory of models that is not there is an error that names it."""
    with pytest.raises(UnusableModelError, match="nowhere"):
        Client.local(tmp_path / "nowhere")


@pytest.mark.parametrize("missing", ["atomlens.server.errors", "atomlens.server.local"])
def test_missing_extra(missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the engine the error names the extra to install."""
    real = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:
        if name == missing:
            raise ModuleNotFoundError("No module named 'onnxruntime'", name="onnxruntime")
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'atomlens\[server\]'"):
        Client.local(tmp_path)


@pytest.fixture(scope="module")
def transport(toy_repository: Path) -> LocalTransport:
    """The engine with the toy models."""
    return LocalTransport(toy_repository)


def asked(elements: str = "H", model: str = MODELS[0], **fields: Any) -> probes_pb2.ProbeRequest:
    """Return a request for a probe."""
    return probe_request(WATER, elements, model, POINTS, slab_points=16_384, **fields)


def test_a_probe_is_computed_as_it_is_read(transport: LocalTransport) -> None:
    """Header, slabs and trailer, and nothing more once it is cancelled."""
    kinds = [message.WhichOneof("content") for message in transport.probe(asked())]
    assert kinds == ["header", "slab", "slab", "slab", "trailer"]
    call = transport.probe(asked())
    messages = iter(call)
    assert next(messages).header.slabs == 3
    assert next(messages).slab.index == 0
    call.cancel()
    assert list(messages) == []


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"elements": "F"}, InputError, "elements[0]"),
        ({"heads": ["charge"]}, InputError, "heads"),
        ({"model": "nope"}, UnknownModelError, "model"),
    ],
)
def test_errors_of_probes_are_the_clients(
    changes: dict[str, Any], error: type[AtomLensError], field: str, transport: LocalTransport
) -> None:
    """When the first answer is asked for."""
    answers = transport.probe(asked(**changes))
    with pytest.raises(error) as caught:
        next(iter(answers))
    assert caught.value.field == field
