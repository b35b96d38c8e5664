"""`atomlens.server.security.certificates`."""

from __future__ import annotations

import base64
import re
import time
from pathlib import Path

import pytest
from cryptography import x509
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

P256 = bytes.fromhex("06082a8648ce3d030107")  # the name of the curve, as keys and certificates tell it
UNKNOWN = P256[:-1] + b"\x63"


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


def pem(label: str, der: bytes) -> bytes:
    """Return bytes in PEM form."""
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n".encode()


def test_a_curve_that_is_not_known(authority: Authority) -> None:
    """It is refused as other kinds of keys are, in the key and in the certificate."""
    pair = authority.issue("server")
    key = load_pem_private_key(pair.key.read_bytes(), None)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert P256 in der
    odd = pem("PRIVATE KEY", der.replace(P256, UNKNOWN))
    with pytest.raises(ValueError, match=r"`tls_key` must be an RSA key or .*: .* not supported"):
        Certificates.parse(pair.cert.read_bytes(), odd, None, time.time())
    der = x509.load_pem_x509_certificate(pair.cert.read_bytes()).public_bytes(Encoding.DER)
    assert P256 in der
    pair.cert.write_bytes(pem("CERTIFICATE", der.replace(P256, UNKNOWN)))
    with pytest.raises(ValueError, match="`tls_key` is not the key of the first certificate"):
        parse(pair)


def test_a_certificate_of_a_version_that_is_not_known(authority: Authority) -> None:
    """It is no certificate."""
    pair = authority.issue("server")
    der = x509.load_pem_x509_certificate(pair.cert.read_bytes()).public_bytes(Encoding.DER)
    third = bytes.fromhex("a003020102")
    pair.cert.write_bytes(pem("CERTIFICATE", der.replace(third, third[:-1] + b"\x09", 1)))
    with pytest.raises(ValueError, match="`tls_cert` must be certificates in PEM form"):
        parse(pair)
