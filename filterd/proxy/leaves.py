# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for single sites, signed by the local authority and forgotten with the process."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from filterd.policy.domains import is_address
from filterd.proxy.authority import Authority

LIFETIME = timedelta(days=7)
_BACKDATED = timedelta(days=1)  # clocks of a household disagree
_LEFT_AT_LEAST = timedelta(days=1)
_MAX_COMMON_NAME = 64  # RFC 5280, upper bounds


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a client is shown, and the key that proves it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)


class LeafStore:
    """Makes the certificate of a host when it is first needed; one key for all, made for this run, never written down.

    A certificate names the one host that was judged and nothing else, whatever the server's own names besides: so
    a browser never takes our connection for another site, and nothing of an unverified certificate is repeated.
    """

    def __init__(
        self,
        authority: Authority,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        limit: int = 2048,
    ) -> None:
        self._authority = authority
        self._clock = clock
        self._limit = limit
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._leaves: OrderedDict[str, Leaf] = OrderedDict()

    def leaf_for(self, host: str) -> Leaf:
        """Return a certificate for *host*, as normalised, that is good for a day at least."""
        now = self._clock()
        known = self._leaves.get(host)
        if known is not None and known.certificate.not_valid_after_utc - now > _LEFT_AT_LEAST:
            self._leaves.move_to_end(host)
            return known
        leaf = self._leaves[host] = Leaf(self._sign(host, now), self._key)
        self._leaves.move_to_end(host)
        if len(self._leaves) > self._limit:
            self._leaves.popitem(last=False)
        return leaf

    def _sign(self, host: str, now: datetime) -> x509.Certificate:
        issuer = self._authority.certificate
        begin = (now - _BACKDATED).replace(microsecond=0)
        named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)] if len(host) <= _MAX_COMMON_NAME else [])
        key_usage = x509.KeyUsage(
            digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        public = self._key.public_key()
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._authority.key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(named)
            .issuer_name(issuer.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(begin, issuer.not_valid_before_utc))
            .not_valid_after(min(begin + LIFETIME, issuer.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            # RFC 5280 §4.2.1.6: critical where the subject is empty.
            .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=not list(named))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(issuer_key, critical=False)
            .sign(self._authority.key, hashes.SHA256())
        )


def _general_name(host: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(host)) if is_address(host) else x509.DNSName(host)
