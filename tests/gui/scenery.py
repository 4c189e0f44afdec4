# SPDX-License-Identifier: GPL-3.0-or-later
"""A family for the fake daemon: so that pages have something to show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from filterd.control.messages import (
    ActivityEvent,
    ActivityTotal,
    AskedPermission,
    AuditEntry,
    ListStatus,
    PermissionState,
)
from filterd_gui.accounts import Account
from tests.gui.fake_daemon import FakeDaemon

ACCOUNTS = [Account("ana", "Ana (mamá)", administrator=True), Account("lucia", "Lucía"), Account("mateo", "Mateo")]
_ANA = "uid 1000 (ana)"
_HOSTS = ("www.apuestas.example", "casino.example", "videos-adultos.example", "vape-tienda.example", "retos.example")
_CATEGORIES = ("gambling", "gambling", "pornography", "gambling", "pornography")


def furnish(daemon: FakeDaemon) -> FakeDaemon:
    """Give *daemon* a family with lists, requests, permissions and a past."""
    at = datetime.now(UTC)
    daemon.settings = {
        "policy": {"default_profile": "child"},
        "profiles": {
            "child": {
                "allow": ["es.wikipedia.org", "portal.mec.gov.py"],
                "deny": ["juegos.example"],
                "patterns": ["host:*casino*"],
                "schedule": [
                    {"days": "sun-thu", "from": "21:00", "to": "06:00"},
                    {"days": "fri,sat", "from": "22:30", "to": "07:00"},
                ],
            }
        },
        "clients": [
            {"user": "ana", "profile": "adult"}, {"user": "lucia", "profile": "adolescent"},
            {"network": "192.168.1.20", "profile": "child"},
        ],
        "control": {"session_minutes": 10, "tighten_without_password": True},
        "activity": {"retention_days": 30, "record": "blocked"},
        "proxy": {"inspect": False},
        "updates": {"automatic": True, "on_metered": False},
    }  # fmt: skip
    daemon.requests = [
        AskedPermission(
            id="r1", when=_iso(at - timedelta(minutes=4)), profile="child", host="www.minijuegos.example",
            comment="Es para la tarea de informática, ¿me das un ratito?", category="gambling", list="ut1-gambling",
        ),
        AskedPermission(
            id="r2", when=_iso(at - timedelta(hours=2)), profile="adolescent", host="salud-joven.example", wrong=True,
            category="pornography", rule="salud-joven.example",
        ),
        AskedPermission(
            id="r3", when=_iso(at - timedelta(days=1)), profile="child", host="videos.example", answer="1-hour",
            answered=_iso(at - timedelta(hours=23)),
        ),
    ]  # fmt: skip
    daemon.permissions = [
        PermissionState(
            id="p1", profile="child", host="videos.example", until=_iso(at + timedelta(minutes=42)), left_s=2520
        )
    ]  # fmt: skip
    daemon.events = [
        ActivityEvent(
            id=400 - n, at=int((at - timedelta(minutes=7 * n)).timestamp()), host=_HOSTS[n % 5],
            profile=("child", "adolescent")[n % 2],
            action="block", category=_CATEGORIES[n % 5], cause="category-list", list="ut1-gambling", count=1 + n % 3,
        )
        for n in range(60)
    ]  # fmt: skip
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    daemon.totals = [
        ActivityTotal(
            hour=int((midnight + timedelta(hours=hour)).timestamp()), profile="child", action="block",
            category=category, count=(hour * 7 + share) % 12,
        )
        for hour in range(7, 22) for category, share in (("gambling", 3), ("pornography", 8), ("", 1))
    ]  # fmt: skip
    daemon.lists = [
        ListStatus(id="ut1-gambling", category="gambling", entries=41233, fetched=_iso(at), age_days=0.1, state="ok"),
        ListStatus(
            id="blp-porn", category="pornography", entries=512004, fetched=_iso(at - timedelta(days=9)), age_days=9.0,
            state="refused", refused="it shrank by 90 %", dropped={"guard": 12},
        ),
        ListStatus(id="urlhaus", category="malware"),
    ]  # fmt: skip
    daemon.problems = ["list blp-porn: 9 days old; see `filterd lists update`"]
    daemon.audit = [
        AuditEntry(number=4, when=_iso(at), what="allow-added", who=_ANA, detail={"domains": "es.wikipedia.org"}),
        AuditEntry(number=3, when=_iso(at - timedelta(minutes=5)), what="session-opened", who=_ANA),
        AuditEntry(
            number=2, when=_iso(at - timedelta(minutes=6)), what="password-failed", who="uid 1001 (mateo)",
            detail={"what": "password"},
        ),
        AuditEntry(number=1, when=_iso(at - timedelta(days=2)), what="password-set", who="uid 0 (root)"),
    ]  # fmt: skip
    daemon.verdicts = {
        "www.apuestas.example": {
            "action": "block", "category": "gambling", "categories": ["gambling"], "rule": "apuestas.example",
            "list": "ut1-gambling", "decree": ["2.10"], "cause": "category-list",
        },
        "gambling.prueba.home.arpa": {
            "action": "block", "category": "gambling", "rule": "gambling.prueba.home.arpa", "cause": "category-list",
        },
    }  # fmt: skip
    return daemon


def _iso(when: datetime) -> str:
    return when.isoformat(timespec="seconds")
