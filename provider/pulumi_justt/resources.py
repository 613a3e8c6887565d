"""What programs construct. Each resource hands its arguments to the engine under the API's names, secrets marked.

Programs start fast because nothing here imports the core: validation happens in the provider process, at check.
"""

from __future__ import annotations

import pickle
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NoReturn, TypeVar, overload

import pulumi
from pulumi import CustomResource, Input, Output, ProviderResource, ResourceOptions
from pulumi.dynamic import Resource
from pulumi.runtime.config import get_config, is_config_secret
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor

from pulumi_justt import references, schema
from pulumi_justt.arguments import InvalidArgument, given, sendable
from pulumi_justt.credentials import Credentials, CredentialType, Unlisted, from_wire, python_names
from pulumi_justt.program_errors import one_sentence
from pulumi_justt.provider import IntegrationProvider, ReadinessProvider
from pulumi_justt.resource_options import refuse_reading, with_checked_paths, with_checked_ready_paths
from pulumi_justt.values import COLORED, account_problem, id_problem, is_colored, is_visible_ascii

if TYPE_CHECKING:
    from typing_extensions import Never, Self

__all__ = ["Deactivation", "DeactivationType", "IntegrationReady", "PaymentIntegration", "Provider", "Source"]

Source = Literal["stripe", "braintree", "paypal", "adyen", "justt_sandbox"]
"""The payment service providers that the vendor lists."""

DeactivationType = Literal["postingDate", "dueDate"]
"""Which date of a chargeback is compared with the moment of deactivation."""

_T = TypeVar("_T")

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


class _Attribute(Generic[_T]):
    """An output of a resource under its Python name. The SDK stores it under the API's name."""

    def __set_name__(self, kind: type[_JusttResource], name: str) -> None:
        self._property = next(each for each in kind._properties if each.python_name == name)  # noqa: SLF001 - see above

    @overload
    def __get__(self, resource: None, kind: type) -> Self: ...

    @overload
    def __get__(self, resource: Resource, kind: type) -> Output[_T]: ...

    def __get__(self, resource: Resource | None, kind: type) -> Self | Output[_T]:
        """Return the output of *resource*, or this descriptor if it is read from the class."""
        if resource is None:
            return self
        output: Output[Any] = resource.__dict__[self._property.name]
        return output.apply(self._read) if self._property.kind in (bool, int) else output

    def __set__(self, resource: Resource, value: Never) -> NoReturn:
        """Refuse the assignment, which would have no effect."""
        raise AttributeError(f"{self._property.python_name} is an output and cannot be assigned")

    def _read(self, value: Any) -> Any:  # noqa: ANN401 - of the property's type
        """Convert a flag or a number: the engine gives floats, and None for an absent value."""
        known = self._property.default if value is None else value
        return None if known is None else self._property.kind(known)


class _JusttResource(Resource):
    """What the resources share: how they are registered, and how their outputs are found."""

    _blob: ClassVar[str]
    """The provider, as the state stores it."""
    _properties: ClassVar[tuple[schema.Property, ...]]

    def _register(self, resource_name: str, properties: dict[str, Any], opts: ResourceOptions | None) -> None:
        _refuse_colored_name(resource_name)
        _refuse_plain_api_key()
        # Also those that the program does not give: the SDK makes an output only of a property that it is told of.
        names = [each.name for each in self._properties]
        # Not dynamic.Resource.__init__: it does what follows, but with a blob made anew for each resource.
        CustomResource.__init__(
            self,
            f"pulumi-python:{self._resource_type_name}",
            resource_name,
            {**dict.fromkeys(names), **properties, "__provider": Output.secret(self._blob)},
            opts,
        )


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
    _properties = schema.INTEGRATION
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
        # Taken first, so that it holds the arguments alone: the schema says what becomes of each.
        arguments = dict(locals())
        _require_credentials(credentials)
        secret_type, payload = credentials.wire()
        resource = f"PaymentIntegration {resource_name!r}"
        given_credentials = _credentials(resource, credentials, secret_type, payload)
        self._credential_properties = given_credentials.keys()

        self._register(
            resource_name,
            {
                **{
                    each.name: _property(resource, each, arguments[each.argument])
                    for each in schema.INTEGRATION
                    if each.origin == "program" and each.argument != "credentials"
                },
                "secretType": sendable(resource, "credentials.secret_type", secret_type),
                **given_credentials,
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
                ResourceOptions(id=given(resource, "id", id, remediation=_ID_CURE, problem=id_problem)),
            ),
        )
        return looked_up

    @property
    def integration_id(self) -> Output[str]:
        """The id at Justt; also the resource's id."""
        # The preview of an update knows no other output, and would show whatever depends on this one as changed.
        return self.id

    status = _Attribute[str]()
    """PENDING, SUCCESSFUL, FAILED or INACTIVE, as of the last create or refresh."""

    go_live_date = _Attribute[str | None]()
    """The moment from which the integration works; None until it is known."""

    environment = _Attribute[str]()
    """The vendor's environment that the integration lives in."""

    external_identifier = _Attribute[str]()
    """As given."""

    integration_name = _Attribute[str]()
    """As given."""

    source = _Attribute[str]()
    """As given."""

    @property
    def credentials(self) -> Output[Credentials | None]:
        """As given, as one secret; `.apply(lambda c: c.api_key)` takes a field out of it."""
        # The preview of a create knows nothing of a property that was not given.
        parts = {name: self.__dict__[name] for name in ("secretType", *sorted(self._credential_properties))}
        return Output.all(**parts).apply(
            lambda each: (
                each["secretType"]
                and from_wire(each["secretType"], each.get("secretPayload") or {}, each.get("secretReferences") or {})
            )
        )

    merchant_account_codes = _Attribute[Sequence[str] | None]()
    """As given, sorted."""

    reference_account_id = _Attribute[str | None]()
    """As given, or the configuration's default."""

    @property
    def deactivation(self) -> Output[Deactivation | None]:
        """As given."""
        recorded: Output[Any] = self.__dict__["deactivation"]
        return recorded.apply(lambda policy: policy and _deactivation(policy))

    adopt_id = _Attribute[str | None]()
    """As given."""

    deletion_protection = _Attribute[bool]()
    """As given."""

    allow_unlisted = _Attribute[bool]()
    """As given."""


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
    _properties = schema.READY

    @one_sentence
    def __init__(
        self,
        resource_name: str,
        *,
        integration: PaymentIntegration,
        timeout_seconds: Input[int] = schema.READY_TIMEOUT_SECONDS,
        opts: ResourceOptions | None = None,
    ) -> None:
        # Taken first, so that it holds the arguments alone: the schema says what becomes of each.
        arguments = dict(locals())
        if not isinstance(integration, PaymentIntegration):
            raise TypeError(
                "integration must be a PaymentIntegration; for one that is not this program's, give "
                f"PaymentIntegration.get(name, id); got {type(integration).__name__}"
            )
        _refuse_other_key(resource_name, integration, opts)
        self._register(
            resource_name,
            {
                each.name: getattr(integration, each.python_name)
                if each.argument.partition(".")[0] == "integration"
                else sendable(f"IntegrationReady {resource_name!r}", each.argument, arguments[each.argument])
                for each in schema.READY
                if each.origin == "program"
            },
            # Another key would not see the integration.
            ResourceOptions.merge(
                ResourceOptions(provider=integration._provider),  # noqa: SLF001 - the SDK has no public name for it
                with_checked_ready_paths(opts),
            ),
        )

    integration_id = _Attribute[str]()
    """The integration's id at Justt; what takes it from here is created after the wait."""

    status = _Attribute[str]()
    """SUCCESSFUL after the wait; a refresh may find another one."""

    go_live_date = _Attribute[str | None]()
    """The moment from which the integration works; None where Justt gives none."""

    environment = _Attribute[str]()
    """The vendor's environment that the integration lives in."""

    reference_account_id = _Attribute[str | None]()
    """The integration's."""

    external_identifier = _Attribute[str | None]()
    """The integration's; None if it is someone else's."""

    source = _Attribute[str]()
    """The integration's."""

    timeout_seconds = _Attribute[int]()
    """As given."""


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
    if isinstance(value, (CredentialType, Unlisted)):
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


def _property(resource: str, known: schema.Property, value: Any) -> Any:  # noqa: ANN401 - what the argument takes
    """Return what the engine gets for an argument of a `PaymentIntegration`."""
    if known.name == "referenceAccountId":
        return _account(resource, value)
    if known.name == "deactivation":
        return _deactivation_properties(resource, value)
    # A flag that is off equals an absent one, and is not stored.
    return None if known.kind is bool and value is False else sendable(resource, known.argument, value)


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
        part.name: sendable(resource, f"deactivation.{part.argument}", getattr(value, part.argument))
        for part in schema.DEACTIVATION
    }
    return {name: item for name, item in properties.items() if item is not None}


def _deactivation(recorded: Mapping[str, Any]) -> Deactivation:
    return Deactivation(
        **{
            part.argument: part.kind(recorded[part.name])
            for part in schema.DEACTIVATION
            if recorded.get(part.name) is not None
        }
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
