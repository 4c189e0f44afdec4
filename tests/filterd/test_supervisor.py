# SPDX-License-Identifier: GPL-3.0-or-later
"""What the supervisor decides by itself; what it does to real processes is in tests/e2e/test_daemon.py."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from filterd.activity.feed import Sender
from filterd.settings import Dns, Proxy, ProxyListener, Settings
from filterd.supervisor import AlreadyRunning, Plan, Supervisor, _Child, _how, _stamps, lock, own_command


@pytest.mark.parametrize(
    ("settings", "roles"),
    [
        (Settings(), ["control", "dns", "proxy"]),
        (Settings(proxy=Proxy(listen="")), ["control", "dns"]),
        (Settings(dns=Dns(listen=())), ["control", "proxy"]),
        (
            Settings(proxy=Proxy(listen="", listeners=(ProxyListener(listen="127.0.0.1:1"),))),
            ["control", "dns", "proxy"],
        ),
        (Settings(dns=Dns(listen=()), proxy=Proxy(listen="")), ["control"]),
    ],
)
def test_only_the_parts_that_listen_are_started_and_control_first(
    settings: Settings, roles: list[str], tmp_path: Path
) -> None:
    assert Plan(settings, tmp_path, ()).roles() == roles


def test_a_runtime_folder_has_one_daemon_and_names_it(tmp_path: Path) -> None:
    holder = (
        "import sys, pathlib; from filterd.supervisor import lock\n"
        "with lock(pathlib.Path(sys.argv[1])):\n print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning, match=rf"process {other.pid}"), lock(tmp_path):
            pass
        other.kill()
    with lock(tmp_path):
        held = (tmp_path / "filterd.pid").read_text()

    assert held.strip().isdigit()


def test_a_file_written_or_replaced_has_another_stamp(tmp_path: Path) -> None:
    path = tmp_path / "f"
    absent = _stamps([path])
    path.write_text("a")
    written = _stamps([path])
    (tmp_path / "g").write_text("a")
    (tmp_path / "g").replace(path)

    assert absent == [None]
    assert written != absent
    assert _stamps([path]) != written


def test_roles_are_our_own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bin/filterd"])
    script = own_command()
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert script == [sys.executable, str(Path("bin/filterd").absolute())]
    assert own_command() == [sys.executable]


@pytest.mark.parametrize(("status", "text"), [(0, "exit status 0"), (-9, "SIGKILL"), (-200, "signal 200")])
def test_the_end_of_a_process_is_told_in_words(status: int, text: str) -> None:
    assert _how(status) == text


HEARS = "import signal; signal.signal(signal.SIGHUP, lambda *_: print('again', flush=True)); print('up', flush=True)\n"


@contextlib.asynccontextmanager
async def following(tmp_path: Path) -> AsyncIterator[tuple[Supervisor, _Child, asyncio.StreamReader]]:
    """Yield a supervisor, a child of it that prints a line for each SIGHUP, and what it says of itself."""
    supervisor = Supervisor(None, lambda: Plan(Settings(), tmp_path, ()), lambda _: ())
    supervisor._sender = Sender(str(tmp_path / "nobody"))
    child, words = _Child("dns"), asyncio.StreamReader()
    supervisor._children = {"dns": child}
    child.process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", f"{HEARS}while True: signal.pause()", stdout=asyncio.subprocess.PIPE
    )
    assert child.process.stdout
    await child.process.stdout.readline()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor._follow(child, child.process, words))
        yield supervisor, child, words
        words.feed_eof()
    child.process.kill()
    await child.process.communicate()


async def read_all() -> None:
    """Let the supervisor read what was said."""
    for _ in range(10):  # turns of the loop; three are needed
        await asyncio.sleep(0)


async def heard(child: _Child, *, within_s: float) -> bool:
    """Return whether *child* was told to reload, waiting as long."""
    assert child.process
    assert child.process.stdout
    with contextlib.suppress(TimeoutError):
        return bool(await asyncio.wait_for(child.process.stdout.readline(), within_s))
    return False


def test_a_role_that_was_starting_during_a_reload_reads_again_when_it_is_ready(tmp_path: Path) -> None:
    async def work() -> None:
        async with following(tmp_path) as (supervisor, child, words):
            supervisor._reloaded()
            while_starting = await heard(child, within_s=0.1)
            words.feed_data(b"ready\n")
            when_ready = await heard(child, within_s=5)
            words.feed_data(b"ready\n")
            when_it_has = await heard(child, within_s=0.1)
            supervisor._reloaded()

            assert await heard(child, within_s=5)
            assert (while_starting, when_ready, when_it_has) == (False, True, False)

    asyncio.run(work())


def test_a_role_that_read_its_files_after_the_reload_is_left_in_peace(tmp_path: Path) -> None:
    async def work() -> None:
        async with following(tmp_path) as (supervisor, child, words):
            supervisor._reloaded()
            child.generation = supervisor._generation
            words.feed_data(b"ready\n")

            assert not await heard(child, within_s=0.1)

    asyncio.run(work())


def test_a_trouble_lasts_where_a_problem_ends_with_ready(tmp_path: Path) -> None:
    async def work() -> None:
        seen = []
        async with following(tmp_path) as (_, child, words):
            for line in ("trouble no certificate", "ready", "problem bad file", "ready", "trouble "):
                words.feed_data(f"{line}\n".encode())
                await read_all()
                assert child.told
                seen.append((child.told.state, child.told.problem))

        assert seen == [
            ("starting", "no certificate"), ("ready", "no certificate"), ("ready", "bad file; no certificate"),
            ("ready", "no certificate"), ("ready", ""),
        ]  # fmt: skip

    asyncio.run(work())


def test_the_last_words_of_the_dead_are_not_those_of_who_follows(tmp_path: Path) -> None:
    async def work() -> None:
        async with following(tmp_path) as (_, child, words):
            dead, child.process = child.process, None
            words.feed_data(b"ready\n")
            await read_all()
            child.process = dead

        assert not child.ready.is_set()

    asyncio.run(work())


def test_an_edit_while_the_daemon_was_starting_is_taken_up(tmp_path: Path) -> None:
    async def work() -> None:
        config = tmp_path / "filterd.toml"
        config.write_text("")
        supervisor = Supervisor(config, lambda: Plan(Settings(), tmp_path, ()), lambda _: ())
        before = supervisor._stamp_configuration()
        config.write_text("# edited")
        watching = asyncio.create_task(supervisor._watch(Plan(Settings(), tmp_path, ()), before))
        try:
            taken_up = await asyncio.wait_for(supervisor._reload.wait(), 5)
        finally:
            watching.cancel()

        assert taken_up

    asyncio.run(work())
