"""The journal's intents beside a stack: which of them are its own, and what each says, in sentences."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone

from pulumi_justt.commands.stacks import Stack, State
from pulumi_justt.journal import Intent, Journal, state_folder

__all__ = ["describe", "is_settled", "of_stack", "opened"]


def opened(warn: Callable[[str], None], environ: Mapping[str, str] | None = None) -> Journal:
    """Return the journal of this machine's user, which tells its warnings to *warn*."""
    return Journal(state_folder(os.environ if environ is None else environ), warn)


def of_stack(intents: Iterable[Intent], stack: Stack, state: State, base_url: str) -> list[Intent]:
    """Return those of *intents* whose resources belong to a stack, and that were begun at *base_url*.

    Raises:
        StackError: The state is empty, and the CLI doesn't tell the stack's name.
    """
    there = [intent for intent in intents if intent.base_url == base_url]
    # Only where it matters is the CLI asked for the name.
    prefix = stack.urn_prefix(state) if there else ""
    return [intent for intent in there if intent.urn.startswith(prefix)]


def is_settled(intent: Intent, state: State) -> bool:
    """Tell whether *state* holds the intent's integration for its resource, so that nothing is left to do."""
    return any(
        (recorded.urn, recorded.integration_id) == (intent.urn, intent.integration_id)
        for recorded in state.integrations()
    )


def describe(intent: Intent) -> str:
    """Say what was begun, when, and what is known of its end."""
    account = f"account {intent.account}" if intent.account else "the default account"
    begun = datetime.fromtimestamp(intent.sent_at, timezone.utc)
    if intent.integration_id:
        end = f"Justt answered with integration {intent.integration_id}."
    else:
        end = "Its answer is not known."
    still = " It may still be running." if time.time() < intent.settled_at else ""
    return (
        f"a create of the {intent.source} integration {intent.external_identifier!r} in {account} was sent on "
        f"{begun:%Y-%m-%d at %H:%M:%S} UTC. {end}{still}"
    )
