# SPDX-License-Identifier: GPL-3.0-or-later
"""Adblock syntax, as far as it speaks of whole hosts and plain paths; the rest is a browser's and is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from filterd.policy.model import Effect, Rule
from filterd.policy.rules_names import Skip, is_prefix, parse_host, parse_path, parse_plain_line, parse_prefix

_cosmetic = re.compile(r"#@?[?$%]?@?#|\$\$|\$@\$").search
_pattern = re.compile(r"(?P<start>\|\||\|(?:https?:)?//|\|)(?P<host>[^/^|$]+)(?P<rest>[/^|].*)?").fullmatch
_prefix = re.compile(r"\[?([0-9a-fA-F:.]*[:.][0-9a-fA-F:.]*)\]?/(\d{1,3})[\^|]?").fullmatch  # 203.0.113.0/24^
# They widen a rule to the whole site or say what a DNS filter does anyway; every other option narrows it to
# circumstances that we cannot see, and a rule taken without them would block more than its author meant.
_whole_site = frozenset({"important", "all", "document", "doc"})


def parse_adblock_line(line: str, skip: Callable[[Skip], None]) -> Iterable[Rule]:
    """Return what a line of an adblock list covers."""
    text = line.strip().removeprefix("\ufeff")
    if not text or text[0] == "!" or (text[0] == "#" and text[1:2] in ("", " ", "#") and not text.startswith("##")):
        return ()
    if text.startswith("[") and text.endswith("]"):  # [Adblock Plus 2.0]
        return ()
    if _cosmetic(text):
        skip(Skip.COSMETIC)
        return ()
    exception = text.startswith("@@")
    body, effect = _take_options(text.removeprefix("@@"), exception=exception)
    if effect is None:
        skip(Skip.OPTIONS)
        return ()
    if body.startswith("/") and body.endswith("/") and len(body) > 1:
        skip(Skip.EXPRESSION)
        return ()
    if body.startswith("|"):
        return _parse_pattern(body, effect, skip)
    # AdGuard's lists mix in hosts lines and bare names.
    return [rule._replace(effect=effect) for rule in parse_plain_line(body, skip)]


def _take_options(text: str, *, exception: bool) -> tuple[str, Effect | None]:
    """Return *text* without its options, and its effect; ``None`` where an option is none of ours."""
    body, dollar, options = text.rpartition("$")
    if not dollar:
        return text, Effect.EXCEPT if exception else Effect.BLOCK
    names = set(options.lower().split(","))
    if not names <= _whole_site:
        return body, None
    if exception:
        return body, Effect.EXCEPT
    return body, Effect.IMPORTANT if "important" in names else Effect.BLOCK


def _parse_pattern(body: str, effect: Effect, skip: Callable[[Skip], None]) -> Iterable[Rule]:
    found = _pattern(body)
    if not found:
        skip(Skip.WILDCARD if "*" in body else Skip.INVALID)
        return ()
    host, rest = found["host"], found["rest"] or ""
    prefix = _prefix(host + rest)
    if prefix and is_prefix(prefix[1], prefix[2]):
        rule = parse_prefix(prefix[1], prefix[2], skip, effect)
        return (rule,) if rule else ()
    below_only = host.startswith("*.")
    rule = parse_host(host, skip, effect)
    path = _take_path(rest, skip) if rule else None
    if rule is None or path is None:
        return ()
    if path:
        return (rule._replace(path=path),)
    if below_only:
        return (rule._replace(apex=False),)
    return (rule,) if found["start"] == "||" else (rule._replace(below=False),)


def _take_path(rest: str, skip: Callable[[Skip], None]) -> str | None:
    """Return the path in *rest*, ``""`` for the whole host, ``None`` where a browser is needed to tell."""
    if rest in ("", "^", "|", "^|", "/", "^*"):
        return ""
    path = rest.rstrip("^|*")
    if not path.startswith("/") or "^" in path:
        skip(Skip.WILDCARD)
        return None
    return parse_path(path, skip)
