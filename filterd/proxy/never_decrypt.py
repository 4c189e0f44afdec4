# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sites are judged by their name alone: their connections pass as they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from filterd.policy.domains import InvalidHost, is_address, normalise_host, suffixes

# Guard lists whose sites nobody has to look into: money, health, the state.
_GUARDED = (
    "banks", "government", "health", "paraguay-banks", "paraguay-health-help", "paraguay-state", "women-support",
)  # fmt: skip


class NeverDecryptError(ValueError):
    """The list of what is not decrypted cannot be used: the message names file, line and the way out."""


@dataclass(frozen=True, slots=True)
class NeverDecrypt:
    """Domains that are never decrypted, with all below them."""

    domains: frozenset[str] = frozenset()

    @classmethod
    def read(cls, categories: Path, own: Iterable[str] = ()) -> NeverDecrypt:
        """Return what the folder *categories* ships, and the adult's *own* domains, normalised.

        Raises:
            NeverDecryptError: a file is missing, or a line is not a domain.
        """
        shipped = sorted((categories / "never-decrypt").glob("*.txt"))
        if not shipped:
            raise NeverDecryptError(f"{categories / 'never-decrypt'}: missing; install filterd again")
        guarded = [categories / "never-block" / "sites" / f"{name}.txt" for name in _GUARDED]
        found = {domain for path in (*shipped, *guarded) for domain in _read(path)}
        return cls(frozenset(found | set(own)))

    def covers(self, host: str) -> bool:
        """Return whether *host*, normalised, or a domain above it is on the list; addresses never are."""
        return not is_address(host) and any(domain in self.domains for domain in suffixes(host))


def _read(path: Path) -> Iterable[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise NeverDecryptError(f"{path}: {error.strerror}; install filterd again") from error
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            domain = normalise_host(text)
        except InvalidHost as error:
            raise NeverDecryptError(f"{path}: line {number}: {error}; write a domain") from error
        if is_address(domain):
            raise NeverDecryptError(f"{path}: line {number}: {text!r} is an address; write a domain")
        yield domain
