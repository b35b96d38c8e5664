"""Prints what the package and some of its extras need, a requirement a line, for pip."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
needs = [*project["dependencies"]]
for extra in sys.argv[1:]:
    needs += project["optional-dependencies"][extra]
print(*needs, sep="\n")
