"""Reads every message that the package shows for an error, a warning or a note from its source.

A message is the text of an exception, a warning, a note or a failure of check. Any other literal with words counts too,
since it may be a part of a message. A text shows variable parts as <name>, optional parts in [brackets], and
alternatives separated by bars. `WHOLE` turns a part into the whole message that shows it.

The condition of a message comes from the docstring of its function, or else from the nearest function that refers to
that one: the entry of the exception's class under `Raises`, or the entry `warning` or `note` under `Warns`.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

__all__ = ["WHOLE", "WORDS_OF_A_LABEL", "Source", "Text", "package"]

ROOT = Path(__file__).resolve().parents[2] / "provider" / "pulumi_justt"

_ARGUMENT = "<resource>: <argument> {text}"
_REFERENCE = "credentials.<field> comes from {text}"
_SHAPE = "Justt answered <status> with an undocumented shape, {text}"
_NO_CONNECTION = "no connection ({text})"
_JOURNAL = "warning: the journal of creates can't be relied on: {text}. This command continues. …"
_INTEGRATION = "{verdict}: integration of <stack>: <name> (<id>) {phrase}"
_UNUSUAL = "{verdict}: credentials of <stack>: <name> (<id>) {phrase}"
_STILL_ACTIVE = "warning: integration <id> may still be active: {text}. Run …"
_UNKNOWN_ID = (
    "warning: Justt may have created an integration whose id is unknown, named '<name>'. {text} Look at Justt …"
)
_RELEASED = "note: <the integration>: {text}, so it is released and stays as it is at Justt."
_CALL_OF_CLI = "{text} of <the stack>: `<the command>` said: <its words>. <remediation>"
WHOLE = {
    "arguments._HINTS": "<resource>: <argument> cannot be of type <type>: {text}",
    "core.state._HINTS": "<argument>: must be text, got <type>{text}",
    "arguments._FOR_ANOTHER": _ARGUMENT,
    "arguments._TAKES_NONE": _ARGUMENT,
    "arguments._IS_OUTPUT": _ARGUMENT,
    "arguments._problem_of_keys": _ARGUMENT,
    "arguments._problem_of_text": _ARGUMENT,
    "resource_options._require_existing": "<option>: '<name>' has no '<path>', so the engine would ignore it; {text}",
    "resource_options._require_credential": (
        "<option>: 'secretReferences' has no '<field>', so the engine would ignore it; {text} use '<correct path>'"
    ),
    "resources.Provider.__init__": "<option>: the engine would read the resource and ignore its arguments; {text}",
    "resources._ID_REMEDIATION": "the id of the <resource> is empty: {text}",
    "resources._problem_of_key": "the api_key of the <resource> {text}",
    "api.models._one_line_problem": "<argument>: {text}",
    "values": "<argument>: {text}",
    "references.VariableReference.value": _REFERENCE,
    "references.FileReference.value": _REFERENCE,
    "references._value_of": _REFERENCE,
    "core.intents.Intents._objection": (
        "<operation>: {text}. Nothing was changed. Run `pulumi-justt recover` again, and choose another integration, "
        "or use --forget."
    ),
    "core.ownership.Ownership.release_reason": _RELEASED,
    "core.ownership.Ownership._creator_reason": _RELEASED,
    "core.client.JusttClient._require_clean": _SHAPE,
    "api.responses.parsed": _SHAPE,
    "api.responses.record": _SHAPE,
    "api.responses.error_body": "Justt answered <status>: {text}",
    "api.deadline": _NO_CONNECTION,
    "certificate not trusted: <reason>": _NO_CONNECTION,
    "no connection": "no connection (<reason>)",
    "with an unknown status": "no connection (the proxy answered {text})",
    "after <number> attempts": "<response>, {text}",
    "it was recorded in another environment": (
        "<operation>: {text}, as for '<another resource>': its error says what to do."
    ),
    "not known yet": "its status is {text} after <timeout seconds> s<failure>",
    "core.journal.folder.JournalFolder._read": _JOURNAL,
    "core.journal.folder.JournalFolder._write": _JOURNAL,
    "core.journal.folder.JournalFolder._unlink": _JOURNAL,
    "core.journal.folder.NO_FOLDER": _JOURNAL,
    "core.journal.changes.ChangeRecords.record": (
        "warning: `pulumi-justt log` will not show all that this command creates and deactivates: {text}. This command "
        "continues. …"
    ),
    "core.journal.changes.ChangeRecords.changes": "warning: {text}. The changes in it are not shown.",
    "core.journal.holders.HolderRecords.unusable_adoption": _JOURNAL,
    "core.journal.journal.Journal.move": _JOURNAL,
    "cli.account_records.NO_ACCOUNT": "<id>: reference_account_id: {text}",
    "cli.account_records.cut_short": "[warning | not checked: account]: {text}",
    "cli.doctor.account_checks._BAD_STATUSES": _INTEGRATION,
    "cli.doctor.account_checks._problem": _INTEGRATION,
    "cli.doctor.account_checks._status_problem": _INTEGRATION,
    "cli.doctor.paragraphs._SEVERAL": "[finding | not checked]: <check>: <number> {text}",
    "cli.doctor.credentials_check._unusual_class": _UNUSUAL,
    "cli.doctor.credentials_check._misspelt_source": _UNUSUAL,
    "cli.doctor.journal_check.examine": "not checked: journal: {phrase}",
    "cli.doctor.journal_check._of_stack": (
        "finding: journal of <stack>: {phrase}: <the create> Its journal file is <file>."
    ),
    "cli.doctor.journal_check._folder_problem": "finding: journal: {text}, so no journal of creates is kept.",
    "cli.documents": "the answers {text}",
    "cli.importing.completion._name_problems": "<id>: {text}",
    "cli.importing.import_answers.read_answers": "<id>: {text}",
    "cli.importing.import_answers._Entry": "<id>: {text}",
    "cli.importing.import_answers._resolve": "<id>: fields.<name>: {text}",
    "cli.importing.import_answers._value": "<id>: fields.<name>: {text}",
    "cli.importing.import_answers._version": "<id>: fields.<name>: {text}",
    "cli.importing.importer._ownership_problem": "<id> {text}",
    "not everything was imported: <the error>": "error: {text}",
    "not all credentials are in the configuration: <the error> Run the remaining commands.": "error: {text}",
    "cli.intents.describe": "finding: journal of <stack>: <resource>: {text} Its journal file is <file>.",
    "cli.list.records.collect": "warning: {text}",
    "cli.list.records._read": "warning: {text}",
    "cli.log.entries.collect": "warning: {text}",
    "cli.verify.lifecycle.Verification._stop": _STILL_ACTIVE,
    "the command was interrupted": _STILL_ACTIVE,
    "cli.verify.lifecycle.Verification._find_candidates": _UNKNOWN_ID,
    "The account was not listed after that.": _UNKNOWN_ID,
    "cli.stacks._REMEDIATIONS": "<operation>: `<the command>` said: <its words>. {text}",
    "Run it by hand.": "<operation>: `<the command>` said: <its words>. {text}",
    "asking for the name": _CALL_OF_CLI,
    "reading the recorded configuration": _CALL_OF_CLI,
    "reading the keys of the providers": _CALL_OF_CLI,
    "setting <key> in the configuration": _CALL_OF_CLI,
    "asking for the version": "{text}: `<the command>` said: <its words>. <remediation>",
    "errors.NOT_SHOWN": "Justt answered <status>: … [{text}] …",
    "errors.WITHHELD": "Justt answered <status>: {text}",
    # Texts that stand in other texts as their placeholders, a part of the CLI's own message, and a command to run.
    "credentials.<field> comes from <where it should be>": "",
    "no Pulumi.yaml project file": "",
    "pulumi import --generate-code=false --protect=false --file <where><stack option>": "",
    "pulumi-justt import --answers <quote><stack option>": "",
    "<operation> of <the stack> | <operation>": "",
    "<setting> | the provider '<provider>'": "",
}
"""The whole message that shows a part, by the part's place or by its text; empty if the page leaves the part out.

`{text}` stands for the part. `{phrase}` does too, but a part that begins with a capital letter is its own sentence.
`{verdict}` stands for the verdict in the tuple or call that has the part, or for `finding`.
"""
_PARTS = {"part", "operation", "LookupError", "ValueError", "InvalidResponse", "ConnectTimeout", "InvalidDocument"}
"""The kinds of texts that may be parts."""
_VERDICTS = {
    "finding": "`doctor` found something that you should act on.",
    "not checked": "`doctor` could not make this check.",
    "warning": "`doctor` found something unusual, which may be right.",
    "ok": "`doctor` found no problem.",
}
"""The condition of a result of `doctor`, by its verdict."""
_NEVER_SHOWN = {
    "NotImplementedError": "an abstract method",
    "UnusableProxy": "becomes `the network settings of this machine cannot be used`",
    "IndexError": "becomes `… is damaged`",
    "PromptsStopped": "becomes `Nothing was imported. …`",
    "error": "an error that was created and listed earlier",
    "explained": "makes an error whose parts are listed separately",
    "Cancelled": "becomes `it was not sent, because the engine cancelled the call`",
    "ApiStatusError": "becomes `Justt answered …`",
    "InvalidResponseError": "becomes `Justt answered … with an undocumented shape`",
    "OutcomeUnknown": "shown as its cause",
    "failure": "becomes `no connection …`",
    "outcome_unknown": "makes an error whose parts are listed separately",
    "ReadTimeout": "becomes `no answer within …`",
    "TimeoutError": "becomes `no time was left to send a request`",
    "ApiError": "a response of the simulator, in place of Justt's own text",
    "ProviderError": "a text of the provider, in a user's unit test",
}
_DISPLAY_FUNCTIONS = {"show_line", "debug", "print", "echo", "exit"}
_DISPLAY_MODULES = {"sys.stderr", "sys.stdout", "log", "pulumi.log", "logger", "logging"}
"""The names of functions that show a text, and the modules whose methods do."""
_LOGS = {"log", "_log"}
_LOG_METHODS = {"warning": "warning", "info": "note"}
"""The names of a `pulumi_justt.log.Log`, and for each of its methods the kind of its lines, which is their prefix."""
_FORWARDERS = {
    "resource_kinds.write_line",
    "plugin.server.main",
    "core.client._debug_line",
    "cli.rendering.note",
    "cli.rendering.print_json",
    "cli.rendering.print_table",
}
_FORWARDERS |= {
    "cli.rendering.print_text",
    "cli.app._Commands.main",
    "cli.app._Commands.invoke",
    "cli.app._Commands._run",
    "cli.importing.prompts.Terminal.show_line",
    "cli.importing.prompts.Terminal._picked",
}
_FORWARDERS |= {"cli.summary.command.command", "cli.rendering.print_paragraphs"}
"""Functions that show a text from their caller, so that the text in the call counts instead, or a command's result."""
_COMPOSED = {
    "RequestError",
    "RequestRefused",
    "RequestFailed",
    "UnexpectedResponse",
    "CreateOutcomeUnknown",
    "CancelledError",
    "NotReady",
    "ConnectionSetupError",
}
"""Errors that consist of an operation, a response and a remediation, which are messages of their own."""
_FAILURES = "Iterator[tuple[str, str]]"
"""The return type of a function that yields failures of check: the argument, and the problem."""
_HINT = "[ (did you mean <another>?)]"
WORDS_OF_A_LABEL = 3
_CALLS = {
    "nearest": _HINT,
    "nearest_name": _HINT,
    "quoted": "<what was given>",
    "shown_key": "<name>",
    "describe_type": "<shape>",
    "describe": "<the integration>",
    "describe_create": "<operation>",
    "decided": "<the decision>",
    "defect": "<the defect>",
    "_remediation": "<remediation>",
    "kind_of": "<type>",
    "_essence": "<operation>: <response>[ (errorId <id>)]",
    "repr": "'<value>'",
    "to_vendor_time": "<time>",
}
"""The placeholders for the values of calls."""
_NAMES = {
    "operation": "operation",
    "creating": "operation",
    "unresolved.lost.operation": "operation",
    "refused.operation": "operation",
    "unresolved.lost.response": "response",
    "refused.response": "response",
    "error.response": "response",
    "lost": "the error",
    "rest": "number",
    "refused": "the error",
    "error": "the error",
    "key_origin": "setting",
    "origin": "setting",
    "name_origin": "setting",
    "VENDOR_URLS[chosen]": "url",
    "chosen": "environment",
    "url_origin": "setting",
    "account_origin": "setting",
    "settings.environment": "the configuration's environment",
    "recorded": "the recorded environment",
    "cls.__name__": "class",
    "shape.__name__": "class",
    "listed.__name__": "class",
    "usual": "usual class",
    "psp.name": "PSP",
    "type(error).__name__": "class",
    "known": "all names",
    "listed": "all names",
    "sorted(known)": "all names",
    "missing": "what is missing",
    "called": "the integration",
    "names.get(field, field)": "field",
    "attempt.seconds": "seconds",
    "attempt.method": "method",
    "attempt.path": "path",
    "max_length": "most",
    "min_length": "least",
    "expected": "choices",
    "ge": "least",
    "le": "most",
    "before": "account",
    "after": "account",
    "kind.takes": "value",
    "' '.join(kind.only)": "operation",
    "_spelled(name)": "name",
    "', '.join(choices)": "choices",
    "properties.get('source')": "source",
    "properties['externalIdentifier']": "identifier",
    "type(value).__name__": "type",
    "replaces": "what changed",
    "missing.name": "module",
    "where.lineno": "line",
    "Path(where.filename).name": "file",
    "error.args[0]": "where it should be",
    "self.place": "place",
    "Path.cwd()": "folder",
    "olds['status']": "status before",
    "record.status": "status",
    "record.message.rstrip('.')": "reason",
    "likely": "id",
    "record.integration_id": "id",
    "integration_id": "id",
    "named": "resources",
    "another": "the error",
    "healthy": "number",
    "path.parent": "folder",
    "own.parent": "folder",
    "options.file.parent": "folder",
    "live": "number",
    "subject": "resource",
    "wanted": "id",
    "inputs.external_identifier": "identifier",
    "inputs['externalIdentifier']": "identifier",
    "value.__name__": "class",
    "advice": "what to write",
    "inputs.source": "source",
    "its_name": "another resource",
    "len(content)": "number",
    "len(value)": "number",
    "self.called": "the stack",
    "_SECONDS": "number",
    "self.command": "pulumi",
    "' '.join(line)": "the command",
    "again": "the option --stack",
    "words.removesuffix('.')": "its words",
    "error.attempts": "number",
    "limit": "number",
    "wait": "number",
    "self._property.python_name": "name",
    "self.what": "fault",
    "'.'.join(rest)": "path",
    "account.called": "the account",
    "owner.stack.called": "the stack",
    "stack.called": "the stack",
    "stack.option": "stack option",
    "diagnosis.view.stack.called": "the stack",
    "intents.describe(intent)": "the create",
    "view.settings.environment": "the configuration's environment",
    "', '.join(wire_names)": "all names",
    "len": "number",
    "abs": "number",
    "longest": "number",
    "strerror": "reason",
    "meant": "what was given",
    "others[0]": "another resource",
    "path_of": "file",
    "name_of": "resource",
    "stack_of": "stack",
    "cut_short": "the incomplete list",
    "changed_remediation": "remediation",
    "unusable": "why a file can't be used",
    "right": "correct path",
    "there": "folder",
    "', '.join(surplus)": "keys",
    "', '.join(undecided)": "resources",
    "', '.join(matching)": "resources",
    "', '.join(outdated)": "settings",
    "', '.join(hidden)": "columns",
    "' and '.join(hidden)": "property",
    "matching[0]": "resource",
    "keys[twice]": "key",
    "sorted(hidden)": "resources",
    "sorted(missing)": "resources",
    "map(str, _OLDEST_CLI)": "version",
    "folder.absolute()": "folder",
    "_visible(inputs['adoptId'])": "id",
    "_visible(inputs.get('externalIdentifier'))": "identifier",
    "inputs.get('source')": "source",
    "shlex.quote(intent.integration_id)": "id",
    "shlex.quote(str(path))": "file",
    "self._read(operation, integration_id, intent.account).status": "status",
    "account.settings.api_key_origin": "setting",
}
"""The placeholders for other expressions whose last word would mean nothing to a user."""


@dataclass(frozen=True)
class Text:
    """One message: the part of the package that it's in, its kind, and its condition."""

    place: str
    kind: str
    text: str
    when: str
    line: int


@dataclass
class Source:
    """One parsed module of the package.

    Args:
        name: Its name within the package.
        code: Its source.
        values: The values of its global names.
    """

    name: str
    code: str
    values: Mapping[str, object] = field(default_factory=dict)
    texts: list[Text] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    wholes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Parse the module."""
        tree = ast.parse(self.code)
        self._parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        self._used: set[ast.AST] = set()
        self._found: list[tuple[Text, list[str]]] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise):
                self._raised_text(node)
            elif isinstance(node, ast.Call) and _last_name(node.func) == "Check":
                self._check_text(node)
            elif isinstance(node, ast.Call):
                self._shown_text(node)
            elif isinstance(node, ast.Yield):
                self._yielded_text(node)
        if not self.name.startswith("simulator."):
            literals = [node for node in ast.walk(tree) if isinstance(node, (ast.Constant, ast.JoinedStr))]
            # A value may be a part of a later message, and is read with that one.
            literals.sort(key=lambda node: (isinstance(self._statement(node), ast.Assign), -node.lineno))
            for node in literals:
                self._other_text(node)
        self._found.sort(key=lambda found: found[0].line)
        for text, conditions in self._found:
            alike = [other for other, _ in self._found if (other.place, other.kind) == (text.place, text.kind)]
            if len(conditions) > 1 and len(conditions) != len(alike):
                self.unread.append(f"{text.place}: {len(alike)} texts, and {len(conditions)} entries of {text.kind}")
            when = conditions[alike.index(text) % len(conditions)] if conditions else ""
            self.texts.append(replace(text, when=when))

    # Finding messages

    def _raised_text(self, node: ast.Raise) -> None:
        if not isinstance(node.exc, ast.Call):
            self._require(node, node.exc is None or _last_name(node.exc) in _NEVER_SHOWN)
            return
        name = _last_name(node.exc.func)
        arguments = node.exc.args
        if name in ("but", "of_given_id"):
            self._require(node, all(self._is_traced(each.value) for each in node.exc.keywords))
        elif name in _COMPOSED:
            self._require(node, len(arguments) > 2 and all(map(self._is_traced, arguments[:3])))
        elif arguments and isinstance(arguments[0], ast.Starred):
            pass  # each of them is a text of its own
        elif name not in _NEVER_SHOWN:
            self._add(node, name, arguments[1 if name == "PydanticCustomError" else 0] if arguments else None)

    def _shown_text(self, node: ast.Call) -> None:
        if self._place(node) in _FORWARDERS:
            return
        argument = node.args[0] if node.args else None
        if kind := _log_kind(node.func):
            self._add(node, kind, argument, prefix=f"{kind}: ")
            return
        is_method = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) in _DISPLAY_MODULES
        if is_method or _last_name(node.func) in _DISPLAY_FUNCTIONS:
            text = self._read(argument) if argument else None
            kind = text.partition(":")[0] if text else ""
            self._add(node, kind if kind in ("note", "warning") else "line", argument)

    def _check_text(self, node: ast.Call) -> None:
        """Add a result of `doctor`: its verdict, check, stack and text."""
        check, verdict, text = node.args[:3]
        # If the verdict comes from another function, that function has the text too.
        if (shown := self._read(verdict)) and (said := self._read(text)):
            has_stack = len(node.args) > 4 or any(each.arg == "stack" for each in node.keywords)
            self._text(node, "check", f"{shown}: {self._read(check)}{' of <stack>' if has_stack else ''}: {said}")

    def _yielded_text(self, node: ast.Yield) -> None:
        function = self._function(node)
        if function is None or function.returns is None or ast.unparse(function.returns) != _FAILURES:
            return
        if not isinstance(node.value, ast.Tuple) or len(node.value.elts) != 2:
            self._require(node, holds=False)
            return
        name, text = node.value.elts
        if isinstance(text, ast.Name) and self._is_passed_on(node, text.id):
            return
        if isinstance(text, ast.Call) and _last_name(text.func) == "_reason":
            return
        read = self._read(text)
        self._require(node, bool(read))
        if read:
            self._text(node, "failure", f"{self._read(name) or '<argument>'}: {read}")

    def _other_text(self, node: ast.Constant | ast.JoinedStr) -> None:
        """Add *node* if it's a literal with words that no other message has used."""
        statement = self._statement(node)
        above = self._parents[node]
        is_operation = (isinstance(above, ast.keyword) and above.arg == "operation") or (
            isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "operation"
        )
        if node in self._used or not self._is_outermost(node) or not (is_operation or _is_prose(node)):
            return
        read = self._read([node, *self._choices(node)][-1])
        if read:
            self._text(node, "operation" if is_operation else "part", read)

    def _add(self, node: ast.AST, kind: str, argument: ast.expr | None, prefix: str = "") -> None:
        read = None if argument is None else self._read(argument)
        branches = [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
        self._require(node, all(each is not None and self._read(each) is not None for each in branches))
        if read and re.search(r"\w", re.sub(r"<[^>]*>|\{\w+\}", "", prefix + read)):
            self._text(node, kind, prefix + read)

    def _require(self, node: ast.AST, holds: bool) -> None:
        if not holds:
            self.unread.append(f"{self.name}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)}")

    def _text(self, node: ast.AST, kind: str, text: str) -> None:
        shown = re.sub(r"\{(\w+)\}", lambda name: self._placeholder(name[1]), _unbracketed(text)).strip(" ,;")
        place = self._place(node)
        if kind == "PydanticCustomError" or place == "core.state._REASONS":
            shown = f"<argument>: {shown}"
        if kind in _PARTS:
            is_choice = shown != text.strip(" ,;") and " | " in shown
            shown = self._whole(node, place, f"[{shown}]" if is_choice else shown)
        verdict = shown.partition(":")[0] if place.startswith("cli.") else ""
        is_of_doctor = verdict in _VERDICTS and (verdict != "warning" or place.startswith("cli.doctor."))
        conditions = [_VERDICTS[verdict]] if is_of_doctor else self._conditions(node, kind)
        if shown:
            self._found.append((Text(place, kind, shown, "", getattr(node, "lineno", 0)), conditions))

    def _whole(self, node: ast.AST, place: str, text: str) -> str:
        """Return the whole message that shows a part, or the part itself if it is a sentence or a label."""
        part = _unbracketed(text)
        fitting = [each for each in WHOLE if each == part or f"{place}.".startswith(f"{each}.")]
        key = part if part in fitting else max(fitting, key=len, default="")
        is_sentence = "{phrase}" in WHOLE.get(key, "") and part[0].isupper()
        is_label = place.startswith("cli.") and len(part.split()) <= WORDS_OF_A_LABEL and key != part
        if not key or is_sentence or is_label:
            return part
        self.wholes.add(key)
        above = self._parents[node]
        others = above.elts if isinstance(above, ast.Tuple) else above.args if isinstance(above, ast.Call) else []
        beside = [ast.unparse(each).strip("'") for each in others]
        verdict = next((each for each in beside if each in _VERDICTS), "finding")
        return WHOLE[key].replace("{verdict}", verdict).replace("{phrase}", text).replace("{text}", text)

    # Reading messages

    def _read(self, node: ast.expr) -> str | None:
        """Return the text of *node* with its placeholders, or None if it has no known words."""
        read = None
        match node:
            case ast.Constant(value=str(text)):
                self._used.add(node)
                read = text
            case ast.JoinedStr():
                self._used.add(node)
                read = "".join(self._part(each) for each in node.values)
            case ast.IfExp():
                read = self._either([node.body, node.orelse])
            case ast.BoolOp():
                read = self._either(node.values)
            case ast.Call():
                read = self._call(node)
            case ast.ListComp() if _holds_text(node.elt):
                read = self._read(node.elt)
            case ast.Name():
                read = self._variable(node)
        return read

    def _part(self, node: ast.expr) -> str:
        if not isinstance(node, ast.FormattedValue):
            return self._read(node) or ""
        value = self._value(node.value, ast.unparse(node.format_spec)[2:-1] if node.format_spec else "")
        quotes = "'" if node.conversion == ord("r") and value != _HINT else ""
        return f"{quotes}{value}{quotes}"

    def _value(self, node: ast.expr, spec: str = "") -> str:
        """Return the placeholder of *node*, or its value if that is always the same."""
        source = ast.unparse(node)
        names = [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]
        if source not in _NAMES and names and all(self._is_constant(node, name) for name in names):
            return format(eval(source, dict(self.values)), spec)  # noqa: S307 - our own source
        if source in _NAMES:
            return self._placeholder(source)
        read = self._read(node)
        if read is not None:
            return read
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("join", "upper"):
            return self._value(node.args[0] if node.args else node.func.value)
        if isinstance(node, (ast.GeneratorExp, ast.ListComp)):
            return self._value(node.generators[0].iter)
        words = re.findall(r"[A-Za-z]\w*", re.sub(r"\.__name__|\(.*", "", source))
        return self._placeholder(words[-1])

    def _placeholder(self, source: str) -> str:
        self.named.add(source)
        return f"<{_NAMES.get(source, source.strip('_').replace('_', ' '))}>"

    def _call(self, node: ast.Call) -> str | None:
        name = _last_name(node.func)
        if name in _CALLS:
            self.named.add(name)
            return _CALLS[name]
        if name == "str" and isinstance(node.args[0], ast.Name) and self._is_caught(node, node.args[0].id):
            return "<the error>"
        # A function that wraps a text, for example to add the frames.
        return self._read(node.args[0]) if name in ("_shown", "explained") else None

    def _variable(self, node: ast.Name) -> str | None:
        """Return the text that the enclosing function assigns to *node*."""
        if node.id in _NAMES:
            return self._placeholder(node.id) if self._assigned(node) else None
        known = self.values.get(node.id)
        if isinstance(known, str) and not self._assigned(node):
            return known
        plain = [each.value for each in self._assigned(node) if not isinstance(each, ast.AugAssign) and each.value]
        if any(_holds_text(each) or self._is_hint(each) for each in plain):
            return self._either(plain)
        given = self._given(node)
        return self._either(given) if given and all(map(_holds_text, given)) else None

    def _given(self, node: ast.Name) -> list[ast.expr]:
        """Return the arguments that this module's calls of the enclosing function pass for *node*."""
        function = self._function(node)
        names = [each.arg for each in function.args.args] if function else []
        if function is None or node.id not in names:
            return []
        calls = [
            each for each in self._parents if isinstance(each, ast.Call) and _last_name(each.func) == function.name
        ]
        return [each.args[names.index(node.id)] for each in calls if len(each.args) > names.index(node.id)]

    def _either(self, nodes: Sequence[ast.expr]) -> str:
        nodes = [each for each in nodes if not (isinstance(each, ast.Constant) and each.value is None)]
        read = [self._read(each) for each in nodes]
        texts = dict.fromkeys(
            self._value(node) if text is None else text for node, text in zip(nodes, read, strict=True)
        )
        return next(iter(texts)) if len(texts) == 1 else f"[{' | '.join(_unbracketed(text) for text in texts if text)}]"

    def _is_hint(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and _CALLS.get(_last_name(node.func)) == _HINT

    def _is_traced(self, node: ast.expr) -> bool:
        """Return whether *node* passes on a text that is listed by itself, here or in errors.py."""
        if isinstance(node, ast.Name):
            # The operation that a caller passes is a text of the caller.
            function = self._function(node)
            is_given = function is not None and node.id in {each.arg for each in function.args.kwonlyargs}
            if (node.id == "operation" and is_given) or node.id.endswith("_REMEDIATION"):
                return True
            return any(each.value is not None and self._is_traced(each.value) for each in self._assigned(node))
        if isinstance(node, ast.Attribute):
            return node.attr in ("operation", "response", "failure", "remediation") or node.attr.endswith(
                "_REMEDIATION"
            )
        if isinstance(node, ast.Call):
            return _last_name(node.func).endswith("_remediation") or _last_name(node.func) in _CALLS
        return isinstance(node, (ast.JoinedStr, ast.Constant))

    # Places and conditions

    def _above(self, node: ast.AST) -> Iterator[ast.AST]:
        while (above := self._parents.get(node)) is not None:
            yield above
            node = above

    def _function(self, node: ast.AST) -> ast.FunctionDef | None:
        return next((each for each in self._above(node) if isinstance(each, ast.FunctionDef)), None)

    def _statement(self, node: ast.AST) -> ast.AST:
        return next(each for each in [node, *self._above(node)] if isinstance(each, ast.stmt))

    def _place(self, node: ast.AST) -> str:
        names = [each.name for each in self._above(node) if isinstance(each, (ast.FunctionDef, ast.ClassDef))][::-1]
        if not names:
            statement = self._statement(node)
            names = [ast.unparse(getattr(statement, "targets", [getattr(statement, "target", ast.Name("?"))])[0])]
        return ".".join([self.name, *names])

    def _is_outermost(self, node: ast.AST) -> bool:
        """Return whether *node* is a literal that counts: no docstring, no part of another one, no option's help."""
        statement = self._statement(node)
        if isinstance(statement, ast.Expr) and statement.value is node:
            return False
        above = list(self._above(node))
        until = above[: above.index(statement)] if statement in above else above
        in_decorator = isinstance(statement, ast.FunctionDef)
        in_pattern = any(
            isinstance(each, ast.Call) and ast.unparse(each.func).startswith(("re.", "cast")) for each in until
        )
        return not in_decorator and not in_pattern and not any(isinstance(each, ast.JoinedStr) for each in until)

    def _choices(self, node: ast.AST) -> list[ast.expr]:
        """Return the conditional expressions in which *node* is a branch."""
        found: list[ast.expr] = []
        for each in self._above(node):
            if not isinstance(each, ast.IfExp):
                break
            found.append(each)
        return found

    def _assigned(self, name: ast.Name) -> list[ast.Assign | ast.AnnAssign | ast.AugAssign]:
        function = self._function(name)
        return [
            each
            for each in (ast.walk(function) if function else ())
            if (isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == name.id)
            or (isinstance(each, (ast.AnnAssign, ast.AugAssign)) and ast.unparse(each.target) == name.id)
        ]

    def _is_constant(self, node: ast.expr, name: str) -> bool:
        """Return whether *name* is a global, no function or module, that no local name near *node* hides."""
        function = self._function(node)
        arguments = [each.arg for each in ast.walk(function) if isinstance(each, ast.arg)] if function else []
        is_data = name in self.values and not callable(self.values[name]) and not inspect.ismodule(self.values[name])
        return is_data and name not in arguments and not self._assigned(ast.copy_location(ast.Name(name), node))

    def _is_caught(self, node: ast.AST, name: str) -> bool:
        return any(isinstance(each, ast.ExceptHandler) and each.name == name for each in self._above(node))

    def _is_passed_on(self, node: ast.AST, name: str) -> bool:
        loops = [each for each in self._above(node) if isinstance(each, ast.For)]
        return any(name in ast.unparse(each.target).strip("()").split(", ") for each in loops)

    def _conditions(self, node: ast.AST, kind: str) -> list[str]:
        """Return the conditions in the docstrings; if there are several, they belong to that kind's texts in order."""
        above = list(self._above(node))
        for each in above:
            if isinstance(each, ast.Dict):
                keys = [key for key, value in zip(each.keys, each.values, strict=True) if value in (node, *above)]
                if keys and isinstance(keys[0], ast.Constant) and isinstance(keys[0].value, int):
                    return [f"Justt responds with {keys[0].value}."]
            if isinstance(each, ast.If) and isinstance(each.test, ast.Name):
                said = _entries(self._function(node), "Args", each.test.id)
                if said and said[0].startswith("Whether "):
                    return [said[0].removeprefix("Whether ").capitalize()]
        definitions = [each for each in above if isinstance(each, (ast.FunctionDef, ast.ClassDef))]
        section = "Warns" if kind in ("note", "warning", "line") else "Raises"
        seen: set[str] = set()
        while definitions:
            for definition in definitions:
                if said := _entries(definition, section, kind):
                    return said
            seen |= {each.name for each in definitions}
            near = self._referring({each.name for each in definitions})
            definitions = [each for each in near if each.name not in seen]
        return []

    def _referring(self, names: set[str]) -> list[ast.FunctionDef | ast.ClassDef]:
        found: list[ast.FunctionDef | ast.ClassDef] = []
        for node in self._parents:
            if isinstance(node, (ast.Name, ast.Attribute)) and _last_name(node) in names:
                found += [each for each in self._above(node) if isinstance(each, (ast.FunctionDef, ast.ClassDef))]
        return found


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _log_kind(function: ast.expr) -> str:
    """Return the kind of the line that a method of a `Log` shows; empty if *function* is no such method."""
    is_log = isinstance(function, ast.Attribute) and _last_name(function.value) in _LOGS
    return _LOG_METHODS.get(_last_name(function), "") if is_log else ""


def _holds_text(node: ast.AST) -> bool:
    if isinstance(node, ast.ListComp):
        return _holds_text(node.elt)
    is_text = any(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in ast.walk(node))
    return is_text and isinstance(node, (ast.Constant, ast.JoinedStr, ast.IfExp))


def _is_prose(node: ast.Constant | ast.JoinedStr) -> bool:
    """Return whether a literal has at least two words with a space between them."""
    values = node.values if isinstance(node, ast.JoinedStr) else [node]
    text = "".join(
        str(each.value) if isinstance(each, ast.Constant) and isinstance(each.value, str) else " … " for each in values
    )
    constant = "".join(str(each.value) for each in values if isinstance(each, ast.Constant))
    return " " in constant and len(re.findall(r"(?<![\w%\\])[A-Za-z]{2,}\b", text)) > 1


def _unbracketed(text: str) -> str:
    """Return *text* without the brackets around all of it."""
    return text[1:-1] if re.fullmatch(r"\[[^\[\]]*(\[[^\[\]]*\][^\[\]]*)*\]", text) else text


def _entries(node: ast.AST | None, section: str, name: str) -> list[str]:
    """Return the entries for *name* in a section of the docstring of *node*."""
    documented = ast.get_docstring(node) if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else None
    found = re.search(rf"^{section}:\n((?:    .*\n?)+)", documented or "", re.MULTILINE)
    entries = re.findall(r"^    ([\w.]+): ((?:.*\n?)(?:     .*\n?)*)", found[1] if found else "", re.MULTILINE)
    return [" ".join(said.split()) for key, said in entries if key.rpartition(".")[2] == name]


def package() -> list[Source]:
    """Parse the whole package."""
    read = []
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").strip(".")
        module = importlib.import_module(f"pulumi_justt.{name}".strip("."))
        read.append(Source(name, path.read_text(), vars(module)))
    return read
