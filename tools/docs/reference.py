"""Generates the reference pages from the code: the resources, the plugin, the settings, and the command line.

    python tools/docs/reference.py     writes docs/reference

The pages contain only facts from the code: signatures and docstrings of the public names, the plugin's schema, the
table in the docstring of config.py, and the help of each command as it's printed. tests/docs/test_reference.py compares
the pages with the code.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import get_args

import click

import plugin_reference
import pulumi_justt
from pulumi_justt import credentials, payment_service_providers, resources, schema, testing
from pulumi_justt.cli import app
from pulumi_justt.core import config
from tables import table

__all__ = ["FOLDER", "commands", "pages", "settings_table"]

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"

_MADE = "Generated from the code by `make docs`."
_RESOURCES = f"""# Reference: resources, credentials and functions

The public names of `import pulumi_justt as justt`. {_MADE}
For the effect of a changed argument, see [what happens to an integration](../explanation/lifecycle.md).

`Input[...]` is a plain value or an `Output` of it. Except for the name of a resource, pass all arguments by keyword."""
_CREDENTIALS = """The credentials with which Justt signs in to the payment service provider: one class for each secret
type. Pass all fields by keyword.

A field takes a plain value, an `Output`, or a reference: [`from_env`](#from_env) or [`from_file`](#from_file). The
provider always stores a field as a secret, with two exceptions. An identifier of the merchant stays readable for
reviewers, unless it's a secret `Output`. A reference contains no secret."""
_TESTING = """For unit tests: `from pulumi_justt.testing import JusttMocks`. See
[unit-test a program](../how-to/unit-tests.md)."""
_CONFIGURATION = f"""# Reference: configuration

{_MADE} A variable applies if the stack configuration has no value for the key."""
_SECRETS = """Enter a secret at Pulumi's prompt: `pulumi config set --secret justt:apiKey`. In a script, pass it on
standard input: `pulumi config set --secret justt:apiKey < key.txt`. Don't write it behind the key. Other users of the
machine could see it in the list of processes, and your shell would keep it in its history."""
_KEYLESS = """These variables have no key, because they are for one command or one machine:"""
_STATE = """An empty variable counts as unset, since CI systems pass missing values as empty variables. An empty value
in the configuration is an error: falling back to the variable could select the API key of another account.

`JUSTT_API_KEY_OVERRIDE` also replaces the key of each [`justt.Provider`](resources.md#provider), although that key may
belong to another account. Each resource of such a provider shows a warning. In a stack with more than one key, limit
the command to the resources of that key (`--target`), or use `--run-program` instead.

The *state* records the environment of each resource. If it differs from the configured environment, the provider
refuses to touch the resource, and from then on also refuses to create others. A new resource has no recorded
environment, and Pulumi may create it before it reaches an existing one: `pulumi up --skip-preview` with a wrong
environment can create it there. A preview reaches all resources before anything is created, and refuses the update. So
don't skip the preview if the settings may be wrong.

`--secret` protects `justt:apiKey` in the state, but no other setting: the state, previews and errors show the account
and the address as plain text ([SECURITY.md](../../SECURITY.md#where-each-secret-is)).

`refresh` and `destroy` use the copy of the configuration in the *state*. So right after a rotation of the API key, they
still use the old key. Run `pulumi up` first, add `--run-program`, or set `JUSTT_API_KEY_OVERRIDE` for that command.

A wrong setting is reported before any request is sent: see [errors](../errors.md#configuration)."""
_COMMANDS = f"""# Reference: the command line

The help of each command. {_MADE} The commands need [the extra `cli`](../how-to/install.md), and
`simulator` needs the extra `simulator`."""

_PSPS = f"""# Reference: payment service providers

Which credentials Justt needs for each payment service provider (PSP), which permissions, and where to find the key.
{_MADE}

Justt publishes no complete list of this. So each line says where it comes from:

- **Justt**: Justt's documents say it.
- **the PSP**: the PSP's own documents say it. Its website may have changed since.
- **inferred**: no document says it. It follows from the names of the API's fields, and from how other vendors connect
  to the PSP. Ask Justt if you are not sure.

The provider refuses no pair of source and credentials, because only Justt knows what it accepts.
[`pulumi-justt doctor`](../how-to/diagnose.md) warns of an unusual pair, unless the state says that the integration is
`SUCCESSFUL`."""
_SANDBOX = """## Justt's sandbox

The source `justt_sandbox` stands for no PSP, and Justt documents no credentials for it."""
_OTHER_PSPS = """## Other PSPs

In its documents on chargebacks, Justt names more PSPs. They are no listed sources of integrations, so ask Justt before
you use one, and set `allow_unlisted=True`. These are the spellings:"""
_PSP_PROGRAM = """## All of them in a program

Each field is a [reference](../how-to/references.md) to a variable here. A preview needs no variables."""


def pages() -> dict[str, str]:
    """Return the text of each page by its file name."""
    return {
        "resources.md": _page([_RESOURCES, *_public(), *_testing()]),
        "plugin.md": _page(plugin_reference.parts(_MADE)),
        "configuration.md": _page([_CONFIGURATION, *_settings()]),
        "command-line.md": _page([_COMMANDS, *_help()]),
        "payment-service-providers.md": _page([_PSPS, *_psps()]),
    }


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


@dataclass(frozen=True)
class Documented:
    """A class, a function or a property: its syntax node, and its docstring in parts."""

    node: ast.ClassDef | ast.FunctionDef

    @classmethod
    def of(cls, thing: type | types.FunctionType) -> Documented:
        """Parse the source of *thing*."""
        node = ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]
        assert isinstance(node, (ast.ClassDef, ast.FunctionDef))
        return cls(node)

    @property
    def prose(self) -> str:
        """The part of the docstring before its sections."""
        return self._parts[0].strip()

    def entries(self, section: str) -> dict[str, str]:
        """Return the entries in a section of the docstring, by name."""
        text = textwrap.dedent(next((part for name, part in self._sections if name == section), ""))
        found = re.findall(r"^([\w.]+): ((?:.*\n?)(?:[ ]+.*\n?)*)", text, re.MULTILINE)
        return {name: " ".join(said.split()) for name, said in found}

    def function(self, name: str) -> Documented | None:
        """Return the method of that name, if there is one."""
        return next((each for each in self.functions() if each.node.name == name), None)

    def functions(self) -> Iterator[Documented]:
        """Yield the methods."""
        yield from (Documented(each) for each in self.node.body if isinstance(each, ast.FunctionDef))

    @property
    def decorators(self) -> set[str]:
        """The names of the decorators."""
        return {ast.unparse(each) for each in self.node.decorator_list}

    def outputs(self) -> Iterator[tuple[str, str, str]]:
        """Yield each attribute of a resource with its type and its description."""
        for each, after in zip(self.node.body, [*self.node.body[1:], None], strict=True):
            if isinstance(each, ast.FunctionDef) and "property" in Documented(each).decorators:
                assert each.returns
                yield each.name, ast.unparse(each.returns), Documented(each).prose
            elif isinstance(each, ast.Assign) and (
                kind := re.fullmatch(r"_Attribute\[(.*)\]\(\)", ast.unparse(each.value))
            ):
                assert isinstance(after, ast.Expr)
                assert isinstance(after.value, ast.Constant)
                yield ast.unparse(each.targets[0]), f"Output[{kind[1]}]", str(after.value.value)

    def arguments(self) -> Iterator[tuple[str, str, str | None]]:
        """Yield each argument with its type and its default, which is None for a required argument."""
        if isinstance(self.node, ast.FunctionDef):
            given = self.node.args
            assert not given.defaults
            defaults = [*([None] * len(given.args)), *given.kw_defaults]
            for each, default in zip([*given.args, *given.kwonlyargs], defaults, strict=True):
                if each.annotation:
                    yield each.arg, ast.unparse(each.annotation), _default(default) if default else None
            return
        for field in self.node.body:
            if isinstance(field, ast.AnnAssign) and not ast.unparse(field.annotation).startswith("ClassVar"):
                default = field.value
                yield (
                    ast.unparse(field.target),
                    ast.unparse(field.annotation),
                    ast.unparse(default) if default else None,
                )

    @property
    def _parts(self) -> list[str]:
        return re.split(r"^(\w+):\n", inspect.cleandoc(ast.get_docstring(self.node) or ""), flags=re.MULTILINE)

    @property
    def _sections(self) -> list[tuple[str, str]]:
        parts = self._parts
        return list(zip(parts[1::2], parts[2::2], strict=True))


def _default(value: ast.expr) -> str:
    """Return a default as it's written in a program."""
    if isinstance(value, ast.Attribute) and ast.unparse(value.value) == "schema":
        return repr(getattr(schema, value.attr))
    return ast.unparse(value)


def _public() -> Iterator[str]:
    for name in pulumi_justt.__all__:
        thing = getattr(pulumi_justt, name)
        if isinstance(thing, types.ModuleType):
            yield f"## {name}\n\n{_CREDENTIALS}"
            from_output = Documented.of(credentials.CredentialType).function("from_output")
            assert from_output
            yield from _described("### from_output", from_output)
            yield from (_shape(getattr(thing, each)) for each in thing.__all__ if each != "Credentials")
        elif isinstance(thing, (type, types.FunctionType)):
            yield from _described(f"## {name}", Documented.of(thing))
        elif isinstance(thing, str):
            yield f"## {name}\n\nThe version of this package, as text."
        else:
            yield f"## {name}\n\n{_docstring_below(name)} One of {', '.join(f'`{each}`' for each in get_args(thing))}."


def _testing() -> Iterator[str]:
    yield f"## testing\n\n{_TESTING}"
    for name in testing.__all__:
        yield from _described(f"### {name}", Documented.of(getattr(testing, name)))


def _described(heading: str, documented: Documented) -> Iterator[str]:
    yield f"{heading}\n\n{documented.prose}"
    said = documented.entries("Args")
    called = documented.function("__init__") or documented
    arguments = list(called.arguments())
    if missing := [name for name, _, _ in arguments if name not in said]:
        raise ValueError(f"{heading.strip('# ')}: its docstring has no line under Args: for {', '.join(missing)}")
    rows = [
        (f"`{name}`", f"`{kind}`", "required" if default is None else f"`{default}`", said[name])
        for name, kind, default in arguments
    ]
    if rows:
        yield table(("argument", "type", "default", "meaning"), rows)
    if raised := documented.entries("Raises"):
        yield table(("raises", "when"), [(f"`{name}`", when) for name, when in raised.items()])
    if isinstance(documented.node, ast.ClassDef):
        outputs = [(f"`{name}`", f"`{kind}`", meaning) for name, kind, meaning in documented.outputs()]
        if outputs:
            yield table(("output", "type", "meaning"), outputs)
        for each in documented.functions():
            if "classmethod" in each.decorators:
                yield from _described(f"### {documented.node.name}.{each.node.name}", each)


def _shape(shape: type[credentials.Credentials]) -> str:
    documented = Documented.of(shape)
    said = documented.entries("Args")
    identifiers = (
        {f.name for f in shape.wire_fields().values() if f.metadata.get("identifier")}
        if issubclass(shape, credentials.CredentialType)
        else {"secret_type"}
    )
    rows = [
        (
            f"`{name}`",
            "required" if default is None else "optional",
            "plain" if name in identifiers else "secret",
            said[name],
        )
        for name, _, default in documented.arguments()
    ]
    return f"### {shape.__name__}\n\n{documented.prose}\n\n{table(('field', '', 'kept', 'meaning'), rows)}"


def _docstring_below(alias: str) -> str:
    """Return the docstring below the definition of a type."""
    body = ast.parse(inspect.getsource(resources)).body
    texts = [
        after.value.value
        for each, after in pairwise(body)
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == alias
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
    ]
    return str(texts[0])


def settings_table() -> dict[str, tuple[str, str]]:
    """Return the variable and the meaning of each key, in the order of the docstring of config.py."""
    documented = inspect.getdoc(config) or ""
    rows = re.findall(r"^    (justt:\w+) +(\w+|none, on purpose)  +(.*(?:\n {8,}.*)*)", documented, re.MULTILINE)
    return {key: (variable, " ".join(meaning.split())) for key, variable, meaning in rows}


def keyless() -> dict[str, str]:
    """Return the meaning of each variable without a key."""
    rows = re.findall(r"^    (JUSTT_\w+) +(.*(?:\n {8,}.*)*)", inspect.getdoc(config) or "", re.MULTILINE)
    return {variable: " ".join(meaning.split()) for variable, meaning in rows}


def _settings() -> Iterator[str]:
    rows = [
        (f"`{key}`", f"`{variable}`" if variable.isupper() else variable, meaning)
        for key, (variable, meaning) in settings_table().items()
    ]
    yield table(("key", "variable", "meaning"), rows)
    yield _SECRETS
    yield _KEYLESS
    yield table(("variable", "meaning"), [(f"`{variable}`", meaning) for variable, meaning in keyless().items()])
    yield _STATE


def _psps() -> Iterator[str]:
    # A source is Justt's, unless a fact says where it comes from.
    origins = {
        psp.name: next((fact.origin for fact in psp.facts if fact.subject == "source"), "Justt")
        for psp in payment_service_providers.PROVIDERS
    }
    rows = [
        (
            f"[{psp.name}](#{psp.name.lower()})",
            f"`{psp.source}`: {origins[psp.name]}",
            f"`{psp.credentials.__name__}`: {psp.origin}",
        )
        for psp in payment_service_providers.PROVIDERS
    ]
    yield table(("PSP", "source: according to", "credentials: according to"), rows)
    for psp in payment_service_providers.PROVIDERS:
        names = {f.name for f in psp.credentials.wire_fields().values()} | {
            each.argument for each in schema.INTEGRATION
        }
        facts = [
            (f"`{fact.subject}`" if fact.subject in names else fact.subject, fact.text, fact.origin)
            for fact in psp.facts
        ]
        yield f"## {psp.name}"
        yield table(("what", "where to find it, or what to do", "according to"), facts)
    yield _SANDBOX
    known = {psp.source for psp in payment_service_providers.PROVIDERS} | {"justt_sandbox"}
    yield _OTHER_PSPS
    yield textwrap.fill(
        ", ".join(f"`{name}`" for name in sorted({*payment_service_providers.NAMES} - known)),
        120,
        break_on_hyphens=False,
    )
    yield _PSP_PROGRAM
    program = "".join(map(_psp_program, payment_service_providers.PROVIDERS))
    yield f"```python\nimport pulumi_justt as justt\n\n{program}```"
    yield "```console\n$ pulumi preview\n```"


def _psp_program(psp: payment_service_providers.PaymentServiceProvider) -> str:
    fields = "".join(
        f'        {f.name}=justt.from_env("{psp.source.upper()}_{f.name.upper()}"),\n'
        for f in psp.credentials.wire_fields().values()
    )
    unlisted = "" if psp.source in get_args(resources.Source) else "    allow_unlisted=True,\n"
    return (
        f'justt.PaymentIntegration(\n    "{psp.source}",\n    external_identifier="{psp.source}-main",\n'
        f'    integration_name="{psp.name}",\n    source="{psp.source}",\n'
        f"    credentials=justt.credentials.{psp.credentials.__name__}(\n{fields}    ),\n{unlisted})\n"
    )


def commands() -> Iterator[click.Context]:
    """Yield the context of each command, starting with that of `pulumi-justt` itself."""

    def below(context: click.Context) -> Iterator[click.Context]:
        yield context
        if isinstance(context.command, click.Group):
            for name in context.command.list_commands(context):
                inner = context.command.get_command(context, name)
                if inner and not inner.hidden:
                    yield from below(click.Context(inner, context, name))

    # The width that click uses in a terminal with 80 columns.
    yield from below(click.Context(app.main, info_name="pulumi-justt", terminal_width=78))


def _help() -> Iterator[str]:
    for context in commands():
        line = context.command_path
        yield f"## {line}\n\n```console\n$ {line} --help\n{context.get_help().strip()}\n```"


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
