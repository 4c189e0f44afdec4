# SPDX-License-Identifier: GPL-3.0-or-later
"""What the settings say to the edges (DNS, proxy), checked by the edges' own parsers before anything starts."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from filterd.dns.local_names import LocalNames
from filterd.dns.rebinding import PrivateSpace
from filterd.dns.tls import Certificate, CertificateError
from filterd.dns.upstream_domains import parse_domain
from filterd.dns.upstream_spec import parse_upstream
from filterd.proxy.resolve import PrivateTargets
from filterd.settings import Dns, EncryptedListener, Settings
from filterd.settings_read import Path_, Source, parse_listen


def check_edges(settings: Settings, source: Source) -> None:
    """Check what only the edges can judge; *source* names lines in errors.

    Raises:
        SettingsError: something is wrong, or not there.
    """
    dns = settings.dns
    if dns.listen and not dns.upstreams:
        raise source.error(("dns", "upstreams"), "dns.upstreams: name at least one resolver to ask")
    for path, text in _upstreams(dns):
        _check_upstream(source, path, text, set(map(parse_listen, dns.listen)))
    for name in dns.domains:
        _try(source, ("dns", "domains", name), partial(parse_domain, name))
    _try(source, ("dns", "hosts"), lambda: LocalNames.parse(dns.hosts))
    _try(source, ("dns", "private_domains"), lambda: PrivateSpace.parse(dns.private_domains))
    _try(source, ("proxy", "private_targets"), lambda: PrivateTargets.parse(settings.proxy.private_targets))
    for section, text in (("dns", dns.upstream_ca), ("proxy", settings.proxy.upstream_ca)):
        _check_authorities(source, section, text)
    for section, listener in (("doh", settings.doh), ("dot", settings.dot)):
        _check_certificate(source, section, listener)


def _upstreams(dns: Dns) -> Iterator[tuple[Path_, str]]:
    for at, text in enumerate(dns.upstreams):
        yield ("dns", "upstreams", at), text
    for at, text in enumerate(dns.second_opinion):
        yield ("dns", "second_opinion", at), text
    for name, texts in dns.domains.items():
        for at, text in enumerate(texts):
            yield ("dns", "domains", name, at), text


def _check_upstream(source: Source, path: Path_, text: str, ours: set[tuple[str, int]]) -> None:
    try:
        upstream = parse_upstream(text)
    except ValueError as error:
        raise source.error(path, f"dns.{path[1]}: {error}") from error
    everywhere = {port for address, port in ours if ipaddress.ip_address(address).is_unspecified}
    if any(
        (address, upstream.port) in ours or (upstream.port in everywhere and ipaddress.ip_address(address).is_loopback)
        for address in upstream.addresses
    ):
        raise source.error(path, f"dns.{path[1]}: {text} is our own address: every question would go round")


def _check_authorities(source: Source, section: str, text: str) -> None:
    if not text:
        return
    path = (section, "upstream_ca")
    if not Path(text).is_file():
        raise source.error(path, f"{section}.upstream_ca: {text}: no such file")
    try:
        ssl.create_default_context(cafile=text)
    except (ssl.SSLError, OSError) as error:
        raise source.error(path, f"{section}.upstream_ca: {text}: no certificates in PEM form") from error


def _check_certificate(source: Source, section: str, listener: EncryptedListener) -> None:
    if not listener.listen:
        return
    try:
        Certificate(Path(listener.certificate), Path(listener.key), alpn=())
    except CertificateError as error:
        raise source.error((section, "certificate"), f"{section}: {error}") from error


def _try(source: Source, path: Path_, parse: Callable[[], object]) -> None:
    try:
        parse()
    except ValueError as error:
        raise source.error(path, f"{path[0]}.{path[1]}: {str(error).removeprefix(f'{path[1]}: ')}") from error
