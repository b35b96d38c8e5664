"""An authority that makes certificates for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import trustme

DAY = timedelta(days=1)


class Pair(NamedTuple):
    """The files of a certificate and of its key."""

    cert: Path
    key: Path


class Authority:
    """A CA whose file is ``ca``; certificates are good for 127.0.0.1 and localhost, and for clients."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._ca, self._directory = trustme.CA(), directory
        self.ca = directory / f"{name}.pem"
        self._ca.cert_pem.write_to_path(self.ca)

    def issue(self, name: str, ends: timedelta = 365 * DAY, common: bool = True) -> Pair:
        """Write a certificate that ends so long from now, over the one of the same name.

        Its name is the common one, unless it is to have none.
        """
        end = datetime.now(UTC) + ends
        made = self._ca.issue_cert(
            "127.0.0.1",
            "localhost",
            common_name=name if common else None,
            not_before=end - 500 * DAY,
            not_after=end,
        )
        pair = Pair(self._directory / f"{name}.crt", self._directory / f"{name}.key")
        made.private_key_pem.write_to_path(pair.key)
        pair.key.chmod(0o600)
        pair.cert.write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
        return pair
