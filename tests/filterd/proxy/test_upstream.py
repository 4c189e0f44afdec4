# SPDX-License-Identifier: GPL-3.0-or-later
"""The bad servers of T1 to T12, and the good ones of T20, through the real proxy and in front of a real client."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import replace

import pytest
from OpenSSL import SSL, crypto

from filterd.proxy.authority import Authority
from filterd.proxy.upstream import Upstream, name_failure
from filterd.wording import Notice
from tests.filterd.proxy import bad_servers
from tests.filterd.proxy.bad_servers import ACCEPTED, HOST, REFUSED, Case, Holder, Recipe, make
from tests.filterd.proxy.support import RunningProxy, StartInspecting, receive_all


def get(proxy: RunningProxy, port: int, browser: ssl.SSLContext, path: str = "/secret") -> bytes:
    """Return all that a client of ours gets that asks for *path* of the server at *port*, decrypted."""
    tunnel, opened = proxy.open_tunnel(f"{HOST}:{port}")
    assert opened.status == 200
    with browser.wrap_socket(tunnel, server_hostname=HOST) as secure:
        secure.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n".encode())
        return receive_all(secure)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_a_bad_server_gets_nothing_and_the_client_the_reason(
    case: Case, start_inspecting: StartInspecting, authority: Authority, family: ssl.SSLContext
) -> None:
    with bad_servers.serving(case, Holder(authority.certificate, authority.key)) as server:
        proxy = start_inspecting()
        answer = get(proxy, server.port, family)

        assert answer.startswith(b"HTTP/1.1 502 ")
        assert case.expected
        assert f'details="{case.expected.value}"'.encode() in answer
        assert b"no es segura" in answer
        assert b"bloqueada" not in answer
        assert bytes(server.received) == b""


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.id)
def test_a_good_server_is_accepted(
    case: Case, start_inspecting: StartInspecting, authority: Authority, family: ssl.SSLContext
) -> None:
    with bad_servers.serving(case, Holder(authority.certificate, authority.key)) as server:
        answer = get(start_inspecting(), server.port, family)

        assert answer.endswith(b"hello")
        assert bytes(server.received).startswith(b"GET /secret ")


@pytest.mark.parametrize("name", bad_servers.OLD_CIPHERS)
def test_a_server_that_chooses_an_old_cipher_is_refused(
    name: str, start_inspecting: StartInspecting, family: ssl.SSLContext
) -> None:
    """All that it hears after its choice is, at most, an alert."""
    with bad_servers.choosing(bad_servers.OLD_CIPHERS[name]) as server:
        answer = get(start_inspecting(), server.port, family)

    assert b'details="tls-outdated"' in answer
    assert b"secret" not in server.received
    assert len(server.received) <= 7


@pytest.mark.parametrize("version", [0x0300, 0x0200, 0x0301], ids=["T8-ssl3", "T8-ssl2", "T8-tls1.0"])
def test_a_server_that_chooses_an_old_version_is_refused(
    version: int, start_inspecting: StartInspecting, family: ssl.SSLContext
) -> None:
    with bad_servers.choosing(0xC02F, version) as server:
        answer = get(start_inspecting(), server.port, family)

    assert answer.startswith(b"HTTP/1.1 502")
    assert b"tls_protocol_error" in answer
    assert len(server.received) <= 7


def test_what_is_offered_to_servers_is_modern() -> None:
    """T35, T6, T8: no RC4, 3DES, NULL, anonymous, DHE or RSA key exchange is even offered."""
    offered = Upstream([]).open(HOST, alpn_offers=()).get_cipher_list()

    assert offered
    assert all(name.startswith(("TLS_", "ECDHE-")) for name in offered)
    assert not [name for name in offered if "3DES" in name or "DES-" in name or "RC4" in name or "NULL" in name]


@pytest.mark.parametrize(
    ("root_is_formal", "leaf_is_formal", "formal", "accepted"),
    [
        (True, True, True, True),
        (False, True, True, True),  # as some of the web's own roots
        (True, False, True, False),
        (False, False, False, True),  # with upstream_ca
    ],
)
def test_formalities_are_asked_of_what_the_web_signs_and_not_of_roots(
    root_is_formal: bool, leaf_is_formal: bool, formal: bool, accepted: bool
) -> None:
    root = make(replace(bad_servers.AUTHORITY, formal=root_is_formal))
    leaf = make(Recipe(formal=leaf_is_formal), root)
    upstream = Upstream([crypto.X509.from_cryptography(root.certificate)], formal=formal)

    assert shake_hands(upstream.open(HOST, alpn_offers=()), leaf) is accepted


def shake_hands(client: SSL.Connection, holder: Holder) -> bool:
    """Return whether *client* takes a server with the certificate of *holder*, in memory."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate(holder.certificate)
    context.use_privatekey(holder.key)
    server = SSL.Connection(context)
    server.set_accept_state()
    for _ in range(4):
        for one, other in ((client, server), (server, client)):
            try:
                one.do_handshake()
            except SSL.WantReadError:
                pass
            except SSL.Error:
                return False
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(one.bio_read(65536))
    return True


def test_a_handshake_that_never_began_is_our_own_failure() -> None:
    assert name_failure(None, "", own_subject=None) is Notice.FAILURE


def test_an_unreadable_answer_is_a_failed_greeting() -> None:
    connection = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD))

    assert name_failure(connection, "connection closed", own_subject=None) is Notice.TLS_FAILED
    assert name_failure(connection, "tlsv1 alert protocol version", own_subject=None) is Notice.TLS_OUTDATED
    assert name_failure(connection, "ee key too small", own_subject=None) is Notice.TLS_WEAK
