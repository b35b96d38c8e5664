"""Setting: one value a server is started with, and the rules that such values keep."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import Field, dataclass, field
from pathlib import Path
from typing import Any

TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def setting(default: Any, text: str, kind: type | None = None, metavar: str = "") -> Any:
    """Return a field with a help text; ``kind`` is what it is if not of its default's type."""
    given = kind or type(default)
    return field(
        default=default, metadata={"help": text, "kind": given, "metavar": metavar or _metavar(given)}
    )


def parser(one: Field[Any]) -> Callable[[str], Any]:
    """Return what makes a setting's value of a text; it raises ValueError."""
    kind: Callable[[str], Any] = one.metadata["kind"]
    return _flag if kind is bool else kind


@dataclass(frozen=True, kw_only=True)
class Concern:
    """Settings of one concern. Each checks its own when it is made, and so do all together."""

    def __post_init__(self) -> None:
        """Do nothing: the last in the line of concerns."""

    def _check_address(self, name: str) -> None:
        """Raise ValueError unless a setting is HOST:PORT."""
        value = getattr(self, name)
        host, _, port = value.rpartition(":")
        if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
            raise ValueError(f"`{name}` must be HOST:PORT, got {value!r}")

    def _check_positive(self, *names: str) -> None:
        for name in names:
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"`{name}` must be positive, got {getattr(self, name)}")

    def _check_not_negative(self, *names: str) -> None:
        for name in names:
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"`{name}` must be finite and not negative, got {getattr(self, name)}")


def _metavar(kind: type) -> str:
    return {str: "TEXT", Path: "PATH", bool: "true|false"}.get(kind, "N")


def _flag(text: str) -> bool:
    if text.lower() not in TRUE + FALSE:
        raise ValueError(f"neither {TRUE[0]} nor {FALSE[0]}")
    return text.lower() in TRUE
