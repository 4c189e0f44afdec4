# SPDX-License-Identifier: GPL-3.0-or-later
"""What a child asks for waits for the adult, and nothing becomes permanent by itself."""

from __future__ import annotations

import pytest

from filterd.control.calls import ApiError
from filterd.control.messages import AnswerRequest, AskedPermission, AskPermission
from filterd.control.requests import MAX_KEPT, Requests
from tests.filterd.control.fakes import Control, run


def ask(control: Control, host: str = "bad.example", *, by: str = "uid 1001", **more: object) -> AskedPermission:
    body = AskPermission(host=host, **more)  # type: ignore[arg-type]  # fields by name
    return control.requests.ask(body, profile="child", by=by)


def answer(control: Control, request: str, word: str) -> str:
    body = AnswerRequest(answer=word)  # type: ignore[arg-type]  # a literal
    return run(control.requests.answer(control.call(body, id=request))).note


def kept(control: Control) -> list[AskedPermission]:
    return run(control.requests.everything(control.call()))


def test_a_request_is_kept_with_the_reason_of_the_block(control: Control) -> None:
    ask(control, "Bad.example", comment="para la\ntarea\x07")
    (found,) = kept(control)

    assert (found.host, found.category, found.comment, found.answer) == ("bad.example", "gambling", "para la tarea", "")


@pytest.mark.parametrize(
    ("word", "minutes"), [("once", 5), ("15-minutes", 15), ("1-hour", 60), ("until-tomorrow", 270)]
)
def test_an_answer_opens_for_a_while(control: Control, word: str, minutes: int) -> None:
    answer(control, ask(control).id, word)
    (permission,) = control.standing.permissions

    assert permission.until - control.now.timestamp() == minutes * 60
    assert control.house.settings.profiles["child"].allow == ("juegos.example",), "nothing permanent"
    assert kept(control)[0].answer == word


def test_always_is_an_entry_of_the_white_list(control: Control) -> None:
    answer(control, ask(control).id, "always")

    assert control.house.settings.profiles["child"].allow == ("juegos.example", "bad.example")
    assert control.standing.permissions == ()


@pytest.mark.parametrize("word", ["no", "never"])
def test_a_no_opens_nothing(control: Control, word: str) -> None:
    answer(control, ask(control).id, word)

    assert control.standing.permissions == ()
    assert control.recorded == [f"request-{word}"]


def test_never_is_an_answer_to_later_requests_too_until_it_is_deleted(control: Control) -> None:
    first = ask(control)
    answer(control, first.id, "never")
    with pytest.raises(ApiError, match="answered already"):
        ask(control)
    run(control.requests.delete(control.call(id=first.id)))

    assert ask(control).answer == ""


def test_no_may_be_asked_again(control: Control) -> None:
    answer(control, ask(control).id, "no")

    assert ask(control).answer == ""
    assert len(kept(control)) == 2


def test_the_same_question_is_one_request(control: Control) -> None:
    assert ask(control) == ask(control)
    assert len(kept(control)) == 1
    assert ask(control, wrong=True) != ask(control)


def test_what_is_open_needs_no_permission(control: Control) -> None:
    with pytest.raises(ApiError, match="not blocked"):
        ask(control, "open.example")


def test_five_a_minute(control: Control) -> None:
    for _ in range(5):
        ask(control)
    with pytest.raises(ApiError) as error:
        ask(control)

    assert error.value.status == 429
    assert ask(control, by="uid 1002").id
    control.wait(60)
    assert ask(control).id


def test_they_survive_a_restart_and_a_damaged_file_does_not_stop_the_daemon(control: Control) -> None:
    ask(control)
    path = control.folder / "control" / "requests.json"
    again = Requests(path, control.changes, control.permissions, explain=control._explain)
    assert run(again.everything(control.call())) == kept(control)
    path.write_text("{")

    assert (
        run(Requests(path, control.changes, control.permissions, explain=control._explain).everything(control.call()))
        == []
    )


def test_only_so_many_are_kept_and_the_unanswered_stay(control: Control) -> None:
    waiting = ask(control)
    old = [
        AskedPermission(id=str(n), when="", profile="child", host=f"h{n}.example", answer="no", answered=f"{n:05}")
        for n in range(MAX_KEPT)
    ]
    control.requests._keep([*old, waiting])

    assert len(kept(control)) == MAX_KEPT
    assert waiting in kept(control)
    assert "0" not in {request.id for request in kept(control)}


def test_those_that_wait_are_counted(control: Control) -> None:
    first = ask(control)
    ask(control, wrong=True)
    assert control.requests.waiting == 2
    answer(control, first.id, "no")

    assert [control.requests.waiting] == [1]


def test_an_unknown_request_is_said(control: Control) -> None:
    with pytest.raises(ApiError, match="no such request"):
        answer(control, "x", "no")
    with pytest.raises(ApiError, match="no such request"):
        run(control.requests.delete(control.call(id="x")))
