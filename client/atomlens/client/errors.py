"""Errors of the client, told apart by who must act.

::

    AtomLensError
    ├── InputError (ValueError)             the caller: change the structure or the argument
    │   └── UnreadableFileError             the caller: mend the file
    ├── UnknownModelError (LookupError)     the caller: ask for a model that is served
    ├── UnusableModelError                  who keeps the models: one failed, or has another digest
    ├── OverloadedError                     the caller: send less, or later
    ├── UnavailableError (ConnectionError)  who runs the server: start it or make it reachable
    │   └── CertificateError                who runs the server, or the caller: renew, or trust another CA
    ├── UnauthenticatedError                the caller: send a token that the server knows
    ├── PermissionDeniedError (PermissionError)  who runs the server: allow the token more
    ├── DeadlineError (TimeoutError)        the caller: allow more time
    ├── CancelledError                      nobody: the call was cancelled
    ├── MissingExtraError (ImportError)     who installed AtomLens: install the extra that it names
    ├── MissingPackageError (ImportError)   who installed AtomLens: install the package that it names
    └── InternalError                       who develops AtomLens: this should not happen
"""

from __future__ import annotations


class AtomLensError(Exception):
    """Anything that goes wrong in the client; ``reason`` is a fixed word, ``field`` the argument at fault.

    ``retry_seconds`` is the time after which a server says that the same may be asked again, or None;
    ``request_id`` is what the server's log knows the call by.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        field: str = "",
        retry_seconds: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.field = field
        self.retry_seconds = retry_seconds
        self.request_id = request_id

    def __str__(self) -> str:
        return self.message


class InputError(AtomLensError, ValueError):
    """A structure or an argument that cannot be explained."""


class UnreadableFileError(InputError):
    """A file, or a frame of one, that holds no structure one can read."""


class UnknownModelError(AtomLensError, LookupError):
    """A model or version that is not served."""


class UnusableModelError(AtomLensError):
    """A model that is there and could not be loaded, or has another digest than the one asked for."""


class OverloadedError(AtomLensError):
    """The server has too much to do, or a message is too large for it."""


class UnavailableError(AtomLensError, ConnectionError):
    """No server answers at the address, or it is leaving."""


class CertificateError(UnavailableError):
    """The server's certificate is not to be trusted: it has ended, or is another server's or another CA's."""


class UnauthenticatedError(AtomLensError):
    """The server wants a token, and there is none or it is not known."""


class PermissionDeniedError(AtomLensError, PermissionError):
    """The token is known, and does not allow this."""


class DeadlineError(AtomLensError, TimeoutError):
    """The answer took longer than was allowed."""


class CancelledError(AtomLensError):
    """The call was cancelled."""


class MissingExtraError(AtomLensError, ImportError):
    """A part of AtomLens that is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the extra `{extra}`: pip install 'atomlens[{extra}]'")
        self.extra, self.purpose = extra, purpose

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        """Pickle through the constructor, whose arguments are not the message."""
        return type(self), (self.extra, self.purpose)


class MissingPackageError(AtomLensError, ImportError):
    """A library that AtomLens can do without and is not installed."""

    def __init__(self, package: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package `{package}`: pip install {package}")
        self.package, self.purpose = package, purpose

    def __reduce__(self) -> tuple[type[MissingPackageError], tuple[str, str]]:
        """Pickle through the constructor, whose arguments are not the message."""
        return type(self), (self.package, self.purpose)


class InternalError(AtomLensError):
    """An answer that makes no sense, or a failure inside the server, whose log has more of it."""

    def __str__(self) -> str:
        return f"{self.message} (request {self.request_id})" if self.request_id else self.message
