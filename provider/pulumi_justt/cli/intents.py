"""The journal's intents: which of them belong to a stack, and how commands describe them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone

from pulumi_justt.cli.account_records import View
from pulumi_justt.cli.state import State
from pulumi_justt.core.journal import Decision, Intent, Journal, state_folder
from pulumi_justt.log import Log

__all__ = ["decided", "describe", "is_resolved", "of_stack", "opened", "wait_until_settled"]


def opened(warn: Callable[[str], None]) -> Journal:
    """Open the journal of this machine's user, which passes its warnings to *warn*."""
    return Journal(state_folder(os.environ), Log(warn))


def of_stack(intents: Iterable[Intent], view: View) -> list[Intent]:
    """Return the intents that belong to a stack and were sent to its base URL.

    Raises:
        StackError: The state is empty, and the CLI doesn't return the stack's name.
    """
    same_url = [intent for intent in intents if intent.is_at(view.settings.base_url)]
    # The prefix may need a call of the CLI, which is skipped if there are no intents.
    prefix = view.stack.urn_prefix(view.state) if same_url else ""
    return [intent for intent in same_url if intent.urn.startswith(prefix)]


def wait_until_settled(own: Iterable[Intent], journal: Journal, show_line: Callable[[str], None]) -> bool:
    """Wait until every create with an unknown outcome has settled. Return whether the wait took any time.

    Until then, Justt may still create the integration. If the account's list has no new integration, that proves
    nothing, and the user could choose `forget` for an integration that Justt creates a moment later.

    Warns:
        note: The request of a create may still be in progress.
    """
    now = journal.now()
    # Limited to the duration of the request, in case the clock was set back.
    waits = [
        min(intent.settled_at - now, intent.settled_at - intent.sent_at)
        for intent in own
        if intent.integration_id is None
    ]
    longest = max(waits, default=0.0)
    if longest <= 0:
        return False
    show_line(f"note: a create may still be in progress; its result is looked up in {longest:.0f} s.")
    time.sleep(longest)
    return True


def is_resolved(intent: Intent, state: State) -> bool:
    """Check whether *state* holds the intent's integration, under any name, so that nothing is left to do."""
    return any(
        recorded.integration_id == intent.outcome_id and not recorded.is_external for recorded in state.integrations()
    )


def decided(decision: Decision) -> str:
    """Describe a decision in the words of the options of `recover`, such as `claim ID`."""
    return " ".join(filter(None, (decision.action, decision.integration_id)))


def describe(intent: Intent) -> str:
    """Describe the create of an intent: its integration, when it was sent, and its outcome if known."""
    account = f"account {intent.account}" if intent.account else "the default account"
    sent = datetime.fromtimestamp(intent.sent_at, timezone.utc)
    integration_id = intent.integration_id
    outcome = f"Justt answered with integration {integration_id}." if integration_id else "The response is not known."
    still = " It may still be running." if time.time() < intent.settled_at else ""
    return (
        f"a create of the {intent.source} integration {intent.external_identifier!r} in {account} was sent on "
        f"{sent:%Y-%m-%d at %H:%M:%S} UTC. {outcome}{still}"
    )
