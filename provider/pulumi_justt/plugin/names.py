"""Write the API's names into a text for a program that does not use this package's Python classes.

The core writes texts with the names of the Python arguments, such as `credentials.api_key`. The plugin's resources have
the API's names, such as `secretPayload.apiKey`, in every language. So each text that the plugin shows goes through
`in_api_names`, which leaves quoted values as they are.
"""

from __future__ import annotations

import re

from pulumi_justt.credentials import CREDENTIAL_TYPES, wire_name
from pulumi_justt.schema import DEACTIVATION, INTEGRATION, READY

__all__ = ["in_api_names"]

_QUOTED = re.compile(r"""(?<!\w)(?<!did you mean )'(?:[^'\\]|\\.)*'(?!\w)|"[^"]*"|`[^`]*`""")
"""A value or a command. The apostrophe of a word is not a quote, and a suggested name is not a value."""

_UNKNOWN_NAME = re.compile(r"[^ ]+: (?=is not an argument|is not a field)")
"""The beginning of a failure that shows a name as the program gives it."""

_FIELDS = {f.name: name for shape in CREDENTIAL_TYPES.values() for name, f in shape.wire_fields().items()}
_OPTIONS = ("delete_before_replace", "replace_on_changes", "retain_on_delete", "from_env", "from_file")

_WORDS = {
    **{name: name_of_api for name, name_of_api in _FIELDS.items() if "_" in name},
    **{each.argument: each.name for each in (*INTEGRATION, *READY, *DEACTIVATION) if re.search("[_.]", each.argument)},
    **{name: wire_name(name) for name in _OPTIONS},
    **{shape.__name__: secret_type for secret_type, shape in CREDENTIAL_TYPES.items()},
    **{f"deactivation.{each.argument}": f"deactivation.{each.name}" for each in DEACTIVATION},
    "date or after_days": "deactivationDate or afterDays",
}
"""The API's word for each Python word."""

_WORD = re.compile(rf"(?<![\w-])(?:{'|'.join(sorted(map(re.escape, _WORDS), key=len, reverse=True))})(?!\w)")
_FLAG = re.compile(r"\b([a-z]+(?:[A-Z][a-z]+)*)=(True|False)\b")

_PHRASES = (
    (re.compile(r"^integration: "), "integrationId: "),
    (
        re.compile(r"^credentials: (?=is required|must be text|must be one line|must not|must have|the secret type)"),
        "secretType: ",
    ),
    (
        re.compile(r"^credentials: (?:the references (?=must be)|(?=a reference|has the characters))"),
        "secretReferences: ",
    ),
    (
        re.compile(r"\bcredentials\.(…[^:]*|\S+)(?= comes from| is not a valid reference|: is not a valid reference)"),
        r"secretReferences.\1",
    ),
    (re.compile(r"^credentials\b(?=[.:])"), "secretPayload"),
    (re.compile(r"\bcredentials\.(?=\w)"), "secretPayload."),
    (re.compile(r"use justt\.UnlistedSource\(\.\.\.\), or "), ""),
    (re.compile(r"to make a reference, call from_env or from_file"), "to make a reference, use secretReferences"),
    (re.compile(r"write it in quotes, or str\(\.\.\.\)"), "write it in quotes"),
    (re.compile(r"\badopt_id=$"), "adoptId: "),  # a quoted id follows
    (re.compile(r"is not an argument"), "is not a property"),
    (re.compile(r"\ba justt\.Provider\b"), "a provider resource"),
)
"""The texts that are not only another word, with what replaces them."""


def in_api_names(text: str) -> str:
    """Return *text* with the API's names in place of the Python names."""
    first, line_break, frames = text.partition("\n")
    shown = _UNKNOWN_NAME.match(first)
    head = shown[0].replace("credentials.", "secretPayload.") if shown else ""
    rest = first[shown.end() :] if shown else first
    parts, end = [head], 0
    for quoted in _QUOTED.finditer(rest):
        parts += [_translated(rest[end : quoted.start()]), quoted[0]]
        end = quoted.end()
    parts.append(_translated(rest[end:]))
    return "".join([*parts, line_break, frames])


def _translated(text: str) -> str:
    for pattern, replacement in _PHRASES:
        text = pattern.sub(replacement, text)
    text = _WORD.sub(lambda found: _WORDS[found[0]], text)
    return _FLAG.sub(lambda found: f"{found[1]}: {found[2].lower()}", text)
