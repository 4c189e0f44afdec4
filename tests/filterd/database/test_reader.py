# SPDX-License-Identifier: GPL-3.0-or-later
"""The database answers as a dictionary would, and refuses every file that is not whole and ours."""

from __future__ import annotations

import gc
import os
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterd.database import layout
from filterd.database.build import build_database
from filterd.database.layout import DatabaseError
from filterd.database.reader import Database
from filterd.policy.domains import covers, depth, is_address
from filterd.policy.model import GUARD_SITE, Effect, Match, Rule, RuleList
from filterd.policy.networks import is_network, packed_number

BUILT = datetime(2026, 11, 21, 18, 30, tzinfo=UTC)


def compile_lists(path: Path, *lists: RuleList) -> Database:
    build_database(lists, path, built=BUILT)
    return Database.open(path)


def texts(matches: Sequence[Match]) -> list[str]:
    return [match.rule for match in matches]


# --- the model: every rule looked at, nothing indexed ---

Given = tuple[str, str, list[Rule]]  # list, category, rules


def _rule_covers(rule: Rule, host: str, path: str | None) -> bool:
    if is_network(rule.domain):
        return rule.apex and rule.path is None and is_address(host) and ip_address(host) in ip_network(rule.domain)
    if rule.path is None:
        return rule.apex if host == rule.domain else rule.below and covers(rule.domain, host)
    if path is None or host not in (rule.domain, f"www.{rule.domain}") or not path.startswith(rule.path):
        return False
    rest = path[len(rule.path) :]
    return rule.path.endswith("/") or rest[:1] in ("", "/", "?") or ("?" in rule.path and rest[0] == "&")


def prefix_length(domain: str) -> int:
    return ip_network(domain).prefixlen if is_network(domain) or is_address(domain) else 0


def find_by_model(lists: list[Given], host: str, path: str | None) -> list[Match]:
    sources = list(dict.fromkeys((name, category) for name, category, _ in lists))
    rules = [(sources.index((name, category)), rule) for name, category, rules in lists for rule in rules]
    covering = [(source, rule) for source, rule in rules if _rule_covers(rule, host, path)]
    excepted = {source for source, rule in covering if rule.effect is Effect.EXCEPT}
    found = {}
    for source, rule in covering:
        if rule.effect is Effect.EXCEPT or (source in excepted and rule.effect is not Effect.IMPORTANT):
            continue
        apex = any(
            other.apex or other.path is not None
            for where, other in rules
            if (where, other.domain, other.path, other.effect) == (source, rule.domain, rule.path, rule.effect)
        )
        text = ("" if apex else "*.") + rule.domain + (rule.path or "")
        deep = (prefix_length(rule.domain) or depth(rule.domain)) + (rule.path is not None)
        order = (-deep, rule.path is None, -len(rule.path or ""), source, rule.effect)
        name, category = sources[source]
        found[order] = Match(text, deep, category, name, rule.effect)
    return [found[order] for order in sorted(found)]


labels = st.sampled_from(["a", "b", "ab", "www", "py"])
domains = st.lists(labels, min_size=1, max_size=4).map(".".join)
hosts = domains | st.sampled_from(["192.0.2.1", "1.192.0.2", "2001:db8::1", "2001:db8::"])
networks = st.sampled_from(
    ["192.0.2.0/24", "192.0.2.0/31", "192.0.0.0/8", "1.192.0.0/16", "2001:db8::/32", "2001:db8::/127", "2001::/16"]
)
paths = st.lists(
    st.sampled_from(["/", "/a", "/b", "/ab", "c", "?x=1", "&y=2", "?", ".", "é", "%C3%A9"]), min_size=1, max_size=5
).map(lambda parts: "/" + "".join(parts).lstrip("/"))
rules = st.builds(
    Rule,
    domain=hosts | networks,
    path=st.none() | st.none() | paths,
    apex=st.booleans(),
    below=st.booleans(),
    effect=st.sampled_from(Effect),
)
given_lists = st.lists(
    st.tuples(st.sampled_from(["l1", "l2"]), st.sampled_from(["x", "y", GUARD_SITE]), st.lists(rules, max_size=8)),
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(lists=given_lists, questions=st.lists(st.tuples(hosts, st.none() | paths), min_size=1, max_size=12))
def test_the_database_finds_what_a_search_through_all_rules_finds(
    lists: list[Given], questions: list[tuple[str, str | None]]
) -> None:
    asked = questions + [(rule.domain, rule.path) for _, _, some in lists for rule in some]
    asked = [(host, path) for host, path in asked if not is_network(host)]
    asked += [(f"www.{host}", path) for host, path in asked if host[-1].isalpha()]
    with tempfile.TemporaryDirectory() as folder:
        database = compile_lists(Path(folder) / "a.fdb", *(RuleList(*given) for given in lists))
        database.verify()

        answers = {question: list(database.find(*question)) for question in asked}

    assert answers == {(host, path): find_by_model(lists, host, path) for host, path in asked}


@settings(deadline=None)
@given(path=st.text())
def test_no_path_upsets_a_look_up(path: str, small: Database) -> None:
    assert texts(small.find("bet.example", "/" + path))[-1] == "bet.example"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Database:
    rules = [Rule("bet.example"), Rule("only-below.example", apex=False), Rule("page.example", "/a/b")]
    return compile_lists(tmp_path_factory.mktemp("small") / "small.fdb", RuleList("list", "gambling", rules))


# --- by example, for people ---


@pytest.mark.parametrize(
    ("host", "path", "found"),
    [
        ("bet.example", None, ["bet.example"]),
        ("www.bet.example", None, ["bet.example"]),
        ("alphabet.example", None, []),
        ("example", None, []),
        ("only-below.example", None, []),
        ("x.only-below.example", None, ["*.only-below.example"]),
        ("page.example", None, []),
        ("page.example", "/a/b", ["page.example/a/b"]),
        ("www.page.example", "/a/b", ["page.example/a/b"]),
        ("other.page.example", "/a/b", []),
        ("page.example", "/a/b/c", ["page.example/a/b"]),
        ("page.example", "/a/b?c", ["page.example/a/b"]),
        ("page.example", "/a/bc", []),
        ("page.example", "/", []),
    ],
)
def test_names_and_urls_are_covered_as_their_rules_say(
    host: str, path: str | None, found: list[str], small: Database
) -> None:
    assert texts(small.find(host, path)) == found


def test_the_most_specific_entry_stands_first(tmp_path: Path) -> None:
    listed = [Rule("example.com"), Rule("a.example.com"), Rule("www.a.example.com"), Rule("a.example.com", "/x")]
    database = compile_lists(tmp_path / "a.fdb", RuleList("list", "x", listed))

    found = database.find("www.a.example.com", "/x/y")

    assert [(match.rule, match.depth) for match in found] == [
        ("a.example.com/x", 4),
        ("www.a.example.com", 4),
        ("a.example.com", 3),
        ("example.com", 2),
    ]


def test_an_exception_takes_back_only_what_its_own_list_blocks(tmp_path: Path) -> None:
    allow = Rule("good.example.com", effect=Effect.EXCEPT)
    database = compile_lists(
        tmp_path / "a.fdb",
        RuleList("strict", "x", [Rule("example.com"), Rule("www.good.example.com"), allow]),
        RuleList("other", "x", [Rule("example.com")]),
    )

    assert [match.list for match in database.find("www.good.example.com")] == ["other"]
    assert [match.list for match in database.find("example.com")] == ["strict", "other"]


def test_an_important_rule_is_not_taken_back(tmp_path: Path) -> None:
    listed = [Rule("example.com", effect=Effect.IMPORTANT), Rule("www.example.com", effect=Effect.EXCEPT)]
    database = compile_lists(tmp_path / "a.fdb", RuleList("list", "x", listed))

    assert texts(database.find("www.example.com")) == ["example.com"]


def test_an_address_is_found_with_the_networks_around_it_the_narrowest_first(tmp_path: Path) -> None:
    listed = [Rule("203.0.113.0/24"), Rule("203.0.113.7", below=False), Rule("203.0.0.0/16"), Rule("203.0.113.9")]
    pages = RuleList("pages", "y", [Rule("203.0.113.7", "/a")])
    database = compile_lists(tmp_path / "a.fdb", RuleList("list", "x", listed), pages)

    found = database.find("203.0.113.7", "/a/b")

    assert [(match.rule, match.depth) for match in found] == [
        ("203.0.113.7/a", 33),
        ("203.0.113.7", 32),
        ("203.0.113.0/24", 24),
        ("203.0.0.0/16", 16),
    ]
    assert texts(database.find("203.0.112.1")) == ["203.0.0.0/16"]
    assert texts(database.find("64:ff9b::cb00:7001")) == ["203.0.0.0/16"]  # 203.0.112.1 behind NAT64
    assert database.find("203.1.0.0") == database.find("www.203.example") == []


def test_an_exception_takes_an_address_out_of_its_lists_network(tmp_path: Path) -> None:
    listed = [Rule("2001:db8::/32"), Rule("2001:db8::1", effect=Effect.EXCEPT)]
    other = RuleList("other", "x", [Rule("2001:db8::/48")])
    database = compile_lists(tmp_path / "a.fdb", RuleList("list", "x", listed), other)

    assert texts(database.find("2001:db8::2")) == ["2001:db8::/48", "2001:db8::/32"]
    assert texts(database.find("2001:db8::1")) == ["2001:db8::/48"]


def test_a_name_that_ends_in_a_digit_is_a_name(tmp_path: Path) -> None:
    database = compile_lists(tmp_path / "a.fdb", RuleList("list", "x", [Rule("0.0.0.0/8"), Rule("1.2.3.4")]))

    assert database.find("mp3") == database.find("x.c4") == database.find("x.c4", "/a") == []


def test_whether_there_is_any_address_is_said(tmp_path: Path) -> None:
    with_one = compile_lists(tmp_path / "a.fdb", RuleList("list", "x", [Rule("1.2.3.4")]))
    without = compile_lists(tmp_path / "b.fdb", RuleList("list", "x", [Rule("a.example"), Rule("1.2.3.4", "/page")]))

    assert with_one.has_addresses
    assert not without.has_addresses
    assert [(str(network), match.list) for network, match in with_one.networks()] == [("1.2.3.4", "list")]


# --- which files are taken ---


def test_a_file_cut_at_any_byte_is_refused_by_name(small: Database, tmp_path: Path) -> None:
    whole, path = small.path.read_bytes(), tmp_path / "cut.fdb"
    path.write_bytes(whole)
    for size in reversed(range(len(whole))):
        os.truncate(path, size)
        with pytest.raises(DatabaseError, match=rf"cut\.fdb: cut off after {size} .*filterd compile"):
            Database.open(path)


def test_a_file_with_any_byte_changed_is_refused_by_name(small: Database, tmp_path: Path) -> None:
    whole, path = small.path.read_bytes(), tmp_path / "changed.fdb"
    path.write_bytes(whole)
    with path.open("r+b", buffering=0) as file:
        for at, byte in enumerate(whole):
            os.pwrite(file.fileno(), bytes([byte ^ 0x10]), at)
            with pytest.raises(DatabaseError, match=r"changed\.fdb: .*filterd compile"):
                Database.open(path)
            os.pwrite(file.fileno(), bytes([byte]), at)


def test_a_file_with_bytes_behind_its_end_is_refused(small: Database, tmp_path: Path) -> None:
    path = tmp_path / "longer.fdb"
    path.write_bytes(small.path.read_bytes() + b"\0")

    with pytest.raises(DatabaseError, match=r"longer\.fdb: damaged"):
        Database.open(path)


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x1a\n" + bytes(100), b"# a list\nexample.com\n", bytes(4096), b"SQLite format 3\0"],
    ids=["picture", "text", "zeros", "sqlite"],
)
def test_a_foreign_file_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "foreign.fdb"
    path.write_bytes(content)

    with pytest.raises(DatabaseError, match=r"foreign\.fdb: is no category database.*filterd compile"):
        Database.open(path)


def test_a_file_of_a_future_format_is_refused_by_name(small: Database, tmp_path: Path) -> None:
    path = tmp_path / "future.fdb"
    content = bytearray(small.path.read_bytes())
    struct.pack_into("=I", content, len(layout.MAGIC), layout.VERSION + 1)
    path.write_bytes(content)

    with pytest.raises(DatabaseError, match=r"future\.fdb: written in format 3, .* reads format 2; update filterd"):
        Database.open(path)


def test_a_file_of_another_kind_of_machine_is_refused(small: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MACHINE", "big-32")

    with pytest.raises(DatabaseError, match=r"small\.fdb: built on a \S+ machine, and this one is big-32"):
        Database.open(small.path)


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"none\.fdb: no such file; .*filterd compile"):
        Database.open(tmp_path / "none.fdb")
    with pytest.raises(DatabaseError, match=r"cannot be read: Is a directory; .*filterd compile"):
        Database.open(tmp_path)


def test_a_digest_that_differs_is_found_when_verified(small: Database, tmp_path: Path) -> None:
    # What no accident does: the checksum made right, the digest not.
    content = small.path.read_bytes()
    preamble = layout.unpack_preamble(content[: layout.PREAMBLE_SIZE])
    body_checksum = zlib.crc32(content[layout.PREAMBLE_SIZE :])
    forged = layout.pack_preamble(
        body_checksum=body_checksum, size=preamble.size, header_length=preamble.header_length, digest=bytes(32)
    )
    path = tmp_path / "forged.fdb"
    path.write_bytes(forged + content[layout.PREAMBLE_SIZE :])

    database = Database.open(path)

    with pytest.raises(DatabaseError, match=r"forged\.fdb: damaged: its digest differs"):
        database.verify()


# --- how it lives ---


def test_look_ups_go_on_when_the_file_has_gone(tmp_path: Path) -> None:
    find = compile_lists(tmp_path / "a.fdb", RuleList("list", "x", [Rule(f"{n}.example") for n in range(5000)])).find
    (tmp_path / "a.fdb").unlink()
    gc.collect()

    assert all(texts(find(f"www.{n}.example")) == [f"{n}.example"] for n in range(5000))


def test_threads_may_share_a_database(tmp_path: Path) -> None:
    lists = [RuleList(f"list-{n}", "x", [Rule(f"{m}.example") for m in range(n, 60)]) for n in range(60)]
    database = compile_lists(tmp_path / "a.fdb", *lists)
    wrong: list[int] = []

    def ask() -> None:
        wrong.extend(n for n in range(60) if len(database.find(f"{n}.example")) != n + 1)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not wrong


def test_the_reader_is_light_to_import() -> None:
    listing = "import sys, filterd.database.reader; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True, timeout=60)

    heavy = {"hashlib", "idna", "asyncio", "ssl", "msgspec", "tempfile", "logging", "filterd.database.build"}
    assert not heavy & set(run.stdout.split())


@given(st.ip_addresses(v=4) | st.sampled_from(["203.0.113.7", "203.0.113.66", "192.0.2.1", "64:ff9b::cb00:7142"]))
def test_an_address_that_is_found_is_one_that_may_be_known(small: Database, address: object) -> None:
    packed = ip_address(str(address)).packed
    networks = [network for network, _ in small.networks()]

    number = packed_number(packed)
    assert small.may_know_address(packed) == any(n.first <= number <= n.last for n in networks)
    assert small.may_know_address(packed) or not small.find(str(address))
