"""Credentials by reference: their stored form, their values, and the errors for a missing value."""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest

from pulumi_justt import from_env, from_file
from pulumi_justt.errors import Unresolved
from pulumi_justt.references import FileReference, Reference, VariableReference, from_wire, resolved

CANARY = "canary-4b1fe07792c3"
NAMES = {"apiKey": "api_key", "privateKey": "private_key"}
PEM = "-----BEGIN PRIVATE KEY-----\nAAAA\nBBBB\n-----END PRIVATE KEY-----\n"


def value_of(reference: Reference) -> object:
    """Resolve one reference, as a create does, and return its value."""
    return resolved({"apiKey": reference.wire()}, operation="creating it", names=NAMES)["apiKey"]


def error_of(*references: Reference) -> str:
    """Return the text of the error for references that can't be resolved."""
    payload = dict(zip(("apiKey", "privateKey", "token"), (each.wire() for each in references), strict=False))
    with pytest.raises(Unresolved) as raised:
        resolved(payload, operation="creating it", names=NAMES)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return str(raised.value)


@pytest.mark.parametrize(
    ("reference", "wire"),
    [
        (from_env("STRIPE_KEY"), {"fromEnv": "STRIPE_KEY", "version": 1}),
        (from_env("STRIPE_KEY", version=3), {"fromEnv": "STRIPE_KEY", "version": 3}),
        (from_file("keys/sftp.pem"), {"fromFile": "keys/sftp.pem", "version": 1}),
        (from_file(Path("keys") / "sftp.pem", version=2), {"fromFile": "keys/sftp.pem", "version": 2}),
    ],
)
def test_the_stored_form_is_pinned(reference: Reference, wire: dict[str, object]) -> None:
    """`wire` returns a reference's pinned form, and `from_wire` restores the reference.

    `from_wire` turns the engine's float for the version into an int.
    """
    assert reference.wire() == wire
    assert from_wire(wire) == reference
    back = from_wire({**wire, "version": float(reference.version)})
    assert back == reference
    assert type(back.version) is int


@pytest.mark.parametrize(
    "value",
    [
        None,
        "STRIPE_KEY",
        {},
        [],
        {"fromEnv": "STRIPE_KEY"},
        {"version": 1},
        {"fromEnv": "", "version": 1},
        {"fromEnv": 7, "version": 1},
        {"fromEnv": "STRIPE_KEY", "version": "1"},
        {"fromEnv": "STRIPE_KEY", "version": True},
        {"fromEnv": "STRIPE_KEY", "version": 1.5},
        {"fromEnv": "STRIPE_KEY", "version": math.inf},
        {"fromEnv": "STRIPE_KEY", "version": math.nan},
        {"fromEnv": "STRIPE_KEY", "version": 0},
        {"fromEnv": "STRIPE_KEY", "version": 2**53 + 2},
        {"fromEnv": "A KEY", "version": 1},
        {"fromFile": "", "version": 1},
        {"fromFile": "a\nb", "version": 1},
        {"fromEnv": "STRIPE_KEY", "fromFile": "a"},
        {"fromEnv": "STRIPE_KEY", "version": 1, "more": 1},
        {"from_env": "STRIPE_KEY", "version": 1},
    ],
)
def test_other_values_are_no_references(value: object) -> None:
    """`from_wire` returns None for a value of any other form, which is then an ordinary value."""
    assert from_wire(value) is None


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda make: make(7), TypeError, "from_env takes the name of a variable as text; got int"),
        (lambda make: make(None), TypeError, "got NoneType"),
        (lambda make: make(""), ValueError, "the name of an environment variable, not its value"),
        (lambda make: make(f"KEY={CANARY}"), ValueError, "the name of an environment variable, not its value"),
        (lambda make: make("A\0B"), ValueError, "the name of an environment variable, not its value"),
        (lambda make: make("sk_live_51Habc"), ValueError, "the name of an environment variable, not its value"),
        (lambda make: make("rk_test_51Habc"), ValueError, "the name of an environment variable, not its value"),
        (lambda make: make("whsec_51Habc"), ValueError, "the name of an environment variable, not its value"),
        (lambda make: make("a secret+/"), ValueError, "the name of an environment variable, not its value"),
        *(
            (lambda make, name=name: make(name), ValueError, "the name of an environment variable, not its value")
            for name in (
                "d41d8cd98f00b204e9800998ecf8427e",
                "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
                "EBWKjlELKMYqRNQ6sYvFo64FtaRLRr5BdHEESmha49TM",
                "AKIAIOSFODNN7EXAMPLE",
                "shpat_abc123",
                "sk_org_live_x",
                "pk_live_x",
            )
        ),
        (lambda make: make("1A"), ValueError, "the name of an environment variable, not its value"),
        (lambda make: make("A", version="2"), TypeError, "version takes a whole number; got str"),
        (lambda make: make("A", version=True), TypeError, "version takes a whole number; got bool"),
        (lambda make: make("A", version=0), ValueError, "version starts at 1; got 0"),
        (lambda make: make("A", version=2**53 + 1), ValueError, "version must be at most 2.53"),
    ],
)
def test_an_impossible_variable_name_is_rejected(
    make: Callable[[Any], object], error: type[Exception], text: str
) -> None:
    """`from_env` refuses a name that no variable can have or that looks like a credential, and an invalid version.

    The error doesn't show the given value.
    """
    with pytest.raises(error, match=text) as raised:
        make(from_env)
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda make: make(7), TypeError, "from_file takes a path; got int"),
        (lambda make: make(True), TypeError, "from_file takes a path; got bool"),
        (lambda make: make(""), ValueError, "the path of a file, not its content"),
        (lambda make: make(PEM), ValueError, "the path of a file, not its content"),
        (lambda make: make(PEM.replace("\n", " ")), ValueError, "the path of a file, not its content"),
        (lambda make: make("sk_live_51Habc"), ValueError, "this looks like a credential: for a file of that name"),
        (lambda make: make("4eC39HqLyjWDarjtT1zdp7dc"), ValueError, "this looks like a credential"),
        (lambda make: make("keys/<{%bogus%}>"), ValueError, "the path of from_file has the characters <, { and %"),
        (lambda make: make("a.pem", version=1.0), TypeError, "version takes a whole number; got float"),
        (lambda make: make("a.pem", version=2**60), ValueError, "version must be at most 2.53"),
        (lambda make: make("a.pem", version=-1), ValueError, "version starts at 1; got -1"),
    ],
)
def test_an_impossible_path_is_rejected(make: Callable[[Any], object], error: type[Exception], text: str) -> None:
    """`from_file` refuses a text that is not a path, such as the content of a key file, and an invalid version.

    The error doesn't show the key.
    """
    with pytest.raises(error, match=text) as raised:
        make(from_file)
    assert "AAAA" not in str(raised.value)


@pytest.mark.parametrize("path", ["./sk_live_51Habc", "sk_live_key.txt", "keys/4eC39HqLyjWDarjtT1zdp7dc", "stripe-key"])
def test_unusual_paths_are_accepted(path: str) -> None:
    """`from_file` accepts a text that resembles a credential but has a folder, an extension or only words."""
    assert from_file(path).place == path.removeprefix("./")


@pytest.mark.parametrize(
    "name",
    [
        "STRIPE_RESTRICTED_KEY_2024",
        "OAUTH2_CLIENT_SECRET",
        "OAUTH2CLIENTSECRETKEY",
        "stripeSecretKeyForProduction",
        "SFTP_V2_KEY_EU_1",
        "ADYEN_796A4D83_HMAC",
        "STRIPE_5A1B2C3D_API_KEY",
        "npm_config_token",
        "stripeApiKeyEuV2",
        "TF_VAR_eu_de_at_ch_key",
        "sk_KEY",
        "A",
    ],
)
def test_unusual_variable_names_are_accepted(name: str) -> None:
    """`from_env` accepts a variable name of words and numbers, in upper or lower case."""
    assert from_env(name, version=2**53).place == name


def test_a_variable_is_used_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The value of a variable is used unchanged, including white space around it."""
    monkeypatch.setenv("STRIPE_KEY", f" {CANARY}\n")

    assert value_of(from_env("STRIPE_KEY")) == f" {CANARY}\n"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (CANARY.encode(), CANARY),
        (f"{CANARY}\n".encode(), CANARY),
        (f"{CANARY}\r\n".encode(), CANARY),
        (f" {CANARY} \n".encode(), f" {CANARY} "),
        (PEM.encode(), PEM),
        (PEM.replace("\n", "\r\n").encode(), PEM.replace("\n", "\r\n")),
        (b"\xef\xbb\xbf" + CANARY.encode(), CANARY),
        (b"a" * 1_000_000, "a" * 1_000_000),
    ],
)
def test_a_file_is_used_as_text(tmp_path: Path, content: bytes, value: str) -> None:
    """The content of a file is used without a byte order mark.

    If a file has one line, its final line break is removed, which editors add. A PEM key keeps its line breaks.
    """
    path = tmp_path / "key"
    path.write_bytes(content)

    assert value_of(from_file(path)) == value


def test_relative_paths_and_home_are_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`from_file` reads a relative path from the process's working directory, and `~` from the user's home folder."""
    (tmp_path / "key").write_text(CANARY)
    monkeypatch.chdir(tmp_path)
    assert value_of(from_file("key")) == CANARY

    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert value_of(from_file("~/key")) == CANARY


def test_all_missing_values_are_one_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If the values of three references are missing, one error names all three fields, as in the program.

    The error says that nothing was sent.
    """
    monkeypatch.delenv("STRIPE_KEY", raising=False)
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.chdir(tmp_path)

    assert error_of(from_env("STRIPE_KEY"), from_file("a.pem"), from_env("EMPTY")) == (
        "creating it: credentials.api_key comes from the variable 'STRIPE_KEY', which is not set where pulumi runs; "
        f"credentials.private_key comes from the file 'a.pem' in {tmp_path}, which cannot be read: No such file or "
        "directory; credentials.token comes from the variable 'EMPTY', which is empty where pulumi runs. Nothing was "
        "sent. Provide what is missing, and run `pulumi up` again."
    )


def test_a_file_that_is_no_credential_is_rejected(tmp_path: Path) -> None:
    """If a file can't be a credential, the error describes the file without its content.

    Examples are a folder, a pipe, an image and a file that is too large.
    """
    (tmp_path / "binary").write_bytes(b"\xff" + CANARY.encode())
    (tmp_path / "wide").write_bytes(CANARY.encode("utf-16-le"))
    (tmp_path / "blank").write_text(" \n")
    (tmp_path / "large").write_bytes(b"a" * 1_000_001)
    os.mkfifo(tmp_path / "pipe")

    def problem(name: str) -> str:
        text = error_of(from_file(tmp_path / name))
        assert CANARY not in text
        return text.partition(", which ")[2].partition(". Nothing was sent")[0]

    assert problem(".") == "is not a regular file"
    assert problem("pipe") == "is not a regular file"
    assert problem("binary") == "is not text in UTF-8"
    assert problem("wide") == "is not text in UTF-8"
    assert problem("blank") == "is empty"
    assert problem("large") == "has more than 1,000,000 bytes, more than Justt takes"
    assert problem("binary/key") == "cannot be read: Not a directory"


def in_program(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Set up the process like one in which Pulumi's language host runs a program in *folder*."""
    monkeypatch.setattr(sys, "orig_argv", ["python", "/x/pulumi-language-python-exec", "--pwd", str(folder), "."])


def test_a_path_in_the_program_is_the_same_in_every_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`from_file` stores a path within the checkout relative to the program.

    An absolute path would differ between machines, and would replace the integration.
    """
    program = tmp_path / "shop" / "infra"
    program.mkdir(parents=True)
    in_program(monkeypatch, program)
    monkeypatch.chdir("/")

    assert from_file(program / "keys" / "a.pem") == from_file("keys/a.pem") == from_file("./keys//x/../a.pem")
    assert from_file(tmp_path / "shop" / "keys" / "a.pem").place == "../keys/a.pem"
    assert from_file(f"{program}x/a.pem").place == "../infrax/a.pem"
    assert from_file("../a.pem").place == "../a.pem"
    assert from_file("~/a.pem").place == "~/a.pem"
    assert from_file("/run-of-another-tree/secrets/key").place == "/run-of-another-tree/secrets/key"


def test_all_spellings_of_a_path_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`from_file` stores the same path for all spellings, with `..`, `~` or a link.

    So another spelling doesn't replace the integration.
    """
    program = tmp_path / "shop" / "infra"
    (program / "keys").mkdir(parents=True)
    (tmp_path / "away" / "sub").mkdir(parents=True)
    (program / "link").symlink_to(tmp_path / "away" / "sub")
    in_program(monkeypatch, program)
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    spellings = (
        "keys/a",
        "./keys//a/",
        "../infra/keys/a",
        "../../shop/infra/keys/a",
        "keys/../keys/./a",
        f"{program}/keys/a",
        f"//{program}/../infra/keys/a",
        f"{program}/link/../../shop/infra/keys/a",
        f"~/..{program.as_posix().removeprefix(tmp_path.as_posix())}/keys/a",
    )
    assert {from_file(each).place for each in spellings} == {"keys/a"}
    # As in the operating system: `..` after a link is the parent of the link's target.
    assert from_file("link/../a") == from_file(tmp_path / "away" / "a") == from_file("../../away/a")
    assert from_file("link/a").place == "link/a"
    absolute = {from_file(each).place for each in ("/run-of-another-tree/k", "//run-of-another-tree/x/../k")}
    assert absolute == {from_file(f"{'../' * 40}run-of-another-tree/k").place} == {"/run-of-another-tree/k"}
    assert {from_file(each).place for each in ("~/a", "~//a", "~/./b/../a", "~/../home/a")} == {"~/a"}
    assert from_file("~/../away/a").place == "../../away/a"


def test_a_path_through_a_link_reads_the_named_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`from_file` reads `link/../a` as the operating system does, relative to the link's target.

    A shortened path would read another file.
    """
    (tmp_path / "program").mkdir()
    (tmp_path / "away" / "sub").mkdir(parents=True)
    (tmp_path / "away" / "a").write_text(CANARY)
    (tmp_path / "program" / "a").write_text("another")
    (tmp_path / "program" / "link").symlink_to(tmp_path / "away" / "sub")
    monkeypatch.chdir(tmp_path / "program")

    assert value_of(from_file("link/../a")) == CANARY
    in_program(monkeypatch, tmp_path / "program")
    assert value_of(from_file("link/../a")) == CANARY


def test_a_link_to_the_checkout_is_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a link leads to the checkout, `from_file` stores the same path with or without the link.

    A link within the checkout stays part of the path.
    """
    (tmp_path / "real" / "infra").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "infra" / "keys").symlink_to(tmp_path / "elsewhere")

    for started, named in (("real", "link"), ("link", "real"), ("link", "link")):
        in_program(monkeypatch, tmp_path / started / "infra")
        assert from_file(tmp_path / named / "infra" / "keys" / "a.pem").place == "keys/a.pem"
        assert from_file(tmp_path / named / "a.pem").place == "../a.pem"


@pytest.mark.parametrize("path", [r"keys\sftp.pem", r".\keys\x\..\sftp.pem", PureWindowsPath("keys") / "sftp.pem"])
def test_paths_are_stored_alike_on_every_system(path: str | PureWindowsPath) -> None:
    """`from_file` stores a path with `/`, even if the program uses the separator of Windows."""
    assert from_file(path).place == "keys/sftp.pem"
    assert from_file(r"..\keys\sftp.pem").place == "../keys/sftp.pem"


def test_a_path_outside_of_a_program_is_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a Pulumi program, as in a unit test, `from_file` stores an absolute path unchanged."""
    monkeypatch.chdir(tmp_path)

    assert from_file(tmp_path / "key").place == str(tmp_path / "key")


@pytest.mark.parametrize("name", ["JUSTT_API_KEY", "PULUMI_ACCESS_TOKEN", "Pulumi_Config_Passphrase", "justt_x"])
def test_variables_of_pulumi_and_justt_are_never_credentials(name: str) -> None:
    """`from_env` refuses a variable whose name begins with PULUMI_ or JUSTT_, in upper or lower case.

    These variables contain other keys and passphrases.
    """
    with pytest.raises(ValueError, match=f"from_env does not take {name}: variables that begin with PULUMI_ or JUSTT_"):
        from_env(name)
    assert from_wire({"fromEnv": name, "version": 1}) is None


def test_an_inaccessible_path_is_reported_as_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a path in the home folder of an unknown user, the error says that the path does not exist.

    For a relative path in a deleted working directory, the error says that there is no such file.
    """
    assert "'~no-such-user/key', which cannot be read: the path does not exist" in error_of(
        from_file("~no-such-user/key")
    )
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    reference = from_file("key")
    gone.rmdir()
    assert "'key', which cannot be read: No such file or directory" in error_of(reference)


def test_a_variable_without_text_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a variable has bytes that are not UTF-8, or only white space, the error names the variable and the problem."""
    monkeypatch.setenv("BYTES", "a\udcff")
    monkeypatch.setenv("BLANK", " \n")

    assert "the variable 'BYTES', which is not text in UTF-8" in error_of(from_env("BYTES"))
    assert "the variable 'BLANK', which is empty" in error_of(from_env("BLANK"))


def test_references_with_the_same_content_are_equal() -> None:
    """Two references with the same name or path and version are equal.

    The text form of a reference shows the name, which is no secret.
    """
    assert from_env("A", version=2) == VariableReference("A", 2)
    assert from_file("a") == FileReference("a", 1)
    assert len({from_file("a"), from_env("a"), from_env("a", version=2)}) == 3
    assert "STRIPE_KEY" in repr(from_env("STRIPE_KEY"))


def test_a_file_that_becomes_a_pipe_does_not_block(tmp_path: Path) -> None:
    """While another thread exchanges a file for a pipe, `from_file` never waits.

    `from_file` returns the value or raises an error at once.
    """
    path, kept, pipe = tmp_path / "key", tmp_path / "kept", tmp_path / "pipe"
    kept.write_text(CANARY)
    os.mkfifo(pipe)
    path.symlink_to(kept)
    is_done = threading.Event()

    def exchange() -> None:
        while not is_done.is_set():
            for source in (kept, pipe):
                link = tmp_path / "link"
                link.symlink_to(source)
                link.replace(path)

    def found() -> str:
        try:
            return from_file(path).value()
        except LookupError as error:
            return str(error.args[0]).rpartition(", which ")[2]

    def read() -> set[str]:
        seen = {found()}
        while len(seen) < 2:
            seen.add(found())
        return seen

    with ThreadPoolExecutor(2) as pool:
        exchanging = pool.submit(exchange)
        try:
            assert pool.submit(read).result(30) == {CANARY, "is not a regular file"}
        finally:
            is_done.set()
            # Unblock an open that still waits, so that a failed test ends.
            os.close(os.open(pipe, os.O_RDWR))
        exchanging.result()
