"""Define each credential type once: its fields, which of them are required, and which are identifiers and not secrets.

Programs construct these classes, and both validation and requests use their fields. The API's name of a field is the
Python name in camelCase. Justt's page "Create integration" lists the seven types. Fields that Justt's guides treat as
identifiers of the merchant (a public key, a shop name) are not secret.

Programs and the core both import this module. The core does not depend on Pulumi, so this module passes an `Output` on
without importing Pulumi.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from pulumi_justt import references
from pulumi_justt.errors import describe_type, is_like, nearest, quoted
from pulumi_justt.program_errors import one_sentence
from pulumi_justt.unpicklable import Unpicklable
from pulumi_justt.values import kind_of, shown_key, text_problem, unsendable

if TYPE_CHECKING:
    from typing import TypeAlias

    import pulumi
    from typing_extensions import Self

    from pulumi_justt.references import Reference

    Value: TypeAlias = pulumi.Input[str] | Reference

__all__ = [
    "ApiKey",
    "ApiKeyOnly",
    "BasicAuth",
    "Credentials",
    "Hmac",
    "PublicSecretKey",
    "Sftp",
    "Unlisted",
    "UsernamePassword",
]

_NO_REFERENCES: Mapping[str, Any] = MappingProxyType({})
_IDENTIFIER = {"identifier": True}
_PRIVATE_KEY = {"kind": "key"}


def wire_name(python_name: str) -> str:
    """Return the API's spelling of a Python name: `api_key` is `apiKey`."""
    head, *tail = python_name.split("_")
    return head + "".join(part.title() for part in tail)


class Credentials(Unpicklable):
    """Base of the credentials with which Justt signs in to the payment service provider. Use one of the subclasses.

    Every field takes a plain value, an `Output`, or a reference (`from_env`, `from_file`). The state stores a field as
    a secret, unless it is an identifier or a reference. `repr` shows no value. Two instances are equal only if they are
    the same object.
    """

    def wire(self) -> tuple[pulumi.Input[str], dict[str, Any]]:
        """Return the API's `secretType`, and its `secretPayload` with the fields that are set."""
        raise NotImplementedError

    def identifiers(self) -> Collection[str]:
        """Return the API's names of the fields that identify a merchant and so need not be secret."""
        return ()

    def __repr__(self) -> str:
        """Return the class name without any value."""
        return f"{type(self).__name__}(…)"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class CredentialType(Credentials):
    """Base of the types that Justt documents. The dataclass fields are the fields of the payload."""

    secret_type: ClassVar[str]
    """The API's `secretType`."""

    any_of: ClassVar[tuple[str, ...]] = ()
    """API names of alternative fields. At least one of them must be given."""

    def wire(self) -> tuple[pulumi.Input[str], dict[str, Any]]:
        """Return the `secretType` of this class, and the fields that are set."""
        given = {name: getattr(self, f.name) for name, f in self.wire_fields().items()}
        return self.secret_type, {name: value for name, value in given.items() if value is not None}

    @classmethod
    def identifiers(cls) -> Collection[str]:
        """Return the API's names of the fields that are marked as identifiers."""
        return [name for name, f in cls.wire_fields().items() if f.metadata.get("identifier")]

    @classmethod
    def wire_fields(cls) -> dict[str, Field[Any]]:
        """Return the dataclass fields, keyed by the API's names."""
        return {wire_name(f.name): f for f in fields(cls)}

    @classmethod
    @one_sentence
    def from_output(cls, output: pulumi.Output[Any]) -> Self:
        """Create the credentials from one Output of an object whose keys are the API's field names.

        Use it with `config.require_secret_object(...)`. Each field becomes a secret of its own, so a preview shows
        which field changed.

        Args:
            output: An Output of a mapping such as `{"apiKey": "..."}`, or the `credentials` of another resource.

        Raises:
            TypeError: *output* is not an Output.
            pulumi.RunError: The value of *output* belongs to another credentials class, is not a mapping, or has an
                unknown key. The error is raised when the value is known.
        """
        import pulumi  # noqa: PLC0415 - only programs have Outputs; the core imports this module without Pulumi

        if not isinstance(output, pulumi.Output):
            raise TypeError(f"{cls.__name__}.from_output takes an Output of an object; got {kind_of(output)}")
        known = cls.wire_fields()

        def verified(value: object) -> dict[str, Any]:
            if isinstance(value, cls):
                return value.wire()[1]
            if isinstance(value, Credentials):
                found = type(value).__name__
                raise pulumi.RunError(f"{cls.__name__}.from_output: expected {cls.__name__} credentials, got {found}")
            if not isinstance(value, Mapping):
                raise pulumi.RunError(f"{cls.__name__}.from_output: expected an object, got {describe_type(value)}")
            surplus = [quoted(name, known) for name in value if name not in known]
            if surplus:
                raise pulumi.RunError(
                    f"{cls.__name__}.from_output: unknown key: {', '.join(surplus)}. It accepts {', '.join(known)}"
                )
            return dict(value)

        parts = output.apply(verified)

        def part(name: str) -> pulumi.Output[Any]:
            return parts.apply(lambda whole: whole.get(name))

        return cls(**{f.name: part(name) for name, f in known.items()})


@one_sentence
@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ApiKeyOnly(CredentialType):
    """One API key, such as a restricted key of Stripe (`APIKEY_ONLY`).

    Args:
        api_key: The key.
    """

    secret_type: ClassVar[str] = "APIKEY_ONLY"
    api_key: Value


@one_sentence
@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class PublicSecretKey(CredentialType):
    """A key pair (`PUBLIC_SECRET_KEY`).

    Args:
        secret_key: The secret half.
        public_key: The public half, an identifier.
    """

    secret_type: ClassVar[str] = "PUBLIC_SECRET_KEY"
    secret_key: Value
    public_key: Value | None = field(default=None, metadata=_IDENTIFIER)


@one_sentence
@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class BasicAuth(CredentialType):
    """A client id and its secret (`BASIC_AUTH`).

    Args:
        client_id: The client id. It is a secret because Justt's documentation treats it as one.
        client_secret: The client secret.
    """

    secret_type: ClassVar[str] = "BASIC_AUTH"
    client_id: Value
    client_secret: Value


@one_sentence
@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class UsernamePassword(CredentialType):
    """A user of the PSP's own website (`USERNAME_PASSWORD`).

    Args:
        username: The user's name.
        password: The user's password.
    """

    secret_type: ClassVar[str] = "USERNAME_PASSWORD"
    username: Value
    password: Value


@one_sentence
@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Hmac(CredentialType):
    """A signing key and an API key, such as Adyen's (`HMAC`).

    Args:
        hmac: The key that signs notifications.
        api_key: The API key.
        merchant_code: The merchant's code at the PSP, an identifier.
        account_code: The account's code at the PSP, an identifier.
    """

    secret_type: ClassVar[str] = "HMAC"
    hmac: Value
    api_key: Value
    merchant_code: Value | None = field(default=None, metadata=_IDENTIFIER)
    account_code: Value | None = field(default=None, metadata=_IDENTIFIER)


@one_sentence
@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ApiKey(CredentialType):
    """An API key of a shop (`APIKEY`).

    Args:
        api_key: The key.
        store_url: The shop's URL, an identifier.
        shop_name: The shop's name, an identifier.
    """

    secret_type: ClassVar[str] = "APIKEY"
    api_key: Value
    store_url: Value | None = field(default=None, metadata=_IDENTIFIER)
    shop_name: Value | None = field(default=None, metadata=_IDENTIFIER)


@one_sentence
@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Sftp(CredentialType):
    """An SFTP account with a password or a private key (`sftp`).

    Args:
        username: The account's name.
        password: The account's password. Either this or *private_key* is required.
        private_key: The account's private key as raw PEM text. Justt encodes it.
        passphrase: The passphrase of *private_key*.
    """

    secret_type: ClassVar[str] = "sftp"
    any_of: ClassVar[tuple[str, ...]] = ("password", "privateKey")
    username: Value
    password: Value | None = None
    private_key: Value | None = field(default=None, metadata=_PRIVATE_KEY)
    passphrase: Value | None = None


@one_sentence
@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Unlisted(Credentials):
    """A credential type that this release does not know. The resource needs `allow_unlisted=True`.

    Args:
        secret_type: The API's `secretType`.
        payload: The API's `secretPayload`. Its keys are sent unchanged. Every value is a secret, unless it is a
            reference.
    """

    secret_type: pulumi.Input[str]
    payload: Mapping[str, Any]

    def wire(self) -> tuple[pulumi.Input[str], dict[str, Any]]:
        """Return the type and the payload unchanged.

        Raises:
            TypeError: The payload is not a mapping.
        """
        if not isinstance(self.payload, Mapping):
            raise TypeError(
                f"Unlisted(payload=...) takes a mapping, whose values may be Outputs; got {kind_of(self.payload)}"
            )
        return self.secret_type, dict(self.payload)


CREDENTIAL_TYPES: dict[str, type[CredentialType]] = {
    shape.secret_type: shape for shape in (ApiKeyOnly, PublicSecretKey, BasicAuth, UsernamePassword, Hmac, ApiKey, Sftp)
}
"""The secret types that Justt documents, keyed by `secretType`."""

_FIELDS = frozenset(name for shape in CREDENTIAL_TYPES.values() for name in shape.wire_fields())


def python_names(secret_type: str) -> dict[str, str]:
    """Return the Python name of each field of *secret_type*, keyed by its API name; empty for an unlisted type."""
    shape = CREDENTIAL_TYPES.get(secret_type)
    return {} if shape is None else {name: f.name for name, f in shape.wire_fields().items()}


def from_wire(
    secret_type: str, payload: Mapping[str, Any], referred: Mapping[str, Any] = _NO_REFERENCES
) -> Credentials:
    """Return the credentials that the state stores as *secret_type*, *payload* and references (*referred*)."""
    payload = {**payload, **{name: references.from_wire(value) for name, value in referred.items()}}
    shape = CREDENTIAL_TYPES.get(secret_type)
    if shape is None or not payload.keys() <= shape.wire_fields().keys():
        return Unlisted(secret_type=secret_type, payload=payload)
    return shape(**{f.name: payload.get(name) for name, f in shape.wire_fields().items()})


def secret_values(
    secret_type: object, payload: Mapping[str, Any], source: object, *, allow_unlisted: bool
) -> list[Any]:
    """Return the values of a payload that must never be shown: all except references and identifiers of a listed type.

    With *allow_unlisted*, the payload may come from `Unlisted`. Every value is then a secret, including a field with
    the name of an identifier and data that looks like a reference. A value that equals the integration's *source* is
    left out, because Justt returns the source in every record.
    """
    shape = CREDENTIAL_TYPES.get(secret_type) if isinstance(secret_type, str) else None
    shown = shape.identifiers() if shape and not allow_unlisted else ()
    return [
        value
        for name, value in payload.items()
        if name not in shown and value != source and (allow_unlisted or not references.from_wire(value))
    ]


def validate(
    secret_type: str,
    payload: Mapping[str, Any],
    referred: Mapping[str, Any] = _NO_REFERENCES,
    *,
    unknown: Collection[str] = (),
    allow_surplus: bool = False,
) -> Iterator[tuple[str, str]]:
    """Validate credentials against Justt's list. Yield the Python name of each invalid field, and the problem.

    The yielded name is empty if the field's name may itself be a misplaced credential.

    Args:
        secret_type: The API's `secretType`. For an unlisted type, only the values are validated.
        payload: The fields whose values are known.
        referred: The fields that are references.
        unknown: The API's names of the fields whose values are not known yet.
        allow_surplus: Whether to accept fields that the credential type does not have.
    """
    shape = CREDENTIAL_TYPES.get(secret_type)
    names = python_names(secret_type)
    given = {*payload, *referred, *unknown}
    for name, value in sorted(referred.items()):
        if references.from_wire(value) is None:
            yield names.get(name, shown_key(name)), "is not a valid reference: use from_env or from_file"
        elif name in {*payload, *unknown}:
            yield names.get(name, shown_key(name)), "is given as a value and as a reference: give one of them"
    for name in sorted(payload.keys() - names.keys()) if shape is None or allow_surplus else ():
        for path, text in _value_problems(secret_type, name, payload[name]):
            yield f"{shown_key(name)}{path.removeprefix(name)}", text
    if shape is not None:
        yield from _listed_problems(shape, payload, given, allow_surplus=allow_surplus)


def _listed_problems(
    shape: type[CredentialType], payload: Mapping[str, Any], given: Collection[str], *, allow_surplus: bool
) -> Iterator[tuple[str, str]]:
    known = shape.wire_fields()
    for name in () if allow_surplus else sorted({*given} - known.keys()):
        if is_like(name, _FIELDS):
            yield name, f"is not a field of {shape.__name__}{nearest(name, known)}"
        else:
            yield (
                "",
                f"a text of {len(name)} characters is not a field of {shape.__name__}, which has {', '.join(known)}",
            )
    for name, f in known.items():
        if name in payload:
            for _, text in _value_problems(shape.secret_type, name, payload[name]):
                yield f.name, text
        elif name not in given and f.default is MISSING:
            yield f.name, f"is required by {shape.__name__}"
    if shape.any_of and not {*given} & set(shape.any_of):
        choice = " or ".join(known[name].name for name in shape.any_of)
        yield known[shape.any_of[0]].name, f"is missing: {shape.__name__} needs {choice}"


def _value_problems(secret_type: str, name: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield the path of each part of the field *name* that cannot be sent, with the reason."""
    if isinstance(value, str):
        for problem in filter(None, [value_problem(secret_type, name, value)]):
            yield name, problem
    elif name in python_names(secret_type):
        hint = "; to make a reference, call from_env or from_file" if references.from_wire(value) else ""
        # With depth 0, the text does not show the keys, which may be secrets too.
        yield name, f"must be text, got {describe_type(value, depth=0)}{hint}"
    else:
        yield from ((f"{name}{path}", text) for path, text in unsendable(value))


def value_problem(secret_type: str, name: str, value: str) -> str | None:
    """Return what is wrong with a field's text, without quoting it; None if nothing is wrong.

    Args:
        secret_type: The API's `secretType`.
        name: The API's name of the field.
        value: The text of the field, as it would be sent.
    """
    shape = CREDENTIAL_TYPES.get(secret_type)
    listed = None if shape is None else shape.wire_fields().get(name)
    if listed is None:
        return text_problem(value, "unlisted")
    return text_problem(
        value, "identifier" if "identifier" in listed.metadata else listed.metadata.get("kind", "secret")
    )
