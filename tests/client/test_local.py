"""The engine in this process."""

from __future__ import annotations

import asyncio
import builtins
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atomlens.client import (
    AsyncClient,
    AtomLensError,
    Client,
    InputError,
    MissingExtraError,
    UnknownModelError,
    UnusableModelError,
)
from atomlens.client.local import LocalTransport
from atomlens.client.probe.request import probe_request
from atomlens.client.testing import serve
from atomlens.v1 import probes_pb2
from tests.server.published import Published

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


def test_refresh(toy_repository: Path, tmp_path: Path) -> None:
    """A version that was published is served when the directory is looked at; one that is broken is told."""
    published = Published(toy_repository, tmp_path / "models")
    published.publish(1)
    with Client.local(published.root) as client:
        before = client.explain(WATER, published.name).energy
        assert before is not None
        published.publish(2)
        assert client.explain(WATER, published.name).energy == before
        statuses = client.refresh_models()
        assert [(str(one), one.state, one.is_default) for one in statuses] == [
            (f"{published.name}@1", "ready", False),
            (f"{published.name}@2", "ready", True),
        ]
        assert client.explain(WATER, published.name).energy == pytest.approx(before + 3.0, abs=1e-6)
        published.publish(3, b"no graph")
        assert client.refresh_models()[-1].state == "failed"
        shutil.rmtree(published.root)
        with pytest.raises(UnusableModelError, match=r"repository: .* is no model repository") as caught:
            client.refresh_models()
        assert caught.value.reason == "REPOSITORY_TROUBLE"
        assert client.explain(WATER, published.name).energy == pytest.approx(before + 3.0, abs=1e-6)


def test_refresh_asynchronously(toy_repository: Path, tmp_path: Path) -> None:
    """The same, awaited, over a connection and in this process."""
    published = Published(toy_repository, tmp_path / "models")
    published.publish(1)

    async def versions(address: str) -> None:
        async with AsyncClient(address) as far, AsyncClient.local(published.root) as near:
            published.publish(2)
            for client in (far, near):
                told = [str(status) for status in await client.refresh_models()]
                assert told == [f"{published.name}@1", f"{published.name}@2"]

    with serve(published.root, models_poll_seconds=0.0) as server:
        asyncio.run(versions(server.address))
