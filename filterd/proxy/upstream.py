# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS towards servers: as strict as a browser, and in plain words when it fails."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any, cast

from OpenSSL import SSL, crypto

from filterd.policy.domains import is_address
from filterd.wording import Notice

# What browsers offer, less what needs the server's RSA key for secrecy. Level 2: no SHA-1 or MD5 signature, no RSA
# key under 2048 bits, no curve under 224, in any certificate of the chain but the root. DHE is not offered at all.
CIPHERS = (
    b"@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"
    b":ECDHE-RSA-AES256-SHA:!aNULL:!eNULL"
)
_ALPN = (b"h2", b"http/1.1")

# pyOpenSSL leaves the verification of names to its callers and OpenSSL's own functions.
_lib = cast("Any", SSL)._lib  # noqa: SLF001
_codes = SSL.X509VerificationCodes

_NAMES = {_codes.ERR_HOSTNAME_MISMATCH, _codes.ERR_IP_ADDRESS_MISMATCH}
_UNKNOWN = {
    _codes.ERR_UNABLE_TO_GET_ISSUER_CERT,
    _codes.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
    _codes.ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
    _codes.ERR_SELF_SIGNED_CERT_IN_CHAIN,
    _codes.ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
    _codes.ERR_CERT_UNTRUSTED,
}
# x509_vfy.h: key identifiers missing or critical, basic constraints not critical, no key usage in an authority.
_FORMALITIES = {85, 86, 89, 90, 91, 92}
_WEAK = {66, 67, 68}  # x509_vfy.h: X509_V_ERR_EE_KEY_TOO_SMALL, X509_V_ERR_CA_KEY_TOO_SMALL, X509_V_ERR_CA_MD_TOO_WEAK
_WEAK_TOO = ("ee key too small", "ca key too small", "ca md too weak")  # said before the chain is looked at

# What OpenSSL says, of itself or for the server, where both sides share nothing safe (mitmproxy rewords the first).
_OUTDATED = (
    "agree on a TLS version", "unsupported protocol", "protocol version", "version too low", "no shared cipher",
    "handshake failure", "insufficient security", "key too small", "wrong cipher returned", "unknown cipher returned",
    "wrong signature type", "inappropriate fallback", "unsafe legacy renegotiation",
)  # fmt: skip


class Upstream:
    """Makes the TLS side of connections to servers; *roots* are the authorities that may vouch for them.

    What a company or a test bench signs by hand often lacks the key identifiers that RFC 5280 asks for; *formal* is
    false where such authorities are among the roots. Nothing that decides who is who depends on it.
    """

    def __init__(self, roots: Sequence[crypto.X509], *, formal: bool = True) -> None:
        context = self._context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        harden(context)
        store = context.get_cert_store()
        assert store  # noqa: S101 - for the type checker; a new context has one
        for root in roots:
            store.add_cert(root)
        if formal:
            store.set_flags(crypto.X509StoreFlags.X509_STRICT)
        context.set_verify(SSL.VERIFY_PEER, _judge_chain)

    def open(self, host: str, *, alpn_offers: Sequence[bytes], only_tls13: bool = False) -> SSL.Connection:
        """Return what greets a server and goes on only if it proves to be *host*, a name or an address."""
        connection = SSL.Connection(self._context)
        if only_tls13:  # a client that was promised it by an earlier connection
            connection.set_options(SSL.OP_NO_TLSv1_2)
        _expect(connection, host)
        offered = [name for name in alpn_offers if name in _ALPN]
        if offered:
            connection.set_alpn_protos(offered)
        connection.set_connect_state()
        return connection


def harden(context: SSL.Context) -> None:
    """Make *context* accept nothing older than browsers do, and keep no secrets of ended connections."""
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(CIPHERS)
    # A resumed session would skip the certificate, a second handshake would bring another.
    # Idle connections give their buffers back.
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)


def name_failure(connection: SSL.Connection | None, error: str, *, own_subject: crypto.X509Name | None) -> Notice:
    """Return what a failed handshake with a server is called; *error* is what OpenSSL said.

    *own_subject* is the name of our own authority: a server that shows a certificate of that issuer has its key.
    """
    if connection is None:
        return Notice.FAILURE
    code = _lib.SSL_get_verify_result(cast("Any", connection)._ssl)  # noqa: SLF001
    if code == _codes.OK:
        if any(sign in error for sign in _WEAK_TOO):
            return Notice.TLS_WEAK
        return Notice.TLS_OUTDATED if any(sign in error for sign in _OUTDATED) else Notice.TLS_FAILED
    if own_subject is not None and connection.get_app_data() == own_subject:
        return Notice.TLS_OWN_AUTHORITY
    return _name_code(code)


def _judge_chain(connection: SSL.Connection, certificate: crypto.X509, code: int, _depth: int, ok: int) -> bool:
    """Excuse a root from formalities: several of the web's lack a key identifier or a usage, and it is trusted by name.

    Who issued a certificate that failed is remembered: it is gone afterwards.
    """
    if ok:
        return True
    issuer = certificate.get_issuer()
    if code in _FORMALITIES and issuer == certificate.get_subject():
        return True
    connection.set_app_data(issuer)
    return False


def _name_code(code: int) -> Notice:
    if code in _NAMES:
        return Notice.TLS_WRONG_NAME
    if code in _UNKNOWN:
        return Notice.TLS_UNKNOWN_ISSUER
    if code in _WEAK:
        return Notice.TLS_WEAK
    if code == _codes.ERR_CERT_HAS_EXPIRED:
        return Notice.TLS_EXPIRED
    if code == _codes.ERR_CERT_NOT_YET_VALID:
        return Notice.TLS_NOT_YET_VALID
    return Notice.TLS_BAD_CERTIFICATE


def _expect(connection: SSL.Connection, host: str) -> None:
    """Make the handshake of *connection* fail unless the certificate is for *host*."""
    param = _lib.SSL_get0_param(cast("Any", connection)._ssl)  # noqa: SLF001
    # As browsers do: no name in the subject, no "a*.example".
    _lib.X509_VERIFY_PARAM_set_hostflags(
        param, _lib.X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | _lib.X509_CHECK_FLAG_NEVER_CHECK_SUBJECT
    )
    if is_address(host):
        packed = ipaddress.ip_address(host).packed  # RFC 6066 §3: no address is a server name
        done = _lib.X509_VERIFY_PARAM_set1_ip(param, packed, len(packed))
    else:
        name = host.encode("ascii")
        connection.set_tlsext_host_name(name)
        done = _lib.X509_VERIFY_PARAM_set1_host(param, name, len(name))
    if done != 1:
        raise ValueError("OpenSSL takes no such name")
