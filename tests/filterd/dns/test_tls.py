# SPDX-License-Identifier: GPL-3.0-or-later
"""The owner's certificate: used, renewed, and kept where a renewal is bad."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from filterd.dns.tls import Certificate, CertificateError, Tls
from tests.filterd.dns.authority import Authority, make_authority


class Clock:
    time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> tuple[Path, Path]:
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    install(authority, certificate, key)
    return certificate, key


def install(authority: Authority, certificate: Path, key: Path) -> None:
    """Put new files there, as certbot does: never the old ones with other bytes."""
    for source, target in ((authority.certificate, certificate), (authority.key, key)):
        shutil.copy(source, target.with_suffix(".new"))
        target.with_suffix(".new").replace(target)


def test_a_renewal_is_in_force_soon(files: tuple[Path, Path], tmp_path: Path) -> None:
    clock = Clock()
    certificate = Certificate(*files, alpn=("dot",), now=clock)
    first = certificate.context()
    (tmp_path / "ca").mkdir()
    install(make_authority(tmp_path / "ca"), *files)
    assert certificate.context() is first
    clock.time += 11

    renewed = certificate.context()

    assert renewed is not first
    clock.time += 11
    assert certificate.context() is renewed


def test_a_bad_renewal_changes_nothing_until_a_good_one(
    files: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    certificate = Certificate(*files, alpn=("dot",), now=clock)
    first = certificate.context()
    (tmp_path / "ca").mkdir()
    renewed = make_authority(tmp_path / "ca")
    shutil.copy(renewed.certificate, files[0])  # the key comes later
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            clock.time += 11
            assert certificate.context() is first
    assert len(caplog.records) == 1
    assert "the certificate read before stays in force" in caplog.text
    assert certificate.problem.startswith(f"{files[0]}, {files[1]}: ")
    install(renewed, *files)
    clock.time += 11

    assert certificate.context() is not first
    assert certificate.problem == ""


def test_files_that_vanish_change_nothing(files: tuple[Path, Path]) -> None:
    clock = Clock()
    certificate = Certificate(*files, alpn=("dot",), now=clock)
    first = certificate.context()
    files[0].unlink()
    clock.time += 11

    assert certificate.context() is first


@pytest.mark.parametrize("what", ["missing", "rubbish", "another key", "a password"])
def test_what_cannot_be_used_is_named(files: tuple[Path, Path], tmp_path: Path, what: str) -> None:
    if what == "missing":
        files[1].unlink()
    elif what == "rubbish":
        files[0].write_text("no certificate", encoding="ascii")
    elif what == "a password":
        key = serialization.load_pem_private_key(files[1].read_bytes(), None)
        locked = serialization.BestAvailableEncryption(b"secret")
        form = serialization.PrivateFormat.PKCS8
        files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, locked))
    else:
        (tmp_path / "ca").mkdir()
        shutil.copy(make_authority(tmp_path / "ca").key, files[1])

    with pytest.raises(CertificateError, match=r"(fullchain|privkey)\.pem.*: .*; check certificate and key"):
        Certificate(*files, alpn=("dot",))


def test_a_connection_does_not_take_asyncio_s_buffers() -> None:
    assert Tls.max_size == 16384
