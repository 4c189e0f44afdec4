# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that tells a browser to use the proxy."""

from __future__ import annotations

import re

import pytest

from filterd.proxy.pac import is_pac_path, make_pac


def test_it_ends_in_the_proxy_and_never_goes_around_it() -> None:
    script = make_pac("192.168.7.1", 8080).decode()

    assert re.findall(r'return "(.*?)"', script) == ["DIRECT", "PROXY 192.168.7.1:8080"]
    assert script.rstrip().endswith('return "PROXY 192.168.7.1:8080";\n}')


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert b'"PROXY [fd00::1]:3128"' in make_pac("fd00::1", 3128)


@pytest.mark.parametrize(
    ("path", "known"), [("/proxy.pac", True), ("/wpad.dat?x", True), ("/", False), ("/proxy.pac/x", False)]
)
def test_the_usual_paths_lead_to_it(path: str, known: bool) -> None:
    assert is_pac_path(path) is known
