# SPDX-License-Identifier: GPL-3.0-or-later
"""What the daemon says, in the language of the reader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from filterd.control.client import Refused
from filterd_gui.daemon_link import Failure, NotUnderstood
from filterd_gui.formats import span
from filterd_gui.language import N_, _

# The daemon's own lines. What is not among them is shown as it came: better in English than not at all.
_LINES = (
    N_("protection is off or paused: the entry acts when it is on"),
    N_("closed hours: a list does not open them"),
    N_("it is on the black list too, which wins: take it off there"),
    N_("the machine needs this name"),
    N_("a permission runs until it ends"),
    N_("it was blocked already"),
    N_("it was open already"),
    N_("only the responsible adult may: open a session with the password"),
    N_("wrong password"),
    N_("wrong one-time code"),
    N_("wrong recovery code"),
    N_("one password at a time"),
    N_("there is a password already; change it with: filterd password change"),
    N_("only the administrator sets the first password: sudo filterd password set"),
    N_("the filter runs on built-in defaults: start it with --config FILE to change them"),
    N_("no such request; it may have been deleted"),
)
_WITH_NUMBER = {
    re.compile(r"list (\S+): (\d+) days old; see .filterd lists update."): N_("The list {0} is {1} days old."),
    re.compile(r"list (\S+): (.+)"): N_("The list {0} could not be updated: {1}"),
    re.compile(r"too many wrong tries: wait (\d+) seconds"): N_("Too many wrong tries: wait {0} seconds."),
    re.compile(r"the password has fewer than (\d+) characters.*"): N_("The password has fewer than {0} characters."),
}

_CAUSES: Mapping[str, str] = {
    "protection-off": N_("Protection is off or paused, so nothing is blocked."),
    "survival": N_("The computer needs this name to work, so it is always open."),
    "closed-hours": N_("These are closed hours of this profile."),
    "permission": N_("A permission that you gave is running."),
    "allow-list": N_("It is on the white list: {rule}"),
    "deny-list": N_("It is on the black list: {rule}"),
    "only-allowed": N_("This profile opens only what is on its white list."),
    "own-pattern": N_("It fits a pattern of this profile: {rule}"),
    "guard-site": N_("It is on the list of sites that are never blocked (health, schools, State, banks)."),
    "guard-platform": N_("It is a big service: it is open as a whole, while its pages are still looked at."),
    "category-list": N_("A list says that it belongs to the category “{category}”."),
    "category-pattern": N_("Its name fits the category “{category}”."),
    "page-text": N_("The text of the page belongs to the category “{category}”."),
    "age-label": N_("The page says itself that it is not for minors."),
    "category-open": N_("It belongs to the category “{category}”, which this profile leaves open."),
    "safe-search": N_("It is open in its safe mode."),
    "no-safe-mode": N_("This search engine has no safe mode that could be forced."),
    "invalid-host": N_("This is no valid name of a site."),
    "failure": N_("The filter had a problem and closes rather than leave open."),
}
_CAUSE_NAMES = {
    "closed-hours": N_("closed hours"),
    "permission": N_("permission"),
    "allow-list": N_("white list"),
    "deny-list": N_("black list"),
    "only-allowed": N_("only what is allowed"),
    "own-pattern": N_("own pattern"),
    "category-list": N_("list"),
    "category-pattern": N_("name"),
    "page-text": N_("page text"),
    "safe-search": N_("safe search"),
    "protection-off": N_("protection off"),
}
_ACTIONS = {"allow": N_("Open"), "block": N_("Blocked"), "rewrite": N_("Open in safe mode")}
_TONES = {"allow": "good", "block": "bad", "rewrite": "warn"}


def line(text: str) -> str:
    """Return a line of the daemon in the reader's language, or as it came."""
    if text in _LINES:
        return _(text)
    for pattern, template in _WITH_NUMBER.items():
        if found := pattern.fullmatch(text):
            return _(template).format(*found.groups())
    return text


def failure(problem: Failure) -> str:
    """Return why something was not done, and what to do."""
    match problem:
        case Refused(status=404 | 405, message="Not Found" | "Method Not Allowed"):
            return _("This filter cannot do that yet: update it to the version of this panel.")
        case Refused():
            wait = _(" You can try again in {time}.").format(time=span(problem.wait_s)) if problem.wait_s > 1 else ""
            return line(problem.message) + wait
        case NotUnderstood():
            return _(
                "The filter answered something that this panel does not understand: update both to the same version."
            )
        case _:
            return _("The filter does not answer. Nothing was changed; try again in a moment.")


def cause(verdict: Mapping[str, Any], category: str) -> str:
    """Return why *verdict* is what it is; *category* is the name of its category."""
    known = _CAUSES.get(str(verdict.get("cause")))
    if known is None:
        return _("Nothing speaks against it: it is on no list.")
    return _(known).format(rule=verdict.get("rule") or "–", category=category or "–")


def cause_name(code: str) -> str:
    """Return *code* in a few words, for a table."""
    return _(_CAUSE_NAMES[code]) if code in _CAUSE_NAMES else code


def action(code: str) -> tuple[str, str]:
    """Return the word for a verdict's action, with its tone."""
    return _(_ACTIONS.get(code, code)), _TONES.get(code, "plain")


_PROFILES = {"child": N_("Child (to 13)"), "adolescent": N_("Adolescent (14 to 17)"), "adult": N_("Adult")}


def profile_name(name: str) -> str:
    """Return what *name* is called on the screen."""
    return _(_PROFILES[name]) if name in _PROFILES else name


_EVENTS = {
    "password-set": N_("The first password was set"),
    "password-changed": N_("The password was changed"),
    "password-reset": N_("An administrator set the password anew"),
    "password-failed": N_("A wrong password was tried"),
    "reset-acknowledged": N_("The adult saw the new password's notice"),
    "session-opened": N_("The adult unlocked the panel"),
    "one-time-codes-set": N_("One-time codes were set up"),
    "one-time-codes-removed": N_("One-time codes were removed"),
    "settings-changed": N_("Settings were changed"),
    "settings-restored": N_("Settings were restored from a file"),
    "allow-added": N_("Added to the white list"),
    "deny-added": N_("Added to the black list"),
    "allow-removed": N_("Taken off the white list"),
    "deny-removed": N_("Taken off the black list"),
    "protection-on": N_("Protection was turned on"),
    "protection-off": N_("Protection was turned off"),
    "protection-paused": N_("Protection was paused"),
    "permission-given": N_("A permission was given"),
    "permission-revoked": N_("A permission was ended"),
    "request-no": N_("A request was answered with no"),
    "request-never": N_("A request was answered with never"),
    "started": N_("The filter started"),
    "stopped": N_("The filter stopped"),
    "clock-jumped": N_("The clock of the computer was changed"),
}


def event(code: str) -> str:
    """Return what happened, for the audit log."""
    return _(_EVENTS[code]) if code in _EVENTS else code
