"""Tokens: who may do what, by the SHA-256 of the secret that each of them sends.

A file of tokens has a line for each: NAME SCOPES SHA256, as `atomlens token` prints it; # begins a comment.
A name may have several tokens, as it does while one takes the place of another.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from hashlib import sha256

from atomlens.server.security.scopes import Scope

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
DIGEST = re.compile("[0-9a-f]{64}")
SCOPES = frozenset(Scope)
NOTHING = sha256().hexdigest()


@dataclass(frozen=True, slots=True)
class Token:
    """One line of the file."""

    name: str
    scopes: frozenset[Scope]
    digest: bytes = field(repr=False)  # SHA-256


@dataclass(frozen=True, slots=True)
class Tokens:
    """All tokens that are known."""

    tokens: tuple[Token, ...]

    @classmethod
    def parse(cls, text: str) -> Tokens:
        """Return the tokens of a file.

        Raises:
            ValueError: a line breaks a rule. It is named by its number alone: a secret may stand in it.
        """
        lines = ((number, line.partition("#")[0].split()) for number, line in enumerate(text.splitlines(), 1))
        tokens = tuple(_token(number, words) for number, words in lines if words)
        if not tokens:
            raise ValueError("there is no token in it")
        if len({token.digest for token in tokens}) < len(tokens):
            raise ValueError("the same token is in it twice")
        return cls(tokens)

    def find(self, secret: str) -> Token | None:
        """Return the token with this secret; the time it takes is the same for all that are known."""
        digest = sha256(secret.encode(errors="replace")).digest()
        found = None
        for token in self.tokens:
            if hmac.compare_digest(token.digest, digest):
                found = token
        return found


def _token(number: int, words: list[str]) -> Token:
    if len(words) != 3:
        raise ValueError(f"line {number} must be NAME SCOPES SHA256, it has {len(words)} words")
    name, scopes, digest = words[0], set(words[1].split(",")), words[2].lower()
    if not NAME.fullmatch(name):
        raise ValueError(f"line {number}: a name has at most 64 letters, digits and `.`, `_`, `@`, `-`")
    if not scopes <= SCOPES:
        raise ValueError(f"line {number}: scopes are {', '.join(Scope)}, joined by commas")
    if not DIGEST.fullmatch(digest):
        raise ValueError(
            f"line {number}: the third word must be the SHA-256 of a token, 64 hexadecimal digits"
        )
    if digest == NOTHING:  # which whoever sends none would have
        raise ValueError(f"line {number}: the third word is the SHA-256 of nothing, not of a token")
    return Token(name, frozenset(map(Scope, scopes)), bytes.fromhex(digest))
