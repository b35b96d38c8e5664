"""`atomlens.server.security.certificates`."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from atomlens.server.security.certificates import Certificates
from tests.authority import DAY, Authority, Pair


def parse(pair: Pair, client_ca: bytes | None = None, now: float | None = None) -> Certificates:
    """Return the certificates of files."""
    now = time.time() if now is None else now
    return Certificates.parse(pair.cert.read_bytes(), pair.key.read_bytes(), client_ca, now)


def test_what_belongs_together(authority: Authority) -> None:
    """The end is that of the certificate that ends first, and keys do not show."""
    found = parse(authority.issue("server", 10 * DAY), authority.ca.read_bytes())
    assert 9.9 * 86_400 < found.ends - time.time() < 10.1 * 86_400
    assert "BEGIN" not in repr(found)


def test_a_key_of_another_certificate(authority: Authority) -> None:
    """Files that do not belong together are refused, as are those that are half renewed."""
    pair = Pair(authority.issue("one").cert, authority.issue("two").key)
    with pytest.raises(ValueError, match="`tls_key` is not the key of the first certificate in `tls_cert`"):
        parse(pair)


def test_a_certificate_that_has_ended(authority: Authority) -> None:
    """The message says which, and when."""
    with pytest.raises(ValueError, match=r"`tls_cert`: the certificate .*CN=old.* ended on \d{4}-\d\d-\d\d"):
        parse(authority.issue("old", -DAY))
    pair = authority.issue("server", DAY)
    with pytest.raises(ValueError, match="CN=server"):
        parse(pair, now=time.time() + 2 * 86_400)


def test_client_cas_may_stand_side_by_side(authority: Authority) -> None:
    """One that has ended beside one that has not is as it is while they change; alone it is refused."""
    pair, good, old = authority.issue("server"), authority.ca.read_bytes(), authority.issue("old", -DAY)
    assert parse(pair, old.cert.read_bytes() + good).client_ca is not None
    with pytest.raises(ValueError, match=r"`tls_client_ca`: the certificate .* ended on"):
        parse(pair, old.cert.read_bytes())


@pytest.mark.parametrize("text", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAA\n"])
def test_files_that_are_none(text: bytes, authority: Authority) -> None:
    """Each is named by its setting."""
    cert, key = authority.issue("server")
    now = time.time()
    with pytest.raises(ValueError, match="`tls_cert` must be certificates in PEM form"):
        Certificates.parse(text, key.read_bytes(), None, now)
    with pytest.raises(ValueError, match="`tls_key` must be a private key in PEM form"):
        Certificates.parse(cert.read_bytes(), text, None, now)
    with pytest.raises(ValueError, match="`tls_client_ca` must be certificates in PEM form"):
        Certificates.parse(cert.read_bytes(), key.read_bytes(), text, now)


def test_keys_that_cannot_be_used(authority: Authority, tmp_path: Path) -> None:
    """Encrypted ones, of which nobody knows the password, and kinds that clients of gRPC do not take."""
    pair = authority.issue("server")
    key = load_pem_private_key(pair.key.read_bytes(), None)
    locked = BestAvailableEncryption(b"password")
    pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    with pytest.raises(ValueError, match="`tls_key` must not be encrypted"):
        parse(pair)
    other = Ed25519PrivateKey.generate()
    pair.key.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(
        ValueError, match=re.escape("`tls_key` must be an RSA key or one of an elliptic curve")
    ):
        parse(pair)
