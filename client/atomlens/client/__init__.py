"""Clients, results, files in and out, and the command line."""

from atomlens.client.aio import AsyncClient
from atomlens.client.card import Card, ModelStatus
from atomlens.client.client import Client
from atomlens.client.embedding import Embedding
from atomlens.client.errors import (
    AtomLensError,
    CancelledError,
    DeadlineError,
    InputError,
    InternalError,
    MissingExtraError,
    MissingPackageError,
    OverloadedError,
    UnavailableError,
    UnknownModelError,
    UnreadableFileError,
    UnusableModelError,
)
from atomlens.client.explanation import Explanation, ModelReference, Outcome, combine
from atomlens.client.failure import Failure
from atomlens.client.files import read
from atomlens.client.head import Head
from atomlens.client.stream_settings import StreamSettings
from atomlens.client.structure import Structure

__all__ = [
    "AsyncClient",
    "AtomLensError",
    "CancelledError",
    "Card",
    "Client",
    "DeadlineError",
    "Embedding",
    "Explanation",
    "Failure",
    "Head",
    "InputError",
    "InternalError",
    "MissingExtraError",
    "MissingPackageError",
    "ModelReference",
    "ModelStatus",
    "Outcome",
    "OverloadedError",
    "StreamSettings",
    "Structure",
    "UnavailableError",
    "UnknownModelError",
    "UnreadableFileError",
    "UnusableModelError",
    "combine",
    "read",
]
