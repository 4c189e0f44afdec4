# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's own certificate authority: made here, known nowhere else, never replaced in silence."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ORGANISATION = "filterd"  # by which an authority of an earlier installation is known again
CERTIFICATE_FILE = "filterd-ca.pem"
KEY_FILE = "filterd-ca-key.pem"
LIFETIME = timedelta(days=730)
RENEW_BEFORE = timedelta(days=60)
_BACKDATED = timedelta(days=1)  # clocks of a household disagree
_MAX_COMMON_NAME = 64  # RFC 5280, upper bounds


class AuthorityError(ValueError):
    """The local authority cannot be used: the message names the file and the way out."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that the family's devices trust, and its key, which never leaves this machine."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def ends_soon(self, now: datetime) -> bool:
        """Return whether it is time to renew the certificate."""
        return self.certificate.not_valid_after_utc - now < RENEW_BEFORE


def load_or_make(folder: Path, *, machine: str, now: datetime) -> Authority:
    """Return the authority in *folder*: made if there is none, renewed if it ends soon.

    Raises:
        AuthorityError: what is there is damaged, or cannot be read or written.
    """
    found = load(folder, now=now)
    if found is None:
        return _store(folder, _make(machine, now), new=True)
    return renew(folder, found, now=now) if found.ends_soon(now) else found


def load(folder: Path, *, now: datetime) -> Authority | None:
    """Return the authority in *folder*; ``None`` if none was made there.

    Raises:
        AuthorityError: it is damaged, half of it is missing, or others may read its key.
    """
    certificate_path, key_path = folder / CERTIFICATE_FILE, folder / KEY_FILE
    certificate_pem, key_pem = _read(certificate_path), _read(key_path)
    if certificate_pem is None and key_pem is None:
        return None
    if certificate_pem is None or key_pem is None:
        missing = certificate_path if certificate_pem is None else key_path
        raise AuthorityError(f"{missing}: missing, though its other half is there; {_way_out(folder)}")
    if key_path.stat().st_mode & 0o077:
        raise AuthorityError(f"{key_path}: others may read this key; chmod 600 it, or {_way_out(folder)}")
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError) as error:
        raise AuthorityError(f"{folder}: the local authority is damaged ({error}); {_way_out(folder)}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        raise AuthorityError(f"{folder}: certificate and key do not belong together; {_way_out(folder)}")
    if certificate.not_valid_before_utc > now:
        raise AuthorityError(f"{certificate_path}: valid only from {certificate.not_valid_before_utc}; set the clock")
    return Authority(certificate, key)


def renew(folder: Path, authority: Authority, *, now: datetime) -> Authority:
    """Store and return *authority* with a new certificate for the same key and name.

    Devices that still hold the old certificate go on trusting it until its own end: nobody is cut off by a renewal.

    Raises:
        AuthorityError: it cannot be written.
    """
    return _store(folder, Authority(_sign(authority.key, authority.certificate.subject, now), authority.key), new=False)


def remove(folder: Path) -> None:
    """Delete the authority in *folder*; what trusts it is somebody else's to tidy up.

    Raises:
        AuthorityError: it cannot be deleted.
    """
    try:
        for name in (KEY_FILE, CERTIFICATE_FILE):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise AuthorityError(f"{folder}: cannot delete the local authority: {error.strerror}") from error


def _make(machine: str, now: datetime) -> Authority:
    key = ec.generate_private_key(
        ec.SECP256R1()
    )  # what every client of the last 15 years takes, and quick to sign with
    mark = hashlib.sha256(_public_bytes(key)).hexdigest()[:8]  # two machines may have one name
    shown = "".join(c for c in machine if c.isprintable()).strip() or "?"
    common = f"{ORGANISATION} {mark} - {shown}"[:_MAX_COMMON_NAME]
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )
    return Authority(_sign(key, subject, now), key)


def _sign(key: ec.EllipticCurvePrivateKey, subject: x509.Name, now: datetime) -> x509.Certificate:
    begin = (now - _BACKDATED).replace(microsecond=0)
    key_usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage, critical=True)
        # No use beyond web servers: neither mail nor programs could be signed with a stolen key.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _public_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _store(folder: Path, authority: Authority, *, new: bool) -> Authority:
    key = authority.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate = authority.certificate.public_bytes(serialization.Encoding.PEM)
    try:
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)  # the certificate is for everybody, the list is not
        written = [_write_beside(folder / CERTIFICATE_FILE, certificate, mode=0o644)]
        if new:
            written.append(_write_beside(folder / KEY_FILE, key, mode=0o600))
        for partial, path in written:
            partial.replace(path)
    except OSError as error:
        raise AuthorityError(
            f"{folder}: cannot write the local authority: {error.strerror}; free or allow it"
        ) from error
    return authority


def _write_beside(path: Path, content: bytes, *, mode: int) -> tuple[Path, Path]:
    """Write *content*, whole and on disk, to a file beside *path*; return both paths."""
    partial = path.with_name(f".{path.name}.new")
    partial.unlink(missing_ok=True)
    # Nobody else's file or link is ever written through, and no moment goes by with a readable key.
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    return partial, path


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise AuthorityError(f"{path}: {error.strerror}; run as the filter's own account") from error
    except OSError as error:
        raise AuthorityError(f"{path}: cannot be read: {error.strerror}; {_way_out(path.parent)}") from error


def _way_out(folder: Path) -> str:
    return f"put the files back, or delete {KEY_FILE} and {CERTIFICATE_FILE} in {folder} and install the new one"
