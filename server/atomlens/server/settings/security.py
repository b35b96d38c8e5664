"""Who may ask, and how what is said is kept from others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from atomlens.server.settings.setting import Concern, setting


@dataclass(frozen=True, kw_only=True)
class SecuritySettings(Concern):
    """Certificates and tokens: files, which are read again when they change."""

    tls_cert: Path | None = setting(
        None, "the server's certificate and those that lead to its CA, in PEM form; no TLS if not given", Path
    )
    tls_key: Path | None = setting(None, "the key of that certificate, in PEM form", Path)
    tls_client_ca: Path | None = setting(
        None, "CA, in PEM form, that every client must have a certificate of (mutual TLS)", Path
    )
    tokens: Path | None = setting(
        None, "file of the tokens that calls are let in with; see `atomlens token --help`", Path
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "tls_key" if self.tls_key is None else "tls_cert"
            raise ValueError(f"`{missing}` is missing: `tls_cert` and `tls_key` go together")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("`tls_client_ca` needs `tls_cert` and `tls_key`: clients are asked through TLS")
