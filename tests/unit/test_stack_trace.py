"""The stack trace that the SDK sends for each resource has the program's frames, and at most two others."""

from __future__ import annotations

import runpy
import sys
import threading
from pathlib import Path

import pytest
from pulumi.runtime.proto import source_pb2

from pulumi_justt.stack_trace import short_stack_trace
from support.mocked_program import Program, run_program

PROGRAM = """
import pulumi
import pulumi_justt as justt

def integration(name, opts=None):
    justt.PaymentIntegration(
        name,
        external_identifier=name,
        integration_name=name,
        source="stripe",
        credentials=justt.credentials.ApiKeyOnly(api_key="made-up"),
        opts=opts,
    )

class Inner(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("shop:index:Inner", name, opts=opts)
        integration(name, pulumi.ResourceOptions(parent=self))
        justt.PaymentIntegration.get("got", "id-9")

class Outer(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("shop:index:Outer", name)
        Inner(name, pulumi.ResourceOptions(parent=self))

integration("alone")
Outer("nested")
"""
ALONE = [6, 26]
NESTED = [6, 18, 24, 27]
SLACK = 2
"""The frames that remain below the program's, as room for more frames of a later SDK."""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Write the program with components to a file, and return its path."""
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    return file


def run(program: Path) -> Program:
    """Run the program as the language host does, and return what it registered."""

    def body() -> None:
        runpy.run_path(str(program))

    return run_program(body)


def lines(trace: source_pb2.StackTrace, file: Path) -> list[int]:
    """Return the line numbers of the first frames of a trace, which are those in *file*."""
    own = [frame.pc.line for frame in trace.frames if frame.pc.uri == file.as_uri()]
    assert len(trace.frames) <= len(own) + SLACK
    assert [frame.pc.line for frame in trace.frames[: len(own)]] == own
    return own


def test_the_trace_has_the_frames_of_the_program(program: Path) -> None:
    """The trace of each resource begins with the program's frames, including the components around the resource.

    The source position is the line that creates the resource.
    """
    ran = run(program)

    by_name = {each.name: each for each in ran.registered if "PaymentIntegration" in each.type}
    assert {name: lines(each.stackTrace, program) for name, each in by_name.items()} == {
        "alone": ALONE,
        "nested": NESTED,
    }
    assert {name: each.sourcePosition.line for name, each in by_name.items()} == {"alone": 6, "nested": 6}
    assert not hasattr(sys, "tracebacklimit")


def test_a_module_that_the_program_imports_is_in_the_trace(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a module registers resources when the program imports it, the trace has both files."""
    monkeypatch.syspath_prepend(str(program.parent))
    main = program.with_name("main.py")
    main.write_text("import program\n")

    found = {each.name: each for each in run(main).registered}["alone"].stackTrace.frames

    assert [frame.pc.line for frame in found[:2]] == ALONE
    assert (main.as_uri(), 1) in [(frame.pc.uri, frame.pc.line) for frame in found]
    assert len(found) <= 12


def test_a_get_in_a_component_has_a_trace(program: Path) -> None:
    """The trace of a `get` in a component begins at the line that creates the component.

    The SDK begins a trace at the call of a constructor, and `get` calls none.
    """
    (looked_up,) = run(program).looked_up

    assert lines(looked_up.stackTrace, program) == [24, 27]


def test_a_function_as_program_keeps_its_whole_trace() -> None:
    """If the program is a function, as with the Automation API, its trace keeps all frames.

    No frame shows where such a program begins.
    """
    limits: list[int | None] = []

    def register() -> None:
        with short_stack_trace():
            limits.append(sys.tracebacklimit)

    thread = threading.Thread(target=register)
    thread.start()
    thread.join()

    # A thread has the frames of `register` and three of the standard library, and the SDK has four.
    assert limits[0] is not None
    assert limits[0] >= 4 + 4


@pytest.mark.parametrize("before", [None, 0, 7])
def test_the_limit_is_restored(before: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a registration, `sys.tracebacklimit` has its earlier value again, even if the registration fails."""
    monkeypatch.setattr(sys, "tracebacklimit", before, raising=False)

    with pytest.raises(ValueError, match="made up"), short_stack_trace():
        raise ValueError("made up")

    assert sys.tracebacklimit == before


def test_concurrent_registrations_restore_the_limit() -> None:
    """If two threads register resources at the same time, the last one to end restores the original limit."""
    inside, leave = threading.Event(), threading.Event()

    def register() -> None:
        with short_stack_trace():
            inside.set()
            leave.wait()

    other = threading.Thread(target=register)
    with short_stack_trace():
        mine = sys.tracebacklimit
        other.start()
        inside.wait()
        assert mine is not None
        assert sys.tracebacklimit is not None
        assert sys.tracebacklimit >= mine
    assert hasattr(sys, "tracebacklimit")
    leave.set()
    other.join()

    assert not hasattr(sys, "tracebacklimit")


def test_a_transformation_may_register_a_resource() -> None:
    """If a registration begins within another, as in a transformation, the outer one keeps its limit to the end."""
    with short_stack_trace():
        outer = sys.tracebacklimit
        with short_stack_trace():
            pass
        assert sys.tracebacklimit == outer

    assert not hasattr(sys, "tracebacklimit")
