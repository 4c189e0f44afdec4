# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd check`: the verdict on a host or URL and why, without a daemon, on the daemon's own code."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from filterd.assembly import Assembly
from filterd.commands.common import assemble, config_option, json_option, user_language
from filterd.policy.domains import InvalidHost, split_target
from filterd.policy.model import Allow, Block, Client, Decision, Request, Rewrite, Stage
from filterd.policy.policy import Policy
from filterd.settings_read import nearest
from filterd.wording import explain


class Answer(msgspec.Struct, omit_defaults=False):
    """One verdict, as a machine reads it (contract.md)."""

    input: str
    host: str | None
    action: str | None
    category: str | None
    categories: tuple[str, ...]
    rule: str | None
    list: str | None
    stage: str
    decree: tuple[str, ...]
    profile: str
    cause: str | None


class Rewritten(Answer):
    """A verdict that sends the name elsewhere."""

    host_rewritten: str = ""


class Refused(msgspec.Struct):
    """An input that is no host or URL."""

    input: str
    action: None
    error: str


@click.command("check")
@click.argument("targets", metavar="HOST-OR-URL…", nargs=-1)
@click.option("--profile", metavar="P", help="Judge as this profile (default: the configuration's).")
@click.option("--at", "at", metavar="TIME", help="Judge as if it were this time (2026-11-21T22:00, local).")
@click.option("--batch", type=click.File("r", errors="replace"), metavar="FILE",
              help="Read one host or URL a line (- is standard input); write one JSON object a line.")  # fmt: skip
@click.option("--language", type=click.Choice(["es", "gn", "en", "pt"]), help="Of the explanation (default: yours).")
@json_option
@config_option
def command(
    targets: tuple[str, ...], profile: str | None, at: str | None, batch: Iterable[str] | None,
    language: str | None, *, as_json: bool, config: Path | None,
) -> int:  # fmt: skip
    """Say whether each HOST-OR-URL would be opened, and why."""
    if not targets and batch is None:
        raise click.UsageError("name a host or URL, or a file with --batch")
    assembly = assemble(config)
    policy = assembly.policy()
    if profile is not None and profile not in policy.profiles:
        raise click.UsageError(f"unknown profile {profile!r}{nearest(profile, policy.profiles)}")
    client = Client(profile=profile)
    when = _parse_time(at, assembly) if at else datetime.now(UTC)
    write = sys.stdout.buffer.write
    encode = msgspec.json.Encoder().encode
    if batch is not None:
        for line in batch:
            write(encode(judge(line.rstrip("\r\n"), policy, client, when)) + b"\n")
    for target in targets:
        if as_json or batch is not None:
            write(encode(judge(target, policy, client, when)) + b"\n")
        else:
            sys.stdout.write(describe(target, policy, client, when, language or user_language()))
    sys.stdout.flush()
    return 0


def judge(text: str, policy: Policy, client: Client, when: datetime) -> Answer | Refused:
    """Return the verdict on *text* as a machine reads it."""
    try:
        decision = _decide(text, policy, client, when)
    except InvalidHost as error:
        return Refused(text, None, str(error))
    return _answer(text, decision)


def describe(text: str, policy: Policy, client: Client, when: datetime, language: str) -> str:
    """Return the verdict on *text* as a person reads it, in *language*."""
    try:
        decision = _decide(text, policy, client, when)
    except InvalidHost as error:
        return f"{text}: {error}\n"
    verdict = decision.verdict
    names = {category.id: category.names for category in policy.categories.values()}
    lines = [f"{text}: {_WORDS[language][type(verdict)]}"]
    if verdict.reason is not None:
        told = explain(verdict.reason, language=language, category_names=names)
        lines += [f"  {part}" for part in (told.sentence, told.rule_line) if part]
    if isinstance(verdict, Rewrite):
        lines.append(f"  → {verdict.host}")
    lines.append(f"  {_WORDS[language]['profile']}: {decision.profile}")
    return "\n".join(lines) + "\n"


_WORDS: dict[str, dict[type | str, str]] = {
    "es": {Allow: "permitido", Block: "bloqueado", Rewrite: "búsqueda segura", "profile": "perfil"},
    "gn": {Allow: "ikatu", Block: "ojejoko", Rewrite: "jeheka tekorosã", "profile": "mba'éichagua"},
    "en": {Allow: "allowed", Block: "blocked", Rewrite: "safe search", "profile": "profile"},
    "pt": {Allow: "permitido", Block: "bloqueado", Rewrite: "busca segura", "profile": "perfil"},
}


def _decide(text: str, policy: Policy, client: Client, when: datetime) -> Decision:
    target = split_target(text)
    stage = Stage.QUERY if target.url is None else Stage.REQUEST
    return policy.decide(Request(stage, client, when, target.host, target.url))


def _answer(text: str, decision: Decision) -> Answer:
    request, verdict, profile = decision.request, decision.verdict, decision.profile
    reason, stage = verdict.reason, request.stage.name.lower()
    if reason is None:
        return Answer(text, request.host, "allow", None, (), None, None, stage, (), profile, None)
    action = "allow" if isinstance(verdict, Allow) else "block"
    given = (reason.category, reason.categories, reason.rule, reason.list, stage, reason.decree, profile)
    if isinstance(verdict, Rewrite):
        return Rewritten(text, request.host, "rewrite", *given, reason.cause.value, host_rewritten=verdict.host)
    return Answer(text, request.host, action, *given, reason.cause.value)


def _parse_time(text: str, assembly: Assembly) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"--at {text!r} is no time: write it as 2026-11-21T22:00") from error
    return when if when.tzinfo else when.replace(tzinfo=assembly.zone)
