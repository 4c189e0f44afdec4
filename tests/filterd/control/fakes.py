# SPDX-License-Identifier: GPL-3.0-or-later
"""The control parts put together on files of their own, with a clock to move, to be called as any account."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from filterd.activity.recorder import Recorder
from filterd.activity.store import ActivityStore
from filterd.control.audit import AuditLog
from filterd.control.auth import Auth
from filterd.control.calls import Call, Peer
from filterd.control.changes import Changes
from filterd.control.delays import Delays
from filterd.control.desk import Places
from filterd.control.gate import Gate
from filterd.control.history import History
from filterd.control.messages import CategoryInfo, ChangePassword, OpenSession, Status
from filterd.control.permissions import Permissions
from filterd.control.requests import Requests
from filterd.control.rows import Parts
from filterd.control.sessions import Sessions
from filterd.policy.model import Allow, Block, Cause, Reason, Verdict
from filterd.policy.profile import Profile, Record
from filterd.settings import Settings
from filterd.settings_read import parse_settings
from filterd.standing import read_standing

PASSWORD = "mandioca con queso"
CONFIG = '[dns]\nlisten = ["127.0.0.1:5399"] # ours\n[profiles.child]\nallow = ["juegos.example"]\n'
ASUNCION = ZoneInfo("America/Asuncion")


@dataclass
class FakeHouse:
    """Settings without lists: what is denied is blocked, ``bad.example`` too, the rest is open."""

    text: str
    settings: Settings = field(init=False)
    profiles: Mapping[str, Profile] = field(init=False)
    zone: tzinfo = ASUNCION
    closed: bool = False

    def __post_init__(self) -> None:
        self.settings = parse_settings(self.text, name="f.toml")
        self.profiles = self.check(self.text)

    def check(self, text: str) -> Mapping[str, Profile]:
        sections = parse_settings(text, name="f.toml").profiles
        made = {
            name: Profile(name, frozenset(s.blocked_categories or ()), allow=frozenset(s.allow), deny=frozenset(s.deny))
            for name, s in sections.items()
        }
        return {"child": Profile("child"), "adult": Profile("adult"), **made}

    def judge(self, host: str, profile: str) -> Verdict:
        if self.closed:
            return Block(Reason(Cause.CLOSED_HOURS))
        found = self.profiles[profile]
        if host in found.deny:
            return Block(Reason(Cause.DENY_LIST, rule=host, list="deny"))
        if host == "bad.example" and host not in found.allow:
            return Block(Reason(Cause.CATEGORY_LIST, rule=host, list="x", category="gambling"))
        return Allow(Reason(Cause.SURVIVAL)) if host == "time.example" else Allow()


class Control:
    """The parts put together, a clock to move, and a way to call as any account."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)  # half past seven in the evening in Asunción
        self.uptime = 1000.0
        self.config = folder / "filterd.toml"
        self.config.write_text(CONFIG)
        self.applied = self.updates = 0
        self.house = FakeHouse(CONFIG)
        self.audit = AuditLog(
            folder / "audit" / "audit.jsonl", folder / "control" / "head.json", clock=lambda: self.now
        )
        self.auth = Auth(folder / "control" / "auth.json", now=lambda: self.now.timestamp())
        self.delays = Delays(folder / "control" / "delays.json", uptime=lambda: self.uptime, boot=lambda: "one")
        self.gate = Gate(
            self.auth, self.delays, Sessions(), self.audit, idle_minutes=10,
            profile_of=lambda peer: "adult" if peer.uid == 1000 else "child", own_uid=990,
        )  # fmt: skip
        places = Places(self.config, folder / "control" / "standing.json")
        shared: dict[str, Any] = {"applied": self._apply, "clock": lambda: self.now}
        self.changes = Changes(lambda: self.house, places, self.audit, **shared)
        self.permissions = Permissions(lambda: self.house, places, self.audit, **shared)
        self.requests = Requests(
            folder / "control" / "requests.json", self.changes, self.permissions, explain=self._explain,
            clock=lambda: self.now,
        )  # fmt: skip
        self.places = places
        self.store = ActivityStore(folder / "activity" / "activity.db")
        self.recorder = Recorder(self.store, lambda _profile: Record.ALL)
        self.history = History(self.store, self.recorder, self.audit, retention_days=lambda: 30, clock=lambda: self.now)

    def _apply(self) -> None:
        self.applied += 1
        self.house = FakeHouse(self.config.read_text())

    def _note_update(self) -> None:
        self.updates += 1

    def _explain(self, host: str, profile: str) -> Reason | None:
        verdict = self.house.judge(host, profile)
        return verdict.reason if isinstance(verdict, Block) else None

    @property
    def standing(self) -> Any:
        return read_standing(self.places.standing)[0]

    @property
    def recorded(self) -> list[str]:
        return [entry.what for entry in self.audit.entries()]

    def parts(self) -> Parts:
        return Parts(
            version="9.9", status=lambda: Status(version="9.9", queries=4), gate=self.gate, changes=self.changes,
            permissions=self.permissions, requests=self.requests, audit=self.audit,
            judge=lambda name, profile: {"input": name, "profile": profile},
            profile_of=lambda call: "adult" if call.peer.uid == 1000 else "child",
            history=self.history, update_lists=self._note_update,
            categories=lambda: [
                CategoryInfo(id="drugs", names={"es": "Drogas"}, descriptions={}, decree=["2.5"], blocked_for=["child"])
            ],
        )  # fmt: skip

    def call(self, body: object = None, *, uid: int = 1000, adult: bool = True, **path: str) -> Call:
        return Call(Peer(uid), adult, body, path=path)

    def set_password(self) -> str:
        return self.auth.set_password(PASSWORD)

    def try_password(self, password: str, *, uid: int = 1000) -> Any:
        return run(self.gate.open_session(self.call(OpenSession(password=password), uid=uid, adult=False)))

    def change_password(self, uid: int = 1000, **body: str) -> Any:
        return run(self.gate.change_password(self.call(ChangePassword(**body), uid=uid, adult=False)))

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.uptime += seconds


def run[T](work: Awaitable[T]) -> T:
    async def wait() -> T:
        return await work

    return asyncio.run(wait())
