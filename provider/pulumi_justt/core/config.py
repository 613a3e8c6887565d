"""The provider's configuration: its keys, where each value comes from, and which combinations are refused.

    key                        variable                     meaning
    justt:apiKey               JUSTT_API_KEY                The API key. Always set it with `--secret`. Previews do not
                                                            need it.
    justt:environment          JUSTT_ENVIRONMENT            `production` (default) or `sandbox`. Use one stack for each.
    justt:baseUrl              JUSTT_BASE_URL               Another https address of that environment, or any address of
                                                            this machine, which makes the environment a simulator.
    justt:referenceAccountId   none, on purpose             The account of resources that do not set one.
    justt:requestsPerMinute    JUSTT_REQUESTS_PER_MINUTE    The share of each provider process in Justt's 1,000 requests
                                                            a minute; default 950.
    justt:timeoutSeconds       JUSTT_TIMEOUT_SECONDS        The time limit of one request; default 30.
    justt:onAmbiguousCreate    JUSTT_ON_AMBIGUOUS_CREATE    `refuse` (default) or `adopt`: what to do if the response to
                                                            a create was lost.

The provider reads the variable if the configuration has no value. An empty variable counts as unset, because CI systems
pass missing values as empty ones. An empty value in the configuration is an error, because a fallback could use another
key, account or environment. `justt:provider` is not a setting: a `justt.Provider` adds it, with its own name. Five
variables have no key in the configuration, because they are for one command or one machine:

    JUSTT_API_KEY_OVERRIDE     Replaces every other API key for one command. Use it for `refresh` and `destroy` after a
                               rotation of the key, because they still use the old one.
    JUSTT_ON_MISSING           `gone` makes the command accept a 404 as proof that an integration is gone.
    JUSTT_WORKERS              How many calls the provider serves at a time, 4 to 64; default 16, and 64 in the plugin.
                               With 4, the provider leaves the SDK's host unchanged. More than `--parallel` has no
                               effect.
    JUSTT_STATE_DIR            The folder of the journal of creates, as an absolute path; default
                               `$XDG_STATE_HOME/pulumi-justt`, else `~/.local/state/pulumi-justt` (on macOS
                               `~/Library/Application Support/pulumi-justt`).
    JUSTT_DEBUG                `1` shows the stack frames of an error, without values, and one line for each request.

The engine passes all values as text. tools/docs/reference.py generates a page from the two tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from pulumi_justt.core.inputs import Environment
from pulumi_justt.errors import InvalidSettings, nearest, quoted
from pulumi_justt.unpicklable import Unpicklable, reveal
from pulumi_justt.values import NOT_A_HEADER, is_visible_ascii, shown_key

__all__ = ["API_KEY", "NAMESPACE", "PROVIDER", "VARIABLES", "Settings"]

NAMESPACE = "justt"
API_KEY = "apiKey"

VENDOR_URLS: dict[str, str] = {
    "production": "https://api.justt.ai/v1",
    "sandbox": "https://api.justt.ai/v1/sandbox",
}

_VENDOR_HOST = urlsplit(VENDOR_URLS["production"]).hostname
_DEFAULT_PORTS = {"http": 80, "https": 443}

VARIABLES = {
    "apiKey": "JUSTT_API_KEY",
    "environment": "JUSTT_ENVIRONMENT",
    "baseUrl": "JUSTT_BASE_URL",
    "referenceAccountId": None,
    "requestsPerMinute": "JUSTT_REQUESTS_PER_MINUTE",
    "timeoutSeconds": "JUSTT_TIMEOUT_SECONDS",
    "onAmbiguousCreate": "JUSTT_ON_AMBIGUOUS_CREATE",
}
"""The environment variable of each setting."""

PROVIDER = "provider"
"""The key that only the configuration of a provider of the program has, with the provider's name as its value."""

_KEYLESS = ("JUSTT_API_KEY_OVERRIDE", "JUSTT_ON_MISSING", "JUSTT_WORKERS", "JUSTT_STATE_DIR", "JUSTT_DEBUG")

_T = TypeVar("_T", int, float)


@dataclass(frozen=True)
class Settings(Unpicklable):
    """The validated configuration of one run.

    Args:
        environment: The environment of Justt; `simulator` for any loopback address.
        base_url: The address of the API, without a trailing slash.
        reference_account_id: The account of resources that do not set one.
        requests_per_minute: Requests that this process may send in any 60 seconds.
        timeout_seconds: The time limit of one request.
        api_key: The API key, if there is one.
        api_key_origin: The setting or variable that the API key comes from.
        claims_ambiguous: Whether to claim the only candidate of a create whose response was lost.
        missing_is_gone: Whether this command accepts a 404 as proof that an integration is gone.
        workers: How many calls the provider's process serves at a time.
        debug: Whether each request is logged on stderr.
        provider: The name of the `justt.Provider` that has these settings; None for the stack's own settings.
    """

    environment: Environment
    base_url: str
    reference_account_id: str | None
    requests_per_minute: int
    timeout_seconds: float
    api_key: SecretStr | None
    api_key_origin: str
    claims_ambiguous: bool
    missing_is_gone: bool
    workers: int
    debug: bool
    provider: str | None = None

    @classmethod
    def load(cls, config: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
        """Read the settings from stack configuration and environment variables.

        Args:
            config: The configuration values of the namespace `justt`, without the prefix.
            environ: The environment variables of the process.

        Raises:
            InvalidSettings: A setting has an invalid value or contradicts another setting. The text shows no secret.
        """
        _refuse_misspelt(config, environ)
        provider = None if config.get(PROVIDER) is None else str(config[PROVIDER])
        environment, base_url = _target(_look_up(config, environ, "environment"), _look_up(config, environ, "baseUrl"))
        api_key, origin = _api_key(config, environ, provider)
        account, account_origin = _look_up(config, environ, "referenceAccountId")
        if account is not None and not is_visible_ascii(account):
            raise InvalidSettings(f"{account_origin} {NOT_A_HEADER}")
        if not Path(environ.get("JUSTT_STATE_DIR") or "/").is_absolute():
            raise InvalidSettings(
                "JUSTT_STATE_DIR must be an absolute path: Pulumi may run the provider in another folder than yours"
            )
        return cls(
            environment=environment,
            base_url=base_url,
            reference_account_id=account,
            requests_per_minute=_number(_look_up(config, environ, "requestsPerMinute"), int, 950, 1, 1000),
            timeout_seconds=_number(_look_up(config, environ, "timeoutSeconds"), float, 30.0, 0.1, 600.0),
            api_key=api_key,
            api_key_origin=origin,
            claims_ambiguous=_claims(_look_up(config, environ, "onAmbiguousCreate")),
            missing_is_gone=_on_missing(environ.get("JUSTT_ON_MISSING", "")),
            workers=_number((environ.get("JUSTT_WORKERS") or None, "JUSTT_WORKERS"), int, 16, 4, 64),
            debug=environ.get("JUSTT_DEBUG") == "1",
            provider=provider,
        )

    @property
    def is_overridden(self) -> bool:
        """Whether JUSTT_API_KEY_OVERRIDE replaces all other API keys for this command."""
        return self.api_key_origin == "JUSTT_API_KEY_OVERRIDE"

    def with_api_key(self, api_key: str, origin: str) -> Settings:
        """Return these settings with another API key, and without the default account, which belongs to the old key."""
        return replace(self, api_key=SecretStr(api_key), api_key_origin=origin, reference_account_id=None)

    def require_api_key(self) -> str:
        """Return the API key in plain text, for the client that sends it.

        Raises:
            InvalidSettings: A request needs an API key, and there is none.
        """
        if self.api_key is None:
            raise InvalidSettings(
                f"no Justt API key: run `pulumi config set --secret {NAMESPACE}:apiKey`, or set JUSTT_API_KEY"
            )
        return reveal(self.api_key)


def _refuse_misspelt(config: Mapping[str, object], environ: Mapping[str, str]) -> None:
    # If the key `environment` is misspelled, the default is production. A Pulumi project with the name "justt" has its
    # own keys in this namespace.
    if environ.get("PULUMI_PROJECT") != NAMESPACE:
        for name in sorted(config.keys() - VARIABLES.keys() - {PROVIDER}):
            raise InvalidSettings(
                f"{NAMESPACE}:{shown_key(name)} is not a setting{nearest(name, VARIABLES)}; "
                f"settings are {', '.join(VARIABLES)}"
            )
    known = {*_KEYLESS, *filter(None, VARIABLES.values())}
    for name in sorted(name for name in environ.keys() - known if name.startswith("JUSTT_")):
        # The user may have other variables with this prefix; only a name close to a known one is a mistake.
        hint = nearest(name, known, cutoff=0.9)
        if hint:
            raise InvalidSettings(f"{name} is not a variable of this provider{hint}")


def _look_up(config: Mapping[str, object], environ: Mapping[str, str], key: str) -> tuple[str | None, str]:
    """Return the value of a setting, or None, and the key or variable that it comes from or that would set it."""
    variable = VARIABLES[key]
    if config.get(key) == "":
        provider = config.get(PROVIDER)
        if provider is not None:
            raise InvalidSettings(f"the provider {provider!r} has an empty {key}: give it a value")
        raise InvalidSettings(
            f"{NAMESPACE}:{key} is set but empty: set it to a value, or remove it with "
            f"`pulumi config rm {NAMESPACE}:{key}`"
        )
    if config.get(key) is not None:
        return str(config[key]), f"{NAMESPACE}:{key}"
    if variable and environ.get(variable):
        return environ[variable], variable
    return None, f"{NAMESPACE}:{key}"


def _api_key(
    config: Mapping[str, object], environ: Mapping[str, str], provider: str | None
) -> tuple[SecretStr | None, str]:
    """Return the API key, or None, and the setting, variable or provider that it comes from."""
    api_key: str | None
    if environ.get("JUSTT_API_KEY_OVERRIDE"):
        api_key, origin = environ["JUSTT_API_KEY_OVERRIDE"], "JUSTT_API_KEY_OVERRIDE"
    elif provider is not None and config.get("apiKey") is None:
        raise InvalidSettings(
            f"the provider {provider!r} has no API key: give it one, because the stack's own key is not used instead. "
            f"If the program gives one, a transformation or an edit of the state removed {NAMESPACE}:apiKey. If the "
            f"configuration has {NAMESPACE}:provider, remove that, which is not a setting"
        )
    else:
        api_key, origin = _look_up(config, environ, "apiKey")
        origin = origin if provider is None else f"the provider {provider!r}"
    if api_key is not None and not is_visible_ascii(api_key):
        raise InvalidSettings(
            f"the API key from {origin} contains a character that no API key has (white space, a line break or a "
            "non-ASCII character): copy only the key itself, and set it again"
        )
    return None if api_key is None else SecretStr(api_key), origin


def _on_missing(value: str) -> bool:
    if value not in ("", "gone"):
        raise InvalidSettings('JUSTT_ON_MISSING must be "gone" or unset')
    return value == "gone"


def _claims(found: tuple[str | None, str]) -> bool:
    value, origin = found
    if value not in (None, "refuse", "adopt"):
        raise InvalidSettings(f"{origin} must be refuse or adopt, not {quoted(value, ('refuse', 'adopt'))}")
    return value == "adopt"


def _number(found: tuple[str | None, str], kind: Callable[[str], _T], default: _T, least: _T, most: _T) -> _T:
    text, origin = found
    if text is None:
        return default
    try:
        # `int` and `float` also accept digits of other scripts, underscores and white space.
        value = kind(text) if re.fullmatch(r"[0-9.]{1,20}", text) else None
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        raise InvalidSettings(f"{origin} must be a number from {least} to {most}")
    return value


def _target(environment: tuple[str | None, str], base_url: tuple[str | None, str]) -> tuple[Environment, str]:
    name, name_origin = environment
    url, url_origin = base_url
    if name not in (None, "production", "sandbox", "simulator"):
        meant = quoted(name, ("production", "sandbox"))
        raise InvalidSettings(f"{name_origin} must be production or sandbox, not {meant}")
    if url is None:
        if name == "simulator":
            raise InvalidSettings(
                f"{name_origin} is simulator: set {url_origin} to the address of a simulator on this machine"
            )
        chosen: Literal["production", "sandbox"] = "sandbox" if name == "sandbox" else "production"
        return chosen, VENDOR_URLS[chosen]
    parts = _parsed(url, url_origin)
    host = (parts.hostname or "").removesuffix(".")
    if _is_loopback(host):
        if name not in (None, "simulator"):
            raise InvalidSettings(
                f"{url_origin} is an address of this machine, so the environment is a simulator, but "
                f"{name_origin} says {name}: unset one of them"
            )
        return "simulator", _normalized(parts, host)
    if parts.scheme != "https":
        raise InvalidSettings(f"{url_origin} must start with https:// (http is for addresses of this machine only)")
    if name == "simulator":
        raise InvalidSettings(f"{name_origin} is simulator, so {url_origin} must be an address of this machine")
    chosen = "sandbox" if name == "sandbox" else "production"
    if host != _VENDOR_HOST:
        return chosen, _normalized(parts, parts.hostname or "")
    return chosen, _vendor_url(_normalized(parts, host), url_origin, chosen)


def _vendor_url(url: str, origin: str, chosen: str) -> str:
    """Return the canonical form of *url*, an address on Justt's host, where the path selects the environment."""
    url = re.sub("(?<!:)/+", "/", url)
    owner = next((each for each in VENDOR_URLS if urlsplit(url).path == urlsplit(VENDOR_URLS[each]).path), None)
    if owner is None:
        raise InvalidSettings(
            f"{origin} is not an address of Justt's API. The address for {chosen} is {VENDOR_URLS[chosen]}"
        )
    if owner != chosen:
        raise InvalidSettings(
            f"{origin} is the vendor's {owner} address, but the environment is {chosen}: "
            f"run `pulumi config set {NAMESPACE}:environment {owner}`, or unset {origin}"
        )
    return url


def _parsed(url: str, origin: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = (
            _is_host(parts.hostname or "", is_address="[" in parts.netloc)
            and not re.search(r"\][^:]", parts.netloc)
            and parts.scheme in ("http", "https")
            and parts.port != 0
            and "\\" not in url
            and not re.search("%(?![0-9A-Fa-f]{2})", parts.path)
        )
    except ValueError:
        usable = False
    if not usable or not is_visible_ascii(url):
        raise InvalidSettings(f"{origin} must be a URL such as {VENDOR_URLS['production']}")
    if parts.username is not None or "?" in url or "#" in url:
        raise InvalidSettings(f"{origin} must be a plain URL, without user, query or fragment")
    return parts


def _is_host(name: str, *, is_address: bool) -> bool:
    """Return whether *name* is an IP address. Without *is_address*, a valid host name is accepted too."""
    try:
        ip_address(name)
    except ValueError:
        if is_address:
            return False
        labels = name.removesuffix(".").split(".")
        return not labels[-1].isdigit() and all(map(_is_label, labels))
    return True


def _is_label(label: str) -> bool:
    if not re.fullmatch(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", label):
        return False
    try:
        label.encode().decode("idna")
    except UnicodeError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _normalized(parts: SplitResult, host: str) -> str:
    """Normalize a URL as in RFC 3986, without trailing slashes, so that each address has one spelling."""
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    path = re.sub("%[0-9A-Fa-f]{2}", _without_needless_escape, parts.path)
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[max(1, len(segments) - 1) :]
        elif segment != ".":
            segments.append(segment)
    return f"{parts.scheme}://{host}{port}{'/'.join(segments)}".rstrip("/")


def _without_needless_escape(escape: re.Match[str]) -> str:
    character = chr(int(escape[0][1:], 16))
    return character if re.fullmatch("[A-Za-z0-9._~-]", character) else escape[0].upper()
