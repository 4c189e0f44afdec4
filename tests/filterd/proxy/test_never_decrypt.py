# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of what is judged by its name alone (T21)."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterd.proxy.never_decrypt import NeverDecrypt, NeverDecryptError

CATEGORIES = Path(__file__).resolve().parents[3] / "categories"
SHIPPED = NeverDecrypt.read(CATEGORIES)


def lines(path: Path) -> set[str]:
    return {text for line in path.read_text().splitlines() if (text := line.partition("#")[0].strip())}


@pytest.mark.parametrize(
    "host",
    ["itau.com.py", "www.bancontinental.com.py", "ueno.com.py", "servicios.ips.gov.py", "www.mspbs.gov.py",
     "set.gov.py", "paypal.com", "www.update.microsoft.com", "gs.apple.com", "play.googleapis.com", "ocsp.digicert.com",
     "r10.o.lencr.org", "vault.bitwarden.com", "us04web.zoom.us", "mmg.whatsapp.net", "security.debian.org"],
)  # fmt: skip
def test_t21_money_health_state_and_updates_are_left_alone(host: str) -> None:
    assert SHIPPED.covers(host)


@pytest.mark.parametrize(
    "host",
    ["google.com", "www.google.com.py", "youtube.com", "facebook.com", "web.whatsapp.com", "reddit.com", "example.com",
     "notitau.com.py", "evil-gov.py", "translate.goog", "drive.google.com", "192.0.2.1", "2001:db8::1"],
)  # fmt: skip
def test_what_shows_everything_is_not_left_alone(host: str) -> None:
    assert not SHIPPED.covers(host)


def test_nobody_may_publish_under_a_name_that_is_left_alone() -> None:
    assert SHIPPED.domains.isdisjoint(lines(CATEGORIES / "hosting-parents.txt"))


def test_no_search_engine_is_left_alone() -> None:
    engines = lines(CATEGORIES / "never-block" / "platforms" / "search.txt")

    assert [engine for engine in engines if SHIPPED.covers(engine)] == []


@pytest.mark.parametrize("path", sorted((CATEGORIES / "never-decrypt").glob("*.txt")), ids=lambda path: path.stem)
def test_a_shipped_file_says_each_name_once(path: Path) -> None:
    names = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]

    assert len(names) == len(set(names))


def test_the_adult_may_add_to_it() -> None:
    assert NeverDecrypt.read(CATEGORIES, ["app.example"]).covers("api.app.example")


@pytest.mark.parametrize(("line", "reason"), [("not a domain", "line 2"), ("192.0.2.1", "is an address")])
def test_a_line_that_is_no_domain_is_named(tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "never-decrypt").mkdir()
    (tmp_path / "never-decrypt" / "a.txt").write_text(f"# comment\n{line}\n")

    with pytest.raises(NeverDecryptError, match=reason):
        NeverDecrypt.read(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NeverDecryptError, match="install filterd again"):
        NeverDecrypt.read(tmp_path)
    (tmp_path / "never-decrypt").mkdir()
    (tmp_path / "never-decrypt" / "a.txt").write_text("good.example\n")
    with pytest.raises(NeverDecryptError, match=r"banks\.txt"):
        NeverDecrypt.read(tmp_path)
