# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API can do, row by row: routes and description are made from these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from filterd.control.audit import AuditLog
from filterd.control.calls import ApiError, Call, Endpoint, Needs
from filterd.control.changes import Changes
from filterd.control.gate import Gate
from filterd.control.history import FILTERS, History
from filterd.control.messages import (
    Activity,
    ActivityTotals,
    AddException,
    AnswerRequest,
    AskedPermission,
    AskPermission,
    AuditEntry,
    AuditReport,
    Caller,
    CategoryInfo,
    ChangePassword,
    Done,
    Effects,
    FirstPassword,
    ForwardRequest,
    Judged,
    OpenSession,
    PermissionState,
    Permit,
    Purge,
    RecoveryCode,
    Restore,
    Restored,
    Session,
    SetProtection,
    SetSettings,
    SettingsText,
    Status,
    Totp,
    Unlock,
)
from filterd.control.openapi import describe
from filterd.control.permissions import Permissions
from filterd.control.requests import Requests

_MAX_AUDIT = 1000


@dataclass(frozen=True, slots=True)
class Parts:
    """What the rows call. *judge* is given input and profile; *profile_of* the caller's own."""

    version: str
    status: Callable[[], Status]
    gate: Gate
    changes: Changes
    permissions: Permissions
    requests: Requests
    audit: AuditLog
    judge: Callable[[str, str], dict[str, Any]]
    profile_of: Callable[[Call], str]
    history: History
    update_lists: Callable[[], None]
    categories: Callable[[], list[CategoryInfo]]


def rows(parts: Parts) -> list[Endpoint]:
    """Return the whole API."""
    found = [
        *_reading(parts),
        *_entering(parts.gate),
        *_settings(parts),
        *_for_now(parts),
        *_requests(parts),
        *_activity(parts),
    ]
    description = describe(found, version=parts.version)

    async def describe_itself(_: Call) -> dict[str, Any]:
        return description

    return [*found, Endpoint("GET", "/v1/openapi.json", "this description", describe_itself, None, needs=Needs.NOTHING)]


def _reading(parts: Parts) -> Sequence[Endpoint]:
    async def status(_: Call) -> Status:
        return parts.status()

    async def judge(call: Call) -> Judged:
        own, asked = parts.profile_of(call), call.query.get("profile", "")
        if asked and asked != own:
            call.need_adult()
            parts.changes.profile(asked)
        if not call.query.get("name"):
            raise ApiError(422, "say which host or URL: ?name=")
        return Judged(verdict=parts.judge(call.query["name"], asked or own))

    async def audit(call: Call) -> AuditReport:
        limit = call.query.get("limit", "100")
        if not limit.isascii() or not limit.isdigit():
            raise ApiError(422, "limit is a number")
        entries = list(parts.audit.entries())
        latest = islice(reversed(entries), min(int(limit), _MAX_AUDIT))
        return AuditReport(
            entries=[AuditEntry(number=e.number, when=e.when, what=e.what, who=e.who, detail=e.detail) for e in latest],
            problems=parts.audit.verify(),
            total=len(entries),
        )

    async def categories(_: Call) -> list[CategoryInfo]:
        return parts.categories()

    return [
        Endpoint(
            "GET", "/v1/categories", "the categories", categories, list[CategoryInfo], needs=Needs.NOTHING
        ),
        Endpoint("GET", "/v1/status", "the running daemon", status, Status, needs=Needs.NOTHING),
        Endpoint(
            "GET", "/v1/check", "why a name or URL is blocked or not", judge, Judged, needs=Needs.JUDGED,
            query={"name": "a host or URL", "profile": "another profile than one's own needs a session"},
        ),
        Endpoint("GET", "/v1/audit", "the audit log and whether it is whole", audit, AuditReport,
                 query={"limit": f"how many events, at most {_MAX_AUDIT}"}),
    ]  # fmt: skip


def _entering(gate: Gate) -> Sequence[Endpoint]:
    return [
        Endpoint("GET", "/v1/me", "who asks", gate.who_am_i, Caller, needs=Needs.NOTHING),
        Endpoint(
            "POST", "/v1/password", "set the first password (root or the daemon's account)", gate.set_first_password,
            RecoveryCode, FirstPassword, Needs.JUDGED, status=201,
        ),
        Endpoint(
            "PUT", "/v1/password", "change or recover the password", gate.change_password, RecoveryCode, ChangePassword,
            Needs.JUDGED,
        ),
        Endpoint("POST", "/v1/password/seen", "the adult has seen a reset", gate.acknowledge_reset, Done),
        Endpoint(
            "POST", "/v1/session", "open a session", gate.open_session, Session, OpenSession, Needs.JUDGED, status=201
        ),
        Endpoint("DELETE", "/v1/session", "end one's session", gate.end_session, Done),
        Endpoint("POST", "/v1/totp", "make a secret for one-time codes", gate.new_totp, Totp, status=201),
        Endpoint("DELETE", "/v1/totp", "take no one-time codes any more", gate.remove_totp, Done),
    ]  # fmt: skip


def _settings(parts: Parts) -> Sequence[Endpoint]:
    changes = parts.changes

    async def update_lists(call: Call) -> Done:
        changes.record(call, "lists-update-asked", {})
        parts.update_lists()
        return Done()

    return [
        Endpoint("POST", "/v1/lists/update", "fetch the lists now", update_lists, Done, status=202),
        Endpoint("GET", "/v1/settings", "every setting", changes.show, SettingsText),
        Endpoint("PATCH", "/v1/settings", "change settings", changes.change, Done, SetSettings, Needs.JUDGED),
        Endpoint(
            "POST", "/v1/exceptions", "add to the white or black list", changes.add_exceptions, Effects, AddException,
            Needs.JUDGED,
        ),
        Endpoint(
            "POST", "/v1/exceptions/remove", "take off the white or black list", changes.remove_exceptions, Done,
            AddException, Needs.JUDGED,
        ),
        Endpoint("GET", "/v1/export", "all settings in one file", changes.export, SettingsText),
        Endpoint("POST", "/v1/restore", "take settings over from a file", changes.restore, Restored, Restore),
    ]  # fmt: skip


def _for_now(parts: Parts) -> Sequence[Endpoint]:
    permissions = parts.permissions
    return [
        Endpoint(
            "POST", "/v1/protection", "turn on, off, or pause", permissions.set_protection, Done, SetProtection,
            Needs.JUDGED,
        ),
        Endpoint("GET", "/v1/permissions", "permissions that run", permissions.running, list[PermissionState]),
        Endpoint(
            "POST", "/v1/permissions", "open a host for a while", permissions.permit, PermissionState, Permit,
            status=201,
        ),
        Endpoint("DELETE", "/v1/permissions/{id}", "end a permission", permissions.revoke, Done),
    ]  # fmt: skip


def _requests(parts: Parts) -> Sequence[Endpoint]:
    async def ask(call: Call) -> AskedPermission:
        return parts.requests.ask(call.body, profile=parts.profile_of(call), by=call.peer.key)

    async def forward(call: Call) -> AskedPermission:
        parts.gate.need_own(call)
        body: ForwardRequest = call.body
        asked = AskPermission(host=body.host, comment=body.comment, wrong=body.wrong)
        return parts.requests.ask(asked, profile=body.profile, by=f"client {body.by}")

    async def unlock(call: Call) -> PermissionState:
        parts.gate.need_own(call)
        body: Unlock = call.body
        await parts.gate.check_code(body.code, client=body.address)
        return parts.permissions.give(call, host=body.host, profile=body.profile, minutes=None, address=body.address)

    return [
        Endpoint(
            "POST", "/v1/requests/forwarded", "a request that came by the block page", forward, AskedPermission,
            ForwardRequest, Needs.JUDGED, status=201,
        ),
        Endpoint(
            "POST", "/v1/unlock", "a one-time code typed into the block page", unlock, PermissionState, Unlock,
            Needs.JUDGED, status=201,
        ),
        Endpoint("GET", "/v1/requests", "what was asked for", parts.requests.everything, list[AskedPermission]),
        Endpoint(
            "POST", "/v1/requests", "ask for a blocked host", ask, AskedPermission, AskPermission, Needs.NOTHING,
            status=201,
        ),
        Endpoint(
            "POST", "/v1/requests/{id}/answer", "answer a request", parts.requests.answer, Done, AnswerRequest
        ),
        Endpoint("DELETE", "/v1/requests/{id}", "forget a request", parts.requests.delete, Done),
    ]  # fmt: skip


def _activity(parts: Parts) -> Sequence[Endpoint]:
    history = parts.history
    times = {name: FILTERS[name] for name in ("since", "until")}
    return [
        Endpoint("GET", "/v1/activity", "what was decided, the latest first", history.search, Activity, query=FILTERS),
        Endpoint("GET", "/v1/activity/totals", "counts by hour", history.totals, ActivityTotals, query=times),
        Endpoint("GET", "/v1/activity.csv", "the same as a table", history.table, None, query=FILTERS),
        Endpoint("POST", "/v1/activity/purge", "forget activity for good", history.purge, Done, Purge),
    ]
