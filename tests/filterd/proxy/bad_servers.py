# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers whose certificates and protocols are wrong in one way each, made on the spot; and good ones beside them."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import ipaddress
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL

from filterd.wording import Notice

HOST = "shop.example"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_DAY = dt.timedelta(days=1)
_ERA = (dt.datetime(1961, 1, 1, tzinfo=dt.UTC), dt.datetime(1963, 1, 1, tzinfo=dt.UTC))
_NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


@dataclass(frozen=True, eq=False)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a certificate is made; the defaults make a good one for a server."""

    names: tuple[str, ...] = (HOST,)
    common_name: str | None = HOST
    begins: dt.timedelta = -_DAY
    ends: dt.timedelta = 30 * _DAY
    ca: bool = False
    path_length: int | None = None
    usages: frozenset[str] = frozenset({"digital_signature"})
    extended: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.SERVER_AUTH,)
    digest: hashes.HashAlgorithm = field(default_factory=hashes.SHA256)
    key: Callable[[], Key] = lambda: ec_key()
    only_below: str | None = None  # a name constraint
    formal: bool = True  # with key usage and key identifiers


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@functools.cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    """Return a key of *bits*, made by the command line: the library makes no weak ones."""
    made = subprocess.run(["openssl", "genrsa", str(bits)], check=True, capture_output=True)
    key = serialization.load_pem_private_key(made.stdout, password=None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


AUTHORITY = Recipe(
    names=(), common_name="Test root", ends=300 * _DAY, ca=True, usages=frozenset({"key_cert_sign"}), extended=()
)
_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def make(recipe: Recipe, issuer: Holder | None = None) -> Holder:
    """Return what *recipe* makes, signed by *issuer* or by itself."""
    key = recipe.key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, recipe.common_name)] if recipe.common_name else [])
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOW + recipe.begins)
        .not_valid_after(_NOW + recipe.ends)
        .add_extension(x509.BasicConstraints(recipe.ca, recipe.path_length), critical=True)
    )
    if recipe.formal:
        builder = (
            builder.add_extension(x509.KeyUsage(**{name: name in recipe.usages for name in _USAGES}), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
    if recipe.names:
        named = [_general_name(name) for name in recipe.names]
        builder = builder.add_extension(x509.SubjectAlternativeName(named), critical=not recipe.common_name)
    if recipe.extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(recipe.extended), critical=False)
    if recipe.only_below:
        limits = x509.NameConstraints([x509.DNSName(recipe.only_below)], None)
        builder = builder.add_extension(limits, critical=True)
    return Holder(builder.sign(signer, recipe.digest), key)  # type: ignore[arg-type]  # the union is wider


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def pem(*holders: Holder) -> bytes:
    return b"".join(holder.certificate.public_bytes(serialization.Encoding.PEM) for holder in holders)


def pem_key(holder: Holder) -> bytes:
    return holder.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


# What upstream_ca names. MD5 goes with RSA only.
ROOT = make(AUTHORITY)
RSA_ROOT = make(replace(AUTHORITY, common_name="Test root RSA", key=lambda: rsa_key(2048)))
STRANGER = make(replace(AUTHORITY, common_name="Unknown root"))


@dataclass(frozen=True)
class Case:
    """A server: what it shows, what it speaks, and what we make of it (``None``: it is good)."""

    id: str
    expected: Notice | None
    chain: Callable[[Holder], Sequence[Holder]]  # given our own authority; the leaf first
    versions: tuple[int, int] = (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION)
    ciphers: bytes = b"DEFAULT@SECLEVEL=0"
    alpn: tuple[bytes, ...] = ()


def _leaf(issuer: Holder | None = ROOT, **changes: object) -> Callable[[Holder], Sequence[Holder]]:
    return lambda _own: (make(replace(Recipe(), **changes), issuer),)  # type: ignore[arg-type]


def _below(middle: Recipe, *, leaf: Recipe | None = None, shown: bool = True) -> Callable[[Holder], Sequence[Holder]]:
    def chain(_own: Holder) -> Sequence[Holder]:
        between = make(middle, ROOT)
        last = make(leaf or Recipe(), between)
        return (last, between) if shown else (last,)

    return chain


def _deep(_own: Holder) -> Sequence[Holder]:
    first = make(replace(AUTHORITY, common_name="First", path_length=0), ROOT)
    second = make(replace(AUTHORITY, common_name="Second"), first)
    return (make(Recipe(), second), second, first)


MIDDLE = replace(AUTHORITY, common_name="Intermediate")
_BOTH, _STATIC = frozenset({"digital_signature", "key_encipherment"}), b"kRSA+AES@SECLEVEL=0"
_RSA = functools.partial(rsa_key, 2048)


def _by_command_line(digest: str) -> Callable[[Holder], Sequence[Holder]]:
    """Return a leaf signed with *digest*, which the library refuses to use."""

    def chain(_own: Holder) -> Sequence[Holder]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            good = make(replace(Recipe(), key=_RSA), ROOT)
            (folder / "ca.pem").write_bytes(pem(RSA_ROOT))
            (folder / "ca.key").write_bytes(pem_key(RSA_ROOT))
            (folder / "leaf.key").write_bytes(pem_key(good))
            (folder / "ext").write_text(
                f"subjectAltName=DNS:{HOST}\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
                "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\nbasicConstraints=critical,CA:FALSE\n"
            )
            run = functools.partial(subprocess.run, check=True, capture_output=True, cwd=folder)
            run(["openssl", "req", "-new", "-key", "leaf.key", "-subj", f"/CN={HOST}", "-out", "leaf.csr"])
            run(
                [
                    "openssl",
                    "x509",
                    "-req",
                    "-in",
                    "leaf.csr",
                    "-CA",
                    "ca.pem",
                    "-CAkey",
                    "ca.key",
                    "-days",
                    "9",
                    f"-{digest}",
                    "-extfile",
                    "ext",
                    "-out",
                    "leaf.pem",
                ]
            )
            signed = x509.load_pem_x509_certificate((folder / "leaf.pem").read_bytes())
            return (Holder(signed, good.key),)

    return chain


REFUSED = (
    # T1
    Case("T1-expired", Notice.TLS_EXPIRED, _leaf(begins=-9 * _DAY, ends=-_DAY)),
    Case("T1-not-yet-valid", Notice.TLS_NOT_YET_VALID, _leaf(begins=_DAY)),
    Case("T1-expired-1963", Notice.TLS_EXPIRED, _leaf(begins=_ERA[0] - _NOW, ends=_ERA[1] - _NOW)),
    Case("T1-expired-intermediate", Notice.TLS_EXPIRED, _below(replace(MIDDLE, begins=-9 * _DAY, ends=-_DAY))),
    # T2
    Case("T2-wrong-host", Notice.TLS_WRONG_NAME, _leaf(names=("other.example",), common_name="other.example")),
    Case("T2-wrong-host-right-subject", Notice.TLS_WRONG_NAME, _leaf(names=("other.example",))),
    Case("T2-wildcard-of-another-level", Notice.TLS_WRONG_NAME, _leaf(names=("*.shop.example",))),
    Case("T2-partial-wildcard", Notice.TLS_WRONG_NAME, _leaf(names=("sh*.example",))),
    Case("T2-wildcard-of-a-whole-registry", Notice.TLS_WRONG_NAME, _leaf(names=("*.example",))),
    Case("T2-address-for-a-name", Notice.TLS_WRONG_NAME, _leaf(names=("127.0.0.1",))),
    Case("T2-name-with-a-zero-byte", Notice.TLS_WRONG_NAME, _leaf(names=("shop.example\x00.evil.example",))),
    # T3
    Case("T3-self-signed", Notice.TLS_UNKNOWN_ISSUER, _leaf(issuer=None)),
    Case("T3-unknown-root", Notice.TLS_UNKNOWN_ISSUER, _leaf(issuer=STRANGER)),
    Case("T3-unknown-root-shown", Notice.TLS_UNKNOWN_ISSUER, lambda _own: (make(Recipe(), STRANGER), STRANGER)),
    # T5
    Case("T5-own-authority", Notice.TLS_OWN_AUTHORITY, lambda own: (make(Recipe(), own),)),
    Case("T5-own-authority-shown", Notice.TLS_OWN_AUTHORITY, lambda own: (make(Recipe(), own), own)),
    # T6
    Case("T6-null", Notice.TLS_OUTDATED, _leaf(key=_RSA), (SSL.TLS1_2_VERSION,) * 2, b"eNULL@SECLEVEL=0"),
    Case("T6-anonymous", Notice.TLS_OUTDATED, _leaf(key=_RSA), (SSL.TLS1_2_VERSION,) * 2, b"aNULL:!eNULL@SECLEVEL=0"),
    # T7
    Case("T7-rsa1024", Notice.TLS_WEAK, _leaf(key=functools.partial(rsa_key, 1024))),
    Case("T7-rsa512", Notice.TLS_WEAK, _leaf(key=functools.partial(rsa_key, 512)), (SSL.TLS1_2_VERSION,) * 2),
    Case("T7-rsa1024-intermediate", Notice.TLS_WEAK, _below(replace(MIDDLE, key=functools.partial(rsa_key, 1024)))),
    Case("T7-sha1", Notice.TLS_WEAK, _by_command_line("sha1")),
    Case("T7-md5", Notice.TLS_WEAK, _by_command_line("md5")),
    Case("T7-no-san", Notice.TLS_WRONG_NAME, _leaf(names=())),
    Case("T7-bad-key-usage", Notice.TLS_BAD_CERTIFICATE, _leaf(key=_RSA, usages=frozenset({"crl_sign"}))),
    Case("T7-bad-extended-key-usage", Notice.TLS_BAD_CERTIFICATE, _leaf(extended=(ExtendedKeyUsageOID.CODE_SIGNING,))),
    # T8
    Case("T8-tls10", Notice.TLS_OUTDATED, _leaf(), (SSL.TLS1_VERSION,) * 2),
    Case("T8-tls11", Notice.TLS_OUTDATED, _leaf(), (SSL.TLS1_1_VERSION,) * 2),
    Case("T8-static-rsa", Notice.TLS_OUTDATED, _leaf(key=_RSA, usages=_BOTH), (SSL.TLS1_2_VERSION,) * 2, _STATIC),
    # T10
    Case("T10-chain-cut", Notice.TLS_UNKNOWN_ISSUER, _below(MIDDLE, shown=False)),
    # T12
    Case("T12-name-constraint", Notice.TLS_BAD_CERTIFICATE, _below(replace(MIDDLE, only_below="other.example"))),
    Case("T12-path-length", Notice.TLS_BAD_CERTIFICATE, _deep),
    Case("T12-issuer-is-no-authority", Notice.TLS_BAD_CERTIFICATE, _below(replace(MIDDLE, ca=False))),
    Case("T12-issuer-may-not-sign", Notice.TLS_BAD_CERTIFICATE, _below(replace(MIDDLE, usages=_BOTH))),
    Case("T12-a-leaf-signs", Notice.TLS_BAD_CERTIFICATE, _below(Recipe(common_name="A mere server"))),
)  # fmt: skip

ACCEPTED = (
    Case("T20-ecc256-tls13", None, _leaf(), (SSL.TLS1_3_VERSION,) * 2),
    Case("T20-tls12", None, _leaf(), (SSL.TLS1_2_VERSION,) * 2),
    Case("T20-sha384-ecc384", None, _leaf(key=lambda: ec.generate_private_key(ec.SECP384R1()), digest=hashes.SHA384())),
    Case("T20-sha512", None, _leaf(digest=hashes.SHA512())),
    Case("T20-rsa2048", None, _leaf(key=_RSA)),
    Case("T20-rsa4096", None, _leaf(key=functools.partial(rsa_key, 4096))),
    Case("T20-rsa-tls12-cbc", None, _leaf(key=_RSA), (SSL.TLS1_2_VERSION,) * 2, b"ECDHE-RSA-AES128-SHA"),
    Case("T20-chacha", None, _leaf(key=_RSA), (SSL.TLS1_2_VERSION,) * 2, b"ECDHE-RSA-CHACHA20-POLY1305"),
    Case("T20-intermediate", None, _below(MIDDLE)),
    Case("T20-intermediate-with-path-length", None, _below(replace(MIDDLE, path_length=0))),
    Case("T20-name-constraint-kept", None, _below(replace(MIDDLE, only_below="shop.example"))),
    Case("T20-1000-names", None, _leaf(names=(*(f"n{i}.example" for i in range(1000)), HOST))),
    Case("T20-no-subject", None, _leaf(common_name=None)),
    Case("T20-wrong-subject-right-name", None, _leaf(common_name="other.example")),
    Case("T20-unordered-chain", None, lambda own: (lambda c: (c[0], STRANGER, c[1]))(_below(MIDDLE)(own))),
    Case("T20-http2", None, _leaf(), alpn=(b"h2",)),
)  # fmt: skip


@dataclass
class Server:
    """A server on loopback, and every byte that came through its TLS."""

    port: int
    received: bytearray = field(default_factory=bytearray)


@contextlib.contextmanager
def serving(case: Case, own: Holder) -> Iterator[Server]:
    """Serve *case* until the end of the block: each connection gets one answer."""
    context = _context(case, own)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener.getsockname()[1])
        stop = threading.Event()

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    if stop.is_set():
                        return
                    connection.settimeout(5)
                    _talk(SSL.Connection(context, connection), connection, server)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            stop.set()
            socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
            thread.join(10)


def _context(case: Case, own: Holder) -> SSL.Context:
    chain = case.chain(own)
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_cipher_list(case.ciphers if b"SECLEVEL" in case.ciphers else case.ciphers + b":@SECLEVEL=0")
    context.set_min_proto_version(case.versions[0])
    context.set_max_proto_version(case.versions[1])
    context.use_certificate(chain[0].certificate)
    context.use_privatekey(chain[0].key)
    for above in chain[1:]:
        context.add_extra_chain_cert(above.certificate)
    if case.alpn:
        context.set_alpn_select_callback(
            lambda _, offered: next((a for a in case.alpn if a in offered), SSL.NO_OVERLAPPING_PROTOCOLS)
        )
    return context


def _talk(secure: SSL.Connection, connection: socket.socket, server: Server) -> None:
    connection.settimeout(None)  # OpenSSL's own reads want a blocking socket
    secure.set_accept_state()
    with contextlib.suppress(SSL.Error, OSError):
        while b"\r\n\r\n" not in server.received:
            server.received += secure.recv(4096)
        secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        secure.shutdown()


# Ciphers that no library plays a server with any more; a server that chooses one is played by hand (RFC 5246, 6101).
OLD_CIPHERS = {
    "T6-null": 0x0002,
    "T6-rc4-md5": 0x0004,
    "T6-rc4": 0x0005,
    "T8-3des": 0x000A,
    "T9-freak-rsa-export": 0x0008,
    "T9-logjam-dhe-export": 0x0014,
    "T6-dhe": 0x0033,
    "T6-dhe-gcm": 0x009E,
    "T6-anonymous-dh": 0x0034,
    "T8-static-rsa-aes": 0x002F,
}


@contextlib.contextmanager
def choosing(cipher: int, version: int = 0x0303) -> Iterator[Server]:
    """Serve one connection: whatever the client offers, *cipher* and *version* are chosen."""
    hello = version.to_bytes(2) + os.urandom(32) + b"\0" + cipher.to_bytes(2) + b"\0"
    message = b"\x02" + len(hello).to_bytes(3) + hello
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener.getsockname()[1])

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                connection.recv(65536)  # the client's hello
                connection.sendall(b"\x16" + version.to_bytes(2) + len(message).to_bytes(2) + message)
                while more := connection.recv(65536):
                    server.received += more

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            thread.join(10)
