"""The text of `pulumi-justt doctor`: a paragraph for each result, or for several results with the same cause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pulumi_justt.cli.doctor.checks import Check

__all__ = ["paragraphs"]

_SEVERAL = {
    "FAILED": "integrations are FAILED: Justt could not use their credentials.",
    "INACTIVE": "integrations are INACTIVE at Justt, which is final.",
    "missing": "integrations do not exist at Justt, or not for their key and account.",
    "environment": "integrations were recorded in another environment than the configured one.",
    "replaced": "integrations were replaced, but are not deactivated yet.",
    "secret account": "integrations could not be looked up, because their accounts are secrets.",
    "unlisted account": "integrations could not be looked up, because their accounts could not be listed.",
    "unusable key": "accounts were not listed, because their API key can't be used.",
    "unmanaged": "integrations are managed by none of the examined stacks.",
    "suspect": "integrations are managed by none of the examined stacks. An interrupted create may have made one.",
    "copied": "integrations are each in several stacks.",
    "interrupted": "operations were interrupted, and their results are unknown.",
}
"""What the results of a cause have in common, after their number. Without an entry, the first result stands for all."""

_DEFAULT = "the default account"
"""The name of an API key's own account."""

_MOST = 20
"""The maximum number of results that one paragraph names."""


def paragraphs(checks: Iterable[Check]) -> list[tuple[str, str, Sequence[str]]]:
    """Return the verdict, the text and the further lines of each paragraph, in the order of their first results."""
    groups: dict[object, list[Check]] = {}
    for number, check in enumerate(checks):
        alike = (check.name, check.verdict, check.stack, check.cause, check.together or check.remediation)
        groups.setdefault(alike if check.cause else number, []).append(check)
    return [(group[0].verdict, *_paragraph(group)) for group in groups.values()]


def _paragraph(group: Sequence[Check]) -> tuple[str, Sequence[str]]:
    first = group[0]
    subject = f"{first.name} of {first.stack}" if first.stack else first.name
    if len(group) == 1:
        return f"{subject}: {first.text}", [first.remediation]
    remediation = first.together or first.remediation
    if first.cause in _SEVERAL:
        return f"{subject}: {len(group)} {_SEVERAL[first.cause]}", [*_named(group), remediation]
    return f"{subject}: {first.text}", [*(f"Likewise for: {line}" for line in _named(group[1:])), remediation]


def _named(group: Sequence[Check]) -> list[str]:
    """Return the names of the results, by account: each finding on a line of its own, and others on one line."""
    ordered = sorted(group, key=lambda check: check.account or "")[:_MOST]
    names = [check.subject or check.account or _DEFAULT for check in ordered]
    if group[0].verdict != "finding" or not group[0].subject:
        names = [", ".join(names)]
    elif any(check.account for check in group):
        names = [f"{f'account {check.account}' if check.account else _DEFAULT}: {check.subject}" for check in ordered]
    if len(group) > _MOST:
        names[-1] += f" and {len(group) - _MOST} more, which --json shows"
    return names
