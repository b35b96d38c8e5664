"""`python -m ops`: write the dashboard and the alert rules anew."""

from __future__ import annotations

import sys
from pathlib import Path

from ops.files import files

HERE = Path(__file__).parent


def main() -> int:
    """Write all files."""
    for name, text in files().items():
        (HERE / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
