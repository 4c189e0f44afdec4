# SPDX-License-Identifier: GPL-3.0-or-later
"""Which authorities may vouch for a server on the internet: the system's, and never our own."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import certifi
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL import crypto

from filterd.proxy.authority import ORGANISATION, Authority

# Where distributions keep the bundle that their updates look after: Debian, Red Hat, SUSE, Alpine.
SYSTEM_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/ca-bundle.pem"),
    Path("/etc/ssl/cert.pem"),
)

# Authorities that sign for any site and whose key half the world holds, because a product shipped it or because
# they stand on a developer's desk. None is ever trusted, whoever put it into the system's store.
_INTERCEPTORS = frozenset(
    {
        "superfish, inc.", "komodia", "edellroot", "dsdtestprovider", "preact cli", "webpack-dev-server", "mitmproxy",
        "do_not_trust_fiddlerroot", "portswigger ca", "badssl mitm software test",
    }
)  # fmt: skip

_certificate = re.compile(rb"-----BEGIN (?P<kind>(?:TRUSTED )?CERTIFICATE)-----.*?-----END (?P=kind)-----", re.DOTALL)


class RootsError(ValueError):
    """The trusted authorities cannot be read: the message names the file and the way out."""


def load_roots(
    extra: Path | None = None, *, own: Authority | None = None, bundles: Sequence[Path] = SYSTEM_BUNDLES
) -> list[crypto.X509]:
    """Return the authorities of the first of *bundles* that there is, else those of ``certifi``, and those of *extra*.

    What is left out: *own*, any other authority of this program's, and known interceptors.

    Raises:
        RootsError: *extra* cannot be read or holds no certificate, or there are no authorities at all.
    """
    bundle = next((path for path in bundles if path.is_file()), Path(certifi.where()))
    try:
        built_in = list(_read(bundle.read_bytes()))
    except OSError as error:
        raise RootsError(f"{bundle}: cannot read the system's authorities: {error.strerror}") from error
    added = _read_extra(extra) if extra else []
    own_key = _public_key(crypto.X509.from_cryptography(own.certificate)) if own else None
    trusted = [root for root in (*built_in, *added) if not _is_refused(root) and _public_key(root) != own_key]
    if not trusted:
        raise RootsError(f"{bundle}: holds no certificate authority; install the package ca-certificates")
    return trusted


def _read_extra(path: Path) -> list[crypto.X509]:
    try:
        found = list(_read(path.read_bytes()))
    except OSError as error:
        raise RootsError(f"[proxy] upstream_ca: {path}: {error.strerror}; correct the path") from error
    if not found:
        raise RootsError(f"[proxy] upstream_ca: {path}: holds no PEM certificate; give a file of CERTIFICATE blocks")
    return found


def _read(pem: bytes) -> Iterable[crypto.X509]:
    for block in _certificate.finditer(pem):
        text = block[0].replace(b"TRUSTED CERTIFICATE", b"CERTIFICATE")
        with contextlib.suppress(crypto.Error):  # one that OpenSSL cannot read cannot vouch for anybody either
            yield crypto.load_certificate(crypto.FILETYPE_PEM, text)


def _is_refused(root: crypto.X509) -> bool:
    subject = root.get_subject()
    names = {(subject.CN or "").casefold(), (subject.O or "").casefold()}
    return ORGANISATION in names or not _INTERCEPTORS.isdisjoint(names)


def _public_key(certificate: crypto.X509) -> bytes:
    """Return the public key of *certificate*, to be compared; empty if it is of a kind that ours is not."""
    with contextlib.suppress(ValueError, TypeError, crypto.Error):
        key = certificate.get_pubkey().to_cryptography_key()
        if isinstance(key, ec.EllipticCurvePublicKey):
            return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b""
