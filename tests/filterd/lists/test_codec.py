# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules go to disk and come back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filterd.lists.codec import RuleWriter, StoredRules, format_rule, parse_rule
from filterd.lists.model import ListError
from filterd.policy.model import Effect, Rule

domain = st.from_regex(r"[a-z0-9-]{1,10}\.[a-z]{2,5}", fullmatch=True)
path = st.none() | st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20).map(lambda text: f"/{text}")
rule = st.builds(Rule, domain, path, st.booleans(), st.booleans(), st.sampled_from(Effect))


def write(path: Path, rules: list[Rule]) -> StoredRules:
    with RuleWriter(path) as writer:
        writer.write(rules)
    return StoredRules(path)


@given(rule)
def test_a_rule_is_a_line_and_back(one: Rule) -> None:
    line = format_rule(one)

    assert parse_rule(line) == one
    assert "\n" not in line


def test_a_plain_rule_is_its_name() -> None:
    assert format_rule(Rule("bad.example")) == "bad.example"


@pytest.mark.parametrize("line", ["bad.example\t", "bad.example\t?", "bad.example\t-?"])
def test_another_line_is_none(line: str) -> None:
    with pytest.raises(ValueError, match="is no rule of a stored list"):
        parse_rule(line)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rule, max_size=50))
def test_rules_come_back_in_their_order(tmp_path: Path, rules: list[Rule]) -> None:
    assert list(write(tmp_path / "rules", rules)) == rules


def test_many_rules_come_back_every_time(tmp_path: Path) -> None:
    rules = [Rule(f"n{number}.example.com") for number in range(60_000)]
    rules[30_000] = Rule("odd.example.com", "/page")

    stored = write(tmp_path / "rules", rules)

    assert list(stored) == rules
    assert sum(1 for _ in stored) == 60_000
    assert (tmp_path / "rules").stat().st_size < 300_000


def test_a_writer_appends_and_counts(tmp_path: Path) -> None:
    with RuleWriter(tmp_path / "rules") as writer:
        writer.write([Rule("a.example")])
        writer.write([Rule("b.example")])

    assert writer.count == 2
    assert list(StoredRules(tmp_path / "rules").domains()) == ["a.example", "b.example"]


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[Rule]:
        yield Rule("a.example")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), RuleWriter(tmp_path / "rules") as writer:
        writer.write(broken())

    assert not (tmp_path / "rules").exists()


def test_a_file_with_fewer_rules_than_were_stored_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "rules", [Rule("a.example")])

    with pytest.raises(ListError, match="cut"):
        list(StoredRules(tmp_path / "rules", 2))


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_cut_file_is_an_error_not_a_short_list(tmp_path: Path, keep: int) -> None:
    stored = write(tmp_path / "rules", [Rule(f"n{number * 7919}.example.com") for number in range(10_000)])
    content = stored.path.read_bytes()
    stored.path.write_bytes(content[: len(content) - 1 - keep])

    with pytest.raises(ListError, match="cannot be read"):
        list(stored)


@pytest.mark.parametrize("content", [None, b"rubbish", b"\x28\xb5\x2f\xfdrubbish"])
def test_a_missing_or_foreign_file_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "rules").write_bytes(content)

    with pytest.raises(ListError, match="cannot be read"):
        list(StoredRules(tmp_path / "rules"))
