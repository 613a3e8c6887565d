"""The search for secrets, which must be seen to find each kind of leak."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from support import secret_scanner

SECRET = 'line one\n"quoted" påss/wörd+=line two'


@pytest.mark.parametrize(
    "leak",
    [
        SECRET.encode(),
        json.dumps({"apiKey": SECRET}).encode(),
        json.dumps({"apiKey": SECRET}, ensure_ascii=False).encode(),
        repr({"apiKey": SECRET}).encode(),
        quote(SECRET).encode(),
        quote(SECRET, safe="").encode(),
        SECRET.encode().hex().encode(),
        SECRET.encode().hex().upper().encode(),
        base64.b64encode(SECRET.encode()),
        base64.b64encode(b"x" + SECRET.encode() + b"tail"),
        base64.b64encode(b"xy" + SECRET.encode() + b"tail"),
        base64.urlsafe_b64encode(b"xyz" + SECRET.encode()),
        SECRET[: len(SECRET) // 2].encode(),
        SECRET[len(SECRET) // 2 :].encode(),
    ],
)
def test_each_form_is_found(leak: bytes) -> None:
    """A secret is found in every form, wherever it stands."""
    assert secret_scanner.find(b"before " + leak + b" after", [SECRET])


def test_nothing_is_found_where_nothing_is() -> None:
    """Masked text holds no secret."""
    assert secret_scanner.find(b'{"apiKey": "[secret]"}', [SECRET, "canary-0123456789"]) == []


def test_what_is_found_is_not_repeated() -> None:
    """The description of a leak does not leak."""
    found = secret_scanner.find(SECRET.encode(), [SECRET])
    assert found[0] == "secret 0 whole, raw"
    assert not secret_scanner.find("".join(found).encode(), [SECRET])


def test_a_short_canary_is_refused() -> None:
    """A canary whose halves would be found by chance is no canary."""
    with pytest.raises(ValueError, match="at least 16"):
        secret_scanner.find(b"", ["short"])
