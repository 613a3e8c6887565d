"""What programs construct. Each resource hands its arguments to the engine under the API's names, secrets marked.

Programs start fast because nothing here imports the core: validation happens in the provider process, at check.
"""

from __future__ import annotations

import pickle
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import pulumi
from pulumi import CustomResource, Input, Output, ProviderResource, ResourceOptions
from pulumi.dynamic import Resource
from pulumi.runtime.config import get_config, is_config_secret
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor

from pulumi_justt import references
from pulumi_justt.arguments import InvalidArgument, given, sendable
from pulumi_justt.credentials import Credentials, Shape, Unlisted, from_wire, python_names, wire_name
from pulumi_justt.program_errors import one_sentence
from pulumi_justt.property_paths import (
    INPUTS,
    OUTPUTS,
    READY_INPUTS,
    READY_OUTPUTS,
    refuse_reading,
    with_checked_paths,
    with_checked_ready_paths,
)
from pulumi_justt.provider import IntegrationProvider, ReadinessProvider
from pulumi_justt.values import COLORED, account_problem, id_problem, is_colored, is_visible_ascii

__all__ = ["Deactivation", "DeactivationType", "IntegrationReady", "PaymentIntegration", "Provider", "Source"]

Source = Literal["stripe", "braintree", "paypal", "adyen", "justt_sandbox"]
"""The payment service providers that the vendor lists."""

DeactivationType = Literal["postingDate", "dueDate"]
"""Which date of a chargeback is compared with the moment of deactivation."""

_TIMEOUT_SECONDS = 300

_READY_TYPE = "pulumi-python:dynamic/justt:IntegrationReady"

# What `pulumi.dynamic` would pickle anew for every resource. The protocol is fixed because Python 3.14 changed its
# default, and another blob would show up as a change of every resource when a program moves to it.
_PROVIDER = b64encode(pickle.dumps(IntegrationProvider(), protocol=4)).decode()
_READINESS_PROVIDER = b64encode(pickle.dumps(ReadinessProvider(), protocol=4)).decode()


@one_sentence
@dataclass(frozen=True, kw_only=True)
class Deactivation:
    """When an integration stops, once it is deleted or replaced: at once, some days later, or at a date.

    Args:
        type: Which date of a chargeback is compared with that moment.
        after_days: Whole days between the deletion and that moment.
        date: That moment, in UTC, such as `2027-01-31T00:00:00Z`; instead of *after_days*.
    """

    type: Input[DeactivationType] = "postingDate"
    after_days: Input[int] | None = None
    date: Input[str] | None = None


_PROPERTIES = tuple(map(wire_name, (*INPUTS, *OUTPUTS)))
_READY_PROPERTIES = tuple(map(wire_name, (*READY_INPUTS, *READY_OUTPUTS)))


class _JusttResource(Resource):
    """What the resources share: how they are registered, and how their outputs are found."""

    _blob: ClassVar[str]
    """The provider, as the state stores it."""
    _names: ClassVar[tuple[str, ...]]
    """All properties, given or not: the SDK makes an attribute of each that it is told of."""

    def _register(self, resource_name: str, properties: dict[str, Any], opts: ResourceOptions | None) -> None:
        _refuse_colored_name(resource_name)
        _refuse_plain_api_key()
        # Not dynamic.Resource.__init__: it does what follows, but with a blob made anew for each resource.
        CustomResource.__init__(
            self,
            f"pulumi-python:{self._resource_type_name}",
            resource_name,
            {**dict.fromkeys(self._names), **properties, "__provider": Output.secret(self._blob)},
            opts,
        )

    def _output(self, name: str) -> Output[Any]:
        output: Output[Any] = self.__dict__[name]
        return output


class PaymentIntegration(_JusttResource, module="justt", name="PaymentIntegration"):
    """A connection between a payment service provider and Justt.

    The API can create an integration and deactivate it, and nothing else: a change of any argument but *deactivation*,
    *deletion_protection* and *allow_unlisted* creates another integration, and deactivates this one afterwards.
    Arguments are validated before any request, by `pulumi preview` too.

    Args:
        resource_name: The resource's name in the stack.
        external_identifier: Your own identifier of the connection, 1 to 255 characters.
        integration_name: The name shown at Justt. The API has no rename, so that a new name is a replacement too.
        source: The payment service provider.
        credentials: How Justt signs in there; see `pulumi_justt.credentials`.
        merchant_account_codes: The merchant accounts covered; their order means nothing.
        reference_account_id: The account at Justt that the integration belongs to, where one key spans several. Default
            is the configuration's `justt:referenceAccountId`.
        deactivation: When the integration stops, once it is deleted or replaced; default is at once.
        adopt_id: The id of an integration that exists already: it is taken over instead of a new one being created, is
            assumed to match the other arguments, and is not deactivated by this stack while this argument names it.
        deletion_protection: Whether `pulumi destroy` and a removal from the program are refused. Replacements, such as
            a rotation, are not. To delete the integration, set it to False and run `pulumi up` first.
        allow_unlisted: Whether a source or credentials outside of the vendor's lists are meant.
        opts: Options of the resource. Property paths in them are checked.

    Raises:
        TypeError: *credentials* or *deactivation* is not of its class.
        ValueError: A property path in *opts* matches nothing.
        pulumi.RunError: The API key stands in the stack's configuration in plain text.
    """

    _blob = _PROVIDER
    _names = _PROPERTIES
    _credential_properties: Collection[str] = ()
    """The properties that hold the credentials which the program gave."""

    @one_sentence
    def __init__(  # noqa: PLR0913 - the API's fields
        self,
        resource_name: str,
        *,
        external_identifier: Input[str],
        integration_name: Input[str],
        source: Source | Input[str],
        credentials: Credentials,
        merchant_account_codes: Input[Sequence[Input[str]]] | None = None,
        reference_account_id: Input[str] | None = None,
        deactivation: Deactivation | None = None,
        adopt_id: Input[str] | None = None,
        deletion_protection: Input[bool] = False,
        allow_unlisted: Input[bool] = False,
        opts: ResourceOptions | None = None,
    ) -> None:
        _require_credentials(credentials)
        secret_type, payload = credentials.wire()
        resource = f"PaymentIntegration {resource_name!r}"
        verified = partial(sendable, resource)
        given_credentials = _credentials(resource, credentials, secret_type, payload)
        self._credential_properties = given_credentials.keys()

        self._register(
            resource_name,
            {
                "externalIdentifier": verified("external_identifier", external_identifier),
                "integrationName": verified("integration_name", integration_name),
                "source": verified("source", source),
                "secretType": verified("credentials.secret_type", secret_type),
                **given_credentials,
                "merchantAccountCodes": verified("merchant_account_codes", merchant_account_codes),
                "referenceAccountId": _account(resource, reference_account_id),
                "deactivation": _deactivation_properties(resource, deactivation),
                "adoptId": verified("adopt_id", adopt_id),
                "deletionProtection": verified("deletion_protection", _unless_false(deletion_protection)),
                "allowUnlisted": verified("allow_unlisted", _unless_false(allow_unlisted)),
            },
            with_checked_paths(opts, secret_type, payload),
        )

    @classmethod
    @one_sentence
    def get(
        cls,
        resource_name: str,
        id: Input[str],  # noqa: A002 - Pulumi's own name for it
        *,
        reference_account_id: Input[str] | None = None,
        opts: ResourceOptions | None = None,
    ) -> PaymentIntegration:
        """Look at an integration that exists and stays someone else's.

        Its status, go-live date and source are read on every preview and update; what the API never returns is None.

        Args:
            resource_name: The resource's name in the stack.
            id: The integration's id at Justt.
            reference_account_id: The account at Justt that it belongs to; default is the configuration's.
            opts: Options of the resource.

        Raises:
            InvalidArgument: *id* is None, empty or no text that is an id, or *reference_account_id* is none that can be
                sent; also if that turns out only when an Output is known.
        """
        resource = f"PaymentIntegration.get({resource_name!r})"
        looked_up = cls.__new__(cls)
        looked_up._register(  # noqa: SLF001 - an alternative constructor
            resource_name,
            {"referenceAccountId": _verified_account(resource, reference_account_id)},
            ResourceOptions.merge(
                with_checked_paths(opts, None, {}),
                ResourceOptions(id=given(resource, "id", id, cure=_ID_CURE, problem=id_problem)),
            ),
        )
        return looked_up

    @property
    @pulumi.getter(name="integrationId")
    def integration_id(self) -> Output[str]:
        """The id at Justt; also the resource's id."""
        # The preview of an update knows no other output, and would show whatever depends on this one as changed.
        return self.id

    @property
    @pulumi.getter
    def status(self) -> Output[str]:
        """PENDING, SUCCESSFUL, FAILED or INACTIVE, as of the last create or refresh."""
        return self._output("status")

    @property
    @pulumi.getter(name="goLiveDate")
    def go_live_date(self) -> Output[str | None]:
        """The moment from which the integration works; None until it is known."""
        return self._output("goLiveDate")

    @property
    @pulumi.getter
    def environment(self) -> Output[str]:
        """The vendor's environment that the integration lives in."""
        return self._output("environment")

    @property
    @pulumi.getter(name="externalIdentifier")
    def external_identifier(self) -> Output[str]:
        """As given."""
        return self._output("externalIdentifier")

    @property
    @pulumi.getter(name="integrationName")
    def integration_name(self) -> Output[str]:
        """As given."""
        return self._output("integrationName")

    @property
    @pulumi.getter
    def source(self) -> Output[str]:
        """As given."""
        return self._output("source")

    @property
    def credentials(self) -> Output[Credentials | None]:
        """As given, as one secret; `.apply(lambda c: c.api_key)` takes a field out of it."""
        # The preview of a create knows nothing of a property that was not given.
        parts = {name: self._output(name) for name in ("secretType", *sorted(self._credential_properties))}
        return Output.all(**parts).apply(
            lambda each: (
                each["secretType"]
                and from_wire(each["secretType"], each.get("secretPayload") or {}, each.get("secretReferences") or {})
            )
        )

    @property
    @pulumi.getter(name="merchantAccountCodes")
    def merchant_account_codes(self) -> Output[Sequence[str] | None]:
        """As given, sorted."""
        return self._output("merchantAccountCodes")

    @property
    @pulumi.getter(name="referenceAccountId")
    def reference_account_id(self) -> Output[str | None]:
        """As given, or the configuration's default."""
        return self._output("referenceAccountId")

    @property
    def deactivation(self) -> Output[Deactivation | None]:
        """As given."""
        return self._output("deactivation").apply(lambda recorded: recorded and _deactivation(recorded))

    @property
    @pulumi.getter(name="adoptId")
    def adopt_id(self) -> Output[str | None]:
        """As given."""
        return self._output("adoptId")

    @property
    def deletion_protection(self) -> Output[bool]:
        """As given."""
        return self._output("deletionProtection").apply(bool)

    @property
    def allow_unlisted(self) -> Output[bool]:
        """As given."""
        return self._output("allowUnlisted").apply(bool)


class IntegrationReady(_JusttResource, module="justt", name="IntegrationReady"):
    """A wait until Justt has tried the credentials of an integration and says that they work.

    Whatever depends on it is created only then. It owns nothing at Justt. An update that creates it, or whose
    integration is another one than before, waits; FAILED and INACTIVE end the update with an error, and so does the
    deadline. The integration is in the stack's state by then, and stays there. Its provider is the integration's.

    Args:
        resource_name: The resource's name in the stack.
        integration: What is waited for.
        timeout_seconds: The longest wait, in whole seconds from 1 to 86400.
        opts: Options of the resource. Property paths in them are checked.

    Raises:
        TypeError: *integration* is no `PaymentIntegration`.
        ValueError: A property path in *opts* matches nothing.
        ValueError: The parent has a provider, and the integration the stack's default one.
        pulumi.RunError: The API key stands in the stack's configuration in plain text.
    """

    _blob = _READINESS_PROVIDER
    _names = _READY_PROPERTIES

    @one_sentence
    def __init__(
        self,
        resource_name: str,
        *,
        integration: PaymentIntegration,
        timeout_seconds: Input[int] = _TIMEOUT_SECONDS,
        opts: ResourceOptions | None = None,
    ) -> None:
        if not isinstance(integration, PaymentIntegration):
            raise TypeError(
                "integration must be a PaymentIntegration; for one that is not this program's, give "
                f"PaymentIntegration.get(name, id); got {type(integration).__name__}"
            )
        _refuse_other_key(resource_name, integration, opts)
        self._register(
            resource_name,
            {
                "integrationId": integration.integration_id,
                "externalIdentifier": integration.external_identifier,
                "source": integration.source,
                "referenceAccountId": integration.reference_account_id,
                "timeoutSeconds": sendable(f"IntegrationReady {resource_name!r}", "timeout_seconds", timeout_seconds),
            },
            # Another key would not see the integration.
            ResourceOptions.merge(
                ResourceOptions(provider=integration._provider),  # noqa: SLF001 - the SDK has no public name for it
                with_checked_ready_paths(opts),
            ),
        )

    @property
    @pulumi.getter(name="integrationId")
    def integration_id(self) -> Output[str]:
        """The integration's id at Justt; what takes it from here is created after the wait."""
        return self._output("integrationId")

    @property
    @pulumi.getter
    def status(self) -> Output[str]:
        """SUCCESSFUL after the wait; a refresh may find another one."""
        return self._output("status")

    @property
    @pulumi.getter(name="goLiveDate")
    def go_live_date(self) -> Output[str | None]:
        """The moment from which the integration works; None where Justt gives none."""
        return self._output("goLiveDate")

    @property
    @pulumi.getter
    def environment(self) -> Output[str]:
        """The vendor's environment that the integration lives in."""
        return self._output("environment")

    @property
    @pulumi.getter(name="referenceAccountId")
    def reference_account_id(self) -> Output[str | None]:
        """The integration's."""
        return self._output("referenceAccountId")

    @property
    @pulumi.getter(name="externalIdentifier")
    def external_identifier(self) -> Output[str | None]:
        """The integration's; None if it is someone else's."""
        return self._output("externalIdentifier")

    @property
    @pulumi.getter
    def source(self) -> Output[str]:
        """The integration's."""
        return self._output("source")

    @property
    def timeout_seconds(self) -> Output[int]:
        """As given."""
        return self._output("timeoutSeconds").apply(
            lambda seconds: _TIMEOUT_SECONDS if seconds is None else int(seconds)
        )


class Provider(ProviderResource):
    """Another API key for some integrations of a stack, which take it by `ResourceOptions(provider=...)`.

    Everything else is as the stack's configuration says, but the default account, which belongs to its key.

    Args:
        resource_name: The provider's name in the stack.
        api_key: The bearer key, stored as a secret.
        reference_account_id: The account at Justt of those integrations that name none.
        opts: Options of the resource.

    Raises:
        InvalidArgument: *api_key* or *reference_account_id* is empty, as what the configuration lacks, or has a
            character that no key or account has; also if that turns out only when an Output is known.
    """

    @one_sentence
    def __init__(
        self,
        resource_name: str,
        *,
        api_key: Input[str],
        reference_account_id: Input[str] | None = None,
        opts: ResourceOptions | None = None,
    ) -> None:
        _refuse_colored_name(resource_name)
        refuse_reading(opts, "a provider has nothing to read")
        shared = {key: _setting(key) for key in _SHARED_SETTINGS}
        resource = f"provider {resource_name!r}"
        settings = {
            **shared,
            # Without it, a provider whose key a transformation takes out would be the stack's default one.
            "justt:provider": resource_name,
            # The settings would look for JUSTT_API_KEY instead, which is the key of another account.
            "justt:apiKey": Output.secret(given(resource, "api_key", api_key, problem=_problem_of_key)),
            "justt:referenceAccountId": _verified_account(resource, reference_account_id),
        }
        super().__init__("pulumi-python", resource_name, settings, opts)


_SHARED_SETTINGS = tuple(
    f"justt:{key}" for key in ("environment", "baseUrl", "requestsPerMinute", "timeoutSeconds", "onAmbiguousCreate")
)
"""What a provider takes from the configuration: the engine hands it to the default one only."""


def _setting(key: str) -> Input[str] | None:
    value = get_config(key)
    return Output.secret(value) if value is not None and is_config_secret(key) else value


_ID_CURE = "`pulumi-justt list` shows the ids at Justt"


def _problem_of_key(key: str) -> str | None:
    if is_visible_ascii(key):
        return None
    return (
        "holds a character that no API key has (white space, a line break or not ASCII): give it without what was "
        "copied beside it"
    )


def _require_credentials(value: object) -> None:
    if isinstance(value, (Shape, Unlisted)):
        return
    if isinstance(value, Output):
        raise TypeError(
            "credentials must be an instance of a class in pulumi_justt.credentials; for an Output of the whole set "
            "use that class's from_output, such as credentials.ApiKeyOnly.from_output(output)"
        )
    raise TypeError(
        "credentials must be an instance of a class in pulumi_justt.credentials, such as "
        f"credentials.ApiKeyOnly(api_key=...); got {type(value).__name__}"
    )


def _credentials(
    resource: str, credentials: Credentials, secret_type: object, payload: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the properties that hold the fields of *payload*: each value a secret of its own, and the references.

    Raises:
        InvalidArgument: A value cannot be sent, or a reference was not made by `from_env` or `from_file`.
    """
    identifiers = credentials.identifiers()
    names = python_names(secret_type) if isinstance(secret_type, str) else {}
    properties: dict[str, dict[str, Any]] = {"secretPayload": {}, "secretReferences": {}}
    values = {
        names.get(name, name): "" if isinstance(value, references.Reference) else value
        for name, value in payload.items()
    }
    # A field of a listed type that turns out to be None was not given; elsewhere it would be left out in silence.
    depth = 0 if isinstance(credentials, Unlisted) else -1
    verified = sendable(resource, "credentials", values, depth=depth).values()
    for (name, value), item in zip(payload.items(), verified, strict=True):
        if isinstance(value, references.Reference):
            wire = value.wire()
            if references.from_wire(wire) is None:
                called = f"credentials.{names.get(name, name)}"
                raise InvalidArgument(f"{resource}: {called} is a reference that from_env and from_file do not make")
            # Not secret: a reviewer is to see which one it is.
            properties["secretReferences"][name] = wire
        else:
            properties["secretPayload"][name] = item if name in identifiers else Output.secret(item)
    return {name: fields for name, fields in properties.items() if fields}


def _unless_false(flag: Input[bool]) -> Input[bool] | None:
    return None if flag is False else flag


def _account(resource: str, value: Input[str] | None) -> Any:  # noqa: ANN401 - text, or an Output of it
    # What is known only later must not turn out to be nothing: the configuration's account would be taken instead.
    verify = given if isinstance(value, Output) else sendable
    return verify(resource, "reference_account_id", value)


def _verified_account(resource: str, value: Input[str] | None) -> Any:  # noqa: ANN401 - likewise
    # Of a provider, and of what is only read, there is no check.
    return None if value is None else given(resource, "reference_account_id", value, problem=account_problem)


def _deactivation_properties(resource: str, value: object) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, Deactivation):
        raise TypeError(f"deactivation must be a Deactivation(...); got {type(value).__name__}")
    properties = {
        "deactivationType": sendable(resource, "deactivation.type", value.type),
        "afterDays": sendable(resource, "deactivation.after_days", value.after_days),
        "deactivationDate": sendable(resource, "deactivation.date", value.date),
    }
    return {name: item for name, item in properties.items() if item is not None}


def _deactivation(recorded: Mapping[str, Any]) -> Deactivation:
    days = recorded.get("afterDays")
    return Deactivation(
        type=recorded["deactivationType"],
        after_days=None if days is None else int(days),
        date=recorded.get("deactivationDate"),
    )


def _refuse_other_key(resource_name: str, integration: PaymentIntegration, opts: ResourceOptions | None) -> None:
    """Keep a wait from asking with another key than the one that sees its integration.

    Raises:
        ValueError: The parent of a wait has a provider, and the integration the stack's default one.
    """
    # Pulumi has no name for the default provider, so that a child of such a parent cannot be given it.
    if integration._provider or opts is None or opts.provider or opts.parent is None:  # noqa: SLF001 - as above
        return
    if opts.parent.get_provider(_READY_TYPE):
        raise ValueError(
            f"the parent of the IntegrationReady {resource_name!r} has a provider, whose key would be used, and its "
            "integration has the stack's default one: give it another parent, or provider= if that key is meant"
        )


def _refuse_colored_name(resource_name: object) -> None:
    """Keep a name from the engine with which its CLI ends wherever it shows a URN.

    Raises:
        ValueError: The name has what Pulumi takes for a color.
    """
    if is_colored(resource_name):
        raise ValueError(f"the resource's name {COLORED}: give it another name")


def _refuse_plain_api_key() -> None:
    # A unit test with mocks has no configuration file that somebody could commit.
    if isinstance(get_monitor(), MockMonitor):
        return
    # The provider process can't tell a secret setting from a plain one, and a plain one ends up readable in the state.
    if get_config("justt:apiKey") is not None and not is_config_secret("justt:apiKey"):
        raise pulumi.RunError(
            "justt:apiKey stands in the stack's configuration in plain text. Run "
            "`pulumi config set --secret justt:apiKey` and give it the key again; if the file was committed, have the "
            "key replaced at Justt."
        )
