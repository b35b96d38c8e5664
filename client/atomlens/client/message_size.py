"""Message size: what fits into one message of gRPC, and the one error of a structure that does not."""

from __future__ import annotations

from atomlens.client.errors import InputError

MAX_MESSAGE_BYTES = 16 * 2**20
ATOM_BYTES = 25  # a number and a position
MARGIN_BYTES = 2 * 2**20  # for all else in a message
MAX_ATOMS = (MAX_MESSAGE_BYTES - MARGIN_BYTES) // ATOM_BYTES  # of one structure


def check_size(atoms: int) -> None:
    """Raise `InputError` for a structure of so many atoms that no message can hold it."""
    if atoms > MAX_ATOMS:
        raise InputError(
            f"a structure must have at most {MAX_ATOMS} atoms to fit into a message, got {atoms}",
            reason="MESSAGE_TOO_LARGE",
            field="positions",
        )
