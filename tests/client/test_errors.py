"""`atomlens.client.errors`."""

from __future__ import annotations

import pickle

import pytest

from atomlens.client import errors


@pytest.mark.parametrize(
    "error",
    [
        errors.InputError("`positions` must be finite", reason="NOT_FINITE", field="positions[1]"),
        errors.UnavailableError("no server"),
        errors.CertificateError("it has ended"),
        errors.PermissionDeniedError("no", reason="SCOPE_MISSING"),
        errors.MissingExtraError("report", "reading files"),
        errors.MissingPackageError("xarray", "`to_xarray()`"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_the_way_between_processes(error: errors.AtomLensError) -> None:
    """Kind, message, reason and field are those that were raised."""
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), copy.reason, copy.field) == (str(error), error.reason, error.field)


def test_every_error_has_one_root() -> None:
    """A user can catch all that AtomLens raises by one name."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 8
    assert all(issubclass(kind, errors.AtomLensError) for kind in kinds)
