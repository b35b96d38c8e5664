"""Collection: slabs put together to a map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from atomlens.client.errors import InputError, InternalError
from atomlens.client.probe.grid import Grid
from atomlens.client.probe.header import ProbeHeader
from atomlens.client.probe.probe_map import ProbeMap
from atomlens.client.probe.reader import Reader
from atomlens.client.probe.slab import Slab
from atomlens.client.structure import Floats, Structure


class Collection:
    """The values of all points, filled slab by slab."""

    def __init__(self, header: ProbeHeader) -> None:
        self._header = header
        self._values = _empty(len(header.fields), header.points)

    def add(self, slab: Slab) -> None:
        """Take in a slab."""
        self._values[:, slab.first_point : slab.first_point + len(slab)] = slab.values

    def to_map(self, structure: Structure, reader: Reader) -> ProbeMap:
        """Return the map, when the reader has read everything."""
        header, trailer = self._header, reader.trailer
        if trailer is None:
            raise InternalError("the server ended a probe without a trailer")
        request = reader.request
        shape: tuple[int, ...] = self._values.shape
        where: Grid | Floats = np.frombuffer(request.points, "<f8").reshape(-1, 3)
        if header.grid is not None:
            where, shape = header.grid, (len(header.fields), *header.grid.counts)
        left_out = tuple(np.frombuffer(request.left_out, "<i4").tolist())
        values = self._values.reshape(shape)
        return ProbeMap(structure, header.model, header.fields, values, where, trailer.closest, left_out)


def _empty(fields: int, points: int) -> npt.NDArray[np.float32]:
    """Return room for a map; raises `InputError` where there is none."""
    try:
        return np.empty((fields, points), np.float32)
    except (MemoryError, ValueError) as error:
        message = f"a map of {points} points does not fit into memory: take its slabs one by one"
        raise InputError(message, reason="TOO_MANY_POINTS", field="spacing") from error


def check_fresh(started: bool) -> None:
    """Raise `InputError` where some slabs were given out already, or the call was ended."""
    if started:
        raise InputError("`collect` must come before a slab is taken or the stream closed: ask again")
