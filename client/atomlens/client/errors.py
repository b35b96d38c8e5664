"""Errors of the client, told apart by who must act.

::

    AtomLensError
    ├── InvalidInput (ValueError)         the caller: change the structure or the argument
    │   └── UnreadableFile                the caller: mend the file
    ├── UnknownModel (LookupError)        the caller: ask for a model that is served
    ├── ModelUnusable                     who keeps the repository: the model failed or has another digest
    ├── Overloaded                        the caller: send less, or later
    ├── ServerUnavailable (ConnectionError)   who runs the server: start it or make it reachable
    ├── DeadlineExceeded (TimeoutError)   the caller: allow more time
    ├── Cancelled                         nobody: the call was cancelled
    ├── MissingExtra (ImportError)        who installed AtomLens: install the extra that it names
    └── InternalError                     who develops AtomLens: this should not happen
"""

from __future__ import annotations


class AtomLensError(Exception):
    """Anything that goes wrong in the client; ``reason`` is a fixed word, ``field`` the argument at fault."""

    def __init__(self, message: str, *, reason: str = "", field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.field = field

    def __str__(self) -> str:
        return self.message


class InvalidInput(AtomLensError, ValueError):
    """A structure or an argument that cannot be explained."""


class UnreadableFile(InvalidInput):
    """A file, or a frame of one, that holds no structure one can read."""


class UnknownModel(AtomLensError, LookupError):
    """A model or version that is not served."""


class ModelUnusable(AtomLensError):
    """A model that is there and could not be loaded, or has another digest than the one asked for."""


class Overloaded(AtomLensError):
    """The server has too much to do, or a message is too large for it."""


class ServerUnavailable(AtomLensError, ConnectionError):
    """No server answers at the address, or it is leaving."""


class DeadlineExceeded(AtomLensError, TimeoutError):
    """The answer took longer than was allowed."""


class Cancelled(AtomLensError):
    """The call was cancelled."""


class MissingExtra(AtomLensError, ImportError):
    """A part of AtomLens that is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the extra `{extra}`: pip install 'atomlens[{extra}]'")
        self.extra = extra


class InternalError(AtomLensError):
    """An answer that makes no sense, or a failure inside the server."""
