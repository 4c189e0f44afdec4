# SPDX-License-Identifier: GPL-3.0-or-later
"""The local authority: T30 to T32, and what happens to its files."""

from __future__ import annotations

import datetime as dt
import errno
import os
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from filterd.proxy.authority import CERTIFICATE_FILE, KEY_FILE, AuthorityError, load, load_or_make, remove

NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ca"


def test_t30_two_machines_have_two_authorities(tmp_path: Path) -> None:
    one, other = (load_or_make(tmp_path / name, machine="casa", now=NOW).certificate for name in ("a", "b"))

    assert one.public_key() != other.public_key()
    assert one.serial_number != other.serial_number
    assert one.subject != other.subject


def test_t31_the_key_is_for_its_owner_alone(folder: Path) -> None:
    before = os.umask(0)
    try:
        load_or_make(folder, machine="casa", now=NOW)
    finally:
        os.umask(before)

    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / CERTIFICATE_FILE).stat().st_mode) == 0o644
    assert stat.S_IMODE(folder.stat().st_mode) == 0o711
    assert sorted(path.name for path in folder.iterdir()) == [KEY_FILE, CERTIFICATE_FILE]
    assert b"PRIVATE" not in (folder / CERTIFICATE_FILE).read_bytes()


def test_t31_no_key_is_ever_shown(folder: Path) -> None:
    assert "key" not in repr(load_or_make(folder, machine="casa", now=NOW))


def test_t32_what_it_may_do_is_little_and_not_for_long(folder: Path) -> None:
    certificate = load_or_make(folder, machine="casa de Ana", now=NOW).certificate
    limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)

    assert (limits.critical, limits.value.ca, limits.value.path_length) == (True, True, 0)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.crl_sign) == (True, True, False)
    assert not usage.value.digital_signature
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= 731 * DAY
    name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert str(name).startswith("filterd ")
    assert str(name).endswith("casa de Ana")


@pytest.mark.parametrize("machine", ["", "x" * 300, "año-ñandé", "a\nb\x00c"])
def test_any_machine_has_a_name_that_fits(folder: Path, machine: str) -> None:
    name = load_or_make(folder, machine=machine, now=NOW).certificate.subject

    assert len(str(name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)) <= 64


def test_it_is_made_once(folder: Path) -> None:
    made = load_or_make(folder, machine="casa", now=NOW)

    assert load_or_make(folder, machine="other", now=NOW + 9 * DAY).certificate == made.certificate


def test_none_is_there_before_it_is_made(folder: Path) -> None:
    assert load(folder, now=NOW) is None


@pytest.mark.parametrize("after", [671 * DAY, 800 * DAY], ids=["ends soon", "has ended"])
def test_a_renewed_authority_is_trusted_by_who_trusts_the_old_one(folder: Path, after: dt.timedelta) -> None:
    old = load_or_make(folder, machine="casa", now=NOW)
    new = load_or_make(folder, machine="casa", now=NOW + after)

    assert new.certificate.serial_number != old.certificate.serial_number
    assert (new.certificate.subject, new.certificate.public_key()) == (old.certificate.subject, old.key.public_key())
    assert new.certificate.not_valid_after_utc > NOW + after + 700 * DAY
    assert load(folder, now=NOW + after) is not None


def test_it_is_not_renewed_before_its_last_two_months(folder: Path) -> None:
    old = load_or_make(folder, machine="casa", now=NOW)

    assert load_or_make(folder, machine="casa", now=NOW + 660 * DAY).certificate == old.certificate


@pytest.mark.parametrize("name", [KEY_FILE, CERTIFICATE_FILE])
@pytest.mark.parametrize("damage", ["missing", "empty", "rubbish", "foreign"])
def test_t39_a_damaged_authority_is_never_replaced_in_silence(
    folder: Path, tmp_path: Path, name: str, damage: str
) -> None:
    load_or_make(folder, machine="casa", now=NOW)
    load_or_make(tmp_path / "foreign", machine="casa", now=NOW)
    if damage == "missing":
        (folder / name).unlink()
    else:
        content = {
            "empty": b"",
            "rubbish": b"-----BEGIN X-----\n",
            "foreign": (tmp_path / "foreign" / name).read_bytes(),
        }
        (folder / name).write_bytes(content[damage])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    with pytest.raises(AuthorityError, match=r"(delete|missing).*install the new one"):
        load_or_make(folder, machine="casa", now=NOW)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_t31_a_key_that_others_may_read_is_not_used(folder: Path) -> None:
    load_or_make(folder, machine="casa", now=NOW)
    (folder / KEY_FILE).chmod(0o640)

    with pytest.raises(AuthorityError, match="chmod 600"):
        load(folder, now=NOW)


def test_t39_a_clock_that_is_wrong_is_named(folder: Path) -> None:
    load_or_make(folder, machine="casa", now=NOW)

    with pytest.raises(AuthorityError, match="set the clock"):
        load(folder, now=NOW - 400 * DAY)


def test_a_folder_that_cannot_be_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(AuthorityError, match="cannot be read: Not a directory"):
        load_or_make(tmp_path / "file" / "ca", machine="casa", now=NOW)


def test_t39_a_full_disk_leaves_no_half_authority(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(AuthorityError, match="cannot write the local authority: No space"):
            load_or_make(folder, machine="casa", now=NOW)

    assert load(folder, now=NOW) is None
    load_or_make(folder, machine="casa", now=NOW)


def test_a_link_in_the_way_is_not_written_through(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (folder / f".{KEY_FILE}.new").symlink_to(victim)

    load_or_make(folder, machine="casa", now=NOW)

    assert victim.read_text() == "mine"


def test_t33_it_can_be_removed_and_a_new_one_is_another(folder: Path) -> None:
    old = load_or_make(folder, machine="casa", now=NOW)
    remove(folder)
    remove(folder)

    assert load(folder, now=NOW) is None
    assert load_or_make(folder, machine="casa", now=NOW).certificate.public_key() != old.certificate.public_key()
