# SPDX-License-Identifier: GPL-3.0-or-later
"""A daemon of our own making on a real Unix socket: it answers from the message types, and can be told to misbehave."""

from __future__ import annotations

import http.server
import socketserver
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from filterd.control.messages import (
    Activity,
    ActivityEvent,
    ActivityTotal,
    ActivityTotals,
    AddException,
    AnswerRequest,
    AskedPermission,
    AuditEntry,
    AuditReport,
    Caller,
    CategoryInfo,
    ChangePassword,
    DatabaseStatus,
    Difference,
    Done,
    Effect,
    Effects,
    FirstPassword,
    Judged,
    ListStatus,
    OpenSession,
    PermissionState,
    Permit,
    Problem,
    RecoveryCode,
    Restore,
    Restored,
    Session,
    SetProtection,
    SetSettings,
    SettingsText,
    Status,
    Totp,
)

PASSWORD = "cuatro palabras juntas al azar"
RECOVERY = "ABCDE-FGHIJ-KLMNO-PQRST-UVWXY"
CODE = "123456"

CATEGORIES = [
    CategoryInfo(
        id="gambling", decree=["2.10"], blocked_for=["child", "adolescent"],
        test_name="gambling.prueba.home.arpa",
        names={"es": "Apuestas y juegos de azar", "gn": "Apuesta ha ñembosarái viru rehe", "en": "Gambling"},
        descriptions={
            "es": "Apuestas, casinos, póker, quinielas y loterías por internet, con o sin licencia.",
            "gn": "Apuesta, casino, póker, quiniela ha lotería ñanduti rupive.",
            "en": "Bets, casinos, poker, pools and lotteries on the internet, with or without a licence.",
        },
    ),
    CategoryInfo(
        id="pornography", decree=["2.11"], blocked_for=["child", "adolescent"],
        test_name="pornography.prueba.home.arpa",
        names={"es": "Pornografía", "gn": "Pornografía", "en": "Pornography"},
        descriptions={"es": "Imágenes, videos y textos sexuales explícitos.", "en": "Explicit images, videos, texts."},
    ),
    CategoryInfo(
        id="malware", decree=[], blocked_for=["child", "adolescent", "adult"],
        names={"es": "Programas maliciosos", "gn": "Programa ivaíva", "en": "Malware"},
        descriptions={"es": "Sitios que infectan la computadora.", "en": "Sites that infect the computer."},
    ),
    CategoryInfo(
        id="social", decree=[], blocked_for=[], optional=True,
        names={"es": "Redes sociales", "gn": "Redes sociales", "en": "Social networks"},
        descriptions={"es": "Redes sociales y foros.", "en": "Social networks and forums."},
    ),
]  # fmt: skip


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class Refusal(Exception):
    def __init__(self, status: int, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.status, self.message, self.wait_s = status, message, wait_s


class FakeDaemon:
    """Its state is plain attributes: tests set them before, and look at them after."""

    def __init__(self, runtime: Path) -> None:
        self.path = runtime / "control.sock"
        self.password: str | None = PASSWORD
        self.password_waits: list[float] = []  # what each wrong password costs; empty: nothing
        self.token = "t0"
        self.totp = False
        self.uid = 1000
        self.protection, self.until = "on", ""
        self.started = now()
        self.problems: list[str] = []
        self.api = 1
        self.reset_by = ""
        self.settings: dict[str, Any] = {"profiles": {}, "clients": [], "policy": {"default_profile": "child"}}
        self.permissions: list[PermissionState] = []
        self.requests: list[AskedPermission] = []
        self.events: list[ActivityEvent] = []
        self.totals: list[ActivityTotal] = []
        self.lists: list[ListStatus] = []
        self.audit: list[AuditEntry] = []
        self.audit_problems: list[str] = []
        self.effects: dict[str, Effect] = {}
        self.verdicts: dict[str, dict[str, Any]] = {}
        self.queries, self.blocked = 1234, 56
        self.by_category = {"gambling": 31, "pornography": 25}
        self.calls: list[tuple[str, str, dict[str, str], Any]] = []
        self.tokens: list[str] = []  # what came along with each call
        self.rubbish: set[str] = set()  # paths answered with what nobody understands
        self.held = threading.Event()
        self.held.set()  # cleared: every answer waits
        self._server: _Server | None = None

    def start(self) -> FakeDaemon:
        self.path.unlink(missing_ok=True)
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        self.held.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self.path.unlink(missing_ok=True)
            self._server = None

    def called(self, method: str, path: str) -> list[Any]:
        """Return the bodies (for GET the queries) of the calls of *path*."""
        return [body if method != "GET" else query for m, p, query, body in self.calls if (m, p) == (method, path)]

    def answer(self, method: str, target: str, token: str, raw: bytes) -> tuple[int, bytes]:
        self.held.wait(20)
        parts = urlsplit(target)
        path, query = unquote(parts.path), dict(parse_qsl(parts.query))
        body = msgspec.json.decode(raw) if raw else None
        self.calls.append((method, path, query, body))
        self.tokens.append(token)
        if path in self.rubbish:
            return 200, b'{"status": ['
        try:
            self._let_in(method, path, token)
            found = self._route(method, path, query, raw)
        except Refusal as refusal:
            return refusal.status, msgspec.json.encode(Problem(error=refusal.message, wait_s=refusal.wait_s))
        return 200, found if isinstance(found, bytes) else msgspec.json.encode(found)

    def _let_in(self, method: str, path: str, token: str) -> None:
        free = {"/v1/status", "/v1/me", "/v1/categories", "/v1/password", "/v1/check"}
        if path not in free and (method, path) != ("POST", "/v1/session") and token != self.token:
            raise Refusal(401, "only the responsible adult may: open a session with the password")

    def _route(self, method: str, path: str, query: dict[str, str], raw: bytes) -> Any:
        exact: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", "/v1/status"): self._status,
            ("GET", "/v1/me"): self._me,
            ("POST", "/v1/password"): lambda: self._first(msgspec.json.decode(raw, type=FirstPassword)),
            ("PUT", "/v1/password"): lambda: self._change(msgspec.json.decode(raw, type=ChangePassword)),
            ("POST", "/v1/password/seen"): lambda: self._set("reset_by", ""),
            ("POST", "/v1/session"): lambda: self._open(msgspec.json.decode(raw, type=OpenSession)),
            ("DELETE", "/v1/session"): self._end_session,
            ("POST", "/v1/totp"): self._new_totp,
            ("DELETE", "/v1/totp"): lambda: self._set("totp", False),
            ("GET", "/v1/categories"): lambda: CATEGORIES,
            ("GET", "/v1/settings"): lambda: SettingsText(text="", settings=self.settings),
            ("PATCH", "/v1/settings"): lambda: self._patch(msgspec.json.decode(raw, type=SetSettings)),
            ("POST", "/v1/exceptions"): lambda: self._add(msgspec.json.decode(raw, type=AddException)),
            ("POST", "/v1/exceptions/remove"): lambda: self._take(msgspec.json.decode(raw, type=AddException)),
            ("GET", "/v1/export"): lambda: SettingsText(text="# filterd\n", settings=self.settings),
            ("POST", "/v1/restore"): lambda: self._restore(msgspec.json.decode(raw, type=Restore)),
            ("POST", "/v1/protection"): lambda: self._protect(msgspec.json.decode(raw, type=SetProtection)),
            ("GET", "/v1/permissions"): lambda: self.permissions,
            ("POST", "/v1/permissions"): lambda: self._permit(msgspec.json.decode(raw, type=Permit)),
            ("GET", "/v1/requests"): lambda: self.requests,
            ("GET", "/v1/audit"): lambda: AuditReport(
                entries=self.audit, problems=self.audit_problems, total=len(self.audit)
            ),
            ("GET", "/v1/check"): lambda: self._judge(query),
            ("GET", "/v1/activity"): lambda: self._activity(query),
            ("GET", "/v1/activity/totals"): lambda: ActivityTotals(totals=self.totals),
            ("GET", "/v1/activity.csv"): self._csv,
            ("POST", "/v1/activity/purge"): lambda: self._set("events", []),
            ("POST", "/v1/lists/update"): Done,
        }  # fmt: skip
        if (method, path) in exact:
            return exact[method, path]()
        return self._one_of_many(method, path, raw)

    def _one_of_many(self, method: str, path: str, raw: bytes) -> Any:
        kind, _, rest = path.removeprefix("/v1/").partition("/")
        name = rest.removesuffix("/answer")
        if kind == "permissions" and method == "DELETE":
            return self._set("permissions", [one for one in self.permissions if one.id != name])
        if kind == "requests" and method == "DELETE":
            return self._set("requests", [one for one in self.requests if one.id != name])
        if kind == "requests" and rest.endswith("/answer"):
            answer = msgspec.json.decode(raw, type=AnswerRequest)
            self.requests = [
                msgspec.structs.replace(one, answer=answer.answer, answered=now()) if one.id == name else one
                for one in self.requests
            ]
            return Done()
        raise Refusal(404, "Not Found")

    def _set(self, name: str, value: object) -> Done:
        setattr(self, name, value)
        return Done()

    def _status(self) -> Status:
        return Status(
            api=self.api, version="0.1.0", protection=self.protection, until=self.until or None, started=self.started,
            queries=self.queries, blocked=self.blocked, blocked_by_category=self.by_category, problems=self.problems,
            lists=self.lists, database=DatabaseStatus(built=self.started, names=1333754),
        )  # fmt: skip

    def _me(self) -> Caller:
        return Caller(
            uid=self.uid, user="ana", profile="adult", password_set=self.password is not None,
            one_time_codes=self.totp, reset_by=self.reset_by,
        )  # fmt: skip

    def _first(self, body: FirstPassword) -> RecoveryCode:
        if self.password is not None:
            raise Refusal(409, "there is a password already; change it with: filterd password change")
        if self.uid != 0:
            raise Refusal(403, "only the administrator sets the first password: sudo filterd password set")
        self.password = body.password
        return RecoveryCode(recovery_code=RECOVERY)

    def _change(self, body: ChangePassword) -> RecoveryCode:
        if body.recovery_code not in ("", RECOVERY):
            raise Refusal(403, "wrong recovery code")
        if body.old not in ("", self.password):
            raise Refusal(403, "wrong password")
        self.password = body.new
        return RecoveryCode(recovery_code=RECOVERY[::-1])

    def _open(self, body: OpenSession) -> Session:
        if body.password == self.password or (self.totp and body.code == CODE):
            self.token = f"t{time.monotonic_ns()}"
            return Session(token=self.token, idle_minutes=10)
        wait_s = self.password_waits.pop(0) if self.password_waits else 0.0
        raise Refusal(403, "wrong one-time code" if body.code else "wrong password", wait_s)

    def _end_session(self) -> Done:
        self.token = "ended"
        return Done()

    def _new_totp(self) -> Totp:
        self.totp = True
        return Totp(address="otpauth://totp/filterd?secret=JBSWY3DPEHPK3PXP&issuer=filterd")

    def _patch(self, body: SetSettings) -> Done:
        for path, value in body.changes:
            table = self.settings
            for name in path[:-1]:
                table = table.setdefault(name, {})
            if value is None:
                table.pop(path[-1], None)
            else:
                table[path[-1]] = value
        return Done()

    def _own_list(self, body: AddException) -> list[str]:
        profile = body.profile or "child"
        own: list[str] = self.settings["profiles"].setdefault(profile, {}).setdefault(body.to, [])
        return own

    def _add(self, body: AddException) -> Effects:
        own = self._own_list(body)
        own.extend(domain for domain in body.domains if domain not in own)
        verdict = "allow" if body.to == "allow" else "block"
        return Effects(effects=[self.effects.get(d, Effect(domain=d, verdict=verdict)) for d in body.domains])

    def _take(self, body: AddException) -> Done:
        own = self._own_list(body)
        own[:] = [domain for domain in own if domain not in body.domains]
        return Done()

    def _restore(self, body: Restore) -> Restored:
        changes = [Difference(setting="policy.default_profile", before="child", after="adult")]
        return Restored(changes=changes if "adult" in body.text else [], done=not body.dry_run)

    def _protect(self, body: SetProtection) -> Done:
        self.protection = body.state
        until = datetime.now(UTC) + timedelta(minutes=body.minutes or 0)
        self.until = until.isoformat(timespec="seconds") if body.state == "paused" else ""
        return Done()

    def _permit(self, body: Permit) -> PermissionState:
        until = datetime.now(UTC) + timedelta(minutes=body.minutes or 60)
        given = PermissionState(
            id=f"p{len(self.permissions) + 1}", profile=body.profile, host=body.host,
            until=until.isoformat(timespec="seconds"), left_s=60 * (body.minutes or 60),
        )  # fmt: skip
        self.permissions.append(given)
        return given

    def _judge(self, query: dict[str, str]) -> Judged:
        host = query["name"]
        default: dict[str, Any] = {
            "input": host, "host": host, "action": "allow", "category": None, "categories": [], "rule": None,
            "list": None, "stage": "query", "decree": [], "profile": query.get("profile") or "child", "cause": None,
        }  # fmt: skip
        return Judged(verdict={**default, **self.verdicts.get(host, {})})

    def _csv(self) -> bytes:
        return "".join(["at,host\n", *(f"{e.at},{e.host}\n" for e in self.events)]).encode()

    def _activity(self, query: dict[str, str]) -> Activity:
        before = int(query.get("before_id", 1 << 60))
        text = query.get("text", "")
        found = [e for e in self.events if e.id < before and text in e.host]
        return Activity(events=found[: int(query.get("limit", 100))])


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = True
    request_queue_size = 64

    def __init__(self, daemon: FakeDaemon) -> None:
        self.fake = daemon
        super().__init__(str(daemon.path), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is no news here."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        status, body = self.server.fake.answer(self.command, self.path, token, raw)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        pass
