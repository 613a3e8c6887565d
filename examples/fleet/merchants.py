"""Read `merchants.yaml` and validate all of it, so that a mistake in it changes nothing at Justt."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pulumi
import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from pulumi_justt import Source
from pulumi_justt.credentials import ApiKeyOnly, Hmac, PublicSecretKey

__all__ = ["CREDENTIAL_TYPES", "Merchant", "Psp", "load"]

CREDENTIAL_TYPES: dict[Source, type[ApiKeyOnly | Hmac | PublicSecretKey]] = {
    "stripe": ApiKeyOnly,
    "adyen": Hmac,
    "braintree": PublicSecretKey,
}
"""The credentials that Justt needs for each provider. A type checker finds a misspelled `Source`."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
"""A part of a resource's name. It must not change later, because another name is another integration."""


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Psp(_Entry):
    """One connection of a merchant.

    Attributes:
        source: The payment service provider.
        label: Distinguishes two connections to one provider; default is the provider's name.
        codes: The merchant accounts that the integration covers; an empty list means all.
        variables: For each field of the credentials, the environment variable that has its value; default is a secret
            object in the stack's configuration, under the resource's name.
        version: A number to increase when the value of a variable has changed.
    """

    source: Literal["stripe", "adyen", "braintree"]
    label: Name | None = None
    codes: list[str] = []
    variables: dict[str, str] = {}
    version: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _variables_fit(self) -> Psp:
        fields = dataclasses.fields(CREDENTIAL_TYPES[self.source])
        required = {field.name for field in fields if field.default is dataclasses.MISSING}
        if self.variables and not required <= self.variables.keys() <= {field.name for field in fields}:
            raise ValueError(
                f"variables must name {', '.join(sorted(required))}, and may name "
                f"{', '.join(sorted({field.name for field in fields} - required)) or 'nothing else'}"
            )
        if self.version is not None and not self.variables:
            raise ValueError("version is only for variables: a changed value in the configuration is detected")
        return self


class Merchant(_Entry):
    """One merchant.

    Attributes:
        merchant: Its name.
        account: Its account at Justt.
        psps: Its connections.
    """

    merchant: Name
    account: str = Field(min_length=1)
    psps: list[Psp] = Field(min_length=1)

    def connections(self) -> Iterator[tuple[str, Psp]]:
        """Yield each connection with the name of its resource."""
        for psp in self.psps:
            yield f"{self.merchant}-{psp.label or psp.source}", psp


class _Loader(yaml.SafeLoader):
    """A loader that refuses duplicate keys; YAML itself would keep the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"duplicate key {key.value!r}", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def load(path: Path) -> list[Merchant]:
    """Read and validate all merchants.

    Raises:
        pulumi.RunError: The file is invalid; the text lists every mistake with its entry and merchant.
    """
    try:
        entries = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise pulumi.RunError(f"{path.name}{line}: {error.problem}") from None
    try:
        merchants = TypeAdapter(list[Merchant]).validate_python(entries)
    except ValidationError as error:
        problems = [
            f"{_place(entries, each['loc'])}: {each['msg'].removeprefix('Value error, ')}" for each in error.errors()
        ]
    else:
        problems = list(_duplicates(merchants))
    if problems:
        raise pulumi.RunError("\n  ".join([f"{path.name} is refused, and nothing was changed:", *problems]))
    return merchants


def _place(entries: object, location: tuple[int | str, ...]) -> str:
    """Describe where a mistake is, such as `entry 2 (harbour-cafe), psps, entry 1, source`."""
    parts = [f"entry {part + 1}" if isinstance(part, int) else part for part in location]
    if isinstance(entries, list) and location:
        entry = entries[int(location[0])]
        parts[0] += f" ({entry.get('merchant', 'no name')})" if isinstance(entry, dict) else ""
    return ", ".join(parts) or "the file"


def _duplicates(merchants: list[Merchant]) -> Iterator[str]:
    owners: dict[str, str] = {}
    for number, merchant in enumerate(merchants, 1):
        place = f"entry {number} ({merchant.merchant})"
        for name, _ in merchant.connections():
            if name in owners:
                yield f"{place}: the name {name!r} is already used by {owners[name]}; give one of them a label"
            owners.setdefault(name, place)
