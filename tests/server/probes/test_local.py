"""`atomlens.server.local`: probes without a network."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atomlens.server.errors import InputError, UnknownModelError, UnusableModelError
from atomlens.server.local import LocalService
from atomlens.server.probes.probe import Probe
from atomlens.server.probes.slab import Slab
from atomlens.server.structures import Structures
from atomlens.v1 import structures_pb2
from atomlens.v1.probes_pb2 import FittedGrid, ProbeRequest

from .probing import Answer, ask, cube

Pack = Callable[[Structures], structures_pb2.Structures]
PROBED = ["toy-schnet-energy", "toy-bpnn-energy", "toy-schnet-formation", "toy-bpnn-formation"]


@pytest.fixture(scope="module")
def service(toy_repository: Path) -> LocalService:
    """The toy models in this process."""
    return LocalService(toy_repository)


@pytest.fixture(params=PROBED)
def probing(
    request: pytest.FixtureRequest, water: Structures, crystal: Callable[..., Structures], pack: Pack
) -> Callable[..., ProbeRequest]:
    """A probe of 33³ points around a molecule, or in a crystal, by one of the models."""
    salt = crystal([11, 17], [[0.0, 0.0, 0.0], [2.8, 0.0, 0.0]], 2.8 * (1 - np.eye(3)))
    structure, elements = (salt, (11, 8)) if "formation" in request.param else (water, (8, 1))

    def make(**fields: Any) -> ProbeRequest:
        return ask(pack(structure), cube(33), elements, model=request.param, **fields)

    return make


def test_slabs_of_any_size_and_order_have_the_same_bytes(
    service: LocalService, probing: Callable[..., ProbeRequest]
) -> None:
    """Also those of a stream that goes on from the middle, and the last slab before the first."""
    whole = Answer.of(service.probe(probing()))
    assert np.isfinite(whole.values).all()
    for slab_points in (16_384, 49_152):
        answer = Answer.of(service.probe(probing(slab_points=slab_points)))
        assert answer.values.tobytes() == whole.values.tobytes()
        assert [slab.index for slab in answer.slabs] == list(range(answer.header.slabs))
        assert answer.header.slabs == -(-(33**3) // slab_points)
        for index in reversed(range(answer.header.slabs)):
            rest = service.probe(
                probing(slab_points=slab_points, first_slab=index, digest=answer.header.digest)
            )
            assert next(rest).header == answer.header
            assert next(rest).slab == answer.slabs[index]


def test_the_trailer_tells_what_this_stream_sent(
    service: LocalService, probing: Callable[..., ProbeRequest]
) -> None:
    """From its first slab on, which may be none at all."""
    whole = Answer.of(service.probe(probing()))
    for first_slab in range(whole.header.slabs + 1):
        rest = Answer.of(service.probe(probing(first_slab=first_slab)))
        assert rest.trailer.slabs == len(rest.slabs) == whole.header.slabs - first_slab
        assert rest.trailer.checksum == zlib.crc32(b"".join(slab.values for slab in rest.slabs))
        assert len(rest.trailer.ranges) == len(rest.header.fields)
        for found, values in zip(rest.trailer.ranges, rest.values if rest.slabs else (), strict=False):
            assert (found.minimum, found.maximum) == (values.min(), values.max())
            assert found.minimum_point == values.argmin() + first_slab * whole.header.slab_points
    assert whole.trailer.compute_ms > 0


def test_a_fitted_grid_is_told_exactly(service: LocalService, water: Structures, pack: Pack) -> None:
    """Asked for as it was told, it is the same probe."""
    fitted = ask(pack(water), FittedGrid(spacing_angstrom=0.7, margin_angstrom=1.3))
    answer = Answer.of(service.probe(fitted))
    again = ask(pack(water), None, digest=answer.header.digest)
    again.grid.CopyFrom(answer.header.grid)
    assert Answer.of(service.probe(again)).values.tobytes() == answer.values.tobytes()


def test_slabs_are_computed_when_they_are_asked_for(
    service: LocalService, water: Structures, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaving early costs nothing more."""
    computed: list[int] = []
    real = Slab.assemble

    def spy(probe: Probe, index: int, *parts: Any) -> Slab:
        computed.append(index)
        return real(probe, index, *parts)

    monkeypatch.setattr(Slab, "assemble", spy)
    messages = service.probe(ask(pack(water), cube(52)))
    next(messages)
    assert computed == []
    assert next(messages).slab.index == 0
    assert computed == [0]
    assert isinstance(messages, Generator)
    messages.close()
    assert computed == [0]


def test_errors_of_probes_are_raised(service: LocalService, water: Structures, pack: Pack) -> None:
    """Before the header, as the network would carry them."""
    for request, error in (
        (ask(pack(water), cube(4), model="nope"), UnknownModelError),
        (ask(pack(water), cube(4), digest="ab"), UnusableModelError),
        (ask(pack(water), cube(4), elements=()), InputError),
    ):
        with pytest.raises(error):
            next(service.probe(request))


@pytest.mark.parametrize(
    ("name", "value"), [("MAX_PROBE_POINTS", "63"), ("MAX_PROBE_EXTENT_ANGSTROM", "5.9")]
)
def test_the_environment_bounds_probes_as_it_does_a_servers(
    name: str,
    value: str,
    toy_repository: Path,
    water: Structures,
    pack: Pack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Points and extents."""
    assert len(Answer.of(LocalService(toy_repository).probe(ask(pack(water), cube(4)))).slabs) == 1
    monkeypatch.setenv(f"ATOMLENS_{name}", value)
    with pytest.raises(InputError, match=r"at most"):
        next(LocalService(toy_repository).probe(ask(pack(water), cube(4))))
