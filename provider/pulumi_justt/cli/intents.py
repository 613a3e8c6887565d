"""The journal's intents beside a stack: which of them are its own, and what each says, in sentences."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone

from pulumi_justt.cli.account_records import View
from pulumi_justt.cli.state import State
from pulumi_justt.core.journal import Decision, Intent, Journal, state_folder

__all__ = ["decided", "describe", "is_settled", "of_stack", "opened", "wait_until_settled"]


def opened(warn: Callable[[str], None]) -> Journal:
    """Return the journal of this machine's user, which tells its warnings to *warn*."""
    return Journal(state_folder(os.environ), warn)


def of_stack(intents: Iterable[Intent], view: View) -> list[Intent]:
    """Return those of *intents* whose resources belong to a stack, and that were begun at its address of Justt.

    Raises:
        StackError: The state is empty, and the CLI doesn't tell the stack's name.
    """
    there = [intent for intent in intents if intent.is_at(view.settings.base_url)]
    # Only where it matters is the CLI asked for the name.
    prefix = view.stack.urn_prefix(view.state) if there else ""
    return [intent for intent in there if intent.urn.startswith(prefix)]


def wait_until_settled(own: Iterable[Intent], journal: Journal, tell: Callable[[str], None]) -> bool:
    """Wait until nothing can come any more of the creates whose answer is not known, and return whether that took time.

    Until then an account that lists nothing new proves nothing, and a person would forget what is about to exist.

    Warns:
        note: The request of a create may still be under way.
    """
    now = journal.now()
    # A clock that was set back makes no wait longer than the request can take.
    waits = [
        min(intent.settled_at - now, intent.settled_at - intent.sent_at)
        for intent in own
        if intent.integration_id is None
    ]
    longest = max(waits, default=0.0)
    if longest <= 0:
        return False
    tell(f"note: a create may still be under way; what it has made is looked up in {longest:.0f} s.")
    time.sleep(longest)
    return True


def is_settled(intent: Intent, state: State) -> bool:
    """Tell whether *state* holds the intent's integration, under whatever name, so that nothing is left to do."""
    return any(
        recorded.integration_id == intent.outcome_id and not recorded.is_external for recorded in state.integrations()
    )


def decided(decision: Decision) -> str:
    """Say what becomes of an intent, as the options of `recover` do."""
    return " ".join(filter(None, (decision.action, decision.integration_id)))


def describe(intent: Intent) -> str:
    """Say what was begun, when, and what is known of its end."""
    account = f"account {intent.account}" if intent.account else "the default account"
    begun = datetime.fromtimestamp(intent.sent_at, timezone.utc)
    integration_id = intent.integration_id
    end = f"Justt answered with integration {integration_id}." if integration_id else "Its answer is not known."
    still = " It may still be running." if time.time() < intent.settled_at else ""
    return (
        f"a create of the {intent.source} integration {intent.external_identifier!r} in {account} was sent on "
        f"{begun:%Y-%m-%d at %H:%M:%S} UTC. {end}{still}"
    )
