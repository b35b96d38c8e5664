"""Reader: the messages of a probe in their order, across as many calls as it takes."""

from __future__ import annotations

import zlib

import numpy as np

from atomlens.client.backoff import Backoff, BackoffSettings
from atomlens.client.errors import AtomLensError, InternalError
from atomlens.client.probe.header import ProbeHeader, ProbeTrailer
from atomlens.client.probe.request import POINT_BYTES
from atomlens.client.probe.slab import Slab
from atomlens.v1 import probes_pb2


class Reader:
    """Knows what was read and what to ask for next; does no input and output itself."""

    def __init__(
        self,
        request: probes_pb2.ProbeRequest,
        backoff: BackoffSettings,
        timeout_seconds: float | None = None,
    ) -> None:
        self.request = request  # for what is missing
        self.trailer: ProbeTrailer | None = None
        self._header: ProbeHeader | None = None
        self._expected: tuple[str, ...] = ("header",)
        self._next = request.first_slab
        self._checksum = 0  # of what the current call sent
        self._backoff = Backoff(backoff, timeout_seconds)

    @property
    def header(self) -> ProbeHeader:
        """What the first call began with."""
        if self._header is None:
            raise InternalError("the server began a probe without a header")
        return self._header

    def take(self, message: probes_pb2.ProbeResponse) -> Slab | None:
        """Take in a message and return the slab that it carries, None for header and trailer.

        Raises `InternalError` for one that is damaged or out of order.
        """
        kind = message.WhichOneof("content") or "nothing"
        if kind not in self._expected:
            expected = " or ".join(self._expected) or "nothing"
            raise InternalError(f"the server sent {kind} where {expected} was to come")
        if kind == "slab":
            return self._slab(message.slab)
        if kind == "header":
            self._open(message.header)
        else:
            self._close(message.trailer)
        return None

    def broken(self, error: AtomLensError) -> float:
        """Return the pause before `request` is sent again: the call broke, or there is no room now.

        Raises the error when it was the last attempt, or is of a kind that time does not heal.
        """
        pause = self._backoff.pause_seconds(error)
        if pause is None:
            raise error
        self.request.first_slab = self._next
        self._expected, self._checksum = ("header",), 0
        return pause

    def _open(self, message: probes_pb2.ProbeHeader) -> None:
        """Take the header of the first call, or that of one that goes on with the same answer."""
        if self._header is None:
            self._header = self._checked(ProbeHeader.from_proto(message))
            self.request.digest = message.digest
            self.request.model.name = str(self._header.model)
            self.request.model.digest = message.model_digest
        elif message.digest != self._header.digest:
            raise InternalError("the server went on with another probe than the one that was begun")
        self._expect(self._header)

    def _checked(self, header: ProbeHeader) -> ProbeHeader:
        """Return a header that fits the request: it tells a grid, or of as many points as were sent."""
        if len(self.request.points) != (POINT_BYTES * header.points if header.grid is None else 0):
            raise InternalError("the server answers for other points than it was sent")
        return header

    def _expect(self, header: ProbeHeader) -> None:
        """Have a slab come next, or the trailer after the last."""
        self._expected = ("slab", "trailer") if self._next < header.slabs else ("trailer",)

    def _slab(self, message: probes_pb2.ProbeSlab) -> Slab:
        header = self.header
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
        self._expect(header)
        values = np.frombuffer(message.values, "<f4").reshape(shape)
        return Slab(int(message.index), int(message.first_point), values)

    def _close(self, message: probes_pb2.ProbeTrailer) -> None:
        if self._next != self.header.slabs or message.checksum != self._checksum:
            raise InternalError("the server ended a probe before all slabs had come whole")
        self.trailer = ProbeTrailer.from_proto(message)
        self._expected = ()
