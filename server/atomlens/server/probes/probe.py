"""Probe: one admitted request for Ω_A(r), cut into slabs and tiles by nothing but itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import onnxruntime as ort

from atomlens.server.admission import admit_alone
from atomlens.server.buffers import decode, encode
from atomlens.server.card import Head
from atomlens.server.errors import InputError, UnusableModelError
from atomlens.server.limits import Limits
from atomlens.server.model import Model
from atomlens.server.probes.field import Field
from atomlens.server.probes.places import Grid, Places, PointList
from atomlens.server.probes.tiles import CUT, Tile, tiles
from atomlens.server.repository import Repository
from atomlens.server.structures import Integers, Structures
from atomlens.server.table_work import TableWork
from atomlens.server.validation import unknown_element
from atomlens.v1 import probes_pb2

STRETCH_POINTS = 16_384  # consecutive points that are tiled together; slabs are whole stretches
MIN_SLAB_BYTES, MAX_SLAB_BYTES = 2**18, 2**20
NONE = np.zeros(0, np.int64)
MOST_FIELDS = MAX_SLAB_BYTES // (4 * STRETCH_POINTS)


@dataclass(frozen=True)
class Probe:
    """What is asked of a model about the space around one structure."""

    model: Model
    heads: tuple[Head, ...]
    elements: Integers  # (elements,) atomic numbers of the probes
    structure: Structures  # one, as it came
    work: TableWork  # the same, placed, with its pairs
    left_out: Integers  # atoms that are not felt
    field: Field
    places: Places
    slab_points: int
    first_slab: int

    @classmethod
    def of(
        cls,
        model: Model,
        structure: Structures,
        elements: Integers,
        places: Places,
        heads: Sequence[str] = (),
        left_out: Integers = NONE,
        slab_points: int = 0,
        limits: Limits | None = None,
    ) -> Probe:
        """Return a probe that the model takes.

        Args:
            model: the model to ask.
            structure: one structure.
            elements: atomic numbers of the probes, (elements,).
            places: where they sit.
            heads: names of the heads wanted; all for none.
            left_out: atoms that the probes do not feel, though they shape what is felt of the others.
            slab_points: of each slab; 0 for the fewest that are worth a message.
            limits: those of the engine.

        Raises:
            InputError: one of them breaks a rule.
            UnusableModelError: the model has no probe graph.
        """
        work = _admitted(model, structure, limits or Limits())
        return cls._build(model, structure, work, elements, places, heads, left_out, slab_points, 0)

    @classmethod
    def from_proto(cls, message: probes_pb2.ProbeRequest, repository: Repository, limits: Limits) -> Probe:
        """Return the probe that a request asks for.

        Raises:
            InputError: something in the request breaks a rule.
            UnknownModelError: there is no such model.
            UnusableModelError: it has no probe graph, or its answer is not the one that was begun.
        """
        model = repository.find(message.model.name, message.model.digest)
        structure = _structure(message)
        work = _admitted(model, structure, limits)  # first of all: a grid may be fitted to it
        probe = cls._build(
            model,
            structure,
            work,
            decode(message.elements, "u1", (-1,), "elements").astype(np.int64),
            _places(message, structure, limits),
            message.heads,
            decode(message.left_out, "<i4", (-1,), "left_out").astype(np.int64),
            message.slab_points,
            message.first_slab,
        )
        probe._check_continues(message.digest)
        return probe

    @classmethod
    def _build(
        cls,
        model: Model,
        structure: Structures,
        work: TableWork,
        elements: Integers,
        places: Places,
        heads: Sequence[str],
        left_out: Integers,
        slab_points: int,
        first_slab: int,
    ) -> Probe:
        """Return the probe around an admitted structure."""
        wanted = model.heads(heads)
        _check_elements(elements, model, len(wanted))
        _check_left_out(left_out, len(structure.numbers))
        field = Field.of(structure, model.card.cutoff_angstrom, left_out)
        points = _slab_points(slab_points, len(elements) * len(wanted))
        return cls(model, wanted, elements, structure, work, left_out, field, places, points, first_slab)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what slabs depend on: what is asked, the model, what runs it, how they are cut."""
        structure, places = self.structure, self.places
        texts = (self.model.digest, self.model.provider, ort.__version__, *(head.name for head in self.heads))
        arrays = (structure.numbers, structure.positions, structure.cells, structure.pbc, self.elements)
        parts = (
            *(text.encode() for text in texts),
            *(array.tobytes() for array in (*arrays, self.left_out, np.array([*CUT, self.slab_points]))),
            places.to_bytes(),
        )
        lengths = encode(np.array([len(part) for part in parts]), "<i8")
        return hashlib.sha256(b"".join((lengths, *parts))).hexdigest()

    @property
    def slabs(self) -> int:
        """Number of slabs, those before the first wanted too."""
        return -(-len(self.places) // self.slab_points)

    @property
    def fields(self) -> int:
        """Number of values at each point."""
        return len(self.heads) * len(self.elements)

    def span(self, slab: int) -> tuple[int, int]:
        """Return the first point of a slab and the first after it."""
        first = slab * self.slab_points
        return first, min(first + self.slab_points, len(self.places))

    def tiles(self, slab: int) -> Iterator[Tile]:
        """Yield the tiles of a slab, stretch by stretch; rows count from the slab's first point."""
        for first in self.stretches(slab):
            yield from self.tiles_of_stretch(slab, first)

    def stretches(self, slab: int) -> Sequence[int]:
        """Return the first point of each stretch of a slab."""
        return range(*self.span(slab), STRETCH_POINTS)

    def tiles_of_stretch(self, slab: int, first: int) -> list[Tile]:
        """Return the tiles of the stretch from a point on; rows count from the slab's first point."""
        start, stop = self.span(slab)
        points = self.places.points(first, min(first + STRETCH_POINTS, stop))
        cut = tiles(points, self.field, self.model.card.cutoff_angstrom)
        return [replace(tile, rows=tile.rows + (first - start)) for tile in cut]

    def header(self) -> probes_pb2.ProbeResponse:
        """Return the first message of the answer."""
        header = probes_pb2.ProbeHeader(
            digest=self.digest,
            model=self.model.name,
            version=self.model.version,
            model_digest=self.model.digest,
            provider=self.model.provider,
            fields=[
                probes_pb2.ProbeField(head=head.name, element=element, unit=head.unit)
                for head in self.heads
                for element in self.elements.tolist()
            ],
            points=len(self.places),
            dtype="float32",
            slab_points=self.slab_points,
            slabs=self.slabs,
        )
        if isinstance(self.places, Grid):
            header.grid.CopyFrom(self.places.to_proto())
        return probes_pb2.ProbeResponse(header=header)

    def _check_continues(self, digest: str) -> None:
        """Do nothing if the first slab wanted continues an answer with this digest, empty for any."""
        if digest not in ("", self.digest):
            raise UnusableModelError(
                "the answer would not continue the one that was begun: model, provider or request changed; "
                "ask from the first slab",
                "PROBE_CHANGED",
                "digest",
            )
        if self.first_slab > self.slabs:
            raise InputError(
                f"`first_slab` must be at most the number of slabs, {self.slabs}, got {self.first_slab}",
                field="first_slab",
            )


def _check_elements(elements: Integers, model: Model, heads: int) -> None:
    if not 0 < len(elements) * heads <= MOST_FIELDS:
        raise InputError(
            f"`elements` must be at least one, and times heads at most {MOST_FIELDS}, got {len(elements)} "
            f"for {heads} head{'s' * (heads > 1)}",
            field="elements",
        )
    for index, number in enumerate(elements.tolist()):
        if number in elements[:index]:
            raise InputError(f"`elements` must be different, got {number} twice", field=f"elements[{index}]")
    unknown = np.flatnonzero(~np.isin(elements, model.card.elements))
    if len(unknown):
        raise unknown_element(model.card, int(elements[unknown[0]]), f"elements[{unknown[0]}]")


def _structure(message: probes_pb2.ProbeRequest) -> Structures:
    structures = Structures.from_proto(message.structures)
    if len(structures) != 1:
        raise InputError(f"a probe takes one structure, got {len(structures)}", field="structures.counts")
    return structures


def _admitted(model: Model, structure: Structures, limits: Limits) -> TableWork:
    """Return the structure with its pairs. A moment of its charges is not asked for: it may be periodic."""
    if not model.takes_probes:
        raise UnusableModelError(
            f"{model.name}@{model.version} has no probe.onnx: export it again", "NO_PROBE", "model"
        )
    return admit_alone(model, structure, limits)


def _check_left_out(left_out: Integers, atoms: int) -> None:
    for index in np.flatnonzero((left_out < 0) | (left_out >= atoms)):
        raise InputError(
            f"`left_out` must be atoms of the structure, 0 to {atoms - 1}, got {left_out[index]}",
            field=f"left_out[{index}]",
        )


def _places(message: probes_pb2.ProbeRequest, structure: Structures, limits: Limits) -> Places:
    kind = message.WhichOneof("where")
    if kind == "grid":
        return Grid.from_proto(message.grid, limits)
    if kind == "fitted":
        return Grid.fitted(message.fitted, structure, limits)
    if kind == "points":
        return PointList.from_bytes(message.points, limits)
    raise InputError("one of `grid`, `fitted` and `points` must say where probes sit", field="where")


def _slab_points(wanted: int, fields: int) -> int:
    """Return the points of a slab; those of the smallest that is worth a message if none are wanted."""
    least = -(-MIN_SLAB_BYTES // (4 * STRETCH_POINTS * fields)) * STRETCH_POINTS
    most = MAX_SLAB_BYTES // (4 * STRETCH_POINTS * fields) * STRETCH_POINTS
    if wanted % STRETCH_POINTS or not 0 <= wanted <= most:
        raise InputError(
            f"`slab_points` must be a multiple of {STRETCH_POINTS} and, for {fields} "
            f"field{'s' * (fields > 1)}, at most {most}, got {wanted}",
            field="slab_points",
        )
    return wanted or least
