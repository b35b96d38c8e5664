"""`atomlens.server.probes.probe`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from atomlens.server.bundle import PROBE
from atomlens.server.errors import InputError, UnknownModelError, UnusableModelError
from atomlens.server.limits import Limits
from atomlens.server.model import Model
from atomlens.server.probes.places import Grid, PointList
from atomlens.server.probes.probe import STRETCH_POINTS, Probe
from atomlens.server.repository import Repository
from atomlens.server.structures import Structures
from atomlens.v1 import probes_pb2, structures_pb2

from .probing import MODEL, ask, cube

Pack = Callable[[Structures], structures_pb2.Structures]
Crystal = Callable[..., Structures]
LIMITS = Limits()
FITTED = probes_pb2.FittedGrid(spacing_angstrom=0.5, margin_angstrom=3.0)
POINTS = np.array([[0.0, 0.0, 1.0], [0.5, 2.0, -1.0]]).tobytes()


def probe_of(model: Model, structure: Structures, elements: tuple[int, ...] = (1,), **more: Any) -> Probe:
    """Return a probe on a small grid."""
    return Probe.of(model, structure, np.array(elements), more.pop("places", cube(4)), **more)


@pytest.fixture(scope="module")
def ready(repository: Repository) -> Callable[[probes_pb2.ProbeRequest], Probe]:
    """From a request to its probe."""
    return lambda request: Probe.from_proto(request, repository, LIMITS)


@pytest.mark.parametrize(
    ("where", "kind", "points"),
    [(cube(4), Grid, 64), (FITTED, Grid, 13 * 17 * 15), (POINTS, PointList, 2)],
    ids=["grid", "fitted", "points"],
)
def test_a_request_says_where_probes_sit(
    where: Any, kind: type, points: int, ready: Callable[..., Probe], water: Structures, pack: Pack
) -> None:
    """And what they are made of, of which model, and whom they do not feel."""
    probe = ready(ask(pack(water), where, (8, 1), (2,), first_slab=1, slab_points=32_768))
    assert isinstance(probe.places, kind)
    assert len(probe.places) == points
    assert (probe.model.name, [head.name for head in probe.heads]) == (MODEL, ["energy"])
    assert (probe.elements.tolist(), probe.left_out.tolist()) == ([8, 1], [2])
    assert (probe.slab_points, probe.first_slab, probe.slabs) == (32_768, 1, 1)
    assert probe.field.atoms.tolist() == [0, 1]


def test_the_header_tells_what_is_to_come(ready: Callable[..., Probe], water: Structures, pack: Pack) -> None:
    """Every element of the first head, then of the second; the grid exactly; model and digests."""
    probe = ready(ask(pack(water), cube(40), (8, 1)))
    second = replace(probe.heads[0], name="second", unit="e")
    header = replace(probe, heads=(*probe.heads, second)).header().header
    assert [(field.head, field.element, field.unit) for field in header.fields] == [
        ("energy", 8, "eV"),
        ("energy", 1, "eV"),
        ("second", 8, "e"),
        ("second", 1, "e"),
    ]
    header = probe.header().header
    assert (header.model, header.version, header.provider) == (MODEL, 1, "cpu")
    assert (header.model_digest, header.digest) == (probe.model.digest, probe.digest)
    assert (header.points, header.slab_points, header.slabs, header.dtype) == (64_000, 32_768, 2, "float32")
    assert np.array_equal(Grid.from_proto(header.grid, LIMITS).points(0, 64), cube(40).points(0, 64))


def test_the_header_of_a_list_has_no_grid(ready: Callable[..., Probe], water: Structures, pack: Pack) -> None:
    """Its points are as they were sent."""
    header = ready(ask(pack(water), POINTS)).header().header
    assert not header.HasField("grid")
    assert header.points == 2


CHANGES: dict[str, Callable[[Structures], dict[str, Any]]] = {
    "positions": lambda water: {"structure": replace(water, positions=water.positions + 1e-14)},
    "numbers": lambda water: {"structure": replace(water, numbers=np.array([7, 1, 1]))},
    "cells": lambda water: {"structure": replace(water, cells=np.eye(3)[None] * 9)},
    "pbc": lambda water: {"structure": replace(water, cells=np.eye(3)[None] * 9, pbc=np.ones((1, 3), bool))},
    "other elements": lambda _: {"elements": (1, 6)},
    "fewer elements": lambda _: {"elements": (1,)},
    "order of elements": lambda _: {"elements": (8, 1)},
    "origin": lambda _: {"places": replace(cube(4), origin=np.full(3, -4.0 + 1e-15))},
    "axes": lambda _: {"places": replace(cube(4), axes=np.diag([2.0, 2.0, 2.0 + 1e-15]))},
    "counts": lambda _: {"places": replace(cube(4), counts=np.array([4, 4, 5]))},
    "points": lambda _: {"places": PointList(cube(4).points(0, 64))},
    "one left out": lambda _: {"left_out": np.array([1])},
    "another left out": lambda _: {"left_out": np.array([2])},
    "slabs": lambda _: {"slab_points": 16_384},
}


def test_the_digest_differs_where_anything_does(
    repository: Repository, model: Model, water: Structures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Structure, elements, places, atoms left out, cuts, heads, model, provider or runtime."""
    probe = probe_of(model, water, (1, 8))
    digests = [probe.digest, replace(probe, heads=(replace(probe.heads[0], name="other"),)).digest]
    for change in CHANGES.values():
        changes = {"structure": water, "elements": (1, 8), **change(water)}
        digests.append(probe_of(model, **changes).digest)
    digests.append(probe_of(repository.find("toy-bpnn-energy"), water, (1, 8)).digest)
    with monkeypatch.context() as patch:
        patch.setattr(model, "provider", "cuda")
        digests.append(probe_of(model, water, (1, 8)).digest)
    with monkeypatch.context() as patch:
        patch.setattr(ort, "__version__", "1.99")
        digests.append(probe_of(model, water, (1, 8)).digest)
    monkeypatch.setattr("atomlens.server.probes.probe.CUT", (512, 32_768, 32, 64.0))
    digests.append(probe_of(model, water, (1, 8)).digest)
    assert len(set(digests)) == len(digests) == len(CHANGES) + 6


def test_the_digest_is_the_same_where_the_values_are(
    ready: Callable[..., Probe], water: Structures, pack: Pack
) -> None:
    """However the model and the grid are named, and whatever slab is the first."""
    first = ready(ask(pack(water), FITTED))
    assert isinstance(first.places, Grid)
    for request in (
        ask(pack(water), FITTED),
        ask(pack(water), first.places),
        ask(pack(water), FITTED, model=f"{MODEL}@1"),
        ask(pack(water), FITTED, heads=["energy"]),
        ask(pack(water), FITTED, slab_points=first.slab_points),
        ask(pack(water), FITTED, first_slab=1),
        ask(pack(water), FITTED, digest=first.digest),
    ):
        assert ready(request).digest == first.digest


@pytest.mark.parametrize("first_slab", [0, 1, 2])
def test_an_answer_is_continued_with_its_digest(
    first_slab: int, ready: Callable[..., Probe], water: Structures, pack: Pack
) -> None:
    """From any slab on, also when all were sent and only the trailer was lost."""
    digest = ready(ask(pack(water), cube(40), (1, 8))).digest
    probe = ready(ask(pack(water), cube(40), (1, 8), digest=digest, first_slab=first_slab))
    assert (probe.first_slab, probe.slabs) == (first_slab, 2)


def test_what_does_not_continue_an_answer_is_refused(
    ready: Callable[..., Probe], water: Structures, pack: Pack
) -> None:
    """Rather than mixed with it."""
    digest = ready(ask(pack(water), cube(40))).digest
    for changed in ({"elements": (8,)}, {"where": FITTED}, {"left_out": (0,)}, {"slab_points": 16_384}):
        fields: dict[str, Any] = {"where": cube(40), **changed}
        with pytest.raises(UnusableModelError, match="ask from the first slab") as caught:
            ready(ask(pack(water), digest=digest, **fields))
        assert (caught.value.reason, caught.value.field) == ("PROBE_CHANGED", "digest")


@pytest.mark.parametrize("slab_points", [0, 16_384, 32_768, 49_152])
@pytest.mark.parametrize("count", [1, 25, 26, 52])
def test_slabs_hold_every_point_once(slab_points: int, count: int, model: Model, water: Structures) -> None:
    """In order, all of one size but the last."""
    probe = probe_of(model, water, places=cube(count), slab_points=slab_points)
    spans = [probe.span(slab) for slab in range(probe.slabs)]
    assert [first for first, _ in spans] == [slab * probe.slab_points for slab in range(probe.slabs)]
    assert [last for _, last in spans] == [first for first, _ in spans[1:]] + [count**3]
    assert all(last - first == probe.slab_points for first, last in spans[:-1])


def tiles_by_stretch(probe: Probe) -> dict[int, list[list[int]]]:
    """Return the points and the felt atoms of each tile, by the stretch that it is of, last slab first."""
    points = probe.places.points(0, len(probe.places))
    found: dict[int, list[list[int]]] = {}
    for slab in reversed(range(probe.slabs)):
        first, _ = probe.span(slab)
        for tile in probe.tiles(slab):
            rows = tile.rows + first
            assert np.array_equal(tile.points, points[rows])
            found.setdefault(rows[0] // STRETCH_POINTS, []).append([*rows.tolist(), *tile.felt.tolist()])
    return found


def test_tiles_are_the_same_whatever_the_slabs_are(model: Model, water: Structures) -> None:
    """And whichever of them is asked for first."""
    expected = tiles_by_stretch(probe_of(model, water, places=cube(52), slab_points=STRETCH_POINTS))
    assert list(expected) == list(reversed(range(9)))
    for slab_points in (32_768, 65_536, 262_144):
        found = tiles_by_stretch(probe_of(model, water, places=cube(52), slab_points=slab_points))
        assert found == expected


@pytest.fixture
def salt(crystal: Crystal) -> Structures:
    """One formula unit of rock salt."""
    return crystal([11, 17], [[0.0, 0.0, 0.0], [2.8, 0.0, 0.0]], 2.8 * (1 - np.eye(3)))


@pytest.mark.parametrize(
    ("elements", "least", "most"),
    [
        (1, 65_536, 262_144),
        (2, 32_768, 131_072),
        (3, 32_768, 81_920),
        (4, 16_384, 65_536),
        (5, 16_384, 49_152),
    ],
)
def test_slabs_are_as_small_as_is_worth_a_message(
    elements: int, least: int, most: int, repository: Repository, salt: Structures
) -> None:
    """The fewest stretches of points whose values take 256 KiB, or as many as wanted up to 1 MiB."""
    model = repository.find("toy-schnet-formation")
    known = model.card.elements[:elements]
    assert probe_of(model, salt, known).slab_points == least
    assert 4 * elements * least >= 2**18 > 4 * elements * (least - STRETCH_POINTS)
    for wanted in (STRETCH_POINTS, most):
        assert probe_of(model, salt, known, slab_points=wanted).slab_points == wanted
    for wanted in (
        1,
        STRETCH_POINTS - 1,
        STRETCH_POINTS + 1,
        most + STRETCH_POINTS,
        2**32 - 1,
        -STRETCH_POINTS,
    ):
        message = f"`slab_points` must be a multiple of 16384 .* at most {most}, got {wanted}"
        with pytest.raises(InputError, match=message) as caught:
            probe_of(model, salt, known, slab_points=wanted)
        assert caught.value.field == "slab_points"


@pytest.mark.parametrize(
    ("changes", "message", "reason", "field"),
    [
        ({"elements": ()}, "`elements` must be at least one, .* got 0 for 1 head", "", "elements"),
        ({"elements": range(1, 18)}, "times heads at most 16, got 17 for 1 head", "", "elements"),
        ({"elements": (1, 8, 1)}, "`elements` must be different, got 1 twice", "", "elements[2]"),
        ({"elements": (1, 9)}, r"does not know element F \(9\)", "UNKNOWN_ELEMENT", "elements[1]"),
        ({"elements": (0,)}, "does not know element 0", "UNKNOWN_ELEMENT", "elements[0]"),
        ({"elements": (255,)}, "does not know element 255", "UNKNOWN_ELEMENT", "elements[0]"),
        ({"heads": ["charge"]}, "`heads` of .* are energy, got 'charge'", "UNKNOWN_HEAD", "heads"),
        ({"left_out": (0, 3)}, "must be atoms of the structure, 0 to 2, got 3", "", "left_out[1]"),
        ({"left_out": (-1,)}, "must be atoms of the structure, 0 to 2, got -1", "", "left_out[0]"),
        ({"slab_points": 20_000}, "`slab_points` must be a multiple of 16384", "", "slab_points"),
        ({"first_slab": 2}, "`first_slab` must be at most the number of slabs, 1, got 2", "", "first_slab"),
        ({"first_slab": 2**64 - 1}, "must be at most .*, got 18446744073709551615", "", "first_slab"),
        ({"where": None}, "one of `grid`, `fitted` and `points` must say where probes sit", "", "where"),
        ({"where": b""}, "there must be a point at least", "NO_POINTS", "points"),
        ({"where": b"1234567"}, "`points` must be float64", "", "points"),
    ],
)  # fmt: skip
def test_errors_name_the_field(
    changes: dict[str, Any],
    message: str,
    reason: str,
    field: str,
    ready: Callable[..., Probe],
    water: Structures,
    pack: Pack,
) -> None:
    """And the rule, and what came."""
    fields: dict[str, Any] = {"where": cube(4), **changes}
    with pytest.raises(InputError, match=message) as caught:
        ready(ask(pack(water), **fields))
    assert (caught.value.reason, caught.value.field) == (reason or "WRONG_SHAPE", field)


def test_buffers_of_other_lengths_are_refused(
    ready: Callable[..., Probe], water: Structures, pack: Pack
) -> None:
    """By the field's name."""
    request = ask(pack(water), cube(4))
    request.left_out = b"123"
    with pytest.raises(InputError, match=r"`left_out` must be int32 \(-1,\), got 3 bytes"):
        ready(request)


BROKEN: dict[str, tuple[str, str]] = {
    "no atoms": ("EMPTY_STRUCTURE", "counts"),
    "not a number": ("NOT_FINITE", "positions[0]"),
    "far out": ("COORDINATES_TOO_LARGE", "positions[0]"),
    "unknown element": ("UNKNOWN_ELEMENT", "numbers[0]"),
    "two on one place": ("COINCIDENT_ATOMS", "positions[0]"),
    "no cell": ("MISSING_CELL", "cells"),
    "flat cell": ("MISSING_CELL", "cells"),
    "broken cell": ("NOT_FINITE", "cells"),
    "too large": ("STRUCTURE_TOO_LARGE", "positions"),
}


def broken(name: str, crystal: Crystal) -> Structures:
    """Return a structure that breaks a rule."""
    flat = np.ones((3, 3))
    structures: dict[str, Structures] = {
        "no atoms": Structures.molecules([0], [], []),
        "not a number": Structures.molecules([1], [1], [[0.0, np.nan, 0.0]]),
        "far out": Structures.molecules([1], [1], [[0.0, 2e6, 0.0]]),
        "unknown element": Structures.molecules([1], [9], [[0.0, 0.0, 0.0]]),
        "two on one place": Structures.molecules([2], [1, 1], [[0.0, 0.0, 0.0]] * 2),
        "no cell": crystal([1], [[0.0, 0.0, 0.0]], np.zeros((3, 3))),
        "flat cell": crystal([1], [[0.0, 0.0, 0.0]], flat),
        "broken cell": crystal([1], [[0.0, 0.0, 0.0]], flat * np.inf),
        "too large": crystal([1], [[0.0, 0.0, 0.0]], np.eye(3) * 0.05),
    }
    return structures[name]


@pytest.mark.parametrize("where", [cube(4), FITTED, POINTS], ids=["grid", "fitted", "points"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_structure_that_breaks_a_rule_is_refused(
    name: str, where: Any, ready: Callable[..., Probe], pack: Pack, crystal: Crystal
) -> None:
    """Wherever the probes sit: no grid is fitted to it first."""
    reason, field = BROKEN[name]
    with pytest.raises(InputError) as caught:
        ready(ask(pack(broken(name, crystal)), where))
    assert (caught.value.reason, caught.value.field) == (reason, f"structures[0].{field}")


@pytest.mark.parametrize("count", [0, 2])
def test_a_probe_takes_one_structure(
    count: int, ready: Callable[..., Probe], water: Structures, pack: Pack
) -> None:
    """No more and no less."""
    with pytest.raises(InputError, match=f"a probe takes one structure, got {count}") as caught:
        ready(ask(pack(water.take([0] * count)), FITTED))
    assert caught.value.field == "structures.counts"


def test_moments_of_periodic_structures_can_be_probed(
    repository: Repository, crystal: Crystal, pack: Pack
) -> None:
    """The dipole of a crystal has no meaning, the charge of a probe in it has."""
    ice = crystal([8, 1, 1], [[0.0, 0.0, 0.1], [0.0, 0.8, -0.5], [0.0, -0.8, -0.5]], np.eye(3) * 4)
    request = ask(pack(ice), FITTED, model="toy-schnet-dipole")
    probe = Probe.from_proto(request, repository, LIMITS)
    assert [head.name for head in probe.heads] == ["charge"]


def test_a_model_must_be_there_and_take_probes(
    model: Model, ready: Callable[..., Probe], water: Structures, pack: Pack
) -> None:
    """The errors say which does not, and that its digest is another."""
    with pytest.raises(UnknownModelError):
        ready(ask(pack(water), FITTED, model="nope"))
    request = ask(pack(water), FITTED)
    request.model.digest = "ab" * 32
    with pytest.raises(UnusableModelError) as caught:
        ready(request)
    assert caught.value.reason == "DIGEST_MISMATCH"
    files = {name: content for name, content in model.bundle.files.items() if name != PROBE}
    older = Model(model.name, 3, replace(model.bundle, files=files), "cpu")
    assert not older.takes_probes
    with pytest.raises(UnusableModelError, match=f"{MODEL}@3 has no probe.onnx") as caught:
        Probe.from_proto(ask(pack(water), FITTED), Repository([older]), LIMITS)
    assert (caught.value.reason, caught.value.field) == ("NO_PROBE", "model")


def test_limits_of_the_engine_are_kept(repository: Repository, water: Structures, pack: Pack) -> None:
    """On points, on extents and on the structure."""
    for limits, reason in (
        (Limits(max_probe_points=63), "TOO_MANY_POINTS"),
        (Limits(max_probe_extent_angstrom=5.9), "GRID_TOO_LARGE"),
        (Limits(max_structure_cost=8), "STRUCTURE_TOO_LARGE"),
    ):
        with pytest.raises(InputError) as caught:
            Probe.from_proto(ask(pack(water), cube(4)), repository, limits)
        assert caught.value.reason == reason
