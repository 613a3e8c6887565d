"""`pulumi-justt verify`: which facts hold, what it leaves behind, and that it never runs in production."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_justt.api.client import Attempt
from pulumi_justt.cli.stacks import Stack
from pulumi_justt.cli.verify.lifecycle import Verification, _another_id
from pulumi_justt.cli.verify.sandbox import sandbox_settings
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings
from pulumi_justt.core.journal import Journal
from pulumi_justt.errors import InvalidSettings, RequestError
from pulumi_justt.simulator import Fault, Options, SimulatorServer
from support.fake_pulumi import FakePulumi

VERIFY = ("verify", "--environment", "sandbox")
FORMS = [
    {"list_envelope": a, "read_envelope": b, "create_envelope": c, "error_envelope": d}
    for a, b, c, d in itertools.product(
        ("bare", "enveloped"), ("bare", "enveloped"), ("integrationId", "id"), ("status", "error", "statusCode")
    )
]


def differing(facts: Iterator[Mapping[str, Any]]) -> list[str]:
    """Return the names of the facts that differ."""
    return [fact["name"] for fact in facts if fact["verdict"] == "differs"]


@pytest.mark.parametrize("forms", FORMS)
def test_all_facts_hold_in_each_documented_form(project: FakePulumi, forms: dict[str, Any]) -> None:
    """Against a simulator with any of the documented envelopes, all facts hold.

    At the end, every integration that the command created is INACTIVE, in the journal too.
    """
    with SimulatorServer(Options(**forms)) as server:
        project.config({"justt:baseUrl": server.base_url}, {"justt:apiKey": "a-key-of-the-simulator"})
        result = project.run(*VERIFY, "--yes", "--json")
        records = server.records.integrations()

    document = json.loads(result.stdout)
    assert result.exit_code == 0, result.output
    assert {fact["verdict"] for fact in document["facts"]} == {"holds"}
    assert {fact["basis"] for fact in document["facts"]} == {"documented", "inferred"}
    assert all(fact["seen"] and fact["effect"] is None for fact in document["facts"])
    assert document["integrations"] == [{"integrationId": each.id, "isInactive": True} for each in records]
    assert [each.status for each in records] == ["INACTIVE", "INACTIVE"]
    assert {each.external_identifier for each in records} == {document["externalIdentifier"]}
    changes = [(change.outcome, change.integration_id) for _, change in project.journal.changes()]
    assert changes == [(outcome, each.id) for outcome in ("created", "deactivated") for each in records]


def test_the_text_names_each_fact(project: FakePulumi, simulator: SimulatorServer) -> None:
    """Without --json, the command prints a paragraph for each fact. It shows neither the API key nor the credential."""
    result = project.run(*VERIFY, "--source", "stripe", answers="y\n")

    assert result.exit_code == 0, result.output
    assert result.stdout.count("holds: ") == result.stdout.count("Seen: ") == 18
    assert "holds: documented: A read of an unknown id answers 404. Seen: Justt answered 404" in result.stdout
    assert result.stderr.startswith(
        f"This creates one or two stripe integrations in the simulator ({simulator.base_url})"
    )
    assert "18 of 18 facts hold, 0 differ, 0 not tried." in result.stderr
    assert {each.source for each in simulator.records.integrations()} == {"stripe"}
    for hidden in ("a-key-of-the-simulator", "made-up-"):
        assert hidden not in result.output


def test_nothing_is_sent_before_a_yes(project: FakePulumi, simulator: SimulatorServer) -> None:
    """Without a yes, the command sends nothing and exits with 3."""
    for answers in ("n\n", ""):
        result = project.run(*VERIFY, answers=answers)
        assert result.exit_code == 3
        assert "Nothing was sent. To run without a prompt, use --yes." in result.stderr
    assert simulator.requests == []


def test_production_is_refused(project: FakePulumi, simulator: SimulatorServer) -> None:
    """Without `--environment sandbox`, with another environment or with an odd source, the command is a usage error."""
    for arguments in (("verify",), ("verify", "--environment", "production")):
        result = project.run(*arguments, "--yes")
        assert result.exit_code == 2
    assert "this command creates integrations, so it runs only in the sandbox" in result.stderr
    odd = project.run(*VERIFY, "--yes", "--source", "stripe eu")
    assert (odd.exit_code, "a source has only letters, digits, - and _" in odd.stderr) == (2, True)
    assert simulator.requests == []


GATEWAY = "https://gateway.example/justt"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ("sandbox", "https://api.justt.ai/v1/sandbox")),
        ({"JUSTT_ENVIRONMENT": "production"}, "JUSTT_ENVIRONMENT is production, so its API key must not be sent"),
        (
            {"JUSTT_ENVIRONMENT": "production", "JUSTT_API_KEY_OVERRIDE": "k-2"},
            ("sandbox", "https://api.justt.ai/v1/sandbox"),
        ),
        ({"JUSTT_BASE_URL": "https://api.justt.ai/v1/sandbox/"}, ("sandbox", "https://api.justt.ai/v1/sandbox")),
        ({"JUSTT_BASE_URL": "http://localhost:9/v1"}, ("simulator", "http://localhost:9/v1")),
        ({"JUSTT_BASE_URL": GATEWAY, "JUSTT_ENVIRONMENT": "sandbox"}, ("sandbox", GATEWAY)),
        ({"JUSTT_BASE_URL": "https://api.justt.ai/v1"}, "is the vendor's production address"),
        ({"JUSTT_BASE_URL": GATEWAY}, "is not Justt's own"),
        ({"JUSTT_BASE_URL": GATEWAY, "JUSTT_ENVIRONMENT": "production"}, "is not Justt's own"),
        ({"JUSTT_BASE_URL": "http://localhost:9/v1", "JUSTT_ENVIRONMENT": "production"}, "unset one of them"),
        ({"JUSTT_BASE_URL": "https://"}, "must be a URL such as"),
    ],
)
def test_settings_never_lead_to_production(environ: dict[str, str], expected: tuple[str, str] | str) -> None:
    """The command uses Justt's sandbox, a simulator, or an address that the configuration calls the sandbox."""
    if isinstance(expected, str):
        with pytest.raises(InvalidSettings, match=expected):
            sandbox_settings([], environ)
    else:
        settings = sandbox_settings([], environ)
        assert (settings.environment, settings.base_url) == expected


def test_the_stack_gives_the_key(project: FakePulumi) -> None:
    """The configuration of a stack of the sandbox counts, with its key and its account."""
    stack = Stack("dev", project.project, {"PATH": project.path})
    for sandbox in ({"justt:environment": "sandbox"}, {"justt:baseUrl": "https://api.justt.ai/v1/sandbox"}):
        project.config({**sandbox, "justt:referenceAccountId": "acc_1"}, {"justt:apiKey": "k-1"})
        settings = sandbox_settings([stack], {})
        assert (settings.environment, settings.reference_account_id) == ("sandbox", "acc_1")
        assert settings.require_api_key() == "k-1"
    project.config({"justt:environment": "production", "justt:baseUrl": GATEWAY}, {"justt:apiKey": "k-1"})
    with pytest.raises(InvalidSettings, match="is not Justt's own"):
        sandbox_settings([stack], {})


@pytest.mark.parametrize("environment", [{"justt:environment": "production"}, {}])
def test_the_key_of_production_is_not_sent_to_the_sandbox(project: FakePulumi, environment: dict[str, str]) -> None:
    """A stack of production is refused, also one that names no environment. The override's key is not the stack's."""
    project.config({**environment, "justt:referenceAccountId": "acc_1"}, {"justt:apiKey": "k-1"})

    refused = project.run(*VERIFY, "--stack", "prod", "--yes")
    assert refused.exit_code == 3
    assert "error: prod is for production, so its API key must not be sent to the sandbox. Nothing was sent." in (
        refused.stderr
    )
    assert "run `pulumi config set justt:environment sandbox --stack prod`" in refused.stderr
    assert (refused.stdout, "k-1" in refused.output) == ("", False)

    overridden = Stack("prod", project.project, {"PATH": project.path, "JUSTT_API_KEY_OVERRIDE": "k-2"})
    settings = sandbox_settings([overridden], {})
    assert (settings.environment, settings.require_api_key()) == ("sandbox", "k-2")
    assert settings.reference_account_id is None


@pytest.mark.parametrize(
    ("fault", "differs", "code", "left"),
    [
        ("POST /integrations status=400 skip=1 times=1", ["secondUse"], 1, 0),
        ("POST /integrations status=409 skip=1", ["secondUse", "useAfterDeactivation"], 1, 0),
        ("POST /integrations status=422", [], 3, 0),
        ("GET /integrations status=401", [], 3, 0),
        ("DELETE /integrations/{id} status=403 times=1", ["deactivateForm"], 1, 0),
        ("DELETE /integrations/{id} status=403", ["deactivateForm"], 3, 2),
        ("DELETE /integrations/{id} login-page times=1", ["deactivateForm"], 1, 0),
        ("POST /integrations undocumented-shape", ["createForm"], 3, 0),
        ("POST /integrations no-id", ["createForm"], 3, 1),
        ("POST /integrations drop-after-commit skip=1", [], 3, 1),
        ("POST /integrations drop-before-commit", [], 3, 0),
    ],
)
def test_faults(  # noqa: PLR0913, PLR0917 - the columns of the table
    project: FakePulumi, simulator: SimulatorServer, fault: str, differs: list[str], code: int, left: int
) -> None:
    """If a request fails, the command says which facts differ, and deactivates what it has created.

    If it can't, it exits with 3 and says what to do. If a create's response was lost, it lists the candidates.
    """
    simulator.faults = [Fault.parse(fault)]

    result = project.run(*VERIFY, "--yes", "--json")

    active = [each.id for each in simulator.records.integrations() if each.status != "INACTIVE"]
    assert (result.exit_code, len(active)) == (code, left), result.output
    document = json.loads(result.stdout)
    assert differing(document["facts"]) == differs
    assert all((fact["effect"] is not None) == (fact["verdict"] == "differs") for fact in document["facts"])
    reported = [each["integrationId"] for each in document["integrations"] if not each["isInactive"]]
    assert reported == ([] if document["hasUnknownCreate"] else active)
    for integration_id in active:
        assert integration_id in result.stderr
        assert "`pulumi-justt verify --environment sandbox --deactivate" in result.stderr


def test_deactivate_stops_what_an_earlier_run_has_left(project: FakePulumi, simulator: SimulatorServer) -> None:
    """`--deactivate ID` sends nothing but the deactivation and a read. It exits with 3 if that fails too."""
    simulator.faults = [Fault.parse("DELETE /integrations/{id} status=403")]
    project.run(*VERIFY, "--yes")
    left = [each.id for each in simulator.records.integrations()]
    again = project.run(*VERIFY, "--yes", "--deactivate", left[0])
    assert again.exit_code == 3
    assert f"integration {left[0]} may still be active: Justt answered 403" in again.stderr
    simulator.faults = []
    simulator.clear_requests()
    empty = project.run(*VERIFY, "--yes", "--deactivate", "")
    assert (empty.exit_code, simulator.requests) == (3, [])

    result = project.run(*VERIFY, "--deactivate", left[0], answers="y\n")

    assert result.exit_code == 0, result.output
    assert f"This deactivates integration {left[0]} in the simulator" in result.stderr
    assert f"INACTIVE now: {left[0]}." in result.stderr
    assert result.stdout == ""
    assert [each.method for each in simulator.requests] == ["DELETE", "GET"]
    assert [each.status for each in simulator.records.integrations()] == ["INACTIVE", "PENDING"]


@dataclass
class Vendor:
    """An API in memory whose answers a test can change.

    Args:
        changes: Called with each request and its answer; returns the answer to send instead, or None for the same one.
        folder: The folder of the journal.
    """

    changes: Callable[[httpx.Request, httpx.Response], httpx.Response | None]
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    folder: Path | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        answer = self._answer(request)
        return self.changes(request, answer) or answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.removeprefix("/v1/sandbox/integrations").removeprefix("/")
        if request.method == "POST":
            made = str(uuid.uuid4())
            self.records[made] = {"integrationId": made, "source": "justt_sandbox", "status": "PENDING"}
            return httpx.Response(201, json={"integrationId": made})
        if not name:
            return httpx.Response(200, json=[*self.records.values()])
        if name not in self.records:
            return refusal(404)
        if request.method == "DELETE":
            self.records[name]["status"] = "INACTIVE"
            return httpx.Response(200)
        return httpx.Response(200, json=self.records[name])

    def verification(self) -> Verification:
        """Return a run against this API, without real waits."""
        attempts: list[Attempt] = []
        settings = Settings.load({"environment": "sandbox", "apiKey": "a-key"}, {})
        transport = httpx.MockTransport(self)
        client = JusttClient(settings, observe=attempts.append, transport=transport, sleep=lambda _: None)
        return Verification(client, attempts, Journal(self.folder), "justt_sandbox", None, lambda _: None)


def refusal(status: int, **more: object) -> httpx.Response:
    """Return an error in Justt's envelope."""
    return httpx.Response(status, json={"status": status, "message": "no", "errorId": "e-1", **more})


def numbered(
    method: str, place: str, answers: Mapping[int, Callable[[httpx.Response], httpx.Response]]
) -> Callable[[httpx.Request, httpx.Response], httpx.Response | None]:
    """Return a change of the answers to some requests, by their number. *place* is `list` or `one`."""
    count = itertools.count(1)

    def change(request: httpx.Request, answer: httpx.Response) -> httpx.Response | None:
        is_one = not request.url.path.endswith("/integrations")
        if request.method != method or is_one != (place == "one"):
            return None
        changed = answers.get(next(count))
        return changed(answer) if changed else None

    return change


def as_json(answer: httpx.Response, **more: object) -> httpx.Response:
    """Return an answer with more fields."""
    return httpx.Response(answer.status_code, json={**answer.json(), **more})


ALWAYS: tuple[int, ...] = tuple(range(1, 40))
HTML = httpx.Response(404, text="<html>")


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (numbered("POST", "list", {1: lambda a: httpx.Response(200, json=a.json())}), {"createForm"}),
        (numbered("POST", "list", {1: lambda a: httpx.Response(201, json={"data": a.json()})}), {"createForm"}),
        (numbered("GET", "one", {1: lambda a: as_json(a, externalIdentifier="x")}), {"inputsNotReturned"}),
        (numbered("GET", "one", {1: lambda a: as_json(a, status="SUCCESSFUL")}), {"pendingFirst"}),
        (numbered("GET", "one", {1: lambda a: as_json(a, status="NEW")}), {"pendingFirst", "recordFields"}),
        (numbered("GET", "one", {1: lambda a: as_json(a, source="stripe")}), {"recordFields"}),
        (numbered("GET", "one", {1: lambda _: refusal(404)}), {"readAfterCreate"}),
        (numbered("GET", "one", dict.fromkeys(range(1, 7), lambda _: httpx.Response(200, json={}))), {"readForm"}),
        (numbered("GET", "list", {2: lambda _: httpx.Response(200, json=[])}), {"listedAfterCreate"}),
        (numbered("GET", "list", {3: lambda _: httpx.Response(200, json=[])}), {"listedAfterDeactivation"}),
        (numbered("GET", "list", {1: lambda a: httpx.Response(200, json={"data": a.json()})}), {"listForm"}),
        (numbered("GET", "list", dict.fromkeys(ALWAYS, lambda _: httpx.Response(200, json={}))), {"listForm"}),
        (numbered("GET", "one", {2: lambda _: refusal(400)}), {"unknownId"}),
        (numbered("GET", "one", dict.fromkeys(range(3, 12), lambda _: refusal(500))), {"invalidId"}),
        (numbered("GET", "one", {3: lambda _: refusal(400)}), set()),
        (numbered("GET", "one", {3: lambda _: refusal(403)}), {"invalidId"}),
        (numbered("GET", "one", {2: lambda _: HTML}), {"unknownId", "errorForm"}),
        (numbered("GET", "one", {2: lambda _: httpx.Response(404, json={"message": "no"})}), {"errorForm"}),
        (numbered("DELETE", "one", {1: lambda _: httpx.Response(204)}), {"deactivateForm"}),
        (numbered("DELETE", "one", {2: lambda _: refusal(409)}), set()),
        (numbered("DELETE", "one", {2: lambda _: refusal(404)}), {"secondDeactivation"}),
        (numbered("DELETE", "one", {2: lambda _: httpx.Response(200, text="<html>")}), {"secondDeactivation"}),
        (numbered("GET", "one", {4: lambda a: as_json(a, status="PENDING")}), {"inactiveAtOnce"}),
        (numbered("GET", "one", {4: lambda _: refusal(404)}), {"keptAfterDeactivation"}),
    ],
)
def test_each_fact_can_differ(
    change: Callable[[httpx.Request, httpx.Response], httpx.Response | None], differs: set[str]
) -> None:
    """If Justt behaves otherwise than a fact says, exactly that fact differs, and nothing stays active."""
    vendor = Vendor(change)
    run = vendor.verification()
    run.run()

    assert {fact.name for fact in run.facts.values() if fact.verdict == "differs"} == differs
    assert {each["status"] for each in vendor.records.values()} == {"INACTIVE"}
    assert run.integrations == dict.fromkeys(vendor.records, True)
    assert run.warnings() == []


def test_one_id_for_two_creates(tmp_path: Path) -> None:
    """If a second create returns the id of the first one, the identifier can't be used twice.

    Justt has created one integration, so the journal has one.
    """
    first: list[httpx.Response] = []

    def change(request: httpx.Request, answer: httpx.Response) -> httpx.Response | None:
        if request.method == "POST":
            first.append(answer)
            if len(first) > 1:
                vendor.records.pop(answer.json()["integrationId"])
            return first[0]
        return None

    vendor = Vendor(change, folder=tmp_path)
    run = vendor.verification()
    run.run()

    assert {name for name, fact in run.facts.items() if fact.verdict == "differs"} == {
        "secondUse",
        "useAfterDeactivation",
    }
    assert len(run.integrations) == 1
    assert [change.outcome for _, change in run.journal.changes()].count("created") == 1


def test_an_existing_integration_is_not_touched() -> None:
    """If the create returns an integration that existed before, the run ends, and that integration stays active."""
    mine = {"integrationId": "old", "source": "justt_sandbox", "status": "SUCCESSFUL"}
    vendor = Vendor(numbered("POST", "list", {1: lambda _: httpx.Response(201, json={"integrationId": "old"})}))
    vendor.records["old"] = dict(mine)
    run = vendor.verification()

    with pytest.raises(
        RequestError, match="Justt answered with integration old, which existed before and was not changed"
    ):
        run.run()
    assert vendor.records["old"] == mine
    assert run.integrations == {}


@pytest.mark.parametrize("number", range(2, 12))
def test_ctrl_c_leaves_nothing_active(number: int) -> None:
    """After Ctrl-C at any request, the run deactivates what it created.

    If the outcome of a create is unknown, a warning lists the integrations that it may have made.
    """
    count = itertools.count(1)

    def change(request: httpx.Request, _: httpx.Response) -> None:
        if next(count) == number:
            methods.append(request.method)
            raise KeyboardInterrupt

    methods: list[str] = []
    vendor = Vendor(change)
    run = vendor.verification()
    with pytest.raises(KeyboardInterrupt):
        run.run()

    active = [each for each, record in vendor.records.items() if record["status"] != "INACTIVE"]
    assert run.has_unknown_create == (methods == ["POST"])
    assert len(active) == (1 if run.has_unknown_create else 0)
    assert len(run.warnings()) == len(active)
    for integration_id in active:
        assert f"since this command began: {integration_id}. Look at Justt" in run.warnings()[0]


@pytest.mark.parametrize("number", range(2, 14))
def test_a_second_ctrl_c_ends_the_command_with_what_remains(number: int) -> None:
    """If Ctrl-C also ends the deactivations, a warning names each integration that may still be active."""
    count = itertools.count(1)

    def change(_: httpx.Request, __: httpx.Response) -> None:
        if next(count) >= number:
            raise KeyboardInterrupt

    vendor = Vendor(change)
    run = vendor.verification()
    with pytest.raises(KeyboardInterrupt):
        run.run()

    known = [each for each, is_inactive in run.integrations.items() if not is_inactive]
    active = {each for each, record in vendor.records.items() if record["status"] != "INACTIVE"}
    assert len(run.warnings()) == len(known) + run.has_unknown_create > 0
    assert active - {*known} == set() or run.has_unknown_create
    for integration_id, warning in zip(known, run.warnings(), strict=False):
        assert f"integration {integration_id} may still be active: the command was interrupted. Run " in warning
    if run.has_unknown_create:
        assert "The account was not listed after that. Look at Justt for that name." in run.warnings()[-1]


@pytest.mark.parametrize(
    ("text", "stopped"),
    [('{"made": 7}', {"7"}), ('{"made": 70}', set()), ('{"made": "7-a"}', set()), ('{"made": [7, 8]}', set())],
)
def test_only_an_id_that_the_response_names_is_deactivated(text: str, stopped: set[str]) -> None:
    """If the response to a create has no documented form, a new integration is this run's only if it has just its id.

    Another writer of the sandbox may have created the others.
    """

    def change(request: httpx.Request, _: httpx.Response) -> httpx.Response | None:
        if request.method != "POST":
            return None
        for made in ("7", "8"):
            vendor.records[made] = {"integrationId": made, "source": "justt_sandbox", "status": "PENDING"}
        return httpx.Response(201, text=text)

    vendor = Vendor(change)
    run = vendor.verification()
    with pytest.raises(RequestError):
        run.run()

    assert {name for name, record in vendor.records.items() if record["status"] == "INACTIVE"} == stopped
    assert {*run.integrations} == stopped
    assert run.has_unknown_create == (not stopped)


def test_an_outage_ends_the_run() -> None:
    """If a request gets no usable response, the other facts are not tried, and the error says so."""
    vendor = Vendor(numbered("GET", "list", dict.fromkeys(range(2, 10), lambda _: refusal(503))))
    run = vendor.verification()

    with pytest.raises(RequestError, match=r"The other facts were not tried\. Run the command again later\."):
        run.run()
    assert run.facts["secondUse"].verdict == "not tried"
    assert {each["status"] for each in vendor.records.values()} == {"INACTIVE"}


@pytest.mark.parametrize(
    "known", ["5cf2ab3b-3c4e-4b6c-8d4f-0f8c3f0b1f10", "446655440000", "stripe_integration_123", "abc"]
)
def test_unknown_id_has_the_same_format(known: str) -> None:
    """The id that should get a 404 has the format of a real one."""
    other = _another_id(known)
    assert other != known
    assert len(other) == len(known)
    if "-" in known:
        assert uuid.UUID(other).version == 4
    else:
        assert [each.isdigit() for each in other] == [each.isdigit() for each in known]
