# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the edges can judge is refused at start, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd.edges import check_edges
from filterd.settings_read import SettingsError, Source, parse_settings
from tests.filterd.dns.authority import Authority, make_authority


def check(text: str) -> None:
    check_edges(parse_settings(text, name="f.toml"), Source("f.toml", text))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("ca"))


def test_the_defaults_are_right() -> None:
    check("")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[dns]\nupstreams = []", "line 2: dns.upstreams: name at least one resolver"),
        ('[dns]\nupstreams = ["udp://no.example"]', "line 2: dns.upstreams: "),
        ('[dns]\nupstreams = ["udp://127.0.0.1:5335"]', "is our own address"),
        ('[dns]\nsecond_opinion = ["udp://127.0.0.1:5335"]', "line 2: dns.second_opinion: udp://127.0.0.1:5335 is our"),
        (
            '[dns.domains]\n"home.lan" = ["udp://127.0.0.1:5335"]',
            "line 2: dns.domains: udp://127.0.0.1:5335 is our own",
        ),
        ('[dns]\nlisten = ["0.0.0.0:53"]\nupstreams = ["udp://127.0.0.1"]', "is our own address"),
        ('[dns]\nupstream_ca = "/no/such.pem"', "line 2: dns.upstream_ca: /no/such.pem: no such file"),
        (
            '[dot]\nlisten = "127.0.0.1:853"\ncertificate = "/no/c.pem"\nkey = "/no/k.pem"',
            "line 3: dot: /no/c.pem",
        ),
        ('[proxy]\nprivate_targets = ["a b"]', "line 2: proxy.private_targets: "),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        check(text)

    assert message in str(refused.value)


def test_a_certificate_that_fits_its_key_is_taken_and_one_that_does_not_is_not(
    authority: Authority, tmp_path: Path
) -> None:
    text = '[dot]\nlisten = "127.0.0.1:853"\ncertificate = "{}"\nkey = "{}"'
    other = make_authority(tmp_path)

    check(text.format(authority.certificate, authority.key))
    with pytest.raises(SettingsError, match="line 3: dot: "):
        check(text.format(authority.certificate, other.key))
