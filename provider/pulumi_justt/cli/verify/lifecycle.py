"""Runs one lifecycle in the sandbox for `pulumi-justt verify`, and judges the facts by Justt's responses.

    list, create, read, list, read of two ids that don't exist, another create with the same identifier, deactivate,
    read, deactivate again, list, and another create if the identifier could not be used twice before

Even if a request fails or the user presses Ctrl-C, the run then deactivates every integration that it created.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone

from pulumi_justt.api.client import Attempt
from pulumi_justt.api.models import RemoteRecord, to_vendor_time
from pulumi_justt.cli.verify import facts
from pulumi_justt.cli.verify.facts import Fact
from pulumi_justt.core.client import JusttClient
from pulumi_justt.core.deactivation import deactivate_now
from pulumi_justt.core.inputs import Inputs
from pulumi_justt.core.journal import Change, Journal
from pulumi_justt.core.listing import Listing, list_all
from pulumi_justt.errors import (
    CreateOutcomeUnknown,
    JusttError,
    RequestError,
    RequestFailed,
    RequestRefused,
    UnexpectedResponse,
    describe_type,
)
from pulumi_justt.unpicklable import Unpicklable

__all__ = ["Verification"]

_WAIT_SECONDS = 30.0
"""How long a deactivated integration may take to become INACTIVE."""

_POLL_SECONDS = 2.0
_OPERATION = "verifying Justt's API"
_OK, _CREATED, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _INTERNAL_ERROR = 200, 201, 400, 401, 403, 404, 500


@dataclass(repr=False)
class Verification(Unpicklable):
    """One run of the command.

    Args:
        client: Sends the requests, and appends each attempt to *attempts*.
        attempts: The attempts so far.
        journal: Records what the run creates and deactivates.
        source: The PSP of the integrations to create.
        account: The reference account, if there is one.
        show_line: Shows a line to the user.

    Attributes:
        facts: The facts, by name.
        identifier: The external identifier and the name of the integrations that the run creates.
        integrations: Whether each integration that the run created is INACTIVE, by id.
        has_unknown_create: Whether the outcome of a create is unknown.
    """

    client: JusttClient
    attempts: list[Attempt]
    journal: Journal
    source: str
    account: str | None
    show_line: Callable[[str], None]
    facts: dict[str, Fact] = field(default_factory=facts.all_facts)
    identifier: str = field(default_factory=lambda: f"pulumi-justt-verify-{secrets.token_hex(4)}")
    integrations: dict[str, bool] = field(default_factory=dict)
    has_unknown_create: bool = False
    _before: Listing | None = None
    _problems: dict[str, str] = field(default_factory=dict)
    """Why an integration may still be active, by id."""
    _candidates: str = "The account was not listed after that."
    _unread_response: bytes = b""
    """The response to a create that has no documented form."""

    def run(self) -> None:
        """Try all facts.

        Raises:
            RequestError: A request failed, so not all facts were tried.
        """
        self._before = self._list()
        try:
            first = self._first_create()
            self._read_new(first)
            self._find_in_list(first, "listedAfterCreate")
            self._read_nothing("unknownId", _another_id(first), (_NOT_FOUND,))
            self._read_nothing("invalidId", f"{self.identifier}-none", (_BAD_REQUEST, _NOT_FOUND))
            self._use_again("secondUse", first)
            self._deactivate_twice(first)
            if self.integrations[first]:
                self._find_in_list(first, "listedAfterDeactivation")
            self._use_after_deactivation(first)
        except RequestRefused:
            raise
        except CreateOutcomeUnknown as lost:
            raise lost.but(remediation="The other facts were not tried.") from None
        except RequestError as error:
            raise error.but(remediation="The other facts were not tried. Run the command again later.") from None
        finally:
            self.clean_up()

    def clean_up(self) -> None:
        """Deactivate the integrations that are not known to be INACTIVE. `warnings` then names each that remains."""
        if self.has_unknown_create:
            self._candidates = self._find_candidates()
        for integration_id in self._active():
            if problem := self._stop(integration_id):
                self._problems[integration_id] = problem

    def warnings(self) -> list[str]:
        """Return what the run has left behind, and what to do about it. That is known even if Ctrl-C ends `clean_up`.

        Warns:
            warning: An integration may still be active, or the outcome of a create is unknown.
        """
        warnings = []
        for integration_id in self._active():
            problem = self._problems.get(integration_id, "the command was interrupted")
            warnings.append(
                f"warning: integration {integration_id} may still be active: {problem}. Run `pulumi-justt verify "
                f"--environment sandbox --deactivate {integration_id}`. If that fails too, ask Justt to deactivate it."
            )
        if self.has_unknown_create:
            warnings.append(
                f"warning: Justt may have created an integration whose id is unknown, named {self.identifier!r}. "
                f"{self._candidates} Look at Justt for that name. If it is there, run `pulumi-justt verify "
                "--environment sandbox --deactivate ID` with its id."
            )
        return warnings

    def _active(self) -> list[str]:
        return [each for each, is_inactive in self.integrations.items() if not is_inactive]

    def _first_create(self) -> str:
        """Create the integration that the facts are tried with, and return its id.

        Raises:
            RequestError: Justt refused the create, or its outcome is unknown.
        """
        try:
            created = self._create()
        except RequestRefused as refused:
            self._judge_error()
            raise refused.but(
                remediation="Nothing was created. Justt may refuse a made-up API key for this source: try another "
                "--source."
            ) from None
        except CreateOutcomeUnknown as lost:
            if self.attempts[-1].status == _CREATED:
                self.facts["createForm"].judge(False, _response(lost))
            raise
        if created not in self.integrations:
            raise UnexpectedResponse(
                f"{_OPERATION}, creating an integration",
                f"Justt answered with integration {created}, which existed before and was not changed",
                "The other facts were not tried.",
            )
        self.facts["createForm"].judge(self._status == _CREATED and facts.is_creation(self._body), self._seen)
        return created

    def _create(self) -> str:
        """Create an integration with a made-up credential, and return its id.

        Raises:
            CreateOutcomeUnknown: The integration may exist.
            RequestError: It was not created.
        """
        inputs = Inputs.model_validate(
            {
                "externalIdentifier": self.identifier,
                "integrationName": self.identifier,
                "source": self.source,
                "secretType": "APIKEY_ONLY",
                "secretPayload": {"apiKey": f"made-up-{secrets.token_hex(12)}"},
                "referenceAccountId": self.account,
                "environment": self.client.settings.environment,
                "allowUnlisted": True,
            }
        )
        base_url = self.client.settings.base_url
        planned = Change("create", "created", base_url, None, self.account, self.source, self.identifier)
        # Also if Ctrl-C ends the request.
        self.has_unknown_create = True
        try:
            with self.journal.recording(planned) as change:
                created = self.client.create_integration(inputs).integration_id
                change.integration_id = created
                is_new = created not in self.integrations and (
                    self._before is None or created not in self._before.records
                )
                change.outcome = "created" if is_new else "failed"
        except CreateOutcomeUnknown:
            self._unread_response = self.attempts[-1].content
            raise
        except JusttError:
            self.has_unknown_create = False
            raise
        # If Justt returns an integration that existed before, it is not this run's.
        if is_new:
            self.integrations[created] = False
            self.show_line(f"Created integration {created}.")
        self.has_unknown_create = False
        return created

    def _read_new(self, integration_id: str) -> None:
        with self._judging("readAfterCreate", "readForm"):
            status = self._read(integration_id).status
            record = facts.record_in(self._body)
            others = {name: value for name, value in record.items() if name not in facts.RECORD_FIELDS}
            self.facts["readAfterCreate"].judge(True, self._seen)
            self.facts["readForm"].judge(self._status == _OK and "integrationId" in record, self._seen)
            self.facts["recordFields"].judge(
                facts.is_record(record, integration_id, self.source), describe_type(record)
            )
            self.facts["inputsNotReturned"].judge(not others, describe_type(others) if others else "no other fields")
            self.facts["pendingFirst"].judge(status == "PENDING", status)

    def _read_nothing(self, name: str, unknown: str, statuses: Collection[int]) -> None:
        """Read an id that doesn't exist, and judge that a fact holds if Justt answers with one of *statuses*.

        Raises:
            RequestError: There was no usable response, and not because Justt can't handle the id.
        """
        fact = self.facts[name]
        try:
            self._read(unknown)
            fact.judge(False, self._seen)
        except RequestRefused as refused:
            fact.judge(refused.is_of_api and refused.status in statuses, _response(refused))
            self._judge_error()
        except (UnexpectedResponse, RequestFailed) as error:
            if isinstance(error, RequestFailed) and self._status != _INTERNAL_ERROR:
                raise
            fact.judge(False, _response(error))

    def _use_again(self, name: str, first: str) -> None:
        """Create another integration with the identifier of the *first* one."""
        with self._judging(name):
            created = self._create()
            self.facts[name].judge(created != first and created in self.integrations, self._seen)

    def _use_after_deactivation(self, first: str) -> None:
        if self.facts["secondUse"].verdict == "holds":
            self.facts["useAfterDeactivation"].judge(True, "two active integrations may have it")
        elif self.integrations[first]:
            self._use_again("useAfterDeactivation", first)

    def _deactivate_twice(self, integration_id: str) -> None:
        is_accepted = False
        with self._judging("deactivateForm"):
            self._deactivate(integration_id)
            is_accepted = True
            self.facts["deactivateForm"].judge(self._status == _OK, self._seen)
        if not is_accepted:
            return
        with self._judging("keptAfterDeactivation"):
            status, seconds = self._await_inactive(integration_id)
            self.facts["keptAfterDeactivation"].judge(True, f"{self._status}, {status}")
            self.facts["inactiveAtOnce"].judge(seconds == 0 and status == "INACTIVE", f"{status} after {seconds:.0f} s")
        if self.integrations[integration_id]:
            fact = self.facts["secondDeactivation"]
            try:
                self.client.deactivate_integration(
                    integration_id,
                    operation=f"{_OPERATION}, deactivating {integration_id}",
                    account=self.account,
                    deactivation_type="postingDate",
                    deactivation_date=to_vendor_time(datetime.now(timezone.utc)),
                )
                fact.judge(True, self._seen)
            except RequestRefused as refused:
                fact.judge(refused.status not in (_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND), _response(refused))
            except UnexpectedResponse as unexpected:
                fact.judge(False, _response(unexpected))

    def _deactivate(self, integration_id: str) -> None:
        """Deactivate an integration now, and record that in the journal.

        Raises:
            RequestError: The deactivation failed.
        """
        # An earlier run may have created it, so its source and identifier are not known here.
        change = Change("deactivate", "deactivated", self.client.settings.base_url, account=self.account)
        change.integration_id = integration_id
        deactivate_now(self.client, self.journal, change, operation=f"{_OPERATION}, deactivating {integration_id}")

    def _await_inactive(self, integration_id: str, within: float = _WAIT_SECONDS) -> tuple[str, float]:
        """Read an integration until it is INACTIVE, and return its last status and the seconds that this took.

        Raises:
            RequestError: It could not be read.
        """
        waited = 0.0
        while (status := self._read(integration_id).status) != "INACTIVE" and waited < within:
            self.client.sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS
        self.integrations[integration_id] = status == "INACTIVE"
        return status, waited

    def _stop(self, integration_id: str) -> str | None:
        """Deactivate an integration, and return why it may still be active; None if it is INACTIVE."""
        problem, within = "Justt accepted the deactivation", _WAIT_SECONDS
        try:
            self._deactivate(integration_id)
        except JusttError as error:
            problem, within = _response(error), 0.0
        with contextlib.suppress(JusttError):
            status, _ = self._await_inactive(integration_id, within)
            if self.integrations[integration_id]:
                return None
            return f"{problem}, and shows it as {status}"
        return problem

    def _find_candidates(self) -> str:
        """Return a sentence with the integrations that a create with an unknown outcome may have made.

        If the response to the create has the id of one of them, that one is added to `integrations` instead.
        """
        try:
            now = list_all(self.client, operation=_OPERATION, account=self.account).records
        except JusttError as error:
            return f"The account could not be listed: {_response(error)}."
        known = {*self.integrations, *(self._before.records if self._before else ())}
        new = [each for each, record in now.items() if record.source == self.source and each not in known]
        own = [each for each in new if self._before and _has_word(self._unread_response, each)]
        if len(own) == 1:
            self.integrations[own[0]] = self.has_unknown_create = False
        return f"New integrations of this source since this command began: {', '.join(new) or 'none so far'}."

    def _read(self, integration_id: str) -> RemoteRecord:
        operation = f"{_OPERATION}, reading {integration_id}"
        return self.client.get_integration(integration_id, operation=operation, account=self.account)

    def _list(self) -> Listing | None:
        """List the account, and judge the form of the list. Return None if it has no documented form.

        Raises:
            RequestError: The account could not be listed.
        """
        fact = self.facts["listForm"]
        try:
            listing = list_all(self.client, operation=f"{_OPERATION}, listing the account", account=self.account)
        except UnexpectedResponse as unexpected:
            fact.judge(False, _response(unexpected))
            return None
        if fact.verdict != "differs":
            fact.judge(self._status == _OK and facts.is_listing(self._body), self._seen)
        return listing

    def _find_in_list(self, integration_id: str, name: str) -> None:
        listing = self._list()
        if listing and (listing.is_complete or integration_id in listing.records):
            ids = [*listing.records]
            number = ids.index(integration_id) + 1 if integration_id in ids else 0
            seen = f"number {number} of {len(ids)} in the list" if number else f"not among the {len(ids)} in the list"
            self.facts[name].judge(bool(number), seen)

    @contextlib.contextmanager
    def _judging(self, name: str, form: str | None = None) -> Iterator[None]:
        """Judge that a fact differs if Justt refuses the request, or if its response has no documented form.

        Args:
            name: The fact that a refusal contradicts.
            form: The fact that an undocumented form contradicts; by default the same one.
        """
        try:
            yield
        except RequestRefused as refused:
            self.facts[name].judge(False, _response(refused))
            self._judge_error()
        except UnexpectedResponse as unexpected:
            self.facts[form or name].judge(False, _response(unexpected))

    def _judge_error(self) -> None:
        fact = self.facts["errorForm"]
        if fact.verdict != "differs":
            fact.judge(facts.is_documented_error(self._body), self._seen)

    @property
    def _status(self) -> int | None:
        return self.attempts[-1].status

    @property
    def _body(self) -> object:
        """The last response as JSON; None if it is empty or not JSON."""
        try:
            return json.loads(self.attempts[-1].content)
        except (ValueError, RecursionError):
            return None

    @property
    def _seen(self) -> str:
        """The status of the last response, and the keys and types in its body."""
        has_body = bool(self.attempts[-1].content.strip())
        return f"{self._status}, {describe_type(self._body) if has_body else 'no body'}"


def _response(error: JusttError) -> str:
    """Return what Justt answered, without the remediation."""
    if not isinstance(error, RequestError):
        return str(error)
    return f"{error.response} (errorId {error.error_id})" if error.error_id else error.response


def _has_word(text: bytes, word: str) -> bool:
    """Return whether *text* has *word* other than as a part of a longer word. An id may be a short number."""
    return re.search(rb"(?<![\w-])" + re.escape(word.encode()) + rb"(?![\w-])", text) is not None


def _another_id(integration_id: str) -> str:
    """Return an id of the same format that no integration has, most likely."""
    with contextlib.suppress(ValueError):
        if str(uuid.UUID(integration_id)) == integration_id.lower():
            return str(uuid.uuid4())
    # No digit stays the same.
    changed = re.sub("[0-9]", lambda digit: str((int(digit[0]) + 1 + secrets.randbelow(9)) % 10), integration_id)
    return changed if changed != integration_id else integration_id[::-1]
