# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts in one canonical spelling, so that no other way of writing a name gets around a rule."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import idna

MAX_NAME = 253  # RFC 1035 §2.3.4, as text without the final dot
_SHOWN = 80  # characters of a wrong name that an error shows

# The common case, decided by one regular expression: a lower-case name whose last label cannot be a number.
# True of nothing but what `normalise_host` returns as it is, if that is not longer than MAX_NAME.
is_ordinary = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{1,62}").fullmatch
_label = re.compile(r"[a-z0-9_-]{1,63}").fullmatch
_canonical_ipv4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}").fullmatch
_number = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)").fullmatch
_scheme = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):(//|\\\\|/\\|\\/)")
# Browsers do not count the slashes after these (WHATWG URL, special schemes): http:/x and http:x are http://x.
_special_scheme = re.compile(r"(https?|wss?|ftp):[/\\]*", re.IGNORECASE)
_opaque_scheme = re.compile(r"(?:about|blob|data|file|javascript|mailto|sms|tel|urn|view-source):", re.IGNORECASE).match
_default_port = {"http": "80", "ws": "80", "https": "443", "wss": "443", "ftp": "21"}


class InvalidHost(ValueError):
    """The text is no host name and no IP address."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a person or client named: a host and, where a path was given or implied by a scheme, a URL."""

    host: str
    url: str | None = None


def normalise_host(text: str) -> str:
    """Return *text*, a host name or IP address in any spelling, in its one canonical form.

    Names: lower case, A-labels (RFC 5890), no final dot. Addresses: dotted IPv4 whatever base they were written in
    (WHATWG URL, "ends in a number"), RFC 5952 IPv6 without brackets or zone, IPv4-mapped IPv6 as IPv4. Idempotent.

    Raises:
        InvalidHost: *text* is neither.
    """
    if len(text) <= MAX_NAME and is_ordinary(text):
        return text
    host = text.strip(" \t\r\n")
    if ":" in host or host.startswith("["):
        return _normalise_ipv6(host)
    host = _to_ascii(host) if not host.isascii() else host.lower()
    host = host.removesuffix(".")
    labels = host.split(".")
    if _number(labels[-1]):
        return _normalise_ipv4(labels, text)
    if len(host) > MAX_NAME or not all(map(_label, labels)):
        raise InvalidHost(f"{_shown(text)} is no host name")
    return host


def split_target(text: str) -> Target:
    """Return the host and URL that *text* names: a host, ``host:port``, ``user@host`` or a URL, with or without scheme.

    Read as a browser would: tabs and line ends vanish, backslashes count as slashes, the host is what follows the
    last ``@``, percent-escapes in it are decoded. The URL comes back with the host normalised and without user,
    default port and fragment.

    Raises:
        InvalidHost: there is no host in it.
    """
    if len(text) <= MAX_NAME and is_ordinary(text):
        return Target(text)
    text = text.strip().translate(_UNSEEN)
    found = _special_scheme.match(text) or _scheme.match(text)
    if _opaque_scheme(text):
        raise InvalidHost(f"{_shown(text)} names no host")
    if found:
        scheme, rest = found[1].lower(), text[found.end() :].lstrip("/\\")
    else:
        scheme, rest = "", text.lstrip("/\\") if text.startswith(("//", "\\\\")) else text
    authority, tail = _split_authority(rest)
    host_text, port = _split_port(authority.rpartition("@")[2])
    if "%" in host_text:
        host_text = unquote_to_bytes(host_text).decode("utf-8", "replace")
    host = normalise_host(host_text)
    if not found and not tail:
        return Target(host)
    return Target(host, _build_url(scheme or "http", host, port, tail))


def suffixes(host: str) -> Iterator[str]:
    """Yield *host* and then each parent domain, most specific first; an address has none but itself."""
    yield host
    if is_address(host):
        return
    at = host.find(".")
    while at >= 0:
        yield host[at + 1 :]
        at = host.find(".", at + 1)


def covers(domain: str, host: str) -> bool:
    """Return whether *host* is *domain* or a name below it; both normalised."""
    return host == domain or (host.endswith("." + domain) and not is_address(host))


def is_address(host: str) -> bool:
    """Return whether *host*, already normalised, is an IP address."""
    return ":" in host or _canonical_ipv4(host) is not None


def depth(domain: str) -> int:
    """Return how specific *domain* is: its number of labels."""
    return domain.count(".") + 1


_UNSEEN = dict.fromkeys(map(ord, "\t\r\n"))


def _normalise_ipv6(text: str) -> str:
    inner = text.removesuffix(".")
    if inner.startswith("["):
        if not inner.endswith("]"):
            raise InvalidHost(f"{_shown(text)} is no host name")
        inner = inner[1:-1]
    try:
        address = ipaddress.IPv6Address(inner.partition("%")[0])
    except ValueError as error:
        raise InvalidHost(f"{_shown(text)} is no host name") from error
    return str(address.ipv4_mapped or address)


def _normalise_ipv4(labels: list[str], text: str) -> str:
    # WHATWG URL §3.5: up to four parts, each decimal, octal (0…) or hexadecimal (0x…); the last fills what is left.
    try:
        parts = [_parse_number(label) for label in labels]
    except ValueError as error:
        raise InvalidHost(f"{_shown(text)} is no host name and no IP address") from error
    *first, last = parts
    if len(parts) > 4 or any(part > 255 for part in first) or last >= 256 ** (5 - len(parts)):
        raise InvalidHost(f"{_shown(text)} is no IP address")
    value = last + sum(part << (24 - 8 * at) for at, part in enumerate(first))
    return str(ipaddress.IPv4Address(value))


def _parse_number(label: str) -> int:
    if not _number(label):
        raise ValueError(label)
    if label[:2] in ("0x", "0X"):
        return int(label[2:] or "0", 16)
    if label[0] == "0" and len(label) > 1:
        return int(label, 8)
    if len(label) > 10:  # no 32-bit number is longer; int() on megabytes of digits is slow
        raise ValueError(label)
    return int(label)


def _to_ascii(text: str) -> str:
    try:
        mapped = idna.uts46_remap(text, std3_rules=False, transitional=False)
    except idna.IDNAError as error:
        raise InvalidHost(f"{_shown(text)} is no host name") from error
    return ".".join(map(_label_to_ascii, mapped.split(".")))


def _label_to_ascii(label: str) -> str:
    if label.isascii():
        return label
    try:
        return idna.alabel(label).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        # IDNA 2008 refuses emoji, browsers and registries do not: their A-label is the plain punycode.
        return "xn--" + label.encode("punycode").decode("ascii").lower()


def _split_authority(rest: str) -> tuple[str, str]:
    """Split *rest* into authority and what follows, with the slash made plain and the fragment dropped."""
    rest = rest.partition("#")[0]
    found = re.search(r"[/\\?]", rest)
    if not found:
        return rest, ""
    authority, tail = rest[: found.start()], rest[found.start() :]
    path, mark, query = tail.partition("?")
    return authority, path.replace("\\", "/") + mark + query


def _split_port(hostport: str) -> tuple[str, str]:
    if hostport.startswith("["):
        host, bracket, port = hostport.partition("]")
        return host + bracket, port.removeprefix(":")
    if hostport.count(":") > 1:  # a bare IPv6 address
        return hostport, ""
    host, _, port = hostport.partition(":")
    if port and not (port.isascii() and port.isdigit() and int(port[:6]) < 65536):
        raise InvalidHost(f"{_shown(hostport)} names no host: {_shown(port)} is no port")
    return host, port


def _build_url(scheme: str, host: str, port: str, tail: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    shown_port = f":{port}" if port and port != _default_port.get(scheme) else ""
    path = tail if tail.startswith("/") else "/" + tail
    return f"{scheme}://{shown}{shown_port}{path}"


def _shown(text: str) -> str:
    """Return *text* as an error shows it: one line, not too long."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
