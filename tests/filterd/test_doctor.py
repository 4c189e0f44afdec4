# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor finds what is wrong, says what to do, and changes nothing."""

from __future__ import annotations

import getpass
import grp
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterd import doctor
from filterd.assembly import Assembly
from filterd.commands.common import load
from filterd.control.audit import AuditLog
from filterd.control.auth import Auth
from filterd.control.messages import ListStatus, RoleStatus, Status, UpstreamStatus
from filterd.doctor import Finding, Level, Scene, examine
from tests.filterd.commands.conftest import control, runtime, served, serving
from tests.filterd.control.fakes import Control

__all__ = ["control", "runtime", "served", "serving"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "filterd.toml"
    path.write_text(f'[paths]\nstate = "{tmp_path}/state"\nruntime = "{tmp_path}/run"\n')
    return path


@pytest.fixture
def resolver() -> Iterator[int]:
    """A port of loopback where somebody answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer() -> None:
            packet, client = server.recvfrom(512)
            server.sendto(packet, client)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(3)


def found(config: Path, check: str, **more: Path) -> list[Finding]:
    return [finding for finding in examine(config, **more) if finding.id == check]


def levels(findings: list[Finding]) -> list[Level]:
    return [finding.level for finding in findings]


def scene(config: Path, status: Status | None = None, **more: object) -> Scene:
    settings, path = load(config)
    return Scene(path, settings, Assembly.of(settings, path), status, **more)  # type: ignore[arg-type]  # by name


def test_a_wrong_configuration_is_named_and_the_rest_looked_at(config: Path) -> None:
    config.write_text(config.read_text() + "[dsn]\n")
    (wrong,) = found(config, "configuration")

    assert wrong.level is Level.PROBLEM
    assert "did you mean 'dns'" in wrong.en
    assert wrong.do_es
    assert levels(found(config, "daemon")) == [Level.PROBLEM]


def test_with_a_wrong_configuration_the_running_daemon_is_asked_all_the_same(served: Path, control: Control) -> None:
    control.set_password()
    served.write_text(served.read_text() + "[dsn]\n")
    findings = {finding.id: finding for finding in examine(served)}

    assert findings["configuration"].level is Level.PROBLEM
    assert "Running since" in findings["daemon"].en
    assert findings["protection"].level is Level.OK
    assert findings["password"].level is Level.OK


def test_a_damaged_password_file_is_no_password(config: Path, tmp_path: Path) -> None:
    Auth(tmp_path / "state" / "control" / "auth.json").set_password("mandioca con queso")
    (tmp_path / "state" / "control" / "auth.json").write_text("{")

    for known in (None, True):
        (finding,) = doctor._password(scene(config, password_set=known))
        assert finding.level is Level.PROBLEM
        assert "damaged" in finding.en
        assert "--as-administrator" in finding.do_es


def test_without_a_daemon_the_way_to_start_it_is_told(config: Path) -> None:
    (finding,) = found(config, "daemon")

    assert "systemctl start filterd" in finding.do_es
    assert levels(found(config, "configuration")) == [Level.OK]


def test_a_missing_password_is_a_problem_until_it_is_set(config: Path, tmp_path: Path) -> None:
    assert levels(found(config, "password")) == [Level.PROBLEM]
    Auth(tmp_path / "state" / "control" / "auth.json").set_password("mandioca")

    assert levels(found(config, "password")) == [Level.OK]


def test_an_altered_audit_log_is_a_problem(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "state" / "audit" / "audit.jsonl"
    log = AuditLog(path, tmp_path / "state" / "control" / "audit-head.json")
    for _ in range(3):
        log.append("protection-off", who="uid 0")
    assert levels(found(config, "audit")) == [Level.OK]
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])

    assert levels(found(config, "audit")) == [Level.PROBLEM]


@pytest.mark.parametrize(
    ("listen", "resolv", "level"),
    [
        ("127.0.0.1:53", "nameserver 127.0.0.1\n", Level.OK),
        ("0.0.0.0:53", "# us\nnameserver 127.0.0.1\n", Level.OK),
        ("127.0.0.1:53", "nameserver 127.0.0.1\nnameserver 8.8.8.8\n", Level.NOTE),
        ("127.0.0.1:53", "nameserver 127.0.0.53\n", Level.NOTE),
        ("127.0.0.1:5335", "nameserver 127.0.0.1\n", Level.NOTE),
        ("127.0.0.1:53", "", Level.NOTE),
    ],
)
def test_a_machine_that_asks_somebody_else_is_noted(
    config: Path, tmp_path: Path, listen: str, resolv: str, level: Level
) -> None:
    config.write_text(config.read_text() + f'[dns]\nlisten = ["{listen}"]\n')
    (tmp_path / "resolv.conf").write_text(resolv)

    assert levels(found(config, "resolver", resolv_conf=tmp_path / "resolv.conf")) == [level]


def test_what_the_running_daemon_tells_is_passed_on(config: Path) -> None:
    status = Status(
        protection="paused", until="2026-11-21T22:00:00+00:00", problems=["dns: it rained"],
        roles=[RoleStatus(name="dns", state="ready"), RoleStatus(name="proxy", state="died")],
        upstreams=[UpstreamStatus(name="tls://1.1.1.1", up=False, error="timed out")],
        lists=[ListStatus(id="ut1", category="all")],
    )  # fmt: skip
    looked = scene(config, status)
    said = " ".join(f.en for check in doctor._CHECKS for f in check(looked) if f.level is Level.PROBLEM)

    for part in ("proxy is not ready", "it rained", "paused (2026-11-21", "tls://1.1.1.1 does not answer", "ut1"):
        assert part in said


def test_a_daemon_in_good_health_has_no_problem(config: Path, resolver: int) -> None:
    config.write_text(config.read_text() + f'[dns]\nlisten = ["127.0.0.1:{resolver}"]\n')
    status = Status(
        roles=[RoleStatus(name="dns", state="ready")], upstreams=[UpstreamStatus(name="x", asked=3)],
        lists=[ListStatus(id="ut1", category="all", fetched="2026-11-20", age_days=1.0)],
    )  # fmt: skip
    looked = scene(config, status, password_set=True)
    problems = [f for check in doctor._CHECKS for f in check(looked) if f.level is Level.PROBLEM]

    assert problems == []


def test_a_port_where_nobody_answers_is_a_problem(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_TIMEOUT_S", 0.1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        config.write_text(config.read_text() + f'[dns]\nlisten = ["127.0.0.1:{silent.getsockname()[1]}"]\n')
        (finding,) = doctor._names(scene(config, Status()))

    assert finding.level is Level.PROBLEM


def test_ways_around_are_named(config: Path) -> None:
    config.write_text(
        config.read_text()
        + '[dns]\nallow_from = ["0.0.0.0/0"]\n[policy]\ndefault_profile = "adult"\n'
        + '[[clients]]\nmac = "02:00:5e:10:00:01"\nprofile = "adult"\n[[clients]]\nuser = "root"\nprofile = "child"\n'
    )

    assert {f.id for f in doctor._ways_around(scene(config))} == {
        "administrator", "mac", "open-resolver", "default-profile",
    }  # fmt: skip


def test_an_administrator_is_known_by_group_or_number(monkeypatch: pytest.MonkeyPatch) -> None:
    own = getpass.getuser() if os.getuid() else "nobody"
    assert doctor._is_administrator("root")
    assert not doctor._is_administrator("no-such-account")
    group = grp.struct_group(("sudo", "x", 27, [own]))
    monkeypatch.setattr(grp, "getgrall", lambda: [group])

    assert doctor._is_administrator(own)


def test_every_finding_speaks_both_languages(config: Path) -> None:
    assert all(finding.es and finding.en and bool(finding.do_es) is bool(finding.do_en) for finding in examine(config))
