# SPDX-License-Identifier: GPL-3.0-or-later
"""Response policy zones (draft-vixie-dnsop-dns-rpz-00): owner names are triggers, their data the action."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from filterd.policy.model import Effect, Rule
from filterd.policy.rules_names import Skip, is_prefix, is_sink, parse_host, parse_prefix

_IGNORED_TYPES = frozenset({"SOA", "NS", "TXT", "DNSKEY", "RRSIG", "NSEC", "CAA"})
_BLOCKING_TARGETS = frozenset({".", "*.", "rpz-drop."})  # NXDOMAIN, NODATA, no answer
_OTHER_TRIGGERS = (".rpz-nsdname", ".rpz-nsip", ".rpz-client-ip")
_ttl_or_class = re.compile(r"\d+[smhdw]?|IN|CH|HS", re.IGNORECASE).fullmatch
_MAX_SOA_LINES = 20  # an open bracket that never closes must not swallow the zone


class RpzParser:
    """Reads a zone line by line; an owner's meaning hangs on ``$ORIGIN`` and on the lines before it."""

    def __init__(self) -> None:
        self._origin = ""
        self._owner = ""
        self._open_lines = 0  # lines since a bracket was opened

    def __call__(self, line: str, skip: Callable[[Skip], None], /) -> Iterable[Rule]:
        """Return what *line* covers."""
        text = line.partition(";")[0].removeprefix("\ufeff")
        if not text.strip():
            return ()
        if self._open_lines:
            self._open_lines = 0 if ")" in text or self._open_lines >= _MAX_SOA_LINES else self._open_lines + 1
            return ()
        if text.startswith("$"):
            self._read_directive(text.split())
            return ()
        if "(" in text and ")" not in text:
            self._open_lines = 1
        return self._parse_record(text, skip)

    def _read_directive(self, words: list[str]) -> None:
        if words[0].upper() == "$ORIGIN" and len(words) > 1:
            self._origin = words[1].lower().strip(".")

    def _parse_record(self, text: str, skip: Callable[[Skip], None]) -> Iterable[Rule]:
        words = text.split()
        if not text[0].isspace():
            self._owner = words.pop(0)
        while words and _ttl_or_class(words[0]):
            words.pop(0)
        if len(words) < 2:
            skip(Skip.INVALID)
            return ()
        kind, target = words[0].upper(), words[1].lower()
        if kind in _IGNORED_TYPES:
            if kind == "SOA" and self._owner.endswith(".") and not self._origin:
                self._origin = self._owner.lower().strip(".")
            return ()
        effect = self._action(kind, target)
        if effect is None:
            skip(Skip.REDIRECT)
            return ()
        rule = self._parse_trigger(effect, skip)
        return (rule,) if rule else ()

    def _action(self, kind: str, target: str) -> Effect | None:
        if kind in ("A", "AAAA"):
            return Effect.BLOCK if is_sink(target) else None
        if kind != "CNAME":
            return None
        if target in _BLOCKING_TARGETS:
            return Effect.BLOCK
        if (
            target == "rpz-passthru." or target.rstrip(".") == self._trigger()
        ):  # a name sent to itself: the old spelling
            return Effect.EXCEPT
        return None

    def _trigger(self) -> str:
        owner = self._owner.lower()
        if not owner.endswith("."):
            return owner
        return owner.removesuffix(".").removesuffix("." + self._origin if self._origin else "")

    def _parse_trigger(self, effect: Effect, skip: Callable[[Skip], None]) -> Rule | None:
        trigger = self._trigger()
        if trigger.endswith(".rpz-ip"):
            return _parse_address_trigger(trigger.removesuffix(".rpz-ip"), effect, skip)
        if trigger.endswith(_OTHER_TRIGGERS) or trigger in ("@", "*"):
            skip(Skip.TRIGGER)
            return None
        rule = parse_host(trigger, skip, effect)
        if rule is None:
            return None
        return rule._replace(apex=False) if trigger.startswith("*.") else rule._replace(below=False)


def _parse_address_trigger(trigger: str, effect: Effect, skip: Callable[[Skip], None]) -> Rule | None:
    """Read ``24.0.113.0.203`` (203.0.113.0/24) or ``128.57.zz.2.2001`` (2001:2::57): prefix length, then reversed."""
    length, *parts = trigger.split(".")
    if not parts or not (length.isascii() and length.isdigit() and len(length) < 4):
        skip(Skip.INVALID)
        return None
    if len(parts) == 4 and all(part.isdigit() for part in parts):
        text = ".".join(reversed(parts))
    else:
        text = ":".join("" if part == "zz" else part for part in reversed(parts))
        text = f"{':' if parts[-1] == 'zz' else ''}{text}{':' if parts[0] == 'zz' else ''}"
    if not is_prefix(text, length):
        skip(Skip.INVALID)
        return None
    return parse_prefix(text, length, skip, effect)
