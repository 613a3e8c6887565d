"""One cause for many resources: its error is shown in full once, and in one line at each other resource."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pulumi_justt.core.command_log import CommandLog
from pulumi_justt.core.journal import Journal
from pulumi_justt.core.repeated_errors import RepeatedErrors
from pulumi_justt.errors import (
    CancelledError,
    CreateOutcomeUnknown,
    InvalidSettings,
    JusttError,
    NotReady,
    RequestFailed,
    RequestRefused,
    SharedConflict,
    StateConflict,
)
from support.scripted_client import RECORDED, Scripted, refusal

URN = "urn:pulumi:dev::shop::pulumi-python:dynamic/justt:PaymentIntegration::"
KEY = "Set it to a key that is valid in sandbox."


def refused(name: str, remediation: str = KEY, error_id: str | None = None, status: int = 401) -> RequestRefused:
    """Return the error of a create with a key that Justt refuses."""
    return RequestRefused(
        f"creating {name}",
        f"Justt answered {status}: no such key",
        remediation,
        error_id or f"e-{name}",
        status=status,
        after_unanswered=False,
    )


def conflict(name: str, recorded: str = "sandbox") -> SharedConflict:
    """Return the error of a delete in another environment than the recorded one."""
    operation = f"deactivating {name}"
    return SharedConflict(
        f"{operation}: it was recorded in {recorded}. Set it back.", operation, "it was recorded in another environment"
    )


def process(folder: Path | None, command: str = "a command") -> Callable[[JusttError, str], str]:
    """Return a function of a new process that returns what the process shows for an error of a resource."""
    errors = RepeatedErrors(CommandLog(Journal(folder, command=command), "http://127.0.0.1:9/v1"))
    return lambda error, name: errors.shown(error, f"{URN}{name}", str(error))


def test_the_first_error_is_full_and_the_others_name_it(tmp_path: Path) -> None:
    """The others say what the provider was doing, the status, their own errorId, and which resource's error to read."""
    show = process(tmp_path)

    assert show(refused("m1"), "m1") == f"creating m1: Justt answered 401: no such key (errorId e-m1). {KEY}"
    assert show(refused("m2"), "m2") == (
        "creating m2: Justt answered 401 (errorId e-m2), as for 'm1': its error says what to do."
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            lambda name: RequestFailed(f"reading {name}", "no connection (refused), after 3 attempts", "Check it."),
            "reading b: no connection",
        ),
        (
            lambda name: RequestFailed(f"reading {name}", "no answer within 30 s, after 3 attempts", "Check it."),
            "reading b: no answer within 30 s, after 3 attempts",
        ),
        (
            lambda name: NotReady(f"waiting for {name}", "its status is FAILED: the key was revoked", "Look."),
            "waiting for b: its status is FAILED",
        ),
        (lambda _: InvalidSettings("no Justt API key: run `pulumi config set`"), "no Justt API key"),
        (conflict, "deactivating b: it was recorded in another environment"),
    ],
)
def test_each_kind_of_cause_has_a_line(error: Callable[[str], JusttError], line: str, tmp_path: Path) -> None:
    """The line leaves out the details that are the same for each resource."""
    show = process(tmp_path)

    assert show(error("a"), "a") == str(error("a"))
    assert show(error("b"), "b") == f"{line}, as for 'a': its error says what to do."


@pytest.mark.parametrize(
    "other",
    [
        refused("b", remediation="The key from another provider."),
        refused("b", status=403),
        conflict("b", recorded="production"),
        InvalidSettings("no Justt API key"),
    ],
)
def test_another_cause_is_shown_in_full(other: JusttError, tmp_path: Path) -> None:
    """An error with another response, remediation, account or environment is shown in full."""
    show = process(tmp_path)
    for known in (refused("a"), conflict("a")):
        show(known, "a")

    assert show(other, "b") == str(other)


@pytest.mark.parametrize(
    "error",
    [
        CreateOutcomeUnknown("creating x", "no answer", "Look it up."),
        CancelledError("creating x", "it was not sent", "Nothing was created."),
        StateConflict("the state of x was written by a newer version"),
    ],
)
def test_an_error_about_one_integration_is_always_full(error: JusttError, tmp_path: Path) -> None:
    """A create whose outcome is unknown is shown in full at each resource, because each may need a decision."""
    show = process(tmp_path)

    assert [show(error, name) for name in ("a", "b")] == [str(error)] * 2


def test_a_repeated_call_has_the_same_text(tmp_path: Path) -> None:
    """If an `onError` hook repeats a call, the error of that resource has the same form as before."""
    show = process(tmp_path)
    shown = [show(refused(name), name) for name in ("a", "b")]

    assert [show(refused(name), name) for name in ("a", "b")] == shown


def test_a_reference_to_a_resource_of_the_same_name_is_avoided(tmp_path: Path) -> None:
    """If the other resource has the same name, as an `IntegrationReady` may, a reference to it would be unclear."""
    errors = RepeatedErrors(CommandLog(Journal(tmp_path, command="a command"), "http://127.0.0.1:9/v1"))
    full = [errors.shown(refused("x"), f"urn:pulumi:dev::shop::{kind}::x", "full") for kind in ("a", "b")]

    assert full == ["full", "full"]


def test_an_error_without_a_urn_is_full(tmp_path: Path) -> None:
    """If the host gives no URN, no line could name the resource."""
    errors = RepeatedErrors(CommandLog(Journal(tmp_path), "http://127.0.0.1:9/v1"))

    assert [errors.shown(refused("x"), None, "full") for _ in range(2)] == ["full", "full"]


@pytest.mark.parametrize("has_folder", [True, False])
def test_of_many_threads_one_shows_the_full_error(has_folder: bool, tmp_path: Path) -> None:
    """If sixteen threads fail at the same time, exactly one error is full, and the others name its resource."""
    show = process(tmp_path if has_folder else None)
    names = [f"m{number}" for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        shown = dict(zip(names, pool.map(lambda name: show(refused(name), name), names), strict=True))

    (first,) = [name for name, text in shown.items() if text.endswith(KEY)]
    assert all(
        text.endswith(f", as for {first!r}: its error says what to do.")
        for text in [*shown.values()]
        if KEY not in text
    )


def test_of_many_processes_one_shows_the_full_error(tmp_path: Path) -> None:
    """The processes of a command share the first resource. Another command shows the full error again."""
    processes = [process(tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        shown = list(pool.map(lambda n: processes[n](refused(f"m{n}"), f"m{n}"), range(4)))

    assert sum(KEY in text for text in shown) == 1
    assert KEY in process(tmp_path, "another command")(refused("m9"), "m9")


@pytest.mark.parametrize("call", ["read", "delete"])
def test_a_404_of_many_resources_is_one_cause(call: str, tmp_path: Path) -> None:
    """With a key of another account, each read and delete gets a 404, and the long text is shown once."""
    show, texts = process(tmp_path), []
    for name in ("a", "b"):
        with pytest.raises(StateConflict) as raised:
            getattr(Scripted([refusal(404)] * 2).core, call)("id-1", {**RECORDED, "externalIdentifier": name})
        texts.append(show(raised.value, name))

    assert "JUSTT_ON_MISSING=gone" in texts[0]
    doing = "reading" if call == "read" else "deactivating"
    assert texts[1] == (
        f"{doing} the stripe integration 'b' (id-1): Justt answered 404 (errorId e-1), as for 'a': its error says what "
        "to do."
    )
