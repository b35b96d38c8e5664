"""Certificates: what the server proves itself with, and whom it asks for a proof."""

from __future__ import annotations

from dataclasses import dataclass, field

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey
KINDS = "must be an RSA key or one of an elliptic curve (ECDSA)"


@dataclass(frozen=True, slots=True)
class Certificates:
    """A key, the chain of certificates that goes with it, and the CA that clients' certificates come from."""

    key: bytes = field(repr=False)  # PEM
    chain: bytes = field(repr=False)  # PEM, the server's own certificate first
    client_ca: bytes | None = field(repr=False)  # PEM; None where clients need no certificate
    ends: float  # seconds since 1970: when the first of the chain ends

    @classmethod
    def parse(cls, chain: bytes, key: bytes, client_ca: bytes | None, now: float) -> Certificates:
        """Return the certificates of PEM files; ``now`` is in seconds since 1970.

        Raises:
            ValueError: a file is none, they do not belong together, or a certificate has ended.
        """
        certificates = _certificates("tls_cert", chain)
        if not _belongs(_key(key), certificates[0]):
            raise ValueError("`tls_key` is not the key of the first certificate in `tls_cert`")
        _check_current("tls_cert", min(certificates, key=_end), now)
        if client_ca is not None:  # an old CA may stand beside the one that takes its place
            _check_current("tls_client_ca", max(_certificates("tls_client_ca", client_ca), key=_end), now)
        return cls(key, chain, client_ca, min(map(_end, certificates)))

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """Return them as gRPC takes them."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.chain)], self.client_ca)


def _certificates(setting: str, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except (ValueError, x509.InvalidVersion) as error:
        raise ValueError(f"`{setting}` must be certificates in PEM form") from error


def _key(pem: bytes) -> PrivateKey:
    try:
        key = load_pem_private_key(pem, None)
    except TypeError as error:
        raise ValueError("`tls_key` must not be encrypted") from error
    except ValueError as error:
        raise ValueError("`tls_key` must be a private key in PEM form") from error
    except UnsupportedAlgorithm as error:
        raise ValueError(f"`tls_key` {KINDS}: {error}") from error
    if not isinstance(key, PrivateKey):
        raise ValueError(f"`tls_key` {KINDS}")
    return key


def _belongs(key: PrivateKey, certificate: x509.Certificate) -> bool:
    try:
        return certificate.public_key() == key.public_key()
    except UnsupportedAlgorithm:  # which no key is of that can be used
        return False


def _end(certificate: x509.Certificate) -> float:
    return certificate.not_valid_after_utc.timestamp()


def _check_current(setting: str, certificate: x509.Certificate, now: float) -> None:
    if _end(certificate) <= now:
        subject = certificate.subject.rfc4514_string() or "without a subject"
        ended = f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        raise ValueError(f"`{setting}`: the certificate {subject} ended on {ended}")
