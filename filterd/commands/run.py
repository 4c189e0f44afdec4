# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd run`: the daemon in the foreground."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from filterd.assembly import Assembly
from filterd.commands.common import config_option, load
from filterd.lists.model import ListError
from filterd.settings_file import set_values, write_atomically
from filterd.shipped import Shipped
from filterd.sockets import Bound
from filterd.supervisor import AlreadyRunning, Plan, Supervisor, lock


@click.command("run")
@click.option("--demo", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              help="Try it: all files in FOLDER, other ports where the usual are taken; says what to try.")  # fmt: skip
@config_option
def command(*, demo: Path | None, config: Path | None) -> int:
    """Run the filter in the foreground. SIGHUP reloads, SIGTERM and Ctrl-C stop."""
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(levelname)s: %(message)s", stream=sys.stderr)
    try:
        path = _demo_config(demo.absolute()) if demo else config
    except AlreadyRunning as error:
        raise click.ClickException(str(error)) from error
    settings, path = load(path)
    path = path.absolute() if path else None
    shipped = Shipped()
    Assembly.of(settings, path, shipped).check()
    supervisor = Supervisor(path, lambda: _plan(path, shipped), lambda plan: _prepare(plan, path, shipped))
    announce = _announcer(demo=path if demo else None)
    try:
        asyncio.run(supervisor.run(announce))
    except AlreadyRunning as error:
        raise click.ClickException(str(error)) from error
    except BaseExceptionGroup as group:  # what a task raised: the first tells enough
        raise group.exceptions[0] from group
    return 0


def _plan(config: Path | None, shipped: Shipped) -> Plan:
    settings, _ = load(config)
    assembly = Assembly.of(settings, config, shipped)
    assembly.check()
    text = config.read_text(encoding="utf-8") if config else None
    return Plan(settings, assembly.runtime, (assembly.compilation.stamp, assembly.standing), text)


def _prepare(plan: Plan, config: Path | None, shipped: Shipped) -> Sequence[str]:
    """See to a database that fits the settings; return what went wrong."""
    assembly = Assembly.of(plan.settings, config, shipped)
    problems = assembly.notices()
    compilation = assembly.compilation
    try:
        if not compilation.is_current():
            compilation.compile()
    except (OSError, ListError, ValueError) as error:
        problems.append(f"the category database could not be built: {error}; the last good one is used")
    return problems


def _demo_config(folder: Path) -> Path:
    """Write a configuration that keeps everything in *folder*, on the usual ports or, where taken, on any."""
    path = folder / "filterd.toml"
    with lock(folder / "run"):  # not under a filter that runs there already
        return _write_demo(path, folder)


def _write_demo(path: Path, folder: Path) -> Path:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    changes: dict[tuple[str, ...], object] = {
        ("dns", "listen"): [f"127.0.0.1:{_free_or_any(5335)}"],
        ("proxy", "listen"): f"127.0.0.1:{_free_or_any(8080)}",
        ("paths", "state"): str(folder / "state"),
        ("paths", "runtime"): str(folder / "run"),
    }
    write_atomically(path, set_values(text, changes, name=str(path)))
    return path


def _free_or_any(port: int) -> int:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as trial:
            if kind == socket.SOCK_STREAM:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                return 0
    return port


_OTHERS = {"dot": "dot", "doh": "doh", "metrics": "metrics", "block_page": "pages"}


def _announcer(*, demo: Path | None) -> Callable[[list[Bound]], None]:
    def announce(bound: list[Bound]) -> None:
        dns = sorted({b.handed.address for b in bound if b.handed.role == "dns" and not b.handed.mode})
        web = [b.handed.address for b in bound if b.handed.role == "proxy" and b.handed.mode != "block_page"]
        lines = ["filterd: en marcha (Ctrl-C lo detiene) · running (Ctrl-C stops it)"]
        lines += [f"  DNS    {address} (UDP, TCP)" for address in dns]
        lines += [f"  proxy  {address}" for address in web]
        others = {(b.handed.mode, b.handed.address) for b in bound if b.handed.mode in _OTHERS}
        lines += [f"  {_OTHERS[mode]:8}{address}" for mode, address in sorted(others)]
        if demo and dns and web:
            lines += ["Pruebe · try:", *_examples(dns[0], web[0], demo)]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()

    return announce


def _examples(dns: str, web: str, config: Path) -> list[str]:
    host, _, port = dns.rpartition(":")
    program = Path(sys.argv[0])
    shown = program if not program.is_absolute() else Path("filterd")
    return [
        f"  dig @{host} -p {port} +short gambling.prueba.home.arpa    # 0.0.0.0: bloqueado · blocked",
        f"  dig @{host} -p {port} +short permitido.prueba.home.arpa   # 127.0.0.1: permitido · allowed",
        f"  curl -x {web} http://gambling.prueba.home.arpa/   # la página de bloqueo · the block page",
        f"  curl -x {web} http://permitido.prueba.home.arpa/  # permitido · allowed",
        f"  {shown} check --config {config} casino.example    # el veredicto y por qué · the verdict and why",
        f"  {shown} password set --config {config}            # la contraseña del adulto · the adult's password",
        f"  {shown.parent / 'filterd-panel'} --config {config}   # el panel · the panel",
    ]
