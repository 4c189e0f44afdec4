# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of learned weights: which letters of a host name speak for a category."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

UNIT = 1000  # the file counts in thousandths: a host whose n-grams sum up to UNIT is a match
MAX_GRAM_WEIGHT = 20 * UNIT


class WeightsError(ValueError):
    """A file of host weights that cannot be read."""


class Weight(NamedTuple):
    """What one n-gram adds to each of the table's categories, in thousandths."""

    gram: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HostWeights:
    """The learned categories, and n-grams of hosttext.host_text with what they add to each."""

    categories: tuple[str, ...] = ()
    grams: tuple[Weight, ...] = ()


def parse_weights(text: str, name: str = "host-weights.tsv") -> HostWeights:
    """Return the table in *text*, the content of the file *name*.

    The first line that is no comment is ``ngram`` and the categories; each further line an n-gram and its weights,
    tab between them, an empty weight being 0. An empty text is an empty table.

    Raises:
        WeightsError: naming *name*, the line and the way out.
    """
    lines = _rows(text)
    header = next(lines, None)
    if header is None:
        return HostWeights()
    first, *categories = header[1]
    if first != "ngram" or not categories or len(set(categories)) != len(categories):
        raise WeightsError(f"{name}: line {header[0]}: the header must be 'ngram' and categories: learn the file anew")
    grams = tuple(_parse_row(name, number, cells, len(categories)) for number, cells in lines)
    if len({gram.gram for gram in grams}) != len(grams):
        raise WeightsError(f"{name}: an n-gram stands there twice: learn the file anew (categories/learning)")
    return HostWeights(tuple(categories), grams)


def format_weights(categories: tuple[str, ...], weights: Mapping[str, tuple[int, ...]], comment: str = "") -> str:
    """Return the text of a table, the inverse of parse_weights; *comment* may have several lines."""
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines.append("\t".join(("ngram", *categories)))
    lines += [
        "\t".join((gram, *(str(v or "") for v in values))).rstrip("\t") for gram, values in sorted(weights.items())
    ]
    return "\n".join(lines) + "\n"


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line and not line.startswith("# ") and line != "#":
            yield number, line.split("\t")


def _parse_row(name: str, number: int, cells: list[str], width: int) -> Weight:
    gram, *weights = cells
    try:
        values = tuple([int(weight) if weight else 0 for weight in weights])
    except ValueError as error:
        raise WeightsError(f"{name}: line {number}: a weight is no whole number: learn the file anew") from error
    if not gram or len(values) > width or any(abs(value) > MAX_GRAM_WEIGHT for value in values):
        raise WeightsError(f"{name}: line {number}: no n-gram with at most {width} weights: learn the file anew")
    return Weight(gram, values + (0,) * (width - len(values)))
