"""The resources that programs construct: `PaymentIntegration`, `IntegrationReady` and `Provider`.

Each resource passes its arguments to the engine under the API's names and marks the secret ones. Nothing here imports
the core, so programs start fast: the provider process validates the arguments in `check`.
"""

from __future__ import annotations

import pickle
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, dataclass
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
from pulumi_justt.stack_outputs import quiet_in_previews
from pulumi_justt.stack_trace import short_stack_trace
from pulumi_justt.values import COLORED, account_problem, id_problem, is_colored, is_visible_ascii, kind_of

if TYPE_CHECKING:
    from typing_extensions import Never, Self

__all__ = [
    "Deactivation",
    "DeactivationType",
    "IntegrationReady",
    "PaymentIntegration",
    "Provider",
    "Source",
    "UnlistedSource",
]

Source = Literal["stripe", "braintree", "paypal", "adyen", "justt_sandbox"]
"""The payment service providers (PSPs) that Justt documents."""


@one_sentence
@dataclass(frozen=True)
class UnlistedSource:
    """A payment service provider that this release does not know, such as `UnlistedSource("shopify")`.

    It needs no `allow_unlisted=True`, unless the credentials are `credentials.Unlisted`.

    Args:
        name: The API's name of the provider.
    """

    name: str


DeactivationType = Literal["postingDate", "dueDate"]
"""The chargeback date that Justt compares with the time of deactivation."""

_T = TypeVar("_T")

_READY_TYPE = "pulumi-python:dynamic/justt:IntegrationReady"

# `pulumi.dynamic` would pickle the provider again for every resource. The protocol is fixed because Python 3.14 changed
# the default: a different blob would show up as a change to every resource when a program moves to that version.
_PROVIDER = b64encode(pickle.dumps(IntegrationProvider(), protocol=4)).decode()
_READINESS_PROVIDER = b64encode(pickle.dumps(ReadinessProvider(), protocol=4)).decode()


@one_sentence
@dataclass(frozen=True, kw_only=True)
class Deactivation(dict[str, Any]):
    """When Justt stops an integration that is deleted or replaced: immediately, some days later, or on a date.

    Args:
        type: The chargeback date that Justt compares with the time of deactivation.
        after_days: Whole days from the deletion to the deactivation.
        date: The time of deactivation in UTC, such as `2027-01-31T00:00:00Z`. Use it instead of *after_days*.
    """

    type: Input[DeactivationType] = "postingDate"
    after_days: Input[int] | None = None
    date: Input[str] | None = None

    def __post_init__(self) -> None:
        """Fill the dict, which `Output.json_dumps` needs: JSON has no other objects."""
        self.update({part.argument: getattr(self, part.argument) for part in schema.DEACTIVATION})


class _Attribute(Generic[_T]):
    """Expose an output of a resource under its Python name. The SDK stores it under the API's name."""

    def __set_name__(self, kind: type[_JusttResource], name: str) -> None:
        self._property = next(each for each in kind._properties if each.python_name == name)  # noqa: SLF001 - see above

    @overload
    def __get__(self, resource: None, kind: type) -> Self: ...

    @overload
    def __get__(self, resource: Resource, kind: type) -> Output[_T]: ...

    def __get__(self, resource: Resource | None, kind: type) -> Self | Output[_T]:
        """Return the output of *resource*, or this descriptor when it is accessed on the class."""
        if resource is None:
            return self
        output: Output[Any] = resource.__dict__[self._property.name]
        return output.apply(self._read) if self._property.kind in (bool, int) else output

    def __set__(self, resource: Resource, value: Never) -> NoReturn:
        """Reject the assignment, which would have no effect."""
        raise AttributeError(f"{self._property.python_name} is an output and cannot be assigned")

    def _read(self, value: Any) -> Any:  # noqa: ANN401 - the property's type
        """Convert a flag or a number: the engine sends floats, and None for an absent value."""
        known = self._property.default if value is None else value
        return None if known is None else self._property.kind(known)


class _JusttResource(Resource):
    """Base of the resources: registers them and finds their outputs."""

    _blob: ClassVar[str]
    """The pickled provider, as the state stores it."""
    _properties: ClassVar[tuple[schema.Property, ...]]

    def _register(self, resource_name: str, properties: dict[str, Any], opts: ResourceOptions | None) -> None:
        _refuse_colored_name(resource_name)
        _refuse_plain_api_key()
        # The SDK makes outputs only of the properties that are passed. Include those that the program leaves out: the
        # provider, a transform, a policy or `ignore_changes` may give them a value.
        names = [each.name for each in self._properties if each.origin != "id"]
        with short_stack_trace():
            # Not dynamic.Resource.__init__, which pickles the provider again for each resource, and encrypts it.
            CustomResource.__init__(
                self,
                f"pulumi-python:{self._resource_type_name}",
                resource_name,
                {**dict.fromkeys(names), **properties, "__provider": self._blob},
                opts,
            )


quiet_in_previews(_JusttResource)


class PaymentIntegration(_JusttResource, module="justt", name="PaymentIntegration"):
    """A connection between a payment service provider and Justt.

    The API can only create and deactivate integrations. A change to any argument except *deactivation*,
    *deletion_protection*, *allow_unlisted* and *adopt_id* therefore creates a new integration and then deactivates this
    one.
    The provider validates all arguments before it sends a request, including during `pulumi preview`.

    Args:
        resource_name: The resource's name in the stack.
        external_identifier: Your own identifier for the connection, 1 to 255 characters.
        integration_name: The name that Justt shows. The API cannot rename an integration, so a new name replaces it.
        source: The payment service provider. Type checkers find a misspelled `Source`. A provider that is not in that
            list is an `UnlistedSource`. For a text that is known only when the program runs, pass
            `pulumi.Output.from_input(text)`, which the provider validates.
        credentials: How Justt signs in to the payment service provider; one of the classes in
            `pulumi_justt.credentials`.
        merchant_account_codes: The merchant accounts that the integration covers, in any order.
        reference_account_id: The Justt account that the integration belongs to, if the API key has access to several.
            Defaults to `justt:referenceAccountId` of the configuration.
        deactivation: When Justt stops the integration after it is deleted or replaced. Default: immediately.
        adopt_id: The id of an existing integration. The resource adopts it instead of creating one, and assumes that
            it matches the other arguments. The stack does not deactivate it while this argument is set.
        deletion_protection: Whether to refuse `pulumi destroy` and the removal of the resource from the program.
            Replacements, such as a rotation, are still allowed. To delete the integration, set it to False and run
            `pulumi up` first.
        allow_unlisted: Whether to accept a source or credentials that are not in Justt's documented lists. An
            `UnlistedSource` is accepted without it.
        opts: Options of the resource. The property paths in them are checked.

    Raises:
        TypeError: *credentials* or *deactivation* has the wrong type.
        ValueError: A property path in *opts* does not exist.
        pulumi.RunError: The stack's configuration holds the API key in plain text.
    """

    _blob = _PROVIDER
    _properties = schema.INTEGRATION
    _credential_properties: Collection[str] = ()
    """The properties that hold the program's credentials."""
    _given_id: Input[str] | None = None
    """The id of a resource that is only read, as the program gives it."""

    @one_sentence
    def __init__(  # noqa: PLR0913 - the API's fields
        self,
        resource_name: str,
        *,
        external_identifier: Input[str],
        integration_name: Input[str],
        source: Source | UnlistedSource | Output[str],
        credentials: Credentials,
        merchant_account_codes: Input[Sequence[Input[str]]] | None = None,
        reference_account_id: Input[str] | None = None,
        deactivation: Deactivation | None = None,
        adopt_id: Input[str] | None = None,
        deletion_protection: Input[bool] = False,
        allow_unlisted: Input[bool] = False,
        opts: ResourceOptions | None = None,
    ) -> None:
        # Keep this line first, because `locals()` then holds only the arguments. The schema maps them to properties.
        arguments = dict(locals())
        _require_credentials(credentials)
        secret_type, payload = credentials.wire()
        resource = f"PaymentIntegration {resource_name!r}"
        if isinstance(source, UnlistedSource):
            arguments |= _accepted(source, credentials, allow_unlisted)
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
        """Read an existing integration that this stack does not manage.

        Every preview and update reads its status, go-live date and source. Attributes that the API does not return are
        None.

        Args:
            resource_name: The resource's name in the stack.
            id: The integration's id at Justt.
            reference_account_id: The Justt account that it belongs to. Defaults to `justt:referenceAccountId` of the
                configuration.
            opts: Options of the resource.

        Raises:
            InvalidArgument: *id* is None, empty or not a valid id, or *reference_account_id* cannot be sent. If the
                argument is an Output, the error is raised when its value is known.
        """
        resource = f"PaymentIntegration.get({resource_name!r})"
        looked_up = cls.__new__(cls)
        # Not all engines return the id in a preview.
        looked_up._given_id = given(resource, "id", id, remediation=_ID_REMEDIATION, problem=id_problem)  # noqa: SLF001 - an alternative constructor
        looked_up._register(  # noqa: SLF001 - likewise
            resource_name,
            {"referenceAccountId": _verified_account(resource, reference_account_id)},
            ResourceOptions.merge(
                with_checked_paths(opts, None, {}),
                ResourceOptions(id=looked_up._given_id),  # noqa: SLF001 - likewise
            ),
        )
        return looked_up

    @property
    def integration_id(self) -> Output[str]:
        """The integration's id at Justt, which is also the resource's id."""
        # In the preview of an update, `id` is the only known output. With any other output, Pulumi would show
        # dependents as changed.
        return self.id

    status = _Attribute[str]()
    """PENDING, SUCCESSFUL, FAILED or INACTIVE, as of the last create or refresh."""

    go_live_date = _Attribute[str | None]()
    """When the integration goes live; None until Justt returns it."""

    environment = _Attribute[str]()
    """The Justt environment of the integration."""

    external_identifier = _Attribute[str]()
    """The argument's value."""

    integration_name = _Attribute[str]()
    """The argument's value."""

    source = _Attribute[str]()
    """The argument's value."""

    @property
    def credentials(self) -> Output[Credentials | None]:
        """The argument's value, as one secret; `.apply(lambda c: c.api_key)` reads a field of it."""
        # In the preview of a create, a property that the program did not set is unknown.
        parts = {name: self.__dict__[name] for name in ("secretType", *sorted(self._credential_properties))}
        return Output.all(**parts).apply(
            lambda each: (
                each["secretType"]
                and from_wire(each["secretType"], each.get("secretPayload") or {}, each.get("secretReferences") or {})
            )
        )

    merchant_account_codes = _Attribute[Sequence[str] | None]()
    """The argument's value, sorted."""

    reference_account_id = _Attribute[str | None]()
    """The argument's value, or the configuration's default."""

    @property
    def deactivation(self) -> Output[Deactivation | None]:
        """The argument's value."""
        recorded: Output[Any] = self.__dict__["deactivation"]
        return recorded.apply(lambda policy: policy and _deactivation(policy))

    adopt_id = _Attribute[str | None]()
    """The argument's value."""

    deletion_protection = _Attribute[bool]()
    """The argument's value."""

    allow_unlisted = _Attribute[bool]()
    """The argument's value."""


class IntegrationReady(_JusttResource, module="justt", name="IntegrationReady"):
    """Waits until Justt has verified an integration's credentials.

    Resources that depend on it are created after the integration is SUCCESSFUL. It creates nothing at Justt.

    `pulumi up` waits when it creates this resource, and when *integration* is a different integration than before. The
    update fails if the status becomes FAILED or INACTIVE, or if the timeout expires. The integration itself is already
    in the stack's state at that point and stays there. This resource uses the provider of the integration.

    Args:
        resource_name: The resource's name in the stack.
        integration: The integration to wait for.
        timeout_seconds: The longest wait, in whole seconds from 1 to 86400.
        opts: Options of the resource. The property paths in them are checked.

    Raises:
        TypeError: *integration* is not a `PaymentIntegration`.
        ValueError: A property path in *opts* does not exist.
        ValueError: The parent sets a provider, but the integration uses the stack's default provider.
        pulumi.RunError: The stack's configuration holds the API key in plain text.
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
        # Keep this line first, because `locals()` then holds only the arguments. The schema maps them to properties.
        arguments = dict(locals())
        if not isinstance(integration, PaymentIntegration):
            raise TypeError(
                f"integration must be a PaymentIntegration; got {kind_of(integration)}. For an integration that this "
                "program does not manage, use PaymentIntegration.get(name, id)"
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
            # A provider with another API key could not read the integration.
            ResourceOptions.merge(
                ResourceOptions(provider=integration._provider),  # noqa: SLF001 - the SDK has no public name for it
                with_checked_ready_paths(opts),
            ),
        )

    integration_id = _Attribute[str]()
    """The integration's id at Justt. A resource that uses this output is created after the wait."""

    status = _Attribute[str]()
    """SUCCESSFUL after the wait; a later refresh can change it."""

    go_live_date = _Attribute[str | None]()
    """When the integration goes live; None if Justt returns no date."""

    environment = _Attribute[str]()
    """The Justt environment of the integration."""

    reference_account_id = _Attribute[str | None]()
    """The integration's `reference_account_id`."""

    external_identifier = _Attribute[str | None]()
    """The integration's `external_identifier`; None if this stack does not manage the integration."""

    source = _Attribute[str]()
    """The integration's `source`."""

    timeout_seconds = _Attribute[int]()
    """The argument's value."""


class Provider(ProviderResource):
    """A Pulumi provider with its own API key. Pass it to integrations with `ResourceOptions(provider=...)`.

    All other settings come from the stack's configuration. The default account does not, because an account belongs to
    an API key: set `reference_account_id` here.

    Args:
        resource_name: The provider's name in the stack.
        api_key: The bearer key. It is stored as a secret.
        reference_account_id: The Justt account of integrations that set none themselves.
        opts: Options of the resource.

    Raises:
        InvalidArgument: *api_key* or *reference_account_id* is empty, for example because the configuration has no
            value for it, or contains an invalid character. If the argument is an Output, the error is raised when its
            value is known.
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
            # Marks an explicit provider. Without this key, the provider would look like the default one if a
            # transformation removed its API key.
            "justt:provider": resource_name,
            # Must not be empty: the provider would use JUSTT_API_KEY instead, which is the key of another account.
            "justt:apiKey": Output.secret(given(resource, "api_key", api_key, problem=_problem_of_key)),
            "justt:referenceAccountId": _verified_account(resource, reference_account_id),
        }
        super().__init__("pulumi-python", resource_name, settings, opts)


_SHARED_SETTINGS = tuple(
    f"justt:{key}" for key in ("environment", "baseUrl", "requestsPerMinute", "timeoutSeconds", "onAmbiguousCreate")
)
"""The settings that a provider copies from the configuration, which the engine passes to the default provider only."""


def _setting(key: str) -> Input[str] | None:
    value = get_config(key)
    return Output.secret(value) if value is not None and is_config_secret(key) else value


_ID_REMEDIATION = "`pulumi-justt list` shows the ids at Justt"


def _problem_of_key(key: str) -> str | None:
    if is_visible_ascii(key):
        return None
    return (
        "contains a character that no API key has (white space, a line break or a non-ASCII character): copy only the "
        "key itself"
    )


def _accepted(source: UnlistedSource, credentials: Credentials, allow_unlisted: Input[bool]) -> dict[str, Any]:
    """Return the arguments for a source that is not in Justt's list.

    Raises:
        TypeError: The credentials are not in Justt's list, and the program does not accept that.
    """
    if isinstance(credentials, CredentialType):
        # The class already makes sure that the credentials are listed.
        return {"source": source.name, "allow_unlisted": True}
    if allow_unlisted is False:
        raise TypeError("UnlistedSource covers only the source: credentials.Unlisted needs allow_unlisted=True, too")
    return {"source": source.name}


def _require_credentials(value: object) -> None:
    if isinstance(value, (CredentialType, Unlisted)):
        return
    if isinstance(value, type) and issubclass(value, CredentialType):
        fields = ", ".join(f"{f.name}=..." for f in value.wire_fields().values() if f.default is MISSING)
        raise TypeError(f"credentials is a class: write credentials.{value.__name__}({fields})")
    if isinstance(value, Output):
        raise TypeError(
            "credentials must be one of the classes in pulumi_justt.credentials. For an Output of an object with all "
            "fields, use the class's from_output, for example credentials.ApiKeyOnly.from_output(output)"
        )
    raise TypeError(
        "credentials must be one of the classes in pulumi_justt.credentials, for example "
        f"credentials.ApiKeyOnly(api_key=...); got {kind_of(value)}"
    )


def _credentials(
    resource: str, credentials: Credentials, secret_type: object, payload: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the properties for the fields of *payload*: each value marked as a secret, and the references.

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
    # A None field of a listed type counts as absent. In an `Unlisted` payload it is an error, not silently dropped.
    depth = 0 if isinstance(credentials, Unlisted) else -1
    verified = sendable(resource, "credentials", values, depth=depth).values()
    for (name, value), item in zip(payload.items(), verified, strict=True):
        if isinstance(value, references.Reference):
            wire = value.wire()
            if references.from_wire(wire) is None:
                field = names.get(name, name)
                raise InvalidArgument(
                    f"{resource}: credentials.{field} is not a valid reference: use from_env or from_file"
                )
            # Not secret, so that a reviewer sees which variable or file it is.
            properties["secretReferences"][name] = wire
        else:
            properties["secretPayload"][name] = item if name in identifiers else Output.secret(item)
    return {name: fields for name, fields in properties.items() if fields}


def _property(resource: str, known: schema.Property, value: Any) -> Any:  # noqa: ANN401 - the argument's type
    """Return the property that the engine receives for an argument of a `PaymentIntegration`."""
    if known.name == "referenceAccountId":
        return _account(resource, value)
    if known.name == "deactivation":
        return _deactivation_properties(resource, value)
    # A False flag means the same as an absent one and is not stored.
    return None if known.kind is bool and value is False else sendable(resource, known.argument, value)


def _account(resource: str, value: Input[str] | None) -> Any:  # noqa: ANN401 - text, or an Output of it
    # An Output must not resolve to an empty value: the provider would use the configuration's account instead.
    verify = given if isinstance(value, Output) else sendable
    return verify(resource, "reference_account_id", value)


def _verified_account(resource: str, value: Input[str] | None) -> Any:  # noqa: ANN401 - likewise
    # The engine does not call `check` for a provider or for a resource that is only read.
    return None if value is None else given(resource, "reference_account_id", value, problem=account_problem)


def _deactivation_properties(resource: str, value: object) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, Deactivation):
        raise TypeError(f"deactivation must be a Deactivation(...); got {kind_of(value)}")
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
    """Refuse an `IntegrationReady` that would use another API key than its integration.

    Raises:
        ValueError: The parent sets a provider, but the integration uses the stack's default provider.
    """
    # If the parent sets a provider, its child can't use the default provider, because a program can't name that one.
    if integration._provider or opts is None or opts.provider or opts.parent is None:  # noqa: SLF001 - as above
        return
    if opts.parent.get_provider(_READY_TYPE):
        raise ValueError(
            f"the IntegrationReady {resource_name!r} would use its parent's provider, but its integration uses the "
            "stack's default provider: give it another parent, or pass provider= to use the parent's provider"
        )


def _refuse_colored_name(resource_name: object) -> None:
    """Refuse a resource name that makes the Pulumi CLI crash wherever it shows the URN.

    Raises:
        ValueError: The name contains the characters that begin a color in Pulumi's output.
    """
    if is_colored(resource_name):
        raise ValueError(f"the resource's name {COLORED}: give it another name")


def _refuse_plain_api_key() -> None:
    # In a unit test there is no configuration file that could be committed. Its program runs with mocks, or before the
    # test sets them. Neither can reach an engine, so this accepts no plain key in a stack.
    if (monitor := get_monitor()) is None or isinstance(monitor, MockMonitor):
        return
    # A plain setting ends up readable in the state. The provider process can't see whether a setting is secret.
    if get_config("justt:apiKey") is not None and not is_config_secret("justt:apiKey"):
        raise pulumi.RunError(
            "justt:apiKey is in the stack's configuration in plain text. Run "
            "`pulumi config set --secret justt:apiKey` and enter the key again. If the file was committed, ask Justt "
            "to replace the key."
        )
