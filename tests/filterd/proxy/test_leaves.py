# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for single sites (T34)."""

from __future__ import annotations

import datetime as dt
import ipaddress

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from filterd.proxy.authority import Authority
from filterd.proxy.leaves import LeafStore

DAY = dt.timedelta(days=1)
LONG = "a." * 60 + "example"


@pytest.fixture
def leaves(authority: Authority) -> LeafStore:
    return LeafStore(authority)


@pytest.mark.parametrize("host", ["shop.example", "xn--and-6ma2c.example", "a_b.example", LONG])
def test_t34_a_leaf_is_good_for_its_host_by_the_rules_of_the_web(
    leaves: LeafStore, authority: Authority, host: str
) -> None:
    certificate = leaves.leaf_for(host).certificate
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    if "_" not in host:  # which the library's verifier takes for no name, though browsers do
        verifier = PolicyBuilder().store(Store([authority.certificate])).build_server_verifier(x509.DNSName(host))
        verifier.verify(certificate, [])

    assert list(names.value) == [x509.DNSName(host)]
    assert names.critical is (len(host) > 64)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not [e for e in certificate.extensions if isinstance(e.value, x509.CertificatePolicies)]


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_a_leaf_for_an_address_names_it_as_one(leaves: LeafStore, address: str) -> None:
    found = leaves.leaf_for(address).certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert list(found) == [x509.IPAddress(ipaddress.ip_address(address))]


def test_t34_it_lives_a_week_and_begins_before_slow_clocks_do(authority: Authority) -> None:
    now = dt.datetime.now(dt.UTC)
    certificate = LeafStore(authority, clock=lambda: now).leaf_for("shop.example").certificate

    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= 7 * DAY
    assert now - certificate.not_valid_before_utc >= DAY / 2


def test_t34_each_has_its_own_number_and_the_key_is_of_this_run(leaves: LeafStore, authority: Authority) -> None:
    one, other = (leaves.leaf_for(host).certificate for host in ("a.example", "b.example"))
    later = LeafStore(authority).leaf_for("a.example").certificate

    assert one.serial_number != other.serial_number
    assert one.public_key() != authority.certificate.public_key()
    assert one.public_key() != later.public_key()
    assert one.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "a.example"


def test_a_leaf_is_made_once_and_again_before_it_ends(authority: Authority) -> None:
    now = [dt.datetime.now(dt.UTC)]
    leaves = LeafStore(authority, clock=lambda: now[0])
    first = leaves.leaf_for("shop.example")
    again = leaves.leaf_for("shop.example")
    now[0] += 5.5 * DAY
    later = leaves.leaf_for("shop.example")

    assert first is again
    assert later.certificate.not_valid_after_utc - now[0] > DAY


def test_it_remembers_the_latest_only(authority: Authority) -> None:
    leaves = LeafStore(authority, limit=2)
    kept = leaves.leaf_for("a.example")
    leaves.leaf_for("b.example")
    leaves.leaf_for("a.example")
    leaves.leaf_for("c.example")

    assert leaves.leaf_for("a.example") is kept
    assert len(leaves._leaves) == 2


def test_it_never_outlives_its_authority(authority: Authority) -> None:
    end = authority.certificate.not_valid_after_utc
    certificate = LeafStore(authority, clock=lambda: end - DAY).leaf_for("shop.example").certificate

    assert certificate.not_valid_after_utc <= end


def test_no_key_is_ever_shown(leaves: LeafStore) -> None:
    assert "key=" not in repr(leaves.leaf_for("shop.example"))
