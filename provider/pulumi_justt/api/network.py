"""This machine's network settings: the proxy, the trusted certificates, and the errors of connections that use them."""

from __future__ import annotations

import os
import re
import sys
from http import HTTPStatus
from ssl import (
    PROTOCOL_TLS_CLIENT,
    VERIFY_X509_PARTIAL_CHAIN,
    VERIFY_X509_STRICT,
    SSLCertVerificationError,
    SSLContext,
    TLSVersion,
)
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from pulumi_justt.api.errors import ApiConnectionError
from pulumi_justt.api.retry import AttemptResult

__all__ = ["UnusableProxy", "certificates", "connection_error", "proxy_for", "refused_by_proxy"]


def certificates() -> SSLContext:
    """Return a context that trusts the certificates of `SSL_CERT_FILE` or `SSL_CERT_DIR`, by default those of httpx.

    It equals the context of httpx, with two exceptions. It ignores SSLKEYLOGFILE: with the keys in that file, recorded
    traffic could be decrypted. And it takes TLS 1.2 or later also where the system's settings allow earlier versions.

    Raises:
        OSError: A variable names a file or folder that can't be read or is not a certificate.
    """
    import certifi  # noqa: PLC0415 - needed only for https

    context = SSLContext(PROTOCOL_TLS_CLIENT)
    context.minimum_version = max(context.minimum_version, TLSVersion.TLSv1_2)
    if sys.version_info >= (3, 13):
        context.verify_flags |= VERIFY_X509_PARTIAL_CHAIN | VERIFY_X509_STRICT
    file, folder = (os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    if not file and folder:
        context.load_verify_locations(capath=folder)
    else:
        context.load_verify_locations(cafile=file or certifi.where())
    return context


class UnusableProxy(ValueError):
    """The value of a proxy variable has no host, or an invalid port."""


def proxy_for(base_url: str) -> str | None:
    """Return the proxy for *base_url* from the environment variables or the system settings, or None.

    This function parses NO_PROXY itself. httpx fails on an address in brackets, which other programs accept. Python
    does not support `*.` before a name, the default port of a URL, or a dot after a name.

    Raises:
        UnusableProxy: The proxy is not a URL, or its password has an unescaped `/`, `?` or `#`, which ends the host.
            The error has no text, because the value may be a secret.
    """
    proxies = getproxies()
    proxy = (proxies.get("https") or "").strip() or (proxies.get("all") or "").strip()
    target = urlsplit(base_url)
    entries = proxies.get("no", "").replace(",", " ").split()
    if not proxy or any(_names(entry, target) for entry in entries) or proxy_bypass(target.netloc):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    parts = urlsplit(proxy)
    is_cut = re.search(r"\][^:]", parts.netloc) or "@" in f"{parts.path}{parts.query}{parts.fragment}"
    if not parts.hostname or parts.port == 0 or is_cut:
        raise UnusableProxy
    return proxy


def _names(entry: str, target: SplitResult) -> bool:
    """Return whether an entry of NO_PROXY names the host of *target* or a parent domain of it."""
    name, port = entry.lower(), ""
    if found := re.fullmatch(r"([^:\[]+|\[.*\]):([0-9]+)", name):
        name, port = found.groups()
    name = name.strip("[]").removeprefix("*").strip(".")
    host = (target.hostname or "").removesuffix(".")
    is_port = not port or int(port) == (target.port or {"http": 80, "https": 443}[target.scheme])
    return entry == "*" or (bool(name) and is_port and (host == name or host.endswith(f".{name}")))


def connection_error(error: BaseException) -> ApiConnectionError:
    """Return the error for a failed connection that no proxy refused."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return ApiConnectionError("no connection", AttemptResult.UNSENT, detail=str(error) or type(error).__name__)
    reason = cause.verify_message.rstrip(".")
    detail = f"certificate not trusted: {reason}"
    return ApiConnectionError("no connection", AttemptResult.BARRED, detail=detail, barrier="certificate")


def refused_by_proxy(words: str) -> ApiConnectionError:
    """Return the error for a proxy that refused CONNECT.

    Only the status at the start of *words*, httpx's error text, is used: the rest may repeat the proxy's password.
    """
    status = words[:3]
    known = {str(each.value): f"{each.value} {each.phrase}" for each in HTTPStatus}
    answer = known.get(status, "with an unknown status")
    reason = f"no connection (the proxy answered {answer})"
    if status == str(HTTPStatus.PROXY_AUTHENTICATION_REQUIRED.value):
        return ApiConnectionError(reason, AttemptResult.BARRED, barrier="proxy")
    return ApiConnectionError(reason, AttemptResult.UNSENT)
