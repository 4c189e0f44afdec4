# SPDX-License-Identifier: GPL-3.0-or-later
"""An id is one label before our name."""

from __future__ import annotations

import pytest

from filterd.dns.device_name import device_in_host, is_ours, read_device

NAMES = ("dns.example.org", "192.0.2.1")


@pytest.mark.parametrize(
    ("host", "device", "ours"),
    [
        ("dns.example.org", None, True),
        ("DNS.example.org.", None, True),
        ("ana-1.dns.example.org", "ana-1", True),
        ("Ana-1.DNS.Example.org.", "ana-1", True),
        ("a.b.dns.example.org", None, False),
        ("-a.dns.example.org", None, False),
        ("a_b.dns.example.org", None, False),
        (".dns.example.org", None, False),
        ("example.org", None, False),
        ("dns.example.org.evil.example", None, False),
        ("192.0.2.1", None, True),
        ("7.192.0.2.1", "7", True),
        ("", None, False),
    ],
)
def test_a_host_is_ours_or_not_and_names_a_device_or_not(host: str, device: str | None, *, ours: bool) -> None:
    assert device_in_host(host, NAMES) == device
    assert is_ours(host, NAMES) is ours


@pytest.mark.parametrize("text", ["", "a" * 64, "ñandú", "a.b", "a/b", "a b", "id:a", "a\n"])
def test_what_fits_into_no_label_is_no_id(text: str) -> None:
    assert read_device(text) is None
