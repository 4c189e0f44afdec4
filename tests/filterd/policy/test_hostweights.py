# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.policy.hostweights import MAX_GRAM_WEIGHT, HostWeights, WeightsError, format_weights, parse_weights

grams = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789.-$", min_size=1, max_size=8)
weights = st.integers(-MAX_GRAM_WEIGHT, MAX_GRAM_WEIGHT)


@given(st.dictionaries(grams, st.tuples(weights, weights)))
def test_what_is_written_is_read_again(table: dict[str, tuple[int, ...]]) -> None:
    text = format_weights(("pornography", "gambling"), table, "learned from names\n\nin two lines")

    read = parse_weights(text)

    assert read.categories == ("pornography", "gambling")
    assert dict(read.grams) == table


@pytest.mark.parametrize("text", ["", "\n", "# nothing was learned\n"])
def test_an_empty_file_is_an_empty_table(text: str) -> None:
    assert parse_weights(text) == HostWeights()


def test_a_missing_weight_is_nothing() -> None:
    read = parse_weights("ngram\tpornography\tgambling\nbet\t\t7\nxxx\t9\n")

    assert read.grams == (("bet", (0, 7)), ("xxx", (9, 0)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("abc\t1\n", "line 1: the header", id="no header"),
        pytest.param("ngram\n", "line 1: the header", id="no category"),
        pytest.param("ngram\ta\ta\n", "line 1: the header", id="a category twice"),
        pytest.param("# c\nngram\ta\nbet\tmuch\n", "line 3: a weight is no whole number", id="a word for a weight"),
        pytest.param("ngram\ta\nbet\t1\t2\n", "line 2: no n-gram with at most 1", id="too many weights"),
        pytest.param("ngram\ta\nbet\t99999\n", "line 2: no n-gram", id="a weight out of all bounds"),
        pytest.param("ngram\ta\nbet\t1\nbet\t2\n", "twice", id="an n-gram twice"),
    ],
)
def test_a_bad_file_is_refused_by_name_line_and_way_out(text: str, says: str) -> None:
    with pytest.raises(WeightsError, match=says) as refusal:
        parse_weights(text, "w.tsv")

    assert str(refusal.value).startswith("w.tsv: ")
    assert "anew" in str(refusal.value)
