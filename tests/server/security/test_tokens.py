"""`atomlens.server.security.tokens`."""

from __future__ import annotations

import hmac

import pytest

from atomlens.server.security.scopes import Scope
from atomlens.server.security.tokens import Tokens

from .conftest import line


def test_a_file_of_tokens() -> None:
    """Comments and empty lines are skipped; a name may have several tokens."""
    text = f"# ours\n\n{line('ada', 'explain,probe', 'one')}{line('ada', 'admin', 'two').strip()} # new\n"
    tokens = Tokens.parse(text)
    one, two = tokens.find("one"), tokens.find("two")
    assert one is not None
    assert two is not None
    assert (one.name, one.scopes) == ("ada", frozenset({Scope.EXPLAIN, Scope.PROBE}))
    assert (two.name, two.scopes) == ("ada", frozenset({Scope.ADMIN}))


@pytest.mark.parametrize("secret", ["", "three", "one ", "ONE", "é", "\udc80", "x" * 10_000])
def test_what_is_no_token(secret: str) -> None:
    """Whatever is sent is looked for, and found only if it is exactly a token."""
    assert Tokens.parse(line("ada", "explain", "one")).find(secret) is None


def test_every_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search does not end with the token that it finds, and compares digests alone."""
    tokens = Tokens.parse("".join(line(name, "explain", name) for name in "abc"))
    compared = []

    def compare(known: bytes, given: bytes) -> bool:
        compared.append((len(known), len(given)))
        return known == given

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for secret in ("a", "c", "none"):
        tokens.find(secret)
    assert compared == [(32, 32)] * 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no token in it"),
        ("# nothing\n", "there is no token in it"),
        ("ada explain", "line 1 must be NAME SCOPES SHA256, it has 2 words"),
        (
            line("ada", "explain", "x") + "ada explain, probe 00",
            "line 2 must be NAME SCOPES SHA256, it has 4",
        ),
        (line("ada", "explain", ""), "line 1: the third word is the SHA-256 of nothing"),
        (line("a/b", "explain", "x"), "line 1: a name has at most 64 letters"),
        (line("x" * 65, "explain", "x"), "line 1: a name has at most 64 letters"),
        (line("ada", "explain,everything", "x"), "line 1: scopes are explain, probe, admin"),
        (line("ada", "explain,", "x"), "line 1: scopes are explain, probe, admin"),
        (
            "ada explain sesame",
            "line 1: the third word must be the SHA-256 of a token, 64 hexadecimal digits",
        ),
        (line("ada", "explain", "x") + line("bob", "explain", "x"), "the same token is in it twice"),
    ],
)
def test_broken_files(text: str, message: str) -> None:
    """A line that breaks a rule is named by its number, and no word of it is repeated."""
    with pytest.raises(ValueError, match=message) as caught:
        Tokens.parse(text)
    assert "sesame" not in str(caught.value)


def test_a_token_does_not_show_its_digest() -> None:
    """What is logged of it by mistake helps nobody."""
    assert "digest" not in repr(Tokens.parse(line("ada", "explain", "one")))
