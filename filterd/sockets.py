# SPDX-License-Identifier: GPL-3.0-or-later
"""Listening sockets, bound once by the supervisor and inherited by the roles.

The supervisor holds them while a role is restarted: queries wait in the kernel's buffer instead of being lost, and
nobody else can take the port meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from filterd.settings import Settings
from filterd.settings_read import parse_listen

Kind = Literal["udp", "tcp", "unix-stream", "unix-datagram"]
_ENVIRONMENT = "FILTERD_SOCKETS"
_SAME_PORT_TRIES = 20
_RECEIVE_BUFFER = 4 << 20  # bytes: what waits while a role is restarted


class PortError(OSError):
    """An address cannot be listened on; the message names it and the way out."""


class Handed(msgspec.Struct, frozen=True):
    """A socket as it is handed to a role."""

    role: str
    kind: Kind
    fd: int
    address: str  # as a person reads it: 127.0.0.1:5335 or a path
    profile: str = ""
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Bound:
    """A socket that is bound and, for streams, listening."""

    handed: Handed
    socket: socket.socket


def bind_all(settings: Settings, runtime: Path) -> list[Bound]:
    """Bind everything that *settings* name, and the sockets of control in *runtime*.

    Raises:
        PortError: one of them cannot be had; those bound before it are closed again.
    """
    bound: list[Bound] = []
    try:
        workers = dns_workers(settings)
        for listen in settings.dns.listen:
            optional = _is_loopback6(listen) and len(settings.dns.listen) > 1
            bound += _bind_dns(listen, workers, optional=optional)
        for mode, encrypted in (("dot", settings.dot.listen), ("doh", settings.doh.listen)):
            bound += _bind_encrypted(encrypted, mode, workers) if encrypted else []
        if settings.proxy.listen:
            bound.append(_bind_proxy(settings.proxy.listen, profile="", mode="explicit"))
        bound += [_bind_proxy(x.listen, profile=x.profile, mode=x.mode) for x in settings.proxy.listeners]
        if settings.block_page.listen:
            bound.append(_bind_pages("proxy", settings.block_page.listen, "block_page"))
        if settings.metrics.listen:
            bound.append(_bind_pages("control", settings.metrics.listen, "metrics"))
        bound.append(_bind_unix(runtime / "control.sock", "unix-stream"))
        bound.append(_bind_unix(runtime / "decisions.sock", "unix-datagram"))
    except OSError:
        close_all(bound)
        raise
    return bound


def dns_workers(settings: Settings) -> list[str]:
    """Return the roles that answer queries, each with sockets of its own on the same ports."""
    if not (settings.dns.listen or settings.dot.listen or settings.doh.listen):
        return []
    count = settings.dns.workers or os.cpu_count() or 1
    return ["dns", *(f"dns-{number}" for number in range(2, count + 1))]


def close_all(bound: Iterable[Bound]) -> None:
    """Close the sockets and take the paths of ours away."""
    for entry in bound:
        entry.socket.close()
        if entry.handed.kind.startswith("unix"):
            with contextlib.suppress(OSError):
                Path(entry.handed.address).unlink()


def to_environment(bound: Iterable[Bound], role: str) -> tuple[dict[str, str], tuple[int, ...]]:
    """Return the environment variables and descriptors that hand *role* its sockets."""
    handed = [entry.handed for entry in bound if entry.handed.role == role]
    return {_ENVIRONMENT: msgspec.json.encode(handed).decode()}, tuple(entry.fd for entry in handed)


def from_environment() -> list[Bound]:
    """Return the sockets that the supervisor handed to this process."""
    handed = msgspec.json.decode(os.environ.get(_ENVIRONMENT, "[]"), type=list[Handed])
    return [Bound(entry, socket.socket(fileno=entry.fd)) for entry in handed]


def _bind_dns(listen: str, workers: Sequence[str], *, optional: bool) -> list[Bound]:
    host, port = parse_listen(listen)
    bound: list[Bound] = []
    try:
        for role in workers:
            udp, tcp = _bind_pair(host, port, listen, shared=len(workers) > 1)
            port = udp.getsockname()[1]
            bound.append(Bound(Handed(role, "udp", udp.fileno(), _show(host, port)), udp))
            bound.append(Bound(Handed(role, "tcp", tcp.fileno(), _show(host, port)), tcp))
    except PortError as error:
        close_all(bound)
        if optional and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return []  # a machine without IPv6 is served on IPv4
        raise
    return bound


def _bind_pair(host: str, port: int, listen: str, *, shared: bool) -> tuple[socket.socket, socket.socket]:
    """Return a UDP and a TCP socket on the same port."""
    for attempt in range(_SAME_PORT_TRIES):
        tcp = _bind_inet(host, port, socket.SOCK_STREAM, setting="[dns] listen", shared=shared)
        try:
            actual = tcp.getsockname()[1]
            return _bind_inet(host, actual, socket.SOCK_DGRAM, setting="[dns] listen", shared=shared), tcp
        except PortError:
            tcp.close()
            if port != 0 or attempt == _SAME_PORT_TRIES - 1:
                raise  # else somebody holds that number for UDP: let the kernel name another
    raise PortError(errno.EADDRINUSE, f"{listen}: no port is free for both UDP and TCP")


def _bind_encrypted(listen: str, mode: str, workers: Sequence[str]) -> list[Bound]:
    host, port = parse_listen(listen)
    bound: list[Bound] = []
    try:
        for role in workers:
            sock = _bind_inet(host, port, socket.SOCK_STREAM, setting=f"[{mode}] listen", shared=len(workers) > 1)
            port = sock.getsockname()[1]
            bound.append(Bound(Handed(role, "tcp", sock.fileno(), _show(host, port), mode=mode), sock))
    except PortError:
        close_all(bound)
        raise
    return bound


def _bind_pages(role: str, listen: str, mode: str) -> Bound:
    host, port = parse_listen(listen)
    sock = _bind_inet(host, port, socket.SOCK_STREAM, setting=f"[{mode}] listen")
    shown = _show(host, sock.getsockname()[1])
    return Bound(Handed(role, "tcp", sock.fileno(), shown, mode=mode), sock)


def _bind_proxy(listen: str, *, profile: str, mode: str) -> Bound:
    host, port = parse_listen(listen)
    bound = _bind_inet(host, port, socket.SOCK_STREAM, setting="[proxy] listen")
    shown = _show(host, bound.getsockname()[1])
    return Bound(Handed("proxy", "tcp", bound.fileno(), shown, profile=profile, mode=mode), bound)


def _bind_inet(host: str, port: int, kind: socket.SocketKind, *, setting: str, shared: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.socket(family, kind)
    except OSError as error:
        raise _port_error(error, host, port, kind, setting) from error
    try:
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shared:
            # The kernel shares queries out among the workers' sockets; only our own account can join them.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if kind == socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        bound.bind((host, port))
        if kind == socket.SOCK_STREAM:
            bound.listen(1024)
    except OSError as error:
        bound.close()
        raise _port_error(error, host, port, kind, setting) from error
    bound.setblocking(False)
    return bound


def _port_error(error: OSError, host: str, port: int, kind: socket.SocketKind, setting: str) -> PortError:
    name = "TCP" if kind == socket.SOCK_STREAM else "UDP"
    ways = {
        errno.EADDRINUSE: "already in use: is filterd running already? Stop what holds it, or change",
        errno.EACCES: "not allowed: ports below 1024 need rights (CAP_NET_BIND_SERVICE); run as a service, or change",
        errno.EADDRNOTAVAIL: "this machine has no such address; change",
    }
    way = ways.get(error.errno or 0, f"{error.strerror}; change")
    return PortError(error.errno, f"{_show(host, port)} ({name}): {way} {setting}")


def _bind_unix(path: Path, kind: Kind) -> Bound:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()  # left by one that was killed; the lock says that none is running
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if kind == "unix-stream" else socket.SOCK_DGRAM)
    try:
        bound.bind(str(path))
        # Anybody may ask for the state (the API looks at who asks); decisions come from our own account only.
        path.chmod(0o666 if kind == "unix-stream" else 0o600)
        if kind == "unix-stream":
            bound.listen(64)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    except OSError as error:
        bound.close()
        raise PortError(error.errno, f"{path}: {error.strerror}; change [paths] runtime") from error
    bound.setblocking(False)
    return Bound(Handed("control", kind, bound.fileno(), str(path)), bound)


def _show(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_loopback6(listen: str) -> bool:
    return listen.startswith("[::1]:")
