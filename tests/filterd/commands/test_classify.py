# SPDX-License-Identifier: GPL-3.0-or-later
"""`filterd classify` says what pages are about."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from filterd.policy.phrases import parse_phrases
from filterd.policy.scorer import CategoryModel, PageModel, PageScorer
from filterd.shipped import Shipped
from tests.filterd.commands.conftest import Run

FIELDS = {"id", "action", "category", "scores", "evidence", "language"}
BAD = "<title>Casino online</title><p>Jugá a la ruleta en el mejor casino online con bono de bienvenida.</p>"
GOOD = "<title>Chipa</title><p>La receta de la chipa con queso y almidón para los chicos.</p>"


@pytest.fixture(autouse=True)
def phrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge by a few phrases of our own: the shipped ones change, what the command does with them not."""
    gambling = parse_phrases("casino online\tes\t4\nruleta\tes\t2\nbono de bienvenida\tes\t3\nludopatía\tes\t-9")
    model = PageModel(categories={"gambling": CategoryModel(bias=-3)})
    scorer = PageScorer({"gambling": gambling, "games": parse_phrases("videojuego\tes\t9")}, model)
    monkeypatch.setattr(Shipped, "scorer", scorer)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    path.write_text(BAD)
    return path


def told(run: Run, config: Path, *arguments: str, **more: Any) -> Any:
    return json.loads(run("classify", "--json", "--config", str(config), *arguments, **more).out)


def test_json_has_the_contract_s_fields(run: Run, config: Path, page: Path) -> None:
    found = told(run, config, str(page))

    assert set(found) >= FIELDS
    assert (found["id"], found["action"], found["category"], found["language"]) == (
        str(page),
        "block",
        "gambling",
        "es",
    )
    assert 0.9 < found["scores"]["gambling"] <= 1
    phrase, times, worth = found["evidence"][0]
    assert (phrase, times) == ("casino online", 2)
    assert worth == max(piece[2] for piece in found["evidence"]) > 0
    assert found["profile"] == "child"


def test_a_harmless_page_is_allowed_with_nulls(run: Run, config: Path, page: Path) -> None:
    page.write_text(GOOD)
    found = told(run, config, str(page))

    assert (found["action"], found["category"], found["scores"], found["evidence"]) == ("allow", None, {}, [])


def test_a_category_that_the_profile_leaves_open_is_named_but_allowed(run: Run, config: Path, page: Path) -> None:
    page.write_text("un videojuego y otro videojuego")
    found = told(run, config, str(page))

    assert (found["action"], found["category"]) == ("allow", "games")


def test_a_page_labelled_for_adults_is_blocked(run: Run, config: Path, page: Path) -> None:
    page.write_text(f"<meta name=rating content=adult>{GOOD}")
    found = told(run, config, str(page))

    assert (found["action"], found["category"], found["age_label"]) == ("block", "adult", 18)


def test_the_address_brings_lists_and_guard_in(run: Run, config: Path, page: Path) -> None:
    assert told(run, config, "--url", "https://www.mec.gov.py/x", str(page))["action"] == "allow"
    assert told(run, config, "--url", "https://example.org/x", str(page))["action"] == "block"
    page.write_text(GOOD)
    listed = told(run, config, "--url", "https://www.bet365.com/x", str(page))
    assert (listed["action"], listed["category"]) == ("block", "gambling")


def test_another_profile_judges_otherwise(run: Run, config: Path, page: Path) -> None:
    assert told(run, config, "--profile", "adult", str(page))["action"] == "allow"


def test_standard_input_is_read(run: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))

    assert told(run, config, "-")["id"] == "-"


def test_lines_are_answered_in_order(run: Run, config: Path, tmp_path: Path) -> None:
    lines = tmp_path / "pages.jsonl"
    lines.write_bytes(
        b'{"id": "7", "html": "<p>casino online, ruleta, bono de bienvenida</p>"}\n\n'
        b'{"id": 8, "text": "la receta"}\n'
        b'{"id": "9", "text": "casino online y ruleta", "url": "https://www.mec.gov.py/"}\n'
        b'{"text": "\\ud800 sin id"}\n'
    )
    out = run("classify", "--jsonl", str(lines), "--config", str(config))
    found = [json.loads(line) for line in out.out.splitlines()]

    assert out.status == 0
    assert [(one["id"], one["action"]) for one in found] == [
        ("7", "block"), (8, "allow"), ("9", "allow"), (None, "allow"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "known", "complaint"),
    [
        (b"no json", None, "no JSON object"),
        (b"[1]", None, "no JSON object"),
        (b'{"id": 1}', 1, 'neither "text" nor "html"'),
        (b'{"id": 1, "text": 5}', 1, 'neither "text" nor "html"'),
        (b'{"id": 1, "text": "x", "url": "dos palabras"}', 1, "dos palabras"),
        (b'{"id": "cut", "text": "ca', None, "no JSON object"),
        (b"\xff\xfe\x00", None, "no JSON object"),
        (b"[" * 100_000, None, "no JSON object"),
    ],
)
def test_a_line_that_is_no_page_is_answered_as_such(
    run: Run, config: Path, tmp_path: Path, line: bytes, known: object, complaint: str
) -> None:
    lines = tmp_path / "pages.jsonl"
    lines.write_bytes(line + b'\n{"id": "next", "text": "x"}\n')
    out = run("classify", "--jsonl", str(lines), "--config", str(config))
    first, second = map(json.loads, out.out.splitlines())

    assert out.status == 1
    assert (first["id"], first["action"]) == (known, None)
    assert complaint in first["error"]
    assert second["action"] == "allow"


def test_what_cannot_be_read_is_one_line_and_the_rest_is_answered(run: Run, config: Path, page: Path) -> None:
    picture = page.with_name("picture.png")
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    out = run("classify", "--config", str(config), str(page.with_name("none")), str(picture), str(page))

    assert out.status == 1
    assert len(out.err.splitlines()) == 2
    assert "none" in out.err.splitlines()[0]
    assert "picture, archive or program" in out.err.splitlines()[1]
    assert str(page) in out.out


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", BAD.encode("utf-16"), BAD.encode("cp1252")[:40], b"<script>"])
def test_empty_cut_and_oddly_encoded_pages_are_answered(run: Run, config: Path, page: Path, body: bytes) -> None:
    page.write_bytes(body)

    assert told(run, config, str(page))["action"] in ("allow", "block")


def test_people_are_told_in_words(run: Run, config: Path, page: Path) -> None:
    out = run("classify", "--config", str(config), str(page)).out

    assert "bloqueado" in out
    assert "casino online ×2" in out


@pytest.mark.parametrize("arguments", [(), ("--profile", "chidl", "x"), ("--url", "dos palabras", "x")])
def test_wrong_usage_is_said_in_one_line(run: Run, config: Path, arguments: tuple[str, ...]) -> None:
    out = run("classify", "--config", str(config), *arguments)

    assert out.status == 2
    assert len(out.err.splitlines()) == 1
