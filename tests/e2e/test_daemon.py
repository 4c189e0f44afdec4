# SPDX-License-Identifier: GPL-3.0-or-later
"""The real daemon, asked by real clients, with parts of it killed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support import (
    AAAA,
    HTTPS,
    Daemon,
    Site,
    Upstream,
    ask,
    children,
    filterd,
    is_alive,
    is_blocked,
    make_query,
    wait_until,
)
from tests.filterd.dns.authority import make_authority

pytestmark = pytest.mark.xdist_group("daemon")  # each starts four processes: not all at once on two cores

IN_FORCE_S = 2.0  # D4.b


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    running = Upstream()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    running = Site({"/": b"hola", "/casino-en-linea/ruleta": b"ruleta"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("d")
    config = '[proxy]\nlisten = "127.0.0.1:0"\nprivate_targets = ["127.0.0.1", "192.0.2.0/24"]\n'
    with Daemon(folder, config, upstream=upstream.port) as running:
        yield running


def test_a_harmful_name_is_refused_and_a_harmless_one_answered(daemon: Daemon) -> None:
    assert is_blocked(daemon.dns, "gambling.prueba.home.arpa")
    assert is_blocked(daemon.dns, "WWW.Bet365.com.")
    assert ask(daemon.dns, "example.org")[1].endswith(socket.inet_aton("192.0.2.1"))


@pytest.mark.parametrize(("qtype", "last"), [(AAAA, bytes(16)), (HTTPS, None)])
def test_other_types_of_a_blocked_name_lead_nowhere(daemon: Daemon, qtype: int, last: bytes | None) -> None:
    rcode, answer = ask(daemon.dns, "gambling.prueba.home.arpa", qtype)

    assert rcode == 0
    assert answer.endswith(last) if last else answer[6:8] == b"\0\0"


def test_the_firefox_canary_is_no_such_name(daemon: Daemon) -> None:
    assert ask(daemon.dns, "use-application-dns.net")[0] == 3


def test_rubbish_is_a_format_error_and_the_next_query_is_answered(daemon: Daemon) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect(("127.0.0.1", daemon.dns))
        client.send(b"\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0\xff\xff\xff")
        answer = client.recv(4096)

    assert answer[:2] == b"\x12\x34"
    assert answer[3] & 15 == 1
    assert is_blocked(daemon.dns, "gambling.prueba.home.arpa")


def test_tcp_answers_like_udp(daemon: Daemon) -> None:
    query = make_query("gambling.prueba.home.arpa")
    with socket.create_connection(("127.0.0.1", daemon.dns), timeout=5) as client:
        client.sendall(len(query).to_bytes(2, "big") + query)
        length = int.from_bytes(client.recv(2), "big")
        answer = client.recv(length)

    assert answer.endswith(b"\0\x04\0\0\0\0")


@pytest.mark.skipif(not shutil.which("dig"), reason="dig is not installed (bind9-dnsutils)")
def test_dig_is_told_why(daemon: Daemon) -> None:
    command = ["dig", "@127.0.0.1", "-p", str(daemon.dns), "gambling.prueba.home.arpa"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "EDE: 17 (Filtered)" in out
    assert "gambling" in out


def test_the_proxy_shows_why_in_the_language_of_the_browser(daemon: Daemon) -> None:
    status, headers, spanish = daemon.fetch("http://gambling.prueba.home.arpa/")
    _, _, english = daemon.fetch("http://gambling.prueba.home.arpa/", **{"Accept-Language": "en"})

    assert status == 403
    assert headers["content-language"].startswith("es")
    assert "Apuestas" in spanish
    assert "Gambling" in english
    assert "147" in spanish


def test_the_proxy_opens_a_harmless_site_and_refuses_its_harmful_page(daemon: Daemon, site: Site) -> None:
    base = f"http://127.0.0.1:{site.port}"

    assert daemon.fetch(f"{base}/")[::2] == (200, "hola")
    assert daemon.fetch(f"{base}/casino-en-linea/ruleta")[0] == 403


def test_a_refused_tunnel_explains_itself(daemon: Daemon) -> None:
    status, body = daemon.connect("gambling.prueba.home.arpa:443")

    assert status == 403
    assert "gambling.prueba.home.arpa" in body


def test_the_demonstration_needs_no_network(daemon: Daemon) -> None:
    status, _, body = daemon.fetch("http://permitido.prueba.home.arpa/")

    assert status == 200
    assert "filtro" in body.lower()
    assert ask(daemon.dns, "permitido.prueba.home.arpa")[1].endswith(socket.inet_aton("127.0.0.1"))


def test_status_counts_what_was_decided(daemon: Daemon) -> None:
    before = daemon.status()
    is_blocked(daemon.dns, "gambling.prueba.home.arpa")
    wanted = before["blocked_by_category"].get("gambling", 0) + 1
    after = wait_until(
        lambda: s if (s := daemon.status())["blocked_by_category"].get("gambling", 0) >= wanted else None,
        within_s=5, what="the block is counted",
    )  # fmt: skip

    assert after["queries"] > before["queries"]
    assert after["protection"] == "on"
    assert {role["name"]: role["state"] for role in after["roles"]}["dns"] == "ready"


@pytest.mark.parametrize("role", ["dns", "proxy", "control"])
def test_a_role_that_is_killed_comes_back_within_two_seconds(daemon: Daemon, role: str) -> None:
    before = daemon.role(role)
    os.kill(before["pid"], signal.SIGKILL)
    started = time.monotonic()

    def back() -> bool:
        with contextlib.suppress(OSError, AssertionError, subprocess.CalledProcessError):
            if role == "dns":
                return is_blocked(daemon.dns, "gambling.prueba.home.arpa")
            if role == "proxy":
                return daemon.fetch("http://gambling.prueba.home.arpa/")[0] == 403
            return bool(daemon.status())
        return False

    wait_until(back, within_s=10, what=f"{role} is back")
    took = time.monotonic() - started

    assert took < 2.0, f"{role} took {took:.1f} s"
    wait_until(lambda: daemon.role(role).get("pid") not in (None, 0, before["pid"]), within_s=5, what="a new process")


def test_queries_asked_while_dns_is_dead_are_answered_after_its_restart(daemon: Daemon) -> None:
    pid = daemon.role("dns")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(8)
            client.connect(("127.0.0.1", daemon.dns))
            for identity in range(50):
                client.send(make_query("gambling.prueba.home.arpa", identity=identity))
            os.kill(pid, signal.SIGKILL)
            answered = {int.from_bytes(client.recv(4096)[:2], "big") for _ in range(50)}
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    assert answered == set(range(50))


def test_exceptions_are_in_force_within_two_seconds_without_a_restart(daemon: Daemon, upstream: Upstream) -> None:
    pids = {role["name"]: role["pid"] for role in daemon.status()["roles"]}
    text = daemon.config.read_text()
    assert is_blocked(daemon.dns, "bet365.com")
    daemon.config.write_text(text + '[profiles.child]\nallow = ["bet365.com"]\ndeny = ["example.net"]\n')
    try:
        started = time.monotonic()
        wait_until(lambda: not is_blocked(daemon.dns, "www.bet365.com"), within_s=5, what="the white list is in force")
        wait_until(lambda: is_blocked(daemon.dns, "www.example.net"), within_s=5, what="the black list is in force")
        wait_until(lambda: daemon.connect("example.net:443")[0] == 403, within_s=5, what="so it is in the proxy")
        took = time.monotonic() - started
    finally:
        daemon.config.write_text(text)
    wait_until(lambda: is_blocked(daemon.dns, "bet365.com"), within_s=5, what="the exception is gone again")

    assert took < IN_FORCE_S, f"{took:.1f} s"
    assert {role["name"]: role["pid"] for role in daemon.status()["roles"]} == pids


def test_reloads_lose_no_query(daemon: Daemon) -> None:
    lost: list[str] = []
    done = threading.Event()

    def keep_asking() -> None:
        while not done.is_set():
            try:
                if not is_blocked(daemon.dns, "gambling.prueba.home.arpa"):
                    lost.append("wrong answer")
            except OSError as error:
                lost.append(repr(error))

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        for _ in range(4):
            daemon.hang_up()
            daemon.status()  # takes some 0.3 s: the reload is under way meanwhile
    finally:
        done.set()
        asking.join()

    assert lost == []


def test_a_wrong_configuration_keeps_what_is_in_force_and_is_told(daemon: Daemon) -> None:
    text = daemon.config.read_text()
    daemon.config.write_text(text + '[profiles.child]\nalow = ["bet365.com"]\n')
    try:
        problems = wait_until(
            lambda: [p for p in daemon.status()["problems"] if "alow" in p], within_s=5, what="the problem is told"
        )
        still = is_blocked(daemon.dns, "bet365.com")
    finally:
        daemon.config.write_text(text)

    assert "did you mean 'allow'?" in problems[0]
    assert "line" in problems[0]
    assert still
    wait_until(lambda: not daemon.status()["problems"], within_s=5, what="the problem is gone with its cause")


def test_a_role_that_dies_while_the_configuration_is_wrong_comes_back(daemon: Daemon) -> None:
    text = daemon.config.read_text()
    daemon.config.write_text(text + "x = = 1\n")
    try:
        wait_until(lambda: daemon.status()["problems"], within_s=5, what="the problem is told")
        before = daemon.role("dns")
        os.kill(before["pid"], signal.SIGKILL)
        back = wait_until(lambda: is_blocked(daemon.dns, "bet365.com"), within_s=5, what="dns is back")
    finally:
        daemon.config.write_text(text)
    wait_until(lambda: not daemon.status()["problems"], within_s=5, what="the problem is gone with its cause")

    assert back


def test_a_change_while_a_role_restarts_is_in_force_soon(tmp_path: Path, upstream: Upstream) -> None:
    with Daemon(tmp_path, upstream=upstream.port) as running:
        text = running.config.read_text()
        for turn, name in enumerate(["a.example", "b.example", "c.example"]):
            os.kill(running.role("dns")["pid"], signal.SIGKILL)
            time.sleep(0.25 * turn)  # what is under way in the restart then differs
            running.config.write_text(f'{text}[profiles.child]\ndeny = ["{name}"]\n')
            changed = time.monotonic()
            wait_until(lambda name=name: _is_blocked_soon(running.dns, name), within_s=10, what=f"{name} is blocked")  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            took = time.monotonic() - changed

            assert took < 3.0, f"{name}: {took:.1f} s"


def test_a_change_while_the_daemon_starts_is_in_force_soon(tmp_path: Path, upstream: Upstream) -> None:
    daemon = Daemon(tmp_path, upstream=upstream.port)

    def edit() -> None:
        wait_until((daemon.runtime / "filterd.toml").exists, within_s=60, what="the configuration was read")
        daemon.config.write_text(daemon.config.read_text() + '[profiles.child]\ndeny = ["a.example"]\n')

    editing = threading.Thread(target=edit)
    editing.start()
    with daemon as running:
        editing.join()

        wait_until(lambda: is_blocked(running.dns, "a.example"), within_s=5, what="the change is in force")


def _is_blocked_soon(port: int, name: str) -> bool:
    with contextlib.suppress(OSError):
        return ask(port, name, timeout_s=0.5)[1].endswith(b"\0\x04\0\0\0\0")
    return False


def test_plain_dns_is_served_where_a_certificate_is_gone(tmp_path: Path, upstream: Upstream) -> None:
    ours = make_authority(tmp_path)
    lost = tmp_path / "lost.pem"
    config = f'[dot]\nlisten = "127.0.0.1:0"\ncertificate = "{ours.certificate}"\nkey = "{ours.key}"\n'
    with Daemon(tmp_path, config, upstream=upstream.port) as running:
        ours.certificate.rename(lost)
        os.kill(running.role("dns")["pid"], signal.SIGKILL)
        answered = wait_until(lambda: _is_blocked_soon(running.dns, "bet365.com"), within_s=10, what="dns is back")
        problems = wait_until(
            lambda: [p for p in running.status()["problems"] if "cert.pem" in p], within_s=5, what="it is told"
        )
        lost.rename(ours.certificate)
        running.hang_up()
        wait_until(lambda: not running.status()["problems"], within_s=5, what="the problem is gone with its cause")
        port = int(re.findall(r"^  dot +127\.0\.0\.1:(\d+)", running.output(), re.MULTILINE)[0])
        tls = ssl.create_default_context(cafile=str(ours.ca_file))
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
            tls.wrap_socket(plain, server_hostname="dns.example").close()

    assert answered
    assert problems[0].startswith("dns: dot: not served: ")


def test_start_and_stop_are_on_record(tmp_path: Path, upstream: Upstream) -> None:
    with Daemon(tmp_path, upstream=upstream.port) as running:
        pass
    lines = (running.state / "audit" / "audit.jsonl").read_text().splitlines()

    assert [(entry["what"], entry["who"]) for entry in map(json.loads, lines)] == [
        ("started", "daemon"),
        ("stopped", "daemon"),
    ]


def test_a_second_start_says_so_in_one_line(daemon: Daemon, tmp_path: Path) -> None:
    same = filterd("run", "--config", str(daemon.config), check=False)
    other = tmp_path / "other.toml"
    other.write_text(
        f'[dns]\nlisten = ["127.0.0.1:{daemon.dns}"]\n[proxy]\nlisten = ""\n[paths]\nstate = "{daemon.state}"\n'
        f'runtime = "{tmp_path}/r"\n'
    )
    ports = filterd("run", "--config", str(other), check=False)

    assert same.returncode == ports.returncode == 1
    assert same.stderr.count("\n") == ports.stderr.count("\n") == 1
    assert f"process {daemon.process.pid if daemon.process else 0}" in same.stderr
    assert f"127.0.0.1:{daemon.dns} (TCP): already in use" in ports.stderr


def test_sigterm_ends_everything_within_two_seconds(tmp_path: Path, upstream: Upstream) -> None:
    with Daemon(tmp_path, upstream=upstream.port) as running:
        assert running.process
        family = [running.process.pid, *children(running.process.pid)]
        started = time.monotonic()
        running.process.terminate()
        status = running.process.wait(10)
        took = time.monotonic() - started

    assert len(family) == 4
    assert status == 0
    assert took < 2.0
    assert [pid for pid in family[1:] if is_alive(pid)] == []
    assert "Traceback" not in running.output()


def test_the_roles_end_when_the_supervisor_is_killed(tmp_path: Path, upstream: Upstream) -> None:
    with Daemon(tmp_path, upstream=upstream.port) as running:
        assert running.process
        family = children(running.process.pid)
        running.process.kill()
        running.process.wait()
        wait_until(lambda: not any(map(is_alive, family)), within_s=5, what="the roles ended")
    with Daemon(tmp_path, upstream=upstream.port) as again:
        blocked = is_blocked(again.dns, "gambling.prueba.home.arpa")

    assert blocked


def test_without_a_daemon_status_says_so(tmp_path: Path) -> None:
    config = tmp_path / "filterd.toml"
    config.write_text(f'[paths]\nruntime = "{tmp_path}"\nstate = "{tmp_path}"\n')
    out = filterd("status", "--config", str(config), check=False)

    assert out.returncode == 1
    assert "not running" in out.stderr
    assert out.stderr.count("\n") == 1


def test_a_wrong_configuration_is_refused_at_start_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "filterd.toml"
    config.write_text("[dns]\nlisten = 5\n")
    out = filterd("run", "--config", str(config), check=False)

    assert out.returncode == 1
    assert out.stderr == f"filterd: {config}: line 2: dns.listen: expected array, got int\n"
