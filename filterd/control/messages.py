# SPDX-License-Identifier: GPL-3.0-or-later
"""What control tells its clients: typed, versioned."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

API_VERSION = 1


class RoleStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A process of the daemon."""

    name: str
    state: str  # starting | ready | died
    pid: int = 0
    restarts: int = 0
    problem: str = ""


class ListStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A subscribed list: its last good copy and what was wrong with the last that came."""

    id: str
    category: str
    source: str = ""
    entries: int = 0
    fetched: str | None = None  # ISO 8601, UTC
    age_days: float | None = None
    state: str = "never fetched"  # ok | refused | stale | never fetched
    doubtful: bool = False
    refused: str = ""  # why the last copy was refused, in one line
    dropped: dict[str, int] = msgspec.field(default_factory=dict)  # names taken out, by reason
    examples: dict[str, list[str]] = msgspec.field(default_factory=dict)


class DatabaseStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The compiled database in force."""

    built: str | None = None
    names: int = 0
    problem: str = ""


class UpstreamStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A resolver that we ask; latencies in milliseconds."""

    name: str
    asked: int = 0
    failed: int = 0
    up: bool = True
    mean_ms: float = 0.0
    p95_ms: float = 0.0
    error: str = ""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The running daemon."""

    api: int = API_VERSION
    version: str = ""
    protection: str = "on"  # on | paused | off
    until: str | None = None
    started: str = ""
    queries: int = 0  # decisions, DNS and web together
    blocked: int = 0
    rewritten: int = 0
    open_requests: int = 0  # that wait for the adult's answer
    uncounted: int = 0  # decisions that were carried out while control was away or busy
    dns: dict[str, int] = msgspec.field(default_factory=dict)  # what the DNS process counted since its start
    upstreams: list[UpstreamStatus] = msgspec.field(default_factory=list)
    by_stage: dict[str, int] = msgspec.field(default_factory=dict)
    blocked_by_category: dict[str, int] = msgspec.field(default_factory=dict)
    blocked_by_cause: dict[str, int] = msgspec.field(default_factory=dict)
    roles: list[RoleStatus] = msgspec.field(default_factory=list)
    lists: list[ListStatus] = msgspec.field(default_factory=list)
    database: DatabaseStatus = DatabaseStatus()
    problems: list[str] = msgspec.field(default_factory=list)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a call was refused, in one line."""

    error: str
    wait_s: float = 0.0


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """It was done. *note* says what an adult should know all the same."""

    note: str = ""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as the daemon sees it."""

    uid: int
    user: str | None = None
    profile: str = ""
    adult: bool = False  # with an open session
    password_set: bool = False
    wait_s: float = 0.0  # before the next password is looked at
    one_time_codes: bool = False
    reset_by: str = ""  # told to the adult only


class FirstPassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first password of all."""

    password: str


class ChangePassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new password, by the old one, by the recovery code, or (root) by neither."""

    new: str
    old: str = ""
    recovery_code: str = ""


class RecoveryCode(msgspec.Struct, frozen=True, kw_only=True):
    """The code that opens once without the password; shown this once."""

    recovery_code: str


class OpenSession(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The password or a one-time code."""

    password: str = ""
    code: str = ""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An open session; *token* goes along as ``Authorization: Bearer``."""

    token: str
    idle_minutes: float


class Totp(msgspec.Struct, frozen=True, kw_only=True):
    """The secret of one-time codes, as the address that a phone reads from a QR code."""

    address: str


class SetProtection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On, off, or paused for *minutes*."""

    state: Literal["on", "off", "paused"]
    minutes: Annotated[float, msgspec.Meta(gt=0, le=1440)] | None = None


class SetSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings to change: dotted path (``["profiles", "child", "youtube"]``) to value; ``null`` removes one."""

    changes: list[tuple[list[str], Any]]


class SettingsText(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration file and, as JSON, every setting in force."""

    text: str
    settings: dict[str, Any]
    writable: bool = True


class AddException(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Domains for the white or black list of *profile* (empty: the default one)."""

    domains: Annotated[list[str], msgspec.Meta(min_length=1, max_length=10000)]
    to: Literal["allow", "deny"]
    profile: str = ""


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one domain: *verdict* after the change, *note* where it has no effect, and why."""

    domain: str
    verdict: str
    note: str = ""


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each."""

    effects: list[Effect]


class Permit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A permission for a while. *until_tomorrow* in place of *minutes*: to the end of the day."""

    host: str
    profile: str = ""
    minutes: Annotated[float, msgspec.Meta(gt=0, le=10080)] | None = None
    until_tomorrow: bool = False
    for_closed_hours: bool = False


class PermissionState(msgspec.Struct, frozen=True, kw_only=True):
    """A permission that runs."""

    id: str
    profile: str
    host: str
    until: str  # ISO 8601, UTC
    left_s: float
    for_closed_hours: bool = False
    address: str = ""  # for the client at that address alone


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on a name or URL, as `filterd check --json` gives it."""

    verdict: dict[str, Any]


class Restore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings from an export; *dry_run* only shows what would change."""

    text: str
    dry_run: bool = True


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One setting that would change, or did."""

    setting: str
    before: Any = None
    after: Any = None


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What would change, or did."""

    changes: list[Difference]
    done: bool = False


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the audit log."""

    number: int
    when: str
    what: str
    who: str
    detail: dict[str, str] = {}


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """The latest events, newest first, and what is wrong with the log."""

    entries: list[AuditEntry]
    problems: list[str] = []
    total: int = 0


class AskPermission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request for a blocked host; *wrong*: not for permission, but to say that the block is a mistake."""

    host: str
    comment: Annotated[str, msgspec.Meta(max_length=500)] = ""
    wrong: bool = False


class AskedPermission(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the adult sees it. What a child wrote is plain text."""

    id: str
    when: str
    profile: str
    host: str
    comment: str = ""
    wrong: bool = False
    category: str = ""
    rule: str = ""
    list: str = ""
    answer: str = ""  # empty: open
    answered: str = ""


class AnswerRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The adult's word. *never* refuses this host for good; *no* refuses this time."""

    answer: Literal["once", "15-minutes", "1-hour", "until-tomorrow", "always", "no", "never"]
    for_closed_hours: bool = False


class ActivityEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that was kept: *count* times the same, the last one at *at* (seconds since the epoch)."""

    id: int
    at: int
    host: str
    profile: str
    action: str
    category: str = ""
    cause: str = ""
    rule: str = ""
    list: str = ""
    count: int = 1


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """The events that were asked for, the latest first. *problem*: why nothing is kept, where nothing is."""

    events: list[ActivityEvent]
    problem: str = ""


class ActivityTotal(msgspec.Struct, frozen=True, kw_only=True):
    """How often in the hour that begins at *hour* (seconds since the epoch)."""

    hour: int
    profile: str
    action: str
    category: str = ""
    count: int = 0


class ActivityTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Counts by hour."""

    totals: list[ActivityTotal]


class Purge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Forget the activity before *before* (seconds since the epoch); all of it without."""

    before: float | None = None


class CategoryInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A category as an adult chooses it."""

    id: str
    names: dict[str, str]
    descriptions: dict[str, str]
    decree: list[str]
    blocked_for: list[str]  # age bands
    optional: bool = False
    test_name: str = ""


class ForwardRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request that came by the block page, from the client *by* of *profile*."""

    host: str
    profile: str
    by: str
    comment: Annotated[str, msgspec.Meta(max_length=500)] = ""
    wrong: bool = False


class Unlock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A one-time code typed into the block page: it opens *host* for the client at *address* until tomorrow."""

    host: str
    profile: str
    address: str
    code: Annotated[str, msgspec.Meta(max_length=20)]
