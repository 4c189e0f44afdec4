# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may vouch for a server, and who may not (T4, T5)."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from filterd.proxy.authority import Authority, load_or_make
from filterd.proxy.roots import RootsError, load_roots
from tests.filterd.proxy.bad_servers import AUTHORITY, ROOT, STRANGER, Holder, make, pem


def subjects(*arguments: Path, bundle: Path, own: Authority | None = None) -> list[str | None]:
    return [root.get_subject().CN for root in load_roots(*arguments, own=own, bundles=[bundle])]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.crt"
    path.write_bytes(b"# a comment\n" + pem(STRANGER))
    return path


def test_the_systems_authorities_are_taken_and_others_added(bundle: Path, tmp_path: Path) -> None:
    extra = tmp_path / "extra.pem"
    extra.write_bytes(pem(ROOT))

    assert subjects(bundle=bundle) == ["Unknown root"]
    assert subjects(extra, bundle=bundle) == ["Unknown root", "Test root"]


def test_without_a_system_store_there_is_one_of_ours(tmp_path: Path) -> None:
    assert len(load_roots(bundles=[tmp_path / "none"])) > 80


@pytest.mark.parametrize(
    "name",
    ["Superfish, Inc.", "eDellRoot", "DSDTestProvider", "Preact CLI", "webpack-dev-server", "mitmproxy",
     "DO_NOT_TRUST_FiddlerRoot", "PortSwigger CA"],
)  # fmt: skip
def test_t4_a_known_interceptor_is_never_trusted(bundle: Path, name: str) -> None:
    bundle.write_bytes(pem(STRANGER, make(replace(AUTHORITY, common_name=name))))

    assert subjects(bundle=bundle) == ["Unknown root"]


def test_t5_our_own_authority_is_not_trusted_upstream(bundle: Path, tmp_path: Path) -> None:
    """Nor one of an earlier installation, nor its key under another name, nor by way of upstream_ca."""
    now = dt.datetime.now(dt.UTC)
    own, earlier = (load_or_make(tmp_path / name, machine="casa", now=now) for name in ("own", "earlier"))
    disguised = make(replace(AUTHORITY, common_name="Harmless", key=lambda: own.key))
    everything = pem(STRANGER, *(Holder(a.certificate, a.key) for a in (own, earlier)), disguised)
    bundle.write_bytes(everything)
    extra = tmp_path / "extra.pem"
    extra.write_bytes(everything)

    assert subjects(extra, bundle=bundle, own=own) == ["Unknown root", "Unknown root"]


def test_what_cannot_be_read_vouches_for_nobody(bundle: Path) -> None:
    bundle.write_bytes(pem(STRANGER) + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")

    assert subjects(bundle=bundle) == ["Unknown root"]


@pytest.mark.parametrize("content", [None, b"", b"no certificate"], ids=["missing", "empty", "rubbish"])
def test_a_wrong_upstream_ca_is_one_clear_line(bundle: Path, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "upstream.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(RootsError, match=r"\[proxy\] upstream_ca: .*upstream\.pem"):
        load_roots(path, bundles=[bundle])


def test_no_authorities_at_all_is_an_error(bundle: Path) -> None:
    bundle.write_bytes(b"")

    with pytest.raises(RootsError, match="ca-certificates"):
        load_roots(bundles=[bundle])


def test_a_key_of_another_kind_is_no_match(bundle: Path, authority: Authority) -> None:
    assert isinstance(authority.certificate, x509.Certificate)
    assert subjects(bundle=bundle, own=authority) == ["Unknown root"]
