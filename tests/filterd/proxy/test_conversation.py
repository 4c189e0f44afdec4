# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a client ends with it."""

from __future__ import annotations

from mitmproxy.test import tflow

from filterd.proxy.conversation import Conversations


def test_a_client_is_known_while_it_is_there() -> None:
    conversations, client = Conversations(), tflow.tclient_conn()
    client.timestamp_end = None
    conversations.of(client).cleared.add(("192.0.2.1", 80))

    assert conversations.of(client).cleared == {("192.0.2.1", 80)}
    assert conversations.end(client) is not None
    assert conversations.end(client) is None
    assert len(conversations) == 0


def test_nothing_is_kept_of_a_client_that_left_meanwhile() -> None:
    conversations, client = Conversations(), tflow.tclient_conn()
    client.timestamp_end = 1.0
    conversations.of(client).cleared.add(("192.0.2.1", 80))

    assert conversations.of(client).cleared == set()
    assert len(conversations) == 0
