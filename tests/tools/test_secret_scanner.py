"""The scanner for secrets, which must find each kind of leak."""

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
def test_each_encoding_is_found(leak: bytes) -> None:
    """The scanner finds a secret, or half of one, in every encoding and at any position."""
    assert secret_scanner.find(b"before " + leak + b" after", [SECRET])


def test_masked_text_has_no_findings() -> None:
    """The scanner finds nothing in a text in which the secret is masked."""
    assert secret_scanner.find(b'{"apiKey": "[secret]"}', [SECRET, "canary-0123456789"]) == []


def test_a_finding_does_not_contain_the_secret() -> None:
    """The scanner's description of a leak doesn't contain the secret."""
    found = secret_scanner.find(SECRET.encode(), [SECRET])
    assert found[0] == "secret 0 whole, raw"
    assert not secret_scanner.find("".join(found).encode(), [SECRET])


def test_a_short_canary_is_refused() -> None:
    """The scanner refuses a canary of fewer than 16 characters, because other text could contain its half by chance."""
    with pytest.raises(ValueError, match="at least 16"):
        secret_scanner.find(b"", ["short"])
