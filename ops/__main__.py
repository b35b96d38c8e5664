"""`python -m ops`: write the dashboard, the alert rules and the list of metrics anew."""

from __future__ import annotations

import sys
from pathlib import Path

from ops.files import files

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Write all files."""
    for name, text in files().items():
        (ROOT / name).parent.mkdir(exist_ok=True)
        (ROOT / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
