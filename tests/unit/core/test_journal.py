"""The journal: its files, how they survive kills and races, and that an unusable folder fails no create."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pulumi_justt.core.command_log import CommandLog
from pulumi_justt.core.config import Settings
from pulumi_justt.core.journal import Change, Decision, Intent, Journal, stack_of, state_folder
from pulumi_justt.core.journal import folder as journal_folder
from pulumi_justt.log import Log
from support.harness import eventually

URL = "https://api.justt.ai/v1"
URN = "urn:pulumi:dev::shop::pulumi-python:dynamic/justt:PaymentIntegration::stripe-eu"
DAY = 86_400.0


def begun(number: int = 0, **fields: object) -> Intent:
    """Return the intent of a create that has just started."""
    made = Intent(f"{URN}{number or ''}", URL, "acc_1", f"stripe-eu-{number}", "stripe", 1_000_000.0, 1_000_030.0)
    return replace(made, **fields)  # type: ignore[arg-type]  # any field


class RecordingJournal(Journal):
    """A journal whose clock the test sets, and which collects its warnings."""

    def __init__(self, folder: Path | None, command: str | None = None) -> None:
        self.clock = 1_000_000.0
        self.warnings: list[str] = []
        super().__init__(folder, Log(self.warnings.append), lambda: self.clock, command)


@pytest.fixture
def journal(tmp_path: Path) -> RecordingJournal:
    """Return a journal in a folder that does not exist yet."""
    return RecordingJournal(tmp_path / "a" / "state")


def filled(journal: Journal) -> Intent:
    """Write each kind of file once, and return the intent."""
    name = journal.write_snapshot(["i-1", "i-0"], is_complete=True)
    intent = begun(snapshot=name, decision=Decision("claim", "i-2"))
    assert journal.write_intent(intent)
    assert journal.claim(URL, "i-2", URN) == URN
    journal.hold_adoption(URL, "i-3", URN)
    return intent


def files(folder: Path) -> list[Path]:
    """Return the files below *folder*."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def child(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python process with a journal in the folder of its first argument."""
    head = """
        import os, sys, time
        from pathlib import Path
        from pulumi_justt.core.journal import Intent, Journal
        from pulumi_justt.log import Log
        warnings = []
        journal = Journal(Path(sys.argv[1]), Log(warnings.append))
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_written_files_are_read(journal: RecordingJournal) -> None:
    """After a journal has written each kind of file, it and a new journal read all of them. Removed files are gone."""
    intent = filled(journal)
    for each in (journal, RecordingJournal(journal.folder)):
        assert each.intent(URN, URL, "acc_1") == intent
        assert each.intents() == [intent]
        snapshot = each.snapshot(intent.snapshot)
        assert snapshot is not None
        assert (sorted(snapshot.ids), snapshot.is_complete) == (["i-0", "i-1"], True)
        assert each.claimant(URL, "i-2") == URN
        assert each.claimed_ids(URL) == {"i-2"}
        assert each.adopters(URL, "i-3") == [URN]
        assert each.intent(URN, URL, None) is None
        assert each.intent(URN, f"{URL}/sandbox", "acc_1") is None
        assert each.claimed_ids(f"{URL}/sandbox") == set()
        assert each.claimant(URL, "i-3") is None
        assert each.adopters(URL, "i-2") == []
        assert each.snapshot("none") is None
        assert each.snapshot(None) is None
    journal.remove_intent(intent)
    journal.remove_intent(intent)
    journal.forget_integration(URL, "i-2")
    journal.forget_integration(URL, "i-3")
    assert [*journal.intents(), *journal.claimed_ids(URL), *journal.adopters(URL, "i-3")] == []
    assert journal.warnings == []


def test_intent_is_settled_by_its_id(journal: RecordingJournal) -> None:
    """If the state has the id of a create, `settle` removes its intent.

    If it has another id, as during a replacement, the intent stays.
    """
    made = begun(integration_id="i-1")
    assert journal.resolve(URN, URL, "acc_1", "i-1") is None
    journal.write_intent(begun())
    assert journal.resolve(URN, URL, "acc_1", "i-1") == begun()
    assert journal.intents() == [begun()]
    journal.write_intent(made)
    assert journal.resolve(URN, URL, "acc_1", "i-0") == made
    assert journal.resolve(URN, URL, None, "i-1") is None
    assert journal.intents() == [made]
    assert journal.resolve(URN, URL, "acc_1", "i-1") is None
    assert journal.intents() == []


def test_call_reads_only_the_intent_of_its_resource(journal: RecordingJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the journal has many intents, `settle` reads only the file of its own resource.

    Otherwise N resources would read N times N files.
    """
    for number in range(5):
        journal.write_intent(begun(number, integration_id=f"i-{number}"))
    read: list[Path] = []
    bytes_of = journal_folder.bytes_of

    def recorded(path: Path) -> bytes:
        read.append(path)
        return bytes_of(path)

    monkeypatch.setattr(journal_folder, "bytes_of", recorded)
    journal.resolve(f"{URN}1", URL, "acc_1", "i-1")
    assert {path for path in read if path.parent.name == "intents"} == {journal.path_of(begun(1))}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://localhost:8700/v1", "http://127.0.0.1:8700/v1"),
        ("http://LocalHost:8700/v1/", "http://127.0.0.1:8700/v1"),
        ("http://[::1]:8700/v1", "http://localhost.:8700/v1"),
        ("http://127.0.0.1:80/v1", "http://localhost/v1"),
        ("https://proxy.example/justt", "https://PROXY.example.:443/justt/"),
        ("https://api.justt.ai:443/v1/", "https://API.justt.ai/v1"),
    ],
)
def test_spellings_of_a_base_url_share_a_journal_key(journal: RecordingJournal, one: str, other: str) -> None:
    """The journal finds intents, claims and adoptions with any spelling of the base URL."""
    written, requested = (Settings.load({"baseUrl": url}, {}).base_url for url in (one, other))
    assert journal.write_intent(begun(base_url=written))
    assert journal.claim(written, "i-1", URN) == URN
    journal.hold_adoption(written, "i-2", URN)
    found = journal.intent(URN, requested, "acc_1")
    assert found is not None
    assert found.is_at(requested)
    assert journal.claim(requested, "i-1", "another") == URN
    assert journal.claimed_ids(requested) == {"i-1"}
    assert journal.adopters(requested, "i-2") == [URN]
    assert journal.adopted_ids(requested, besides="another") == {"i-2"}
    assert journal.intent(URN, "http://127.0.0.2:8700/v1", "acc_1") is None


def test_intents_can_be_filtered_by_stack(journal: RecordingJournal) -> None:
    """`intents` with a stack returns only the intents of that stack."""
    journal.write_intent(begun())
    journal.write_intent(begun(urn=URN.replace(":dev:", ":prod:")))
    assert journal.intents(stack_of(URN)) == [begun()]
    assert len(journal.intents()) == 2


def test_process_keeps_the_intent_of_another_process(tmp_path: Path) -> None:
    """If a second process has overwritten an intent, the first process can't remove it.

    The intent belongs to another create.
    """
    journal = RecordingJournal(tmp_path)
    first, second = begun(process="first"), begun(process="second", external_identifier="changed")
    journal.write_intent(first)
    journal.write_intent(second)
    journal.remove_intent(first)
    assert journal.intents() == [second]
    journal.remove_intent(second)
    assert journal.intents() == []


def test_claim_decision_is_settled_by_its_id(journal: RecordingJournal) -> None:
    """Once the state has the id that the user decided to claim, `settle` removes the intent.

    The intent stays if the state has another id, or if the decision is to deactivate the id.
    """
    journal.decide(begun(), Decision("claim", "i-1"))
    journal.resolve(URN, URL, "acc_1", "i-0")
    assert len(journal.intents()) == 1
    journal.resolve(URN, URL, "acc_1", "i-1")
    assert journal.intents() == []
    journal.decide(begun(), Decision("deactivate", "i-1"))
    journal.resolve(URN, URL, "acc_1", "i-1")
    assert len(journal.intents()) == 1


@pytest.mark.parametrize("integration_id", [None, "i-1"])
def test_decision_expires_after_30_days(journal: RecordingJournal, integration_id: str | None) -> None:
    """A decision and its intent are kept for 30 days.

    Then the decision is dropped, and the create is undecided again. If its outcome is unknown, its intent is dropped
    with a warning.
    """
    journal.clock += 29 * DAY
    intent = begun(integration_id=integration_id)
    decided = replace(intent, decision=Decision("claim", "i-1"))
    assert journal.decide(intent, Decision("claim", "i-1"))
    journal.clock += 30 * DAY
    assert journal.intent(URN, URL, "acc_1") == decided
    assert journal.intents() == [decided]
    journal.clock += 1
    assert journal.intents() == ([intent] if integration_id else [])
    assert journal.intent(URN, URL, "acc_1") == (intent if integration_id else None)
    # An intent with an unknown outcome is dropped with a warning, as it is without a decision.
    assert [line[:64] for line in journal.warnings] == (
        [] if integration_id else ["warning: creating the stripe integration 'stripe-eu-0': a create"]
    )


def test_decision_is_stored_in_its_intent(journal: RecordingJournal) -> None:
    """If the user decides twice, the intent has the new decision and is otherwise unchanged."""
    for decision in (Decision("deactivate", "i-1"), Decision("forget")):
        assert journal.decide(begun(), decision)
        assert journal.intent(URN, URL, "acc_1") == begun(decision=decision)


def test_id_belongs_to_one_resource(journal: RecordingJournal) -> None:
    """The first claim of an id holds until the integration is INACTIVE; later claims get the first one's URN.

    Several resources may adopt the id.
    """
    assert journal.claim(URL, "i-1", "first") == "first"
    assert journal.claim(URL, "i-1", "second") == "first"
    assert journal.claim(URL, "i-1", "first") == "first"
    assert journal.claim(f"{URL}/sandbox", "i-1", "second") == "second"
    for urn in ("b", "a", "b"):
        journal.hold_adoption(URL, "i-1", urn)
    assert journal.adopters(URL, "i-1") == ["a", "b"]
    journal.end_adoption(URL, "i-1", "none")
    later = RecordingJournal(journal.folder)
    later.end_adoption(URL, "i-1", "b")
    assert RecordingJournal(journal.folder).adopters(URL, "i-1") == ["a"]
    journal.forget_integration(URL, "i-1")
    assert journal.adopters(URL, "i-1") == []
    assert journal.claim(URL, "i-1", "second") == "second"
    assert journal.warnings == []


def test_adoption_counts_in_its_command_and_after_it_succeeded(tmp_path: Path) -> None:
    """An adoption that has only begun, or has ended, counts only in its own command.

    One that is held counts in later commands. The files of ended adoptions are removed later.
    """
    same, fellow, later = (
        RecordingJournal(tmp_path, "1"),
        RecordingJournal(tmp_path, "1"),
        RecordingJournal(tmp_path, "2"),
    )
    same.begin_adoption(URL, "i-1", URN)
    assert (fellow.adopters(URL, "i-1"), later.adopters(URL, "i-1")) == ([URN], [])
    same.hold_adoption(URL, "i-1", URN)
    # Deleting the replaced adopter does not end the adoption.
    fellow.end_adoption(URL, "i-1", URN)
    assert (fellow.adopters(URL, "i-1"), later.adopters(URL, "i-1")) == ([URN], [URN])
    # For the owner itself, the adoption counts only in this command: elsewhere it may have ended on another machine.
    assert (fellow.adopters(URL, "i-1", beside=URN), later.adopters(URL, "i-1", beside=URN)) == ([URN], [])
    later.end_adoption(URL, "i-1", URN)
    assert (later.adopters(URL, "i-1"), same.adopters(URL, "i-1")) == ([URN], [])

    same.keep_adoption(URL, "i-1", URN)
    assert same.adopters(URL, "i-1") == [URN]
    (kept,) = files(tmp_path)
    os.utime(kept, (1, 1))
    RecordingJournal(tmp_path).hold_adoption(URL, "i-2", URN)
    assert kept.exists()
    later.end_adoption(URL, "i-1", URN)
    os.utime(kept, (1, 1))
    RecordingJournal(tmp_path).hold_adoption(URL, "i-2", URN)
    assert not kept.exists()


def test_intent_of_a_former_urn_is_settled(journal: RecordingJournal) -> None:
    """If the state has a create's id under another URN, as after a rename, `settle` removes the intent."""
    assert journal.write_intent(begun(integration_id="i-1"))
    journal.claim(URL, "i-1", URN)
    journal.resolve("another stack's", URL, "acc_1", "i-2")
    assert journal.intents() != []
    journal.resolve("another stack's", URL, "acc_1", "i-1")
    assert journal.intents() == []


def test_only_the_owner_can_read(journal: RecordingJournal) -> None:
    """Under any umask, the journal's files have mode 0600 and its folders 0700, so only their owner can read them."""
    before = os.umask(0)
    try:
        filled(journal)
    finally:
        os.umask(before)
    assert journal.folder is not None
    folders = [journal.folder.parent, journal.folder, *(path for path in journal.folder.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(journal.folder)} == {0o600}
    assert len(files(journal.folder)) == 4


def test_each_kind_of_file_is_private_and_has_fixed_fields(tmp_path: Path) -> None:
    """The journal has seven kinds of files. Under any umask, only their owner can read them.

    Their fields are fixed, and none of them is for a credential.
    """
    before = os.umask(0)
    try:
        journal = Journal(tmp_path / "journal", command="a-command")
        filled(journal)
        journal.write_intent(begun(urn=f"{URN}-2", integration_id="i-4", process=journal.process))
        journal.end_in_order()
        journal.record(Change("create", "created", URL, URN, integration_id="i-4"))
        CommandLog(journal, URL).note_holder(URN, "i-4")
    finally:
        os.umask(before)
    found: dict[str, set[str]] = {}
    for path in files(tmp_path / "journal"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        kind = path.relative_to(tmp_path / "journal").parts[0]
        for line in path.read_text().splitlines():
            found.setdefault(kind, set()).update(json.loads(line))
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_dir()} == {0o700}
    place = {"version", "base_url", "integration_id", "urn"}
    assert found == {
        "intents": place
        | {"account", "external_identifier", "source", "sent_at", "settled_at", "snapshot", "process", "command"}
        | {"decision", "digest"},
        "snapshots": {"version", "ids", "is_complete"},
        "ended": {"version"},
        "claims": place,
        "adoptions": place | {"command", "is_held", "begun_at"},
        "commands": {"at", "urn", "id"},
        "changes": {"at", "action", "outcome", "base_url", "integration_id", "urn"},
    }


def test_files_have_no_field_for_a_credential(journal: RecordingJournal) -> None:
    """The journal's files have only fields that can't hold a credential, and the paths don't name an integration."""
    filled(journal)
    assert journal.folder is not None
    keys = {path.parent.name: set(json.loads(path.read_bytes())) for path in files(journal.folder)}
    place = {"version", "base_url", "integration_id", "urn"}
    (adopted,) = (journal.folder / "adoptions").iterdir()
    assert keys == {
        "intents": place
        | {"account", "external_identifier", "source", "sent_at", "settled_at", "snapshot", "process", "command"}
        | {"decision", "digest"},
        "snapshots": {"version", "ids", "is_complete"},
        "claims": place,
        adopted.name: place | {"command", "is_held", "begun_at"},
    }
    assert not any("stripe" in str(path.relative_to(journal.folder)) for path in files(journal.folder))


@pytest.mark.parametrize("wait", [0.0, 0.011, 0.023, 0.041, 0.067, 0.101, 0.149, 0.211])
def test_kill_leaves_no_partial_file(tmp_path: Path, wait: float) -> None:
    """If a process is killed with `kill -9`, the next one reads complete files only.

    Unfinished parts are removed two days later.
    """
    code = """
        print("ready", flush=True)
        for number in range(10**6):
            place = f"urn-{number % 7}", "url", None
            snapshot = journal.write_snapshot([f"i-{n}" for n in range(2000)], is_complete=True)
            begun = Intent(*place, "identifier" * 20, "stripe", time.time(), 0.0, snapshot)
            journal.write_intent(begun)
            journal.write_intent(Intent(**{**vars(begun), "integration_id": f"i-{number}"}))
            journal.claim("url", f"i-{number}", f"urn-{number % 7}")
            journal.hold_adoption("url", f"i-{number}", f"urn-{number % 7}")
            journal.resolve(*place, f"i-{number - number % 2}")
    """
    process = child(code, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    eventually((tmp_path / "adoptions").exists)
    time.sleep(wait)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)

    after = RecordingJournal(tmp_path)
    after.clock = time.time()
    for intent in after.intents():
        assert after.snapshot(intent.snapshot) is not None
        assert intent.integration_id is None or after.claimant("url", intent.integration_id) in (intent.urn, None)
    held = after.claimed_ids("url")
    assert held
    in_order = sorted(held, key=lambda each: int(each.removeprefix("i-")))
    assert all(after.adopters("url", each) for each in in_order[:-1])
    parts = files(tmp_path / "parts")
    assert len(parts) <= 1
    for path in parts:
        os.utime(path, (after.clock - 2 * DAY - 1, after.clock - 2 * DAY - 1))
    after.write_intent(begun())
    assert files(tmp_path / "parts") == []
    assert after.warnings == []


@pytest.mark.parametrize("has_links", [True, False], ids=["with hard links", "without"])
@pytest.mark.daily(1)
def test_concurrent_claims_have_one_winner(tmp_path: Path, has_links: bool) -> None:
    """If several processes claim an id at once, exactly one gets it, and the others get the URN of its resource.

    Without hard links, a process may read an incomplete file, and then gets no URN.
    """
    code = """
        if sys.argv[3] == "False":
            def link(*_):
                raise PermissionError(1, "Operation not permitted")
            os.link = link
        for number in sys.stdin:
            print(journal.claim("url", f"i-{int(number)}", sys.argv[2]), flush=True)
        assert warnings == [] or (sys.argv[3] == "False" and all("is damaged" in each for each in warnings))
    """
    names = [f"urn-{number}" for number in range(4)]
    processes = [child(code, tmp_path, name, has_links) for name in names]
    winners: list[str] = []
    for number in range(300):
        # A different process gets the number first each time.
        turned = processes[number % 4 :] + processes[: number % 4]
        for process in turned:
            assert process.stdin is not None
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
        urns = set()
        for process in turned:
            assert process.stdout is not None
            urns.add(process.stdout.readline().strip())
        if not has_links:
            urns.discard("None")
        assert len(urns) == 1
        winners += urns
    assert {process.communicate(timeout=60)[0] for process in processes} == {""}
    assert [process.returncode for process in processes] == [0] * 4
    assert set(winners) <= set(names)
    assert len(set(winners)) > 1
    assert Journal(tmp_path).claimed_ids("url") == {f"i-{number}" for number in range(300)}


def _use(journal: Journal) -> None:
    """Call every method of a journal without a usable folder, and assert that nothing is kept and nothing raises."""
    intent = begun(integration_id="i-1")
    assert not journal.write_intent(intent)
    assert not journal.decide(intent, Decision("forget"))
    journal.record(Change("create", "created", URL, URN))
    assert [*journal.changes()] == []
    assert journal.intent(URN, URL, "acc_1") is None
    assert journal.intents() == []
    journal.remove_intent(intent)
    journal.resolve(URN, URL, "acc_1", "i-1")
    assert journal.write_snapshot(["i-1"], is_complete=True) is None
    assert journal.claim(URL, "i-1", URN) is None
    assert journal.claimant(URL, "i-1") is None
    assert journal.claimed_ids(URL) == set()
    journal.hold_adoption(URL, "i-1", URN)
    assert journal.adopters(URL, "i-1") == []
    journal.end_adoption(URL, "i-1", URN)
    journal.forget_integration(URL, "i-1")


def test_missing_folder_is_created_by_the_first_write(tmp_path: Path) -> None:
    """If the journal's folder is missing, reads don't create it.

    A write does, even if the folder was removed before.
    """
    journal = RecordingJournal(tmp_path / "x" / "y")
    assert [*journal.intents(), *journal.claimed_ids(URL), *journal.adopters(URL, "i-1")] == []
    assert not (tmp_path / "x").exists()
    for _ in range(2):
        journal.write_intent(begun())
        assert journal.intents() == [begun()]
        for path in sorted((tmp_path / "x").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        (tmp_path / "x").rmdir()
    assert journal.warnings == []


@pytest.mark.parametrize("reason", ["Read-only file system", "No space left on device", "Permission denied"])
def test_unwritable_folder_is_one_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    """If the journal's folder can't be written, no call fails and no file is left.

    One warning gives the reason and the way out.
    """
    really = os.open

    def fail(path: str, flags: int, mode: int = 0o777) -> int:
        if not flags & os.O_CREAT:
            return really(path, flags, mode)
        number = next(number for number in range(1, 134) if os.strerror(number) == reason)
        raise OSError(number, reason)

    monkeypatch.setattr(os, "open", fail)
    journal = RecordingJournal(tmp_path)
    _use(journal)
    (warning,) = journal.warnings
    assert warning.startswith("warning: the journal of creates can't be relied on: ")
    assert f"can't be written ({reason})" in warning
    assert str(tmp_path) in warning
    assert "set JUSTT_STATE_DIR" in warning
    assert "keep the resource that owns it: its deletion may deactivate the integration" in warning
    assert files(tmp_path) == []


def test_full_disk_leaves_no_partial_file(tmp_path: Path) -> None:
    """If a file can't be written completely, it does not appear, and an earlier version stays unchanged."""
    code = """
        import resource
        earlier = Intent("urn", "url", None, "identifier", "stripe", time.time(), 0.0)
        assert journal.write_intent(earlier)
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, unlimited[1]))
        assert not journal.write_intent(Intent(**{**vars(earlier), "integration_id": "i-1"}))
        assert journal.claim("url", "i-1", "urn") is None
        assert journal.write_snapshot(["i-1" * 100], is_complete=True) is None
        assert journal.intents() == [earlier], journal.intents()
        print(warnings)
        # If coverage is measured, it writes its file at the exit.
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    """
    printed, _ = child(code, tmp_path).communicate(timeout=60)
    assert printed.count("warning: ") == 1
    assert "can't be written (File too large)" in printed
    assert [path.parent.name for path in files(tmp_path)] == ["intents"]


@pytest.mark.parametrize("place", ["", "intents", "parts"])
def test_file_in_place_of_a_folder_is_one_warning(tmp_path: Path, place: str) -> None:
    """If a file is in place of one of the journal's folders, there is one warning and the file stays unchanged."""
    taken = tmp_path / "state" / place
    taken.parent.mkdir(exist_ok=True)
    taken.write_text("a user's file")
    journal = RecordingJournal(tmp_path / "state")
    assert not journal.write_intent(begun())
    assert journal.intents() == []
    assert taken.read_text() == "a user's file"
    assert len(journal.warnings) == 1


def test_no_home_is_one_warning() -> None:
    """If neither HOME nor JUSTT_STATE_DIR is set, no call fails, and one warning names both variables."""
    journal = RecordingJournal(state_folder({}))
    _use(journal)
    assert journal.path_of(begun()) is None
    (warning,) = journal.warnings
    assert "neither JUSTT_STATE_DIR nor HOME is set to an absolute path" in warning


@pytest.mark.parametrize("reason", ["Operation not permitted", "Operation not supported", "Function not implemented"])
def test_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    """If the file system has no hard links, an id still belongs to one resource, and there is no warning."""

    def fail(*_: object) -> None:
        number = next(number for number in range(1, 134) if os.strerror(number) == reason)
        raise OSError(number, reason)

    monkeypatch.setattr(os, "link", fail)
    journal = RecordingJournal(tmp_path)
    assert [journal.claim(URL, "i-1", urn) for urn in ("first", "second", "first")] == ["first"] * 3
    assert journal.claimed_ids(URL) == {"i-1"}
    assert [path.parent.name for path in files(tmp_path)] == ["claims"]
    assert stat.S_IMODE(files(tmp_path)[0].stat().st_mode) == 0o600
    assert journal.warnings == []


@pytest.mark.parametrize(
    "environ", [{"JUSTT_STATE_DIR": "state", "HOME": "/h"}, {"HOME": "h"}, {"JUSTT_STATE_DIR": "~/state"}]
)
def test_relative_folder_is_not_used(environ: dict[str, str]) -> None:
    """If the variables give only a relative path, there is no journal folder.

    A relative path would mean another folder in each process.
    """
    assert state_folder(environ) is None


@pytest.mark.parametrize(
    ("environ", "platform", "folder"),
    [
        ({"JUSTT_STATE_DIR": "/j", "XDG_STATE_HOME": "/x", "HOME": "/h"}, "linux", "/j"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "linux", "/x/pulumi-justt"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "darwin", "/x/pulumi-justt"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "linux", "/h/.local/state/pulumi-justt"),
        ({"JUSTT_STATE_DIR": "", "XDG_STATE_HOME": "", "HOME": "/h"}, "linux", "/h/.local/state/pulumi-justt"),
        ({"HOME": "/h"}, "darwin", "/h/Library/Application Support/pulumi-justt"),
    ],
)
def test_location_of_the_folder(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], platform: str, folder: str
) -> None:
    """JUSTT_STATE_DIR wins over XDG_STATE_HOME, and both win over the platform's folder.

    An empty or relative XDG_STATE_HOME is ignored.
    """
    monkeypatch.setattr(sys, "platform", platform)
    assert state_folder(environ) == Path(folder)


WHOLE = json.dumps({"version": 1, "urn": URN, "base_url": URL, "integration_id": "i-1"})


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "7", "null", '"text"', "{}", '{"version": 1}', '{"version": 2}', "[" * 100_000),
        *(WHOLE[:-5], '{"version": 1, "ids": 7, "is_complete": true, "urn": 7, "decision": 7}', "\udc80"),
        '{"version": 1, "decision": null, "later": 1}',
    ],
)
def test_unusable_files_are_one_warning(journal: RecordingJournal, content: str) -> None:
    """If files are damaged or have another version's format, the journal ignores their content and logs one warning.

    The warning names one of the files. The journal never overwrites an unusable intent.
    """
    intent = filled(journal)
    assert journal.folder is not None
    for path in files(journal.folder):
        path.write_bytes(content.encode(errors="surrogateescape"))
    assert journal.intent(URN, URL, "acc_1") is None
    assert journal.intents() == []
    assert journal.snapshot(intent.snapshot) is None
    assert journal.claim(URL, "i-2", "another") in (None, "7")
    journal.claimed_ids(URL)
    journal.adopters(URL, "i-3")
    journal.resolve(URN, URL, "acc_1", "i-2")
    (warning,) = journal.warnings
    assert str(journal.folder / "intents") in warning
    assert {path.parent.name for path in journal.unusable} >= {"intents", "snapshots"}
    assert journal.unusable[files(journal.folder / "intents")[0]] in warning
    assert ("has the format 2 of another version" if "2}" in content else "is damaged") in warning

    # An unusable intent is not overwritten, because it may be the only record of a create.
    (path,) = files(journal.folder / "intents")
    assert journal.unusable_intent(URN, URL, "acc_1") == journal.unusable[path]
    assert not journal.write_intent(intent)
    assert path.read_bytes() == content.encode(errors="surrogateescape")
    path.unlink()
    assert journal.unusable_intent(URN, URL, "acc_1") is None
    assert journal.write_intent(intent)


@pytest.mark.parametrize(
    "change",
    [
        *({name: 7} for name in ("urn", "base_url", "external_identifier", "source", "integration_id", "account")),
        *({name: None} for name in ("urn", "base_url", "external_identifier", "source", "sent_at")),
        *({name: []} for name in ("snapshot", "process", "command")),
        {"decision": {"action": "adopt", "integration_id": "i-1", "decided_at": 0.0}},
        {"decision": {"action": "claim", "integration_id": None, "decided_at": 0.0}},
        {"decision": {"action": "forget", "integration_id": None, "decided_at": -1.0}},
        {"later": 1},
    ],
)
def test_intent_with_invalid_values_is_damaged(journal: RecordingJournal, change: dict[str, object]) -> None:
    """If an intent has a value of a wrong type, the journal treats its file as damaged and ignores it."""
    intent = begun()
    assert journal.write_intent(intent)
    (path,) = files(journal.folder or Path())
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    other = begun(1)
    assert journal.write_intent(other)
    assert journal.intents() == [other]
    assert f"{path} is damaged" in journal.warnings[0]


def test_pipe_in_place_of_a_file_does_not_block(journal: RecordingJournal) -> None:
    """If a named pipe is in place of a file, the journal treats it as damaged, and no call waits for a writer."""
    filled(journal)
    assert journal.folder is not None
    for path in files(journal.folder):
        path.unlink()
        os.mkfifo(path)
    assert journal.intents() == []
    assert journal.claim(URL, "i-2", "another") in (None, "another")
    journal.claimed_ids(URL)
    journal.adopters(URL, "i-3")
    assert "is damaged" in (journal.unusable_intent(URN, URL, "acc_1") or "")


def test_intent_moves_to_only_one_of_two_resources(journal: RecordingJournal) -> None:
    """If two processes move the same intent to their resources, the first resource gets the intent and the claim."""
    made = replace(begun(integration_id="i-1"), decision=Decision("claim", "i-1"))
    journal.write_intent(made)
    assert journal.claim(URL, "i-1", made.urn) == made.urn
    for urn in ("first", "second"):
        journal.move(made, urn)
    (moved,) = journal.intents()
    assert (moved.urn, journal.claimant(URL, "i-1")) == ("first", "first")


@pytest.mark.parametrize(
    "times",
    [(1e400, 1e400), (float("nan"), 0.0), (1e18, 1e18), (-1.0, 0.0), (0.0, float("nan")), (0.0, 1e9), (10**400, 0.0)],
)
def test_impossible_time_is_damaged(journal: RecordingJournal, times: tuple[float, float]) -> None:
    """If an intent has an impossible time, the journal treats its file as damaged, so no call waits for that time."""
    journal.write_intent(begun(sent_at=times[0], settled_at=times[1]))
    assert journal.intents() == []
    assert "is damaged" in journal.warnings[0]


def test_unknown_create_is_dropped_after_30_days(journal: RecordingJournal) -> None:
    """After 30 days, the next call that needs an intent without an id drops it with a warning.

    A mere listing drops no file.
    """
    journal.write_intent(begun(1))
    journal.write_intent(begun(2))
    journal.clock += 30 * DAY
    assert len(journal.intents()) == 2
    journal.clock += 1
    assert journal.intents() == []
    assert journal.folder is not None
    assert len(files(journal.folder)) == 2
    assert journal.warnings == []
    assert journal.intent(f"{URN}1", URL, "acc_1") is None
    assert [each[:64] for each in journal.warnings] == [
        "warning: creating the stripe integration 'stripe-eu-1': a create"
    ]
    assert "more than 30 days ago" in journal.warnings[0]
    # The next create on this machine drops the other one.
    later = RecordingJournal(journal.folder)
    later.clock = journal.clock
    later.write_intent(begun(3, sent_at=journal.clock))
    assert ["stripe-eu-2" in each for each in later.warnings] == [True]
    assert len(files(journal.folder)) == 1


def test_completed_intent_is_kept_for_a_year(journal: RecordingJournal) -> None:
    """An intent with an id is kept for a year and then removed without a warning.

    No command may have run on the stack since.
    """
    kept = begun(1, integration_id="i-1")
    journal.write_intent(kept)
    journal.clock += 365 * DAY
    assert journal.intent(kept.urn, URL, "acc_1") == kept
    assert journal.intents() == [kept]
    journal.clock += 1
    later = RecordingJournal(journal.folder)
    later.clock = journal.clock
    later.write_intent(begun(2, sent_at=journal.clock))
    assert [each.urn for each in later.intents()] == [f"{URN}2"]
    assert journal.folder is not None
    assert len(files(journal.folder)) == 1
    assert (journal.warnings, later.warnings) == ([], [])


def test_snapshots_are_pruned(tmp_path: Path) -> None:
    """If no intent names a snapshot, the next process that creates removes it after two days.

    Until then the process that took the snapshot may still run, and name it in the intent of a lost create.
    """
    first = RecordingJournal(tmp_path)
    first.clock = time.time()
    named, unnamed, fresh = (first.write_snapshot([], is_complete=True) for _ in range(3))
    first.write_intent(begun(snapshot=named, sent_at=first.clock))
    for name, age in ((named, 2 * DAY + 1), (unnamed, 2 * DAY + 1), (fresh, 2 * DAY - 60)):
        os.utime(tmp_path / "snapshots" / f"{name}.json", (first.clock - age, first.clock - age))
    first.write_intent(begun(1, sent_at=first.clock))
    assert len(files(tmp_path / "snapshots")) == 3
    second = RecordingJournal(tmp_path)
    second.clock = first.clock
    assert len(second.intents()) == 2
    second.write_intent(begun(2, sent_at=first.clock))
    assert {path.stem for path in files(tmp_path / "snapshots")} == {named, fresh}
    assert second.warnings == []
