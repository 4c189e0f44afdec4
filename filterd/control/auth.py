# SPDX-License-Identifier: GPL-3.0-or-later
"""The adult's secrets: password, recovery code, one-time codes. Checked here, offline too; stored as digests."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path

import argon2
import msgspec
import pyotp

from filterd.control.private_file import write_private

MIN_LENGTH, MAX_LENGTH = 4, 1024  # a rule only against the empty and the absurd; advice is the front ends'
RECOVERY_GROUPS, _GROUP = 5, 5
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that is read as another: I, O, 0, 1
_STEP_S = 30  # RFC 6238

# RFC 9106 §4, second recommended option: 64 MiB, three passes. A check takes a fraction of a second on an old laptop.
_hasher = argon2.PasswordHasher(time_cost=3, memory_cost=65536, parallelism=2)


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored."""

    password: str = ""
    recovery: str = ""
    totp: str = ""  # base32; a secret that both sides must know
    totp_step: int = 0  # the last step whose code was used: each is good once
    reset_by: str = ""  # an administrator set the password anew, and the adult has not seen it yet


class WeakPassword(ValueError):
    """Too short or too long to be taken."""


class AuthError(OSError):
    """The secrets cannot be read or written."""


class Auth:
    """The secrets in the file *path*; *now* is the time of one-time codes, in seconds since the epoch."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now

    @property
    def is_set(self) -> bool:
        """Whether there is a password. A file that is there and cannot be read counts: it must not be replaced."""
        try:
            return bool(self._read().password)
        except AuthError:
            return True

    @property
    def problem(self) -> str:
        """Why the secrets cannot be read, in one line; empty where they can, or where there are none yet."""
        try:
            self._read()
        except AuthError as error:
            return str(error.strerror)
        return ""

    @property
    def has_totp(self) -> bool:
        """Whether one-time codes are set up."""
        return bool(self._read_or_renew(by="anybody").totp)

    @property
    def reset_by(self) -> str:
        """Who set the password anew without the old one; empty: nobody, or the adult has seen it."""
        return self._read_or_renew(by="anybody").reset_by

    def set_password(self, password: str, *, reset_by: str = "") -> str:
        """Set *password* and return a new recovery code, to be shown once. One-time codes stay as they are.

        Raises:
            WeakPassword: too short or too long. AuthError: it cannot be stored.
        """
        check_length(password)
        code = new_recovery_code()
        digests = {"password": _hasher.hash(password), "recovery": _hasher.hash(_plain(code))}
        self._write(msgspec.structs.replace(self._read_or_renew(by=reset_by), **digests, reset_by=reset_by))
        return code

    def check_password(self, password: str) -> bool:
        """Return whether *password* is the adult's. Takes as long for every wrong one.

        Raises:
            AuthError: the secrets cannot be read.
        """
        return _matches(self._read().password, password)

    def check_recovery(self, code: str) -> bool:
        """Return whether *code* is the recovery code, however it is grouped. It stays good until a password is set."""
        return _matches(self._read().recovery, _plain(code))

    def new_totp(self) -> str:
        """Make a secret for one-time codes and return it as the ``otpauth:`` address that a phone's QR reader takes."""
        secret = pyotp.random_base32()
        self._write(msgspec.structs.replace(self._read(), totp=secret, totp_step=0))
        return pyotp.TOTP(secret).provisioning_uri(name="filterd", issuer_name="filterd")

    def remove_totp(self) -> None:
        """Take no one-time codes any more."""
        self._write(msgspec.structs.replace(self._read(), totp="", totp_step=0))

    def use_totp(self, code: str) -> bool:
        """Return whether *code* is the current one-time code (or its neighbour), and spend it: RFC 6238 §5.2."""
        stored = self._read()
        if not stored.totp:
            return False
        totp, step = pyotp.TOTP(stored.totp), int(self._now()) // _STEP_S
        given = "".join(code.split())
        found = [
            s
            for s in (step - 1, step, step + 1)
            if secrets.compare_digest(totp.generate_otp(s).encode(), given.encode())
        ]
        fresh = [s for s in found if s > stored.totp_step]
        if not fresh:
            return False
        self._write(msgspec.structs.replace(stored, totp_step=fresh[0]))
        return True

    def acknowledge_reset(self) -> None:
        """Note that the adult has seen who reset the password."""
        self._write(msgspec.structs.replace(self._read(), reset_by=""))

    def _read(self) -> Secrets:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Secrets)
        except FileNotFoundError:
            return Secrets()
        except OSError as error:
            raise AuthError(error.errno, f"{self._path}: cannot be read: {error.strerror}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            way = "as an administrator, set a new password: filterd password recover --as-administrator"
            raise AuthError(5, f"{self._path}: damaged; {way}") from error

    def _read_or_renew(self, *, by: str) -> Secrets:
        """Return what is stored; where it is damaged, nothing for the administrator *by*, who starts anew."""
        try:
            return self._read()
        except AuthError:
            if not by:
                raise
            return Secrets()

    def _write(self, stored: Secrets) -> None:
        try:
            write_private(self._path, msgspec.json.encode(stored))
        except OSError as error:
            raise AuthError(error.errno, f"{self._path}: cannot be written: {error.strerror}") from error


def new_recovery_code() -> str:
    """Return a code of 125 bits, in groups that can be written down."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(RECOVERY_GROUPS))
    return "-".join(groups)


def _plain(code: str) -> str:
    return "".join(letter for letter in code.upper() if letter.isalnum())


def check_length(password: str) -> None:
    """Check that *password* may be taken.

    Raises:
        WeakPassword: it is too short or too long.
    """
    if len(password) < MIN_LENGTH:
        raise WeakPassword(f"the password has fewer than {MIN_LENGTH} characters; a sentence is easy to remember")
    if len(password) > MAX_LENGTH:
        raise WeakPassword(f"the password has more than {MAX_LENGTH} characters")


def _matches(stored: str, given: str) -> bool:
    if not stored or len(given) > MAX_LENGTH:
        return False
    try:
        return _hasher.verify(stored, given)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
