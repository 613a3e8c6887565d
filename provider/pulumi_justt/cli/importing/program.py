"""Generates the program for the resources that `pulumi-justt import` adds to a stack, without secret values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pulumi_justt.api.models import SOURCES
from pulumi_justt.cli.importing.plan import Import, Plan
from pulumi_justt.cli.importing.program_text import Items, call, quoted, rendered
from pulumi_justt.credentials import CREDENTIAL_TYPES
from pulumi_justt.references import FileReference
from pulumi_justt.schema import INTEGRATION

__all__ = ["program"]


def program(plan: Plan) -> str:
    """Return the program for the imports of *plan*."""
    parts = ["import pulumi_justt as justt\n"]
    if any(each.keys for each in plan.imports):
        parts = ["import pulumi\nimport pulumi_justt as justt\n", "config = pulumi.Config()\n"]
    parts.append("".join(f"{line}\n" for each in plan.imports for line in _resource(each, plan.default_account)))
    return "\n".join(parts)


def _resource(each: Import, default_account: str | None) -> Iterator[str]:
    arguments: dict[str, str | Items] = {}
    for known in INTEGRATION:
        if known.argument == "credentials":
            arguments["credentials"] = _credentials(each)
        elif known.name in each.inputs and known.origin == "program":
            arguments[known.argument] = _literal(each.inputs[known.name])
    source = each.inputs["source"]
    if source not in SOURCES:
        arguments["source"] = call("justt.UnlistedSource", quoted(source))
        if each.answer.secret_type in CREDENTIAL_TYPES:
            arguments.pop("allow_unlisted")
    if each.candidate.account == default_account:
        arguments.pop("reference_account_id", None)
    resource = call("justt.PaymentIntegration", quoted(each.resource_name), **arguments)
    return rendered(replace(resource, is_long=True), f"{each.variable} = ")


def _literal(value: object) -> str | Items:
    """Return the source code of a property's value."""
    if isinstance(value, list):
        return Items("[", "]", [("", _literal(item)) for item in value])
    return quoted(value) if isinstance(value, str) else repr(value)


def _credentials(each: Import) -> Items:
    """Return the source code of the credentials."""
    answer = each.answer
    values = {name: _field(name, each) for name in answer.fields}
    shape = CREDENTIAL_TYPES.get(answer.secret_type)
    if shape is None:
        payload = Items("{", "}", [(f"{quoted(name)}: ", value) for name, value in values.items()])
        return call("justt.credentials.Unlisted", secret_type=quoted(answer.secret_type), payload=payload)
    named = {answer.python_name(name): value for name, value in values.items()}
    return call(f"justt.credentials.{shape.__name__}", **named)


def _field(name: str, each: Import) -> str | Items:
    value = each.answer.fields[name]
    if name in each.keys:
        return call("config.require_secret", quoted(each.keys[name]))
    if isinstance(value, str):
        return quoted(value)
    function = "justt.from_file" if isinstance(value, FileReference) else "justt.from_env"
    return call(function, quoted(value.place), **({} if value.version == 1 else {"version": str(value.version)}))
