"""Permissions: who else on this machine can read a secret."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

log = logging.getLogger(__name__)


def warn_of_readers(setting: str, path: Path) -> None:
    """Warn where everyone on the machine may read a file."""
    if path.stat().st_mode & stat.S_IROTH:
        log.warning("`%s` %s can be read by every user of this machine: chmod o-r", setting, path)
