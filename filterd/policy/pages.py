# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pages a profile does not get, by their text and by what they say of themselves (contract, clause 9)."""

from __future__ import annotations

from collections.abc import Iterable, Set

from filterd.policy.inner import inner_target
from filterd.policy.model import AgeBand, PageScore, PageView, Request, Scorer
from filterd.policy.profile import Profile

LABELLED = "adult"  # what a page belongs to that says it is for older people

# The age from which a label closes a page to a band: the first that not all of the band have reached.
_CLOSED_FROM = {AgeBand.CHILD: 14, AgeBand.ADOLESCENT: 18, AgeBand.ADULT: 18}


def page_of(request: Request) -> PageView | None:
    """Return the page that *request* is about, ``None`` where none is known or it is another site's, shown inside."""
    if request.page is None and request.text is None:
        return None
    if inner_target(request.host, request.url) is not None:  # judged as the inner host's, with that one's guard
        return None
    return request.page or PageView(text=request.text or "")


def is_for_older(page: PageView, profile: Profile, *, spared: Set[str] = frozenset()) -> bool:
    """Return whether *page* says that it is for older people than *profile*'s; categories in *spared* do not count."""
    if page.age_label is None or page.age_label < _CLOSED_FROM[profile.band]:
        return False
    return LABELLED in profile.blocked_categories and LABELLED not in spared


def find_refused(
    page: PageView, profile: Profile, scorer: Scorer | None, *, spared: Set[str] = frozenset()
) -> PageScore | None:
    """Return the most probable category of *page* that *profile* blocks, ``None`` where it reaches no threshold."""
    refused = profile.blocked_categories - spared
    if scorer is None or not refused:
        return None
    return first_reached(scorer.score(page), profile, scorer, among=refused)


def first_reached(
    scores: Iterable[PageScore], profile: Profile, scorer: Scorer, *, among: Set[str] | None = None
) -> PageScore | None:
    """Return the first of *scores* that reaches its threshold for *profile*, *among* those categories if given."""
    for score in scores:
        if (among is None or score.category in among) and score.probability >= _threshold(score, profile, scorer):
            return score
    return None


def strongest_phrase(score: PageScore) -> str | None:
    """Return the phrase that speaks most for *score*."""
    return next((piece.phrase for piece in score.evidence if piece.contribution > 0), None)


def _threshold(score: PageScore, profile: Profile, scorer: Scorer) -> float:
    own = profile.thresholds.get(score.category)
    return scorer.threshold(score.category, profile.band) if own is None else own
