# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option, declared once: its name, type, default and help.

Validation, the self-explaining configuration file, the manual and the panel all come from these declarations.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from filterd.policy.profile import Record
from filterd.policy.safesearch import YouTube

ListFormat = Literal["auto", "domains", "hosts", "wildcard", "dnsmasq", "unbound", "adblock", "rpz", "ut1"]
Strategy = Literal["in-order", "fastest", "round-robin"]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the configuration file."""


class Dns(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Name look-ups: where we listen, whom we ask, what a blocked name is answered."""

    listen: Annotated[
        tuple[str, ...], Meta(description="addresses served over UDP and TCP; empty switches DNS off")
    ] = ("127.0.0.1:5335", "[::1]:5335")
    upstreams: Annotated[
        tuple[str, ...],
        Meta(description="resolvers asked, in order: https://…, tls://…, tcp://…, udp://…"),
    ] = ("https://dns.quad9.net/dns-query", "tls://1.1.1.1")
    blocked_answer: Annotated[
        str, Meta(description="null (0.0.0.0 and ::), nxdomain, refused, or the address of the block page")
    ] = "null"
    upstream_ca: Annotated[
        str, Meta(description="a CA file trusted for encrypted upstreams beside the built-in ones (company, tests)")
    ] = ""
    strategy: Annotated[Strategy, Meta(description="which upstream is asked: in-order, fastest or round-robin")] = (
        "in-order"
    )
    domains: Annotated[
        dict[str, tuple[str, ...]],
        Meta(description='upstreams of their own for some domains: { "home.lan" = ["udp://192.168.1.1"] }'),
    ] = msgspec.field(default_factory=dict)
    hosts: Annotated[
        dict[str, tuple[str, ...]],
        Meta(description='names answered here: { "printer.lan" = ["192.168.1.9"] }; "*.x.lan" covers what is below'),
    ] = msgspec.field(default_factory=dict)
    second_opinion: Annotated[
        tuple[str, ...],
        Meta(description='family resolvers that may object beside our lists: ["udp://1.1.1.3"]; they see each name'),
    ] = ()
    rebinding_protection: Annotated[
        bool, Meta(description="refuse answers that lead names of the internet into the private network")
    ] = True
    private_domains: Annotated[
        tuple[str, ...], Meta(description="domains that may have private addresses all the same (company, VPN)")
    ] = ()
    cache_mb: Annotated[int, Meta(ge=1, le=4096, description="memory for answers, in MiB for each worker")] = 16
    min_ttl: Annotated[int, Meta(ge=0, le=3600, description="seconds that an answer is kept at least")] = 0
    max_ttl: Annotated[int, Meta(ge=1, le=604800, description="seconds that an answer is kept at most")] = 86400
    serve_stale_hours: Annotated[
        int, Meta(ge=0, le=168, description="how long an old answer still serves while no upstream answers; 0: never")
    ] = 24
    workers: Annotated[
        int, Meta(ge=0, le=64, description="processes that share the port (a gateway); 0: one per processor")
    ] = 1
    rate_limit: Annotated[
        int, Meta(ge=0, description="queries per second of one client, this computer's own apart; 0: no limit")
    ] = 1000
    allow_from: Annotated[
        tuple[str, ...],
        Meta(description="networks that are served; empty: private ones only. 0.0.0.0/0 makes an open resolver"),
    ] = ()


class ProxyListener(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A further listener of the proxy, with a mode and profile of its own."""

    listen: Annotated[str, Meta(description="address and port")]
    mode: Annotated[Literal["explicit", "transparent"], Meta(description="explicit or transparent")] = "explicit"
    profile: Annotated[str, Meta(description="who comes in here gets this profile; empty: the default one")] = ""


class Proxy(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The web: the proxy that judges hosts, addresses and pages."""

    listen: Annotated[str, Meta(description="explicit proxy for the default profile; empty switches it off")] = (
        "127.0.0.1:8080"
    )
    inspect: Annotated[
        bool, Meta(description="look into HTTPS with a certificate authority of this machine; the adult turns it on")
    ] = False
    upstream_ca: Annotated[
        str, Meta(description="a CA file trusted upstream beside the built-in ones (company, tests)")
    ] = ""
    private_targets: Annotated[
        tuple[str, ...],
        Meta(description="names, addresses, networks in loopback or private space that the proxy may reach"),
    ] = ()
    never_decrypt: Annotated[
        tuple[str, ...], Meta(description="domains that are never looked into, beside the shipped ones (banks, health)")
    ] = ()
    google_domains: Annotated[
        tuple[str, ...], Meta(description="only accounts of these domains may be used at Google (schools); empty: any")
    ] = ()
    allow_unknown_protocols: Annotated[
        bool, Meta(description="let through what is neither HTTP nor TLS inside a tunnel; leave it off for minors")
    ] = False
    listeners: Annotated[tuple[ProxyListener, ...], Meta(description="further listeners")] = ()


class ClientEntry(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who gets which profile: by user, mac, network or id (one of them)."""

    profile: Annotated[str, Meta(description="the profile")]
    user: Annotated[str | None, Meta(description="account on this computer")] = None
    mac: Annotated[str | None, Meta(description="hardware address of a device on the local network")] = None
    network: Annotated[str | None, Meta(description="address or network, 192.168.7.0/24")] = None
    id: Annotated[str | None, Meta(description="id that a device gives (encrypted DNS)")] = None


class PolicySection(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What holds for everybody."""

    default_profile: Annotated[str, Meta(description="for whom no [[clients]] entry fits")] = "child"
    time_zone: Annotated[str, Meta(description="of the schedules, as America/Asuncion; empty: this machine's")] = ""


class SlotEntry(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Closed hours: from is included, to excluded; a slot over midnight belongs to the day on which it starts."""

    days: Annotated[str, Meta(description="mon-fri, sat,sun or all")]
    start: Annotated[str, Meta(description="21:00")] = msgspec.field(name="from")
    end: Annotated[str, Meta(description="07:00; 24:00 is midnight")] = msgspec.field(name="to")


class ProfileSection(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One profile. What is not given comes from its preset: child (to 13), adolescent (14 to 17) or adult."""

    preset: Annotated[
        Literal["child", "adolescent", "adult"] | None,
        Meta(description="where it starts; for a name of your own the strictest, child", examples=["child"]),
    ] = None
    blocked_categories: Annotated[
        tuple[str, ...] | None,
        Meta(description="see `filterd categories`; not given: the preset's", examples=[["pornography", "gambling"]]),
    ] = None
    safe_search: Annotated[bool | None, Meta(description="force the safe mode of search engines", examples=[True])] = (
        None
    )
    youtube: Annotated[YouTube | None, Meta(description="off, moderate or strict", examples=["strict"])] = None
    inspect: Annotated[
        bool | None, Meta(description="page text for this profile, while [proxy] inspect is on", examples=[True])
    ] = None
    only_allowed: Annotated[bool, Meta(description="nothing but `allow`: small children, school rooms")] = False
    starter_list: Annotated[
        bool, Meta(description="with only_allowed: open the shipped list of children's and school sites as well")
    ] = True
    block_unsafe_search: Annotated[
        bool | None, Meta(description="refuse search engines whose safe mode cannot be forced", examples=[True])
    ] = None
    allow: Annotated[tuple[str, ...], Meta(description="domains open whatever the lists say")] = ()
    deny: Annotated[tuple[str, ...], Meta(description="domains closed whatever the lists say")] = ()
    patterns: Annotated[tuple[str, ...], Meta(description='refused: "host:*casino*", "url:*/bet/*"')] = ()
    schedule: Annotated[tuple[SlotEntry, ...], Meta(description="closed hours, local time")] = ()
    record: Annotated[Record, Meta(description="none, blocked or all; domains only")] = Record.BLOCKED


class ListSection(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A subscription to a list."""

    category: Annotated[str, Meta(description="what its names are; all: a tree that says so itself")]
    url: Annotated[str, Meta(description="https:, http: or file: address")]
    format: Annotated[ListFormat, Meta(description="how it is written")] = "auto"


class PathsSection(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the daemon keeps its files. Empty: the system's places, or without root the user's own."""

    state: Annotated[str, Meta(description="database, activity, lists, CA")] = ""
    runtime: Annotated[str, Meta(description="sockets")] = ""


class ActivitySection(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is remembered, on this machine only."""

    retention_days: Annotated[int, Meta(ge=0, le=3650, description="older entries are deleted")] = 30
    record: Annotated[Record, Meta(description="the most that any profile may record")] = Record.BLOCKED


class UpdatesSection(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the subscribed lists are kept fresh."""

    automatic: Annotated[bool, Meta(description="update by itself, daily")] = True
    on_metered: Annotated[bool, Meta(description="also where the connection is paid by volume")] = False


class ControlSection(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The adult's password and sessions."""

    session_minutes: Annotated[int, Meta(ge=1, le=480, description="a session ends after so many minutes idle")] = 10
    tighten_without_password: Annotated[
        bool, Meta(description="what only closes (deny, more categories, turning on) asks no password")
    ] = False


class EncryptedListener(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Encrypted DNS for others, with a certificate of the owner's."""

    listen: Annotated[str, Meta(description="address and port; empty: off")] = ""
    certificate: Annotated[str, Meta(description="file with the certificate and its chain, PEM")] = ""
    key: Annotated[str, Meta(description="file with its key, PEM")] = ""
    server_name: Annotated[
        str, Meta(description="our name in the certificate; a device may put its id before it: ID.dns.example.org")
    ] = ""


class Listener(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An optional service with a listener of its own."""

    listen: Annotated[str, Meta(description="address and port; empty: off")] = ""


class Settings(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole configuration."""

    dns: Dns = Dns()
    proxy: Proxy = Proxy()
    clients: tuple[ClientEntry, ...] = ()
    policy: PolicySection = PolicySection()
    profiles: dict[str, ProfileSection] = msgspec.field(default_factory=dict)
    lists: dict[str, ListSection] = msgspec.field(default_factory=dict)
    paths: PathsSection = PathsSection()
    activity: ActivitySection = ActivitySection()
    updates: UpdatesSection = UpdatesSection()
    control: ControlSection = ControlSection()
    block_page: Listener = Listener()
    doh: EncryptedListener = EncryptedListener()
    dot: EncryptedListener = EncryptedListener()
    metrics: Listener = Listener()
    status_page: Listener = Listener()
