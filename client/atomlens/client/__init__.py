"""Clients, results, files in and out, and the command line."""

import os

# gRPC says of itself that it logs errors alone, yet tells of every handshake that fails, unless it is told so
# before it is imported. Our own errors have the reason. What is set stays.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from atomlens.client.aio import AsyncClient
from atomlens.client.batch_head import BatchHead
from atomlens.client.card import Card, ModelStatus
from atomlens.client.client import Client
from atomlens.client.credentials import Tls
from atomlens.client.embedding import Embedding
from atomlens.client.errors import (
    AtomLensError,
    CancelledError,
    CertificateError,
    DeadlineError,
    InputError,
    InternalError,
    MissingExtraError,
    MissingPackageError,
    OverloadedError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
    UnknownModelError,
    UnreadableFileError,
    UnusableModelError,
)
from atomlens.client.explanation import Explanation, ModelReference, Outcome, combine
from atomlens.client.explanations import Explanations
from atomlens.client.failure import Failure
from atomlens.client.files import read
from atomlens.client.head import Head
from atomlens.client.stream_settings import StreamSettings
from atomlens.client.structure import Structure
from atomlens.client.structures import Structures

__all__ = [
    "AsyncClient",
    "AtomLensError",
    "BatchHead",
    "CancelledError",
    "Card",
    "CertificateError",
    "Client",
    "DeadlineError",
    "Embedding",
    "Explanation",
    "Explanations",
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
    "PermissionDeniedError",
    "StreamSettings",
    "Structure",
    "Structures",
    "Tls",
    "UnauthenticatedError",
    "UnavailableError",
    "UnknownModelError",
    "UnreadableFileError",
    "UnusableModelError",
    "combine",
    "read",
]
