"""Where the server listens, and how large a message may be."""

from __future__ import annotations

from dataclasses import dataclass

from atomlens.server.settings.setting import Concern, setting

MOST_MIB = 2047  # gRPC counts the bytes of a message in 31 bits
DEFAULT_ADDRESS = "127.0.0.1:50551"


@dataclass(frozen=True, kw_only=True)
class ListeningSettings(Concern):
    """Addresses, connections and messages."""

    address: str = setting(
        DEFAULT_ADDRESS, "HOST:PORT to listen on; port 0 takes a free one", metavar="HOST:PORT"
    )
    health_address: str = setting(
        "",
        "HOST:PORT of a second port with health alone, never encrypted; none if empty",
        metavar="HOST:PORT",
    )
    max_message_mib: int = setting(16, "size of the largest message in MiB")
    max_calls: int = setting(
        1000, "calls of all kinds answered at once; more are refused before their messages are read"
    )
    max_connection_age_seconds: float = setting(
        0.0,
        "age at which connections and streams end in good order, so that clients spread again; 0 for none",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_address("address")
        if self.health_address:
            self._check_address("health_address")
        self._check_positive("max_message_mib", "max_calls")
        self._check_not_negative("max_connection_age_seconds")
        if self.max_message_mib > MOST_MIB:
            raise ValueError(f"`max_message_mib` must be at most {MOST_MIB}, got {self.max_message_mib}")
