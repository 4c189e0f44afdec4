# SPDX-License-Identifier: GPL-3.0-or-later
"""A running proxy, and servers for it to reach: all on loopback."""

from __future__ import annotations

import contextlib
import datetime as dt
import ssl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from filterd.policy.model import Decide, Decision, Verdict
from filterd.proxy.addon import FilterAddon
from filterd.proxy.authority import Authority, load_or_make
from filterd.proxy.inspection import Inspection
from filterd.proxy.runner import Listener
from tests.filterd.proxy import bad_servers
from tests.filterd.proxy.support import (
    Origin,
    RunningProxy,
    StartInspecting,
    StartProxy,
    Table,
    open_rulebook,
    rulebook,
    serving,
    serving_http2,
    serving_web,
)

HERE = {key: ["127.0.0.1"] for key in ("shop.example", "casino.example", "good.example", "bank.example")}


@pytest.fixture
def start_proxy() -> Iterator[StartProxy]:
    """Start a proxy, stopped with the test."""
    with contextlib.ExitStack() as running:

        def start(
            decide: Decide | Mapping[str, Verdict] = {},  # noqa: B006 - never changed
            hosts: Mapping[str, Sequence[str]] = {},
            *,
            listeners: Sequence[Listener] = (Listener("127.0.0.1", 0),),
            private: Sequence[str] = ("127.0.0.0/8",),
            allow_unknown_protocols: bool = False,
            connect_timeout_s: float = 5.0,
        ) -> RunningProxy:
            decisions: list[Decision] = []
            addon = FilterAddon(
                rulebook(Table(decide) if isinstance(decide, Mapping) else decide, hosts, private),
                observe=decisions.append,
                allow_unknown_protocols=allow_unknown_protocols,
                connect_timeout_s=connect_timeout_s,
            )
            return running.enter_context(serving(addon, listeners, decisions))

        yield start


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The local authority of the tests."""
    return load_or_make(tmp_path_factory.mktemp("ca"), machine="casa", now=dt.datetime.now(dt.UTC))


@pytest.fixture(scope="session")
def upstream_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is trusted upstream in the tests."""
    path = tmp_path_factory.mktemp("roots") / "upstream.pem"
    path.write_bytes(bad_servers.pem(bad_servers.ROOT, bad_servers.RSA_ROOT))
    return path


@pytest.fixture
def inspection(authority: Authority, upstream_ca: Path) -> Inspection:
    """What decrypts."""
    return Inspection(authority, upstream_ca=upstream_ca)


@pytest.fixture
def family(authority: Authority) -> ssl.SSLContext:
    """What a browser is that trusts the local authority and nothing else, and insists on every rule of RFC 5280."""
    pem = authority.certificate.public_bytes(serialization.Encoding.PEM).decode()
    context = ssl.create_default_context(cadata=pem)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


@pytest.fixture
def good_certificate(tmp_path: Path) -> Path:
    """A certificate for shop.example and others, from the authority that is trusted upstream, with its key."""
    names = ("shop.example", "casino.example", "good.example", "bank.example")
    holder = bad_servers.make(bad_servers.Recipe(names=names), bad_servers.ROOT)
    path = tmp_path / "good.pem"
    path.write_bytes(bad_servers.pem_key(holder) + bad_servers.pem(holder))
    return path


@pytest.fixture
def good_origin(good_certificate: Path) -> Iterator[Origin]:
    """A web server that proves who it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(good_certificate)
    with serving_web(context) as web:
        yield web


@pytest.fixture
def http2_origin(good_certificate: Path) -> Iterator[Origin]:
    """A web server that proves who it is and speaks HTTP/2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(good_certificate)
    with serving_http2(context) as web:
        yield web


@pytest.fixture
def start_inspecting(inspection: Inspection) -> Iterator[StartInspecting]:
    """Start a proxy that decrypts for everybody, stopped with the test."""
    with contextlib.ExitStack() as running:
        usual = inspection

        def start(
            verdicts: Mapping[str, Verdict] = {},
            hosts: Mapping[str, Sequence[str]] = HERE,
            *,
            inspection: Inspection = usual,
            strict: bool = True,
            allow_unknown_protocols: bool = False,
            connect_timeout_s: float = 5.0,
        ) -> RunningProxy:
            decisions: list[Decision] = []
            addon = FilterAddon(
                open_rulebook(verdicts, hosts, inspection, strict=strict),
                observe=decisions.append,
                allow_unknown_protocols=allow_unknown_protocols,
                connect_timeout_s=connect_timeout_s,
            )
            return running.enter_context(serving(addon, [Listener("127.0.0.1", 0)], decisions))

        yield start


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A plain web server."""
    with serving_web() as web:
        yield web


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for shop.example and casino.example, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(n) for n in ("shop.example", "casino.example")]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls_origin(certificate: Path) -> Iterator[Origin]:
    """A web server that speaks TLS with *certificate*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving_web(context) as web:
        yield web


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    """What a browser is that trusts *certificate* and nothing else."""
    return ssl.create_default_context(cafile=str(certificate))
