"""The core and the fake Justt of the Hypothesis state machines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import cycle
from pathlib import Path
from typing import Any, Literal

import httpx

from pulumi_justt.api.call import Call
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.config import Settings
from pulumi_justt.core.integration import IntegrationLifecycle
from pulumi_justt.core.journal import Journal
from pulumi_justt.core.session import Session
from pulumi_justt.errors import JusttError
from pulumi_justt.log import Log
from support.clock import Clock
from support.model_engine import Killed, Remote
from support.pulumi_model import KEY, Trouble

START = datetime(2021, 1, 15, 8, 0, 0, tzinfo=timezone.utc)
THEIRS = "another-writer"
TIMEOUT = 30.0
RECORD_CHANGES = ("foreign-before-commit", "foreign-after-commit", "insert", "move", "becomes")


def moment(clock: Clock) -> datetime:
    """Return the date and time of the clock's virtual seconds."""
    return START + timedelta(seconds=clock.now)


@dataclass
class Kept:
    """One integration at the fake Justt, including the fields that no API call returns."""

    id: str
    account: str | None
    name: str
    label: str
    source: str
    status: str = "PENDING"
    ends: datetime | None = None


@dataclass
class Vendor:
    """A fake Justt in memory: it uses every documented envelope, and fails as planned.

    Args:
        clock: Advances with each request.
        is_enveloped: Whether responses use the envelopes of the guides.
        newest_first: The order of lists.
        before: The number of integrations that others have created before the test.
        refuses_ended: The error message for a deactivation of an INACTIVE integration; None: it succeeds.
    """

    clock: Clock
    is_enveloped: bool = False
    newest_first: bool = False
    before: int = 0
    refuses_ended: Literal[400, 409] | None = 400
    kept: list[Kept] = field(default_factory=list)
    plan: list[Trouble] = field(default_factory=list)
    posts: list[tuple[str, str]] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    _late: list[tuple[float, Kept]] = field(default_factory=list)
    _made: int = 0

    def __post_init__(self) -> None:
        """Start with the integrations of others."""
        for _ in range(self.before):
            self.kept.append(self._new(None, THEIRS, "", "stripe"))
        self._forms = cycle(("status", "error", "statusCode"))

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Respond to a request, as the plan allows."""
        self.clock.sleep(0.05)
        self.catch_up()
        assert request.headers["authorization"] == f"Bearer {KEY}"
        operation = self._operation(request)
        body = json.loads(request.content) if request.content else {}
        account = request.headers.get("reference-account-id")
        trouble, afterwards = self._apply_plan(operation, request, account)
        if operation == "create":
            self.posts.append((body["externalIdentifier"], trouble))
        response = self._before(trouble, body, account)
        if response is None:
            response = self._carried_out(operation, request, body, account)
            for source in afterwards:
                self.kept.append(self._new(account, THEIRS, "", source))
            response = self._after(trouble, request, response)
        return response

    def catch_up(self) -> None:
        """Commit the creates that were still in progress when their clients gave up."""
        self.kept += [kept for due, kept in self._late if due <= self.clock.now]
        self._late = [(due, kept) for due, kept in self._late if due > self.clock.now]

    def intrude(self, account: str | None, source: str) -> None:
        """Create an integration that doesn't belong to the project."""
        self.kept.append(self._new(account, THEIRS, "", source))

    def find(self, integration_id: str) -> Kept | None:
        """Return the integration with an id, if there is one."""
        return next((kept for kept in self.kept if kept.id == integration_id), None)

    def status(self, kept: Kept) -> str:
        """Return the current status of an integration."""
        return "INACTIVE" if kept.ends is not None and kept.ends <= moment(self.clock) else kept.status

    def _new(self, account: str | None, name: str, label: str, source: str) -> Kept:
        self._made += 1
        return Kept(f"int-{self._made:05}", account, name, label, source)

    @staticmethod
    def _operation(request: httpx.Request) -> str:
        if request.method == "POST":
            return "create"
        if request.method == "DELETE":
            return "delete"
        return "list" if request.url.path == "/integrations" else "get"

    def _apply_plan(self, operation: str, request: httpx.Request, account: str | None) -> tuple[str, list[str]]:
        """Apply the plan's changes for this request; return the fault for its response, and the later creates."""
        afterwards: list[str] = []
        for trouble in [each for each in self.plan if each.operation == operation]:
            self.plan.remove(trouble)
            if not trouble.what.startswith(RECORD_CHANGES):  # an empty fault lets this request succeed
                return trouble.what, afterwards
            source = json.loads(request.content)["source"] if request.content else "stripe"
            if trouble.what == "foreign-after-commit":
                afterwards.append(source)
            elif trouble.what == "move":
                self.kept.append(self.kept.pop(0)) if self.kept else None
            elif trouble.what == "insert":
                self.kept.insert(0, self._new(account, THEIRS, "", source))
            elif trouble.what == "foreign-before-commit":
                self.intrude(account, source)
            elif kept := self.find(request.url.path.rpartition("/")[2]):
                kept.status = "INACTIVE" if self.status(kept) == "INACTIVE" else trouble.what.partition("=")[2]
                self.ended |= {kept.id} if kept.status == "INACTIVE" else set()
            if operation != "create":
                break
        return "", afterwards

    def _before(self, trouble: str, body: dict[str, Any], account: str | None) -> httpx.Response | None:
        """Return the response to a request that is not carried out, or None."""
        word, _, value = trouble.partition("=")
        if word == "unsent":
            raise httpx.ConnectError("refused")
        if word == "kill-before-commit":
            raise Killed
        if word == "drop-before-commit":
            raise httpx.RemoteProtocolError("gone")
        if word in ("hang-before-commit", "late-commit"):
            self.clock.sleep(TIMEOUT)
            if word == "late-commit" and "externalIdentifier" in body:
                new = self._new(account, body["externalIdentifier"], body["integrationName"], body["source"])
                self._late.append((self.clock.now + 0.9 * TIMEOUT, new))
            raise httpx.ReadTimeout("late")
        if word == "status":
            status, _, after = value.partition(" retry-after=")
            return self._error(int(status), "no", {"retry-after": after} if after else {})
        if word == "echo":
            return self._error(int(value), f"{json.dumps(body)} with {KEY} will not do")
        return httpx.Response(307, headers={"location": "http://127.0.0.1:9/elsewhere"}) if word == "redirect" else None

    def _after(self, trouble: str, request: httpx.Request, response: httpx.Response) -> httpx.Response:
        """Spoil the response to a request that was carried out."""
        word, _, value = trouble.partition("=")
        if word == "kill-after-commit":
            raise Killed
        if word == "drop-after-commit":
            raise httpx.ReadError("reset")
        if word == "hang-after-commit":
            self.clock.sleep(TIMEOUT)
            raise httpx.ReadTimeout("late")
        if word == "status-after-commit":
            return self._error(int(value), "too late")
        if not response.is_success:
            return response
        account = request.headers.get("reference-account-id")
        stuck = {"hasMore": True, "data": [self._shown(kept) for kept in self.kept if kept.account == account][:1]}
        content = {
            "stuck": json.dumps(stuck).encode(),
            "truncated-body": response.content[: len(response.content) // 2],
            "empty-body": b"",
            "not-json": b"<html>Welcome</html>",
            "no-id": b'{"status": "OK", "message": "done"}',
            "undocumented-shape": json.dumps({"result": [request.url.path, KEY]}).encode(),
        }
        return httpx.Response(response.status_code, content=content.get(word, response.content))

    def _carried_out(
        self, operation: str, request: httpx.Request, body: dict[str, Any], account: str | None
    ) -> httpx.Response:
        if operation == "create":
            kept = self._new(account, body["externalIdentifier"], body["integrationName"], body["source"])
            self.kept.append(kept)
            created = {"status": "CREATED", "message": "ok", "id": kept.id}
            return httpx.Response(201, json=created if self.is_enveloped else {"integrationId": kept.id})
        if operation == "list":
            return self._page(request, account)
        found = self.find(request.url.path.rpartition("/")[2])
        if found is None or found.account != account:
            return self._error(404, "no such integration")
        if operation == "get":
            bare = self._shown(found)
            return httpx.Response(
                200, json={"status": 200, "message": "OK", "data": bare} if self.is_enveloped else bare
            )
        if self.status(found) == "INACTIVE" and self.refuses_ended is not None:
            return self._error(self.refuses_ended, "it has ended")
        found.ends = datetime.strptime(body["deactivationDate"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
        return httpx.Response(200)

    def _page(self, request: httpx.Request, account: str | None) -> httpx.Response:
        # An envelope says whether more pages follow, so its pages may be shorter than requested.
        size = 7 if self.is_enveloped else int(request.url.params["limit"])
        start = (int(request.url.params["page"]) - 1) * size
        listed = [kept for kept in self.kept if kept.account == account]
        if self.newest_first:
            listed.reverse()
        page, has_more = [self._shown(kept) for kept in listed[start : start + size]], len(listed) > start + size
        envelope = {"status": 200, "message": "OK", "hasMore": has_more, "data": page}
        return httpx.Response(200, json=envelope if self.is_enveloped else page)

    def _shown(self, kept: Kept) -> dict[str, str]:
        return {"integrationId": kept.id, "source": kept.source, "status": self.status(kept)}

    def _error(self, status: int, message: str, headers: dict[str, str] | None = None) -> httpx.Response:
        forms: dict[str, dict[str, object]] = {
            "status": {"status": status, "message": message, "errorId": "e-1"},
            "error": {"error": "Error", "message": message, "errorId": "e-1"},
            "statusCode": {"message": message, "statusCode": status},
        }
        return httpx.Response(status, json=forms[next(self._forms)], headers=headers)


@dataclass
class Core:
    """The core as the provider of a `Backend`."""

    policy: str
    clock: Clock
    vendor: Vendor
    folder: Path
    messages: list[str] = field(default_factory=list)
    failure: type[Exception] = JusttError
    width: int = 1
    _commands: int = 0

    @property
    def posts(self) -> list[tuple[str, str]]:
        """Return the external identifier and the fault of each POST."""
        return self.vendor.posts

    @property
    def ended(self) -> set[str]:
        """Return the ids of integrations that became INACTIVE on a read."""
        return self.vendor.ended

    @contextmanager
    def command(self, *, gone: bool) -> Iterator[CoreProcesses]:
        """Start new cores with their own clients, and the same journal."""
        self._commands += 1
        environ = {"JUSTT_ON_MISSING": "gone"} if gone else {}
        with ExitStack() as opened:
            processes = CoreProcesses(self, opened, f"command {self._commands}", environ)
            yield processes
            for core, journal in processes.ending:
                core.end()
                journal.end_in_order()

    def now(self) -> float:
        """Return virtual seconds since the epoch."""
        return moment(self.clock).timestamp()

    def trouble(self, planned: Sequence[Trouble]) -> None:
        """Replace the plan."""
        self.vendor.plan = list(planned)

    def records(self) -> list[Remote]:
        """Return all integrations."""
        self.vendor.catch_up()
        return [
            Remote(kept.id, kept.name, kept.label, self.vendor.status(kept), kept.ends is not None)
            for kept in self.vendor.kept
        ]

    def set_status(self, integration_id: str, status: str) -> None:
        """Set a status."""
        kept = self.vendor.find(integration_id)
        assert kept is not None
        kept.status = status

    def intrude(self, source: str) -> None:
        """Create an integration that doesn't belong to the project."""
        self.vendor.intrude(None, source)


@dataclass
class CoreProcesses:
    """The cores of one command: one for each provider resource, each with its own session."""

    core: Core
    opened: ExitStack
    name: str
    environ: dict[str, str]
    running: dict[str, Called] = field(default_factory=dict)
    ending: list[tuple[IntegrationLifecycle, Journal]] = field(default_factory=list)

    def of(self, provider: str) -> Called:
        """Start the process of a provider resource, or return it."""
        if provider not in self.running:
            self.running[provider] = self._start()
        return self.running[provider]

    def kill(self) -> None:
        """Stop all of them without a clean shutdown. Their memory is not used again."""
        self.ending.clear()

    def _start(self) -> Called:
        core = self.core
        # Not a loopback address: the code assumes that a simulator may be reset, and that Justt may not.
        config = {"baseUrl": "https://justt.test", "apiKey": KEY, "timeoutSeconds": f"{TIMEOUT:g}"}
        settings = Settings.load({**config, "onAmbiguousCreate": core.policy}, self.environ)
        client = JusttClient(
            settings,
            transport=httpx.MockTransport(core.vendor.answer),
            clock=core.clock,
            sleep=core.clock.sleep,
            uniform=lambda: 0.5,
        )
        self.opened.callback(client.close)
        journal = Journal(core.folder, log=Log(core.messages.append), now=core.now, command=self.name)
        called = Called()
        called.core = made = IntegrationLifecycle(
            settings,
            client=lambda: client,
            log=Log(core.messages.append),
            now=lambda: moment(core.clock),
            session=Session(settings.base_url, journal),
            call=lambda: Call(called.urn),
        )
        self.ending.append((made, journal))
        return called


class Called:
    """The core, with the methods that the engine calls."""

    core: IntegrationLifecycle
    urn = ""

    def check(self, olds: dict[str, Any], news: dict[str, Any], *, urn: str) -> tuple[dict[str, Any], list[str]]:
        """Return the checked inputs, and the failures."""
        self.urn = urn
        checked = self.core.check(olds, news)
        return checked.inputs, checked.failures

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any], *, urn: str) -> list[str]:
        """Return the paths that need a replacement."""
        self.urn = urn
        return self.core.diff(olds, news)

    def create(self, inputs: dict[str, Any], *, urn: str) -> tuple[str, dict[str, Any]]:
        """Return the id and the outputs."""
        self.urn = urn
        return self.core.create(inputs)

    def read(self, resource_id: str, outputs: dict[str, Any], *, urn: str) -> dict[str, Any] | None:
        """Return the outputs, or None if the resource is gone."""
        self.urn = urn
        return self.core.read(resource_id, outputs)

    def update(self, resource_id: str, olds: dict[str, Any], news: dict[str, Any], *, urn: str) -> dict[str, Any]:
        """Return the outputs."""
        self.urn = urn
        return self.core.update(resource_id, olds, news)

    def delete(self, resource_id: str, outputs: dict[str, Any], *, urn: str) -> None:
        """Delete the resource."""
        self.urn = urn
        self.core.delete(resource_id, outputs)
