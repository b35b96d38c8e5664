"""`atomlens token`."""

from __future__ import annotations

import stat
from hashlib import sha256
from pathlib import Path

import pytest

from atomlens.client.cli.main import main
from atomlens.client.cli.token import NAME, SCOPES
from atomlens.server.security import scopes, tokens
from atomlens.server.security.tokens import Tokens


def test_a_token_and_the_line_that_knows_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A server that reads the line knows the token, and no two are the same."""
    seen = set()
    for _ in range(2):
        assert main(["token", "ada", "--scopes", "admin,explain"]) == 0
        first, second = capsys.readouterr().out.splitlines()
        secret, line = first.rpartition(": ")[2], second.partition(": ")[2]
        found = Tokens.parse(line).find(secret)
        assert found is not None
        assert (found.name, sorted(found.scopes)) == ("ada", ["admin", "explain"])
        assert len(secret) >= 43  # 32 bytes, six bits in each letter
        seen.add(secret)
    assert len(seen) == 2


def test_a_token_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not shown, and nobody else may read it; a file that is there is left alone."""
    path = tmp_path / "ada.token"
    assert main(["token", "ada", "--output", str(path)]) == 0
    secret = path.read_text().strip()
    assert capsys.readouterr().out == f"ada explain,probe {sha256(secret.encode()).hexdigest()}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert main(["token", "bob", "--output", str(path)]) == 2
    captured = capsys.readouterr()
    assert (captured.out, path.read_text().strip()) == ("", secret)
    assert "File exists" in captured.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a/b"], "`NAME` must be at most 64 letters"),
        (["ada", "--scopes", "everything"], "`--scopes` must be explain, probe, admin"),
        (["ada", "--scopes", ""], "`--scopes` must be explain, probe, admin"),
    ],
)
def test_what_is_no_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What a server would refuse is not printed."""
    assert main(["token", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err


def test_the_rules_are_those_of_the_server() -> None:
    """The command runs without the server and says the same of names and scopes."""
    assert tuple(scopes.Scope) == SCOPES
    assert NAME.pattern == tokens.NAME.pattern
