"""Probe session: the graph that tells what a model says of probe atoms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from atomlens.server.bundle import PROBE
from atomlens.server.card import Card, Head
from atomlens.server.errors import BundleError
from atomlens.server.session import CONTEXT, Session
from atomlens.server.structures import Floats, Integers

INPUTS = frozenset({"points", "elements", "numbers", "positions", CONTEXT})


class ProbeSession:
    """The probe graph of one model. Any number of threads may run it at once."""

    def __init__(self, graph: bytes, card: Card, provider: str, has_context: bool) -> None:
        """Load the graph; ``has_context`` tells whether the atoms graph gives what it may ask for.

        Raises:
            BundleError: it breaks the contract.
        """
        self._session = Session(PROBE, graph, provider)
        self._session.check_contract(INPUTS, [head.name for head in card.heads])
        if self.needs_context and not has_context:
            raise BundleError(f"{PROBE}: asks for {CONTEXT!r}, which atoms.onnx does not give")

    @property
    def needs_context(self) -> bool:
        """Whether probes feel more of atoms than their elements."""
        return CONTEXT in self._session.inputs

    def run(
        self,
        heads: Sequence[Head],
        elements: Integers,
        points: Floats,
        numbers: Integers,
        positions: Floats,
        context: npt.NDArray[np.float32] | None,
    ) -> npt.NDArray[np.float32]:
        """Return Ω: (heads · elements, points), every element of the first head, then of the second.

        Args:
            heads: those wanted.
            elements: atomic numbers of the probes, (elements,).
            points: near the origin, in Å, (points, 3).
            numbers: atomic numbers of the field, (field,); one atom at least.
            positions: of the field's atoms, near the origin, in Å, (field, 3).
            context: what they carry, (layers, field, features), where the graph needs it.

        Raises:
            EngineError: the runtime failed.
        """
        fed: dict[str, npt.NDArray[Any]] = {
            "points": points.astype(np.float32),
            "elements": elements,
            "numbers": numbers,
            "positions": positions.astype(np.float32),
        }
        if context is not None:
            fed[CONTEXT] = context
        return np.concatenate(self._session.run([head.name for head in heads], fed))
