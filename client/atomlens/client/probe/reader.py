"""Reader: the messages of a probe in their order, across as many calls as it takes."""

from __future__ import annotations

import zlib

import numpy as np

from atomlens.client.backoff import Backoff, BackoffSettings
from atomlens.client.errors import InternalError, UnavailableError
from atomlens.client.probe.header import ProbeHeader, ProbeTrailer
from atomlens.client.probe.slab import Slab
from atomlens.v1 import probes_pb2


class Reader:
    """Knows what was read and what to ask for next; does no input and output itself."""

    def __init__(self, request: probes_pb2.ProbeRequest, backoff: BackoffSettings) -> None:
        self.request = request  # for what is missing
        self.header: ProbeHeader | None = None
        self.trailer: ProbeTrailer | None = None
        self._next = request.first_slab
        self._checksum = 0  # of what the current call sent
        self._backoff = Backoff(backoff)

    def take(self, message: probes_pb2.ProbeResponse) -> Slab | None:
        """Take in a message and return the slab that it carries, None for header and trailer.

        Raises `InternalError` for one that is damaged or out of order.
        """
        kind = message.WhichOneof("content")
        if kind == "slab" and self.header is not None:
            return self._slab(message.slab, self.header)
        if kind == "header":
            self._open(message.header)
        elif kind == "trailer":
            self._close(message.trailer)
        else:
            raise InternalError("the server sent a message that makes no sense")
        return None

    def broken(self, error: UnavailableError) -> float:
        """Return the pause before `request` is sent again, for the call broke.

        Raises the error when it was the last attempt.
        """
        pause = self._backoff.pause_seconds()
        if pause is None:
            raise error
        self.request.first_slab = self._next
        return pause

    def _open(self, message: probes_pb2.ProbeHeader) -> None:
        """Take the header of the first call, and make sure that the next one continues it."""
        self._checksum = 0
        if self.header is not None:
            return
        self.header = ProbeHeader.from_proto(message)
        self.request.digest = message.digest
        self.request.model.name = str(self.header.model)
        self.request.model.digest = message.model_digest

    def _slab(self, message: probes_pb2.ProbeSlab, header: ProbeHeader) -> Slab:
        if message.index != self._next or message.first_point != self._next * header.slab_points:
            raise InternalError(f"the server sent slab {message.index} in the place of {self._next}")
        shape = len(header.fields), header.length(message.index)
        if len(message.values) != 4 * shape[0] * shape[1]:
            raise InternalError(
                f"slab {message.index} must hold {shape} values, got {len(message.values)} bytes"
            )
        if zlib.crc32(message.values) != message.checksum:
            raise InternalError(f"slab {message.index} was damaged on its way")
        self._checksum = zlib.crc32(message.values, self._checksum)
        self._next += 1
        self._backoff.progress()
        values = np.frombuffer(message.values, "<f4").reshape(shape)
        return Slab(int(message.index), int(message.first_point), values)

    def _close(self, message: probes_pb2.ProbeTrailer) -> None:
        if self.header is None or self._next != self.header.slabs or message.checksum != self._checksum:
            raise InternalError("the server ended a probe before all slabs had come whole")
        self.trailer = ProbeTrailer.from_proto(message)
