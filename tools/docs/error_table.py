"""Writes docs/errors.md: every message that the package shows for an error, a warning or a note, in sections.

    python tools/docs/error_table.py     prints docs/errors.md

`error_source` reads the messages from the source. `unread` lists each message that can't be read or that belongs to no
section, and each entry of `WHOLE` that fits no message.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from error_source import WHOLE, WORDS_OF_A_LABEL, Source, Text, package

__all__ = ["SECTIONS", "page", "unread"]

SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "In your program": (
        "Functions that your program calls raise a TypeError or ValueError. Pulumi shows its text. Nothing was sent.",
        (
            "resources",
            "arguments",
            "resource_options",
            "program_errors",
            "references.from_env",
            "references.from_file",
            "references._require",
            "references._version",
            "credentials.CredentialType.from_output",
            "credentials.Unlisted",
            "unpicklable",
        ),
    ),
    "Configuration": (
        "Previews, updates, `refresh` and `destroy` show these errors for each resource. Nothing was sent.",
        ("core.config",),
    ),
    "Arguments": (
        "Previews and updates show all invalid arguments of a resource at once. Nothing was sent.",
        (
            "core.state._REASONS",
            "core.state._HINTS",
            "core.readiness._problems",
            "core.validation",
            "core.secret_inputs",
            "core.state.other_environment",
            "credentials.validate",
            "credentials._listed_problems",
            "credentials._value_problems",
            "values",
            "api.models",
            "core.inputs",
        ),
    ),
    "Create and replace": (
        "",
        (
            "core.integration.IntegrationLifecycle._adopt",
            "core.plans",
            "core.integration.IntegrationLifecycle.diff",
            "core.integration.IntegrationLifecycle._require_one_environment",
            "core.ownership.Ownership._refuse_second",
            "core.exactly_once",
            "core.intents",
            "references",
        ),
    ),
    "Update, refresh and destroy": (
        "",
        (
            "core.integration.IntegrationLifecycle.update",
            "core.integration.IntegrationLifecycle.delete",
            "core.protection.refuse",
            "core.integration.IntegrationLifecycle._refuse_forced",
            "core.integration.IntegrationLifecycle._require_replacement",
            "core.integration.IntegrationLifecycle._require_sent",
            "core.integration.IntegrationLifecycle._require_not_needed",
            "core.ownership",
            "core.state.require_known",
            "core.state.require_same_environment",
            "core.state.raise_unless_missing_allowed",
        ),
    ),
    "A request that failed: the operation": (
        (
            "Each error has three parts: `operation: response (errorId ...). Remediation`. Each part has its own "
            "table. In all tables, \\<the integration> stands for its source, external identifier and id, such as "
            "`the stripe integration 'stripe-eu-main' (5cf2ab3b-...)`."
        ),
        (
            "core.messages.creating",
            "core.readiness.ReadinessLifecycle.create",
            "core.readiness.ReadinessLifecycle.update",
            "operation",
        ),
    ),
    "A request that failed: the response": (
        "The second part says what Justt answered, or why there was no response.",
        (
            "api.client",
            "core.client",
            "api.errors",
            "core.messages.Messages",
            "api.network",
            "api.deadline",
            "api.responses",
            "core.readiness",
            "resource_kinds._require_engine",
            "core.intents.outcome_unknown",
            "core.exactly_once.CreateCoordinator._resume_or_create",
            "core.exactly_once.CreateCoordinator._post",
            "errors.NOT_SHOWN",
            "errors.WITHHELD",
        ),
    ),
    "A request that failed: the remediation": (
        "The third part says what you should do.",
        ("core.messages", "errors", "core.exactly_once.CreateCoordinator._claim", "core.repeated_errors"),
    ),
    "Warnings and notes": (
        "A command shows these lines and continues.",
        (
            "warning_or_note",
            "core.client.JusttClient._log_attempt",
            "core.journal",
            "core.ownership.Ownership.release_reason",
            "core.ownership.Ownership._creator_reason",
        ),
    ),
    "Defects": ("A bug in the provider is shown in this form.", ("core.messages.defect",)),
    "Functions of the plugin": (
        "Programs call `getIntegration` and `getIntegrations`. An error of a request has the form above.",
        ("core.lookups", "plugin.kinds", "plugin.server"),
    ),
    "The command line": (
        "`doctor` shows each result as `finding`, `not checked` or `ok`, and on the next line what you should do.",
        ("cli",),
    ),
    "The simulator": (
        "`pulumi-justt simulator` shows these errors for invalid options and exits. In Python, they are ValueErrors.",
        ("simulator",),
    ),
}
"""For each heading: a text that applies to the whole section, and the parts of the package with its messages."""

_HEAD = r"""# Errors, warnings and notes

Every error, warning and note of pulumi-justt. Search this page for the text in your terminal. It's generated from the
source by `make errors`, and `tests/docs/test_error_table.py` checks that it's complete.

In the tables, a name such as \<id> stands for a part that varies, and [text in brackets] is optional. Bars separate
alternatives: of [one \| two], a message shows at most one. An ellipsis (…) stands for the rest of the message. If a
message has several sentences, some of them can be rows of their own. A message of `pulumi` adds `--stack` with the
stack's name to each `pulumi-justt` command that it tells you to run."""
_BEFORE_THIS_PACKAGE = Path(__file__).with_name("before_this_package.md").read_text()
"""The section of the texts that Pulumi shows before any code of the package runs."""
_ELSEWHERE = {
    "core.journal.folder.state_folder": "the name of a folder",
    "simulator.records.log": "the simulator's log, a line for each request",
    "simulator.records.logger": "the name of a logger",
    "simulator.server._LOGGER": "the name of a logger",
    "simulator.rules": "responses of the simulator, in place of Justt's own texts",
    "cli.options.STACKS": "the help of an option",
    "cli.options.ACCOUNTS": "the help of an option",
    "cli.options.ENVIRONMENT": "the help of an option",
    "cli.options.JSON": "the help of an option",
    "cli.options._FOLDER": "the help of an option",
    "cli.importing.program": "the program that it prints",
    "cli.importing.template": "the answers file that it writes",
    "cli.importing.plan.Plan.command": "a command that it prints",
    "cli.simulator.command": "the address that it prints, and the texts of errors that it passes on",
    "cli.summary.explain": "a part of the comment that `pulumi-justt summary` prints",
    "cli.summary.comment": "that comment",
    "cli.summary.preview._diagnostic": "stands in that comment for the middle of a long message",
    "cli.summary.values.shown": "stands in that comment for a value",
    "cli.verify.facts": "the facts that `pulumi-justt verify` prints",
    "cli.verify.lifecycle.Verification._read_new": "the answer that it prints with a fact",
    "cli.verify.lifecycle.Verification._use_after_deactivation": "likewise",
    "cli.verify.lifecycle.Verification._find_in_list": "likewise",
    "testing": "the name of a logger",
    "plugin.names": "what replaces a part of these texts in the plugin",
    "plugin.descriptions": "the schema's texts",
    "plugin.package_schema": "the schema, which SDKs and editors show",
    "plugin.server.main": "the text for a user who starts the plugin, and the port that the engine reads",
    "core.integration.IntegrationLifecycle._urn": "replaces a URN that the host doesn't know",
    "api.client.Client._open": "a header",
    "api.client.Client.__post_init__": "stands in a text as <variables>",
    "errors.describe_type": "stands in a text as <shape>",
    "imports._OwnFinder.find_spec": "Python's own text for a missing module",
    "errors.nearest": "stands in a text as its hint",
    "core.state.describe": "stands in a text as <the integration>",
    "errors.quoted": "stands in a text as <what was given>",
    "values.shown_key": "stands in a text as <name>",
    "values.kind_of": "stands in a text as <type>",
    "arguments._problem": "listed with each hint",
    "resource_options._GET": "listed in the texts that contain it",
    "references.VariableReference.__str__": "stands in a text as <reference>",
    "references.FileReference.__str__": "stands in a text as <reference>",
    "payment_service_providers": "the page of the payment service providers",
    "api.errors": "the texts of errors that core.messages replaces",
    "core.messages.UNCHECKED": "listed in the texts that contain it",
    "cli.account_records.Account.called": "stands in a text as <the account>",
    "cli.doctor.journal_check._location": "stands in a text as <resources>",
    "cli.doctor.paragraphs._DEFAULT": "stands in a text as <the account>",
    "cli.doctor.paragraphs._named": "lines of a result with several integrations",
    "cli.importing.import_answers._PLACES": "listed in the texts that contain it",
    "cli.importing.import_answers._prompt_for_property": "a prompt",
    "cli.importing.import_answers._prompt_for_field": "a prompt",
    "cli.importing.import_answers._prompt_for_place": "a prompt",
    "cli.importing.prompts.Terminal._picked": "a prompt",
}


def _shown(sources: Iterable[Source]) -> list[Text]:
    return [
        text
        for source in sources
        for text in source.texts
        if not _is_label(text)
        if not any(f"{text.place}.".startswith(f"{part}.") for part in _ELSEWHERE)
    ]


def _section(text: Text) -> str | None:
    """Return the heading of a text's section, which is the section with the longest matching part of the package."""
    kind = {"note": "warning_or_note", "warning": "warning_or_note", "operation": "operation"}.get(text.kind)
    parts = {part: heading for heading, (_, parts) in SECTIONS.items() for part in parts}
    fitting = [part for part in parts if f"{kind or text.place}.".startswith(f"{part}.")]
    return parts[max(fitting, key=len)] if fitting else None


def _is_label(text: Text) -> bool:
    """Return whether *text* is a column, a prompt or a style of the command line, and not a sentence."""
    is_command = text.place.startswith("cli.")
    return is_command and len(text.text.split()) <= WORDS_OF_A_LABEL


def unread(sources: Iterable[Source]) -> list[str]:
    """Return each message that can't be read or has no section, and each entry of `WHOLE` that fits no message."""
    sources = list(sources)
    homeless = [f"{text.place}:{text.line}: {text.text}" for text in _shown(sources) if _section(text) is None]
    used = {key for source in sources for key in source.wholes}
    stale = [f"WHOLE has an entry that fits no message: {key}" for key in WHOLE if key not in used]
    return [line for source in sources for line in source.unread] + homeless + stale


def page(sources: Iterable[Source]) -> str:
    """Return the page."""
    texts = _shown(sources)
    lines = [_HEAD]
    for heading, (intro, _) in SECTIONS.items():
        rows = list(dict.fromkeys((text.text, text.when) for text in texts if _section(text) == heading))
        # A condition that most texts share is shown once, above the table.
        common = {when for when, count in Counter(when for _, when in rows).items() if when and count > len(rows) / 2}
        rows = [(text, "" if when in common else when) for text, when in rows]
        has_when = any(when for _, when in rows)
        above = " ".join(filter(None, [intro, *sorted(common)]))
        lines += ["", f"## {heading}", "", *([above, ""] if above else [])]
        lines += ["| text | when |", "| --- | --- |"] if has_when else ["| text |", "| --- |"]
        lines += [f"| {_cell(text)} |{f' {when} |' if has_when else ''}" for text, when in rows]
    return "\n".join([*lines, "", _BEFORE_THIS_PACKAGE])


def _cell(text: str) -> str:
    """Escape the characters that Markdown interprets. In code, only the bar needs that."""
    parts = text.split("`")
    outside = [re.sub(r"([|*<])", r"\\\1", part) for part in parts]
    inside = [part.replace("|", "\\|") for part in parts]
    return "`".join(inside[i] if i % 2 else outside[i] for i in range(len(parts)))


if __name__ == "__main__":
    sys.stdout.write(page(package()))
