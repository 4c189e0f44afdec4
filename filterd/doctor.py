# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the set-up, or open to a curious child, and what to do about it."""

from __future__ import annotations

import enum
import grp
import ipaddress
import pwd
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from filterd.assembly import Assembly
from filterd.commands.common import find_runtime, load
from filterd.control.audit import AuditLog
from filterd.control.auth import Auth
from filterd.control.client import Daemon, Refused
from filterd.control.messages import Status
from filterd.policy.model import AgeBand
from filterd.settings import Settings
from filterd.settings_read import SettingsError, parse_listen

TEST_NAME = "gambling.prueba.home.arpa"
_ADMINISTRATORS = ("sudo", "wheel", "admin")
_TIMEOUT_S = 2.0


class Level(enum.StrEnum):
    """How grave a finding is."""

    OK = "ok"
    NOTE = "note"  # good to know; nothing is broken
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, what was found, and the way out; texts by language."""

    id: str
    level: Level
    es: str
    en: str
    do_es: str = ""
    do_en: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where to look. Everything may be missing: that is what a doctor is called for."""

    config: Path | None
    settings: Settings | None = None
    assembly: Assembly | None = None
    status: Status | None = None
    password_set: bool | None = None
    resolv_conf: Path = Path("/etc/resolv.conf")


def examine(config: Path | None, *, resolv_conf: Path = Path("/etc/resolv.conf")) -> list[Finding]:
    """Return what was found, in the order of the checks. Nothing is changed."""
    try:
        settings, path = load(config)
        assembly = Assembly.of(settings, path)
        assembly.check()
    except SettingsError as error:
        wrong = Finding(
            id="configuration", level=Level.PROBLEM, es=f"La configuración no sirve: {error}",
            en=f"The configuration cannot be used: {error}", do_es="Corrija esa línea; rige lo anterior.",
            do_en="Mend that line; until then what was in force stays so.",
        )  # fmt: skip
        scene = Scene(config, None, None, *_ask_daemon(config))
        return [wrong, *(finding for check in _OF_THE_DAEMON for finding in check(scene))]
    scene = Scene(path, settings, assembly, *_ask_daemon(config), resolv_conf)
    return [finding for check in _CHECKS for finding in check(scene)]


def _ask_daemon(config: Path | None) -> tuple[Status | None, bool | None]:
    """Return the status of the running daemon and whether there is a password; ``None`` where it does not answer."""
    try:
        daemon = Daemon(find_runtime(config))
        return daemon.status(), daemon.me().password_set
    except (OSError, Refused):  # no daemon, or a configuration that this account may not read
        return None, None


def _configuration(scene: Scene) -> Iterator[Finding]:
    where = str(scene.config or "valores de fábrica · built-in defaults")
    yield Finding(id="configuration", level=Level.OK, es=f"Configuración: {where}", en=f"Configuration: {where}")
    assert scene.assembly is not None  # noqa: S101 (read before)
    for notice in scene.assembly.notices():
        yield Finding(id="configuration", level=Level.PROBLEM, es=f"Aún no rige: {notice}", en=notice)


def _running(scene: Scene) -> Iterator[Finding]:
    status = scene.status
    if status is None:
        yield Finding(
            id="daemon", level=Level.PROBLEM, es="El filtro no está en marcha.", en="The filter is not running.",
            do_es="Inícielo: systemctl start filterd (o filterd run).",
            do_en="Start it: systemctl start filterd (or filterd run).",
        )  # fmt: skip
        return
    yield Finding(
        id="daemon", level=Level.OK, es=f"En marcha desde {status.started}.", en=f"Running since {status.started}."
    )
    for role in status.roles:
        if role.state != "ready":
            yield Finding(
                id="daemon", level=Level.PROBLEM, es=f"El proceso {role.name} no responde ({role.state}).",
                en=f"The process {role.name} is not ready ({role.state}).", do_es="Vea el registro del servicio.",
                do_en="See the service's log.",
            )  # fmt: skip
    for problem in status.problems:
        yield Finding(id="daemon", level=Level.PROBLEM, es=f"Avisa: {problem}", en=f"It tells: {problem}")


def _protection(scene: Scene) -> Iterator[Finding]:
    if scene.status is None:
        return
    if scene.status.protection == "on":
        yield Finding(id="protection", level=Level.OK, es="La protección está activada.", en="Protection is on.")
        return
    until = f" ({scene.status.until})" if scene.status.until else ""
    yield Finding(
        id="protection", level=Level.PROBLEM, es=f"La protección está {_STATES[scene.status.protection]}{until}.",
        en=f"Protection is {scene.status.protection}{until}.", do_es="Actívela: filterd on",
        do_en="Turn it on: filterd on",
    )  # fmt: skip


def _password(scene: Scene) -> Iterator[Finding]:
    known, problem = scene.password_set, ""
    if scene.assembly is not None:
        auth = Auth(scene.assembly.state / "control" / "auth.json")
        known, problem = auth.is_set if known is None else known, auth.problem
    if known is None:
        return
    if "damaged" in problem:
        yield Finding(
            id="password", level=Level.PROBLEM, es=f"El archivo de la contraseña está dañado: {problem}",
            en=f"The file of the password is damaged: {problem}",
            do_es="Ponga otra: sudo filterd password recover --as-administrator",
            do_en="Set another: sudo filterd password recover --as-administrator",
        )  # fmt: skip
    elif known:
        yield Finding(id="password", level=Level.OK, es="Hay una contraseña.", en="There is a password.")
    else:
        yield Finding(
            id="password", level=Level.PROBLEM, es="No hay contraseña del adulto responsable.",
            en="There is no password of the responsible adult.", do_es="Póngala: sudo filterd password set",
            do_en="Set one: sudo filterd password set",
        )  # fmt: skip


def _audit(scene: Scene) -> Iterator[Finding]:
    assert scene.assembly is not None  # noqa: S101 (read before)
    state = scene.assembly.state
    problems = AuditLog(state / "audit" / "audit.jsonl", state / "control" / "audit-head.json").verify()
    if not problems:
        yield Finding(
            id="audit", level=Level.OK, es="El registro de cambios está entero.", en="The audit log is whole."
        )
    for problem in problems:
        unreadable = "cannot be read: Permission" in problem
        yield Finding(
            id="audit", level=Level.NOTE if unreadable else Level.PROBLEM, es=f"El registro de cambios: {problem}",
            en=f"The audit log: {problem}",
            do_es="Repita como administrador: sudo filterd doctor" if unreadable else "Alguien lo alteró.",
            do_en="Run as an administrator: sudo filterd doctor" if unreadable else "Somebody altered it.",
        )  # fmt: skip


def _names(scene: Scene) -> Iterator[Finding]:
    assert scene.settings is not None  # noqa: S101 (read before)
    for listen in scene.settings.dns.listen:
        host, port = parse_listen(listen)
        if port == 0 or scene.status is None:
            continue
        target = "127.0.0.1" if host == "0.0.0.0" else "::1" if host == "::" else host
        answer = _ask(target, port, TEST_NAME)
        if answer is None:
            yield Finding(
                id="dns", level=Level.PROBLEM, es=f"{listen} no responde.", en=f"{listen} does not answer.",
                do_es="¿Lo ocupa otro programa? Vea: ss -lunp", do_en="Does another program hold it? See: ss -lunp",
            )  # fmt: skip
        else:
            yield Finding(id="dns", level=Level.OK, es=f"{listen} responde.", en=f"{listen} answers.")


def _resolver(scene: Scene) -> Iterator[Finding]:
    assert scene.settings is not None  # noqa: S101 (read before)
    ours = {parse_listen(text) for text in scene.settings.dns.listen}
    if not ours:
        return
    everywhere = any(port == 53 and ipaddress.ip_address(host).is_unspecified for host, port in ours)
    asked = _nameservers(scene.resolv_conf)
    if asked and all((server, 53) in ours or (everywhere and server.startswith(("127.", "::1"))) for server in asked):
        yield Finding(
            id="resolver", level=Level.OK, es="Este equipo pregunta al filtro.", en="This machine asks the filter."
        )
        return
    named = ", ".join(asked) or "–"
    yield Finding(
        id="resolver", level=Level.NOTE, es=f"Este equipo no pregunta al filtro sino a: {named}.",
        en=f"This machine does not ask the filter but: {named}.",
        do_es="Instale el filtro en el equipo (filterd-setup), o apunte su DNS a él.",
        do_en="Install the filter on the machine (filterd-setup), or point its DNS to it.",
    )  # fmt: skip


def _upstreams(scene: Scene) -> Iterator[Finding]:
    if scene.status is None:
        return
    down = [upstream for upstream in scene.status.upstreams if not upstream.up]
    for upstream in down:
        yield Finding(
            id="upstream", level=Level.PROBLEM, es=f"{upstream.name} no responde: {upstream.error}",
            en=f"{upstream.name} does not answer: {upstream.error}",
            do_es="¿Hay internet? Si lo hay, nombre otro en [dns] upstreams.",
            do_en="Is there a network? If so, name another in [dns] upstreams.",
        )  # fmt: skip
    if scene.status.upstreams and not down:
        yield Finding(id="upstream", level=Level.OK, es="Los servidores DNS responden.", en="The upstreams answer.")


def _lists(scene: Scene) -> Iterator[Finding]:
    if scene.status is None:
        return
    missing = [entry.id for entry in scene.status.lists if entry.fetched is None]
    if missing:
        yield Finding(
            id="lists", level=Level.PROBLEM, es=f"Nunca se descargaron: {', '.join(missing)}.",
            en=f"Never fetched: {', '.join(missing)}.", do_es="Con internet: filterd lists update",
            do_en="With a network: filterd lists update",
        )  # fmt: skip
    elif scene.status.lists:
        oldest = max(entry.age_days or 0.0 for entry in scene.status.lists)
        yield Finding(
            id="lists", level=Level.OK, es=f"Las listas tienen a lo sumo {oldest:.0f} días.",
            en=f"The lists are at most {oldest:.0f} days old.",
        )  # fmt: skip


def _ways_around(scene: Scene) -> Iterator[Finding]:
    settings, assembly = scene.settings, scene.assembly
    assert settings is not None  # noqa: S101 (read before)
    assert assembly is not None  # noqa: S101 (likewise)
    for client in settings.clients:
        minor = assembly.profiles()[client.profile].safe_search
        if client.user and minor and _is_administrator(client.user):
            yield Finding(
                id="administrator", level=Level.PROBLEM,
                es=f"La cuenta {client.user} es administradora: puede quitar el filtro.",
                en=f"The account {client.user} is an administrator: it can take the filter away.",
                do_es=f"Quítele ese permiso: sudo deluser {client.user} sudo",
                do_en=f"Take that right away: sudo deluser {client.user} sudo",
            )  # fmt: skip
        if client.mac and not minor:
            yield Finding(
                id="mac", level=Level.NOTE,
                es=f"El perfil {client.profile} se da por la dirección MAC {client.mac}, fácil de copiar.",
                en=f"The profile {client.profile} is given by the hardware address {client.mac}, easily forged.",
                do_es="Use un id de dispositivo (DoH, DoT).", do_en="Use a device id (DoH, DoT).",
            )  # fmt: skip
    if any(ipaddress.ip_network(text).prefixlen == 0 for text in settings.dns.allow_from):
        yield Finding(
            id="open-resolver", level=Level.NOTE, es="Responde a todo internet ([dns] allow_from).",
            en="It answers the whole internet ([dns] allow_from).", do_es="Nombre solo sus redes.",
            do_en="Name your own networks only.",
        )  # fmt: skip
    if settings.policy.default_profile == AgeBand.ADULT:
        yield Finding(
            id="default-profile", level=Level.NOTE, es="Quien no se conoce recibe el perfil de adultos.",
            en="Who is not known gets the adults' profile.", do_es="[policy] default_profile: child es lo más seguro.",
            do_en="[policy] default_profile: child is safest.",
        )  # fmt: skip


_CHECKS: Sequence[Callable[[Scene], Iterator[Finding]]] = (
    _configuration, _running, _protection, _password, _audit, _names, _resolver, _upstreams, _lists, _ways_around,
)  # fmt: skip
# What can be told without a configuration that can be read.
_OF_THE_DAEMON: Sequence[Callable[[Scene], Iterator[Finding]]] = (
    _running, _protection, _password, _upstreams, _lists,
)  # fmt: skip
_STATES = {"off": "desactivada", "paused": "en pausa"}


def _ask(host: str, port: int, name: str) -> bytes | None:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack("!HHHHHH", 0x5653, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(_TIMEOUT_S)
            client.connect((host, port))
            client.send(query)
            return client.recv(2048)
    except OSError:
        return None


def _nameservers(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [words[1] for line in lines if len(words := line.split()) > 1 and words[0] == "nameserver"]


def _is_administrator(user: str) -> bool:
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return False
    if account.pw_uid == 0:
        return True
    groups = {group.gr_name for group in grp.getgrall() if user in group.gr_mem}
    return not groups.isdisjoint(_ADMINISTRATORS)
