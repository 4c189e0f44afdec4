# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do when, in short sentences, without the internet."""

from __future__ import annotations

from filterd_gui.household import Household
from filterd_gui.language import N_, _, spoken
from filterd_gui.pages.page import Page
from filterd_gui.widgets.blocks import Card, label

_TOPICS = (
    (
        N_("A page is blocked and should not be"),
        N_("Write its address under “Why is this blocked?”. The answer names the list or rule, and one button opens the site always. From a request you can open it for 15 minutes only."),
    ),
    (
        N_("A page is open and should be blocked"),
        N_("Put its domain on the black list under “Exceptions”, or block the whole category for that profile."),
    ),
    (
        N_("The filter does not answer"),
        N_("It may be starting: this panel tries again every second. If it stays so, restart the computer; then run “filterd doctor” or ask whoever installed it."),
    ),
    (
        N_("I forgot the password"),
        N_("Press “Unlock”, then “I forgot it”, and give the recovery code that you wrote down. Without it, the administrator of the computer can set a new password; that leaves a trace that you will see."),
    ),
    (
        N_("What the filter cannot do"),
        N_("It does not reach telephones with their own mobile data, nor other people's networks. An account with administrator rights can get around it: give children standard accounts. It helps you; it does not replace talking."),
    ),
    (
        N_("Keyboard"),
        N_("Alt+1 to Alt+9 open the pages, F5 loads a page again, Ctrl+L locks and unlocks, Tab and arrows reach everything."),
    ),
    (
        N_("Somebody to talk to"),
        N_("Fono Ayuda 147: free, for children, adolescents and whoever worries about them (Paraguay)."),
    ),
)  # fmt: skip


class HelpPage(Page):
    """The topics, and the versions."""

    def __init__(self, house: Household) -> None:
        super().__init__(house, _("Help"))
        if spoken() == "gn":
            self.column.addWidget(label(_("These texts await a reader whose first language is Guaraní."), tone="warn"))
        for title, text in _TOPICS:
            card = Card(_(title))
            card.put(label(_(text)))
            self.column.addWidget(card)
        self._version = label("", "muted")
        self.column.addWidget(self._version)
        self.finish()

    def refresh(self) -> None:
        """Show the daemon's version."""
        self._version.setText(_("Version of the filter: {version}").format(version=self.link.status.version or "–"))
