"""`atomlens.server.security.permissions`."""

from __future__ import annotations

from pathlib import Path

import pytest

from atomlens.server.security.permissions import warn_of_readers


@pytest.mark.parametrize(("mode", "warnings"), [(0o600, 0), (0o640, 0), (0o644, 1), (0o604, 1)])
def test_who_reads_secrets(
    mode: int, warnings: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that everyone may read is a warning; one for a group, as volumes of secrets are, is none."""
    path = tmp_path / "secret"
    path.touch()
    path.chmod(mode)
    warn_of_readers("tokens", path)
    assert len(caplog.records) == warnings
    assert all("`tokens`" in record.getMessage() for record in caplog.records)
