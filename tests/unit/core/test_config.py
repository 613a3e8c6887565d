"""The configuration: the key and variable of each setting, what is refused, and that no error shows a secret."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pulumi_justt.core import config as module
from pulumi_justt.core.config import NAMESPACE, Settings
from pulumi_justt.errors import InvalidSettings

CANARY = "canary-7f3b9c"
PRODUCTION = "https://api.justt.ai/v1"
SANDBOX = "https://api.justt.ai/v1/sandbox"
SIMULATOR = "http://127.0.0.1:8080/v1"


def load(environ: Mapping[str, str] | None = None, /, **config: object) -> Settings:
    """Load settings from the given stack configuration and environment variables."""
    return Settings.load(config, environ or {})


def refusal(environ: Mapping[str, str] | None = None, /, **config: object) -> str:
    """Return the error text for an invalid configuration."""
    with pytest.raises(InvalidSettings) as refused:
        load(environ, **config)
    return str(refused.value)


def test_namespace() -> None:
    """The namespace of the configuration is `justt`, so its keys are `justt:...`."""
    assert NAMESPACE == "justt"


def test_defaults() -> None:
    """Without any configuration, each setting has its documented default, for example the environment production."""
    assert load() == Settings(
        environment="production",
        base_url=PRODUCTION,
        reference_account_id=None,
        requests_per_minute=950,
        timeout_seconds=30.0,
        api_key=None,
        api_key_origin="justt:apiKey",
        claims_ambiguous=False,
        missing_is_gone=False,
        workers=16,
        debug=False,
    )


SETTINGS = [
    ("apiKey", "JUSTT_API_KEY", CANARY, "another-key"),
    ("environment", "JUSTT_ENVIRONMENT", "sandbox", "production"),
    ("baseUrl", "JUSTT_BASE_URL", "https://a.example/v1", "https://b.example/v1"),
    ("requestsPerMinute", "JUSTT_REQUESTS_PER_MINUTE", "17", "18"),
    ("timeoutSeconds", "JUSTT_TIMEOUT_SECONDS", "2.5", "3.5"),
    ("onAmbiguousCreate", "JUSTT_ON_AMBIGUOUS_CREATE", "adopt", "refuse"),
]


def value_of(settings: Settings, key: str) -> str:
    """Return the value of the setting *key* as text."""
    values: dict[str, object] = {
        "apiKey": settings.api_key and settings.require_api_key(),
        "environment": settings.environment,
        "baseUrl": settings.base_url,
        "requestsPerMinute": settings.requests_per_minute,
        "timeoutSeconds": settings.timeout_seconds,
        "onAmbiguousCreate": "adopt" if settings.claims_ambiguous else "refuse",
    }
    return str(values[key])


@pytest.mark.parametrize(("key", "variable", "value", "other"), SETTINGS)
def test_key_and_variable_of_each_setting(key: str, variable: str, value: str, other: str) -> None:
    """Each setting comes from the configuration. If the configuration has no value, it comes from the variable."""
    assert value == value_of(load(**{key: value}), key)
    assert value == value_of(load({variable: value}), key)
    assert value == value_of(load({variable: other}, **{key: value}), key)
    assert value == value_of(load({variable: value}, **{key: None}), key)


@pytest.mark.parametrize(("key", "variable"), [(row[0], row[1]) for row in SETTINGS])
def test_empty_variable_counts_as_unset(key: str, variable: str) -> None:
    """If a variable is an empty string, as CI systems set it, the setting has its default."""
    assert value_of(load(), key) == value_of(load({variable: ""}), key)


@pytest.mark.parametrize("key", [*(row[0] for row in SETTINGS), "referenceAccountId"])
def test_empty_value_in_the_configuration_is_refused(key: str) -> None:
    """If a configuration value is empty, loading fails.

    The variable is not used, because it may name another key, account or environment.
    """
    variables = {row[1]: row[3] for row in SETTINGS if row[0] == key}
    with pytest.raises(InvalidSettings) as refused:
        load(variables, **{key: ""})

    assert str(refused.value) == (
        f"justt:{key} is set but empty: set it to a value, or remove it with `pulumi config rm justt:{key}`"
    )


def test_provider_without_its_key_uses_no_other_key() -> None:
    """If a `justt.Provider` has no key of its own, loading fails.

    The stack's key and JUSTT_API_KEY are not used instead, but JUSTT_API_KEY_OVERRIDE is.
    """
    assert "the provider 'us' has no API key: give it one" in refusal(provider="us")
    with pytest.raises(InvalidSettings, match="the stack's own key is not used instead"):
        load({"JUSTT_API_KEY": CANARY}, provider="us")
    with pytest.raises(InvalidSettings, match="the provider 'us' has an empty apiKey: give it"):
        load({"JUSTT_API_KEY": CANARY}, provider="us", apiKey="")

    assert load({"JUSTT_API_KEY_OVERRIDE": CANARY}, provider="us").require_api_key() == CANARY
    assert load(provider="us", apiKey=CANARY).provider == "us"


def test_account_has_no_variable() -> None:
    """The default account comes from the configuration only. A variable must not move a stack to another merchant."""
    environ = {"JUSTT_REFERENCE_ACCOUNT_ID": "acc_1", "JUSTT_REFERENCEACCOUNTID": "acc_1"}

    assert load(environ).reference_account_id is None
    assert load(environ, referenceAccountId="acc_42").reference_account_id == "acc_42"


@pytest.mark.parametrize(
    ("config", "environ", "key", "origin"),
    [
        ({}, {"JUSTT_API_KEY": "from-variable"}, "from-variable", "JUSTT_API_KEY"),
        ({"apiKey": "from-config"}, {}, "from-config", "justt:apiKey"),
        ({"apiKey": "from-config"}, {"JUSTT_API_KEY": "from-variable"}, "from-config", "justt:apiKey"),
        ({"apiKey": "from-config"}, {"JUSTT_API_KEY_OVERRIDE": "override"}, "override", "JUSTT_API_KEY_OVERRIDE"),
        (
            {"apiKey": "from-config"},
            {"JUSTT_API_KEY": "from-variable", "JUSTT_API_KEY_OVERRIDE": "override"},
            "override",
            "JUSTT_API_KEY_OVERRIDE",
        ),
        ({}, {"JUSTT_API_KEY_OVERRIDE": "override"}, "override", "JUSTT_API_KEY_OVERRIDE"),
        ({"apiKey": "not usable"}, {"JUSTT_API_KEY_OVERRIDE": "override"}, "override", "JUSTT_API_KEY_OVERRIDE"),
        ({"apiKey": "from-config"}, {"JUSTT_API_KEY_OVERRIDE": ""}, "from-config", "justt:apiKey"),
    ],
)
def test_precedence_of_api_keys(config: dict[str, str], environ: dict[str, str], key: str, origin: str) -> None:
    """The override wins over the configuration, and the configuration over the variable.

    The settings record the key's origin.
    """
    settings = Settings.load(config, environ)

    assert (key, origin) == (settings.require_api_key(), settings.api_key_origin)


def test_missing_key_fails_only_when_it_is_needed() -> None:
    """Settings without a key load, so previews work. `require_api_key` fails with the command that sets the key."""
    with pytest.raises(InvalidSettings) as refused:
        load().require_api_key()

    assert str(refused.value) == (
        "no Justt API key: run `pulumi config set --secret justt:apiKey`, or set JUSTT_API_KEY"
    )


@pytest.mark.parametrize(
    "damage", [" {}", "{} ", "{}\n", "{}\r\n", "two {}", "\t{}", "{}\x00", "{}ü", "\ufeff{}", "{}\x7f"]
)
@pytest.mark.parametrize(
    ("key", "variable", "origin"),
    [
        ("apiKey", None, "justt:apiKey"),
        (None, "JUSTT_API_KEY", "JUSTT_API_KEY"),
        (None, "JUSTT_API_KEY_OVERRIDE", "JUSTT_API_KEY_OVERRIDE"),
    ],
)
def test_damaged_key_is_refused_and_not_shown(damage: str, key: str | None, variable: str | None, origin: str) -> None:
    """If a key has white space, a line break or a non-ASCII letter, loading fails. The error does not show the key."""
    value = damage.format(CANARY)
    config = {key: value} if key else {}

    text = refusal({variable: value} if variable else {}, **config)

    assert text == (
        f"the API key from {origin} contains a character that no API key has (white space, a line break or a "
        "non-ASCII character): copy only the key itself, and set it again"
    )


@pytest.mark.parametrize("account", ["acc 42", "acc\n42", "acc\r\nx-evil: 1", "ácc", " "])
def test_invalid_account_is_refused(account: str) -> None:
    """If the account is not a valid header value, loading fails, because the account is sent as a header."""
    assert (
        refusal(referenceAccountId=account)
        == "justt:referenceAccountId must be visible ASCII without spaces: it is sent as a header"
    )


@pytest.mark.parametrize(
    ("environment", "base_url"), [(None, PRODUCTION), ("production", PRODUCTION), ("sandbox", SANDBOX)]
)
def test_environments_of_the_vendor(environment: str | None, base_url: str) -> None:
    """If no environment is configured, it is production. Each environment has its documented URL."""
    settings = load(environment=environment)

    assert (environment or "production", base_url) == (settings.environment, settings.base_url)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("sandbx", " (did you mean 'sandbox'?)"),
        ("Production", " (did you mean 'production'?)"),
        ("SANDBOX", " (did you mean 'sandbox'?)"),
        (" sandbox", " (did you mean 'sandbox'?)"),
    ],
)
def test_unknown_environment(value: str, hint: str) -> None:
    """If the environment is unknown, loading fails.

    The error names the key or variable, and the nearest environment.
    """
    text = f"must be production or sandbox, not {value!r}{hint}"

    assert f"justt:environment {text}" == refusal(environment=value)
    assert f"JUSTT_ENVIRONMENT {text}" == refusal({"JUSTT_ENVIRONMENT": value})


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/v1",
        "http://127.8.9.1/v1",
        "http://localhost:8080/v1",
        "http://[::1]:8080/v1",
        "https://127.0.0.1/v1",
        "https://localhost/v1",
    ],
)
def test_loopback_address_means_simulator(url: str) -> None:
    """If the base URL is a loopback address, with http or https, the environment is `simulator`."""
    for environment in (None, "simulator"):
        settings = load(baseUrl=url, environment=environment)

        assert ("simulator", url) == (settings.environment, settings.base_url)


@pytest.mark.parametrize("environment", ["production", "sandbox"])
def test_loopback_address_with_another_environment_is_refused(environment: str) -> None:
    """If the base URL is a loopback address and the environment is production or sandbox, loading fails.

    The error names both settings.
    """
    assert refusal(baseUrl=SIMULATOR, environment=environment) == (
        "justt:baseUrl is an address of this machine, so the environment is a simulator, but justt:environment says "
        f"{environment}: unset one of them"
    )
    assert refusal({"JUSTT_BASE_URL": SIMULATOR, "JUSTT_ENVIRONMENT": environment}) == (
        "JUSTT_BASE_URL is an address of this machine, so the environment is a simulator, but JUSTT_ENVIRONMENT says "
        f"{environment}: unset one of them"
    )


def test_simulator_needs_a_loopback_address() -> None:
    """If the environment is `simulator`, loading fails without a base URL, and with a base URL beyond this machine."""
    assert (
        refusal(environment="simulator")
        == "justt:environment is simulator: set justt:baseUrl to the address of a simulator on this machine"
    )
    assert (
        refusal(environment="simulator", baseUrl="https://proxy.example/v1")
        == "justt:environment is simulator, so justt:baseUrl must be an address of this machine"
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://api.justt.ai/v1",
        "http://proxy.example/v1",
        "http://10.0.0.1/v1",
        "http://0.0.0.0/v1",
        "http://127.0.0.1.evil.example/v1",
        "http://localhost.evil.example/v1",
        "http://[::2]/v1",
    ],
)
def test_plain_http_beyond_this_machine(url: str) -> None:
    """If the base URL is an http URL beyond this machine, loading fails. The API key must not travel unencrypted."""
    assert refusal(baseUrl=url) == "justt:baseUrl must start with https:// (http is for addresses of this machine only)"


@pytest.mark.parametrize("environment", [None, "production", "sandbox"])
@pytest.mark.parametrize("url", ["https://proxy.example/justt", "https://proxy.example:8443", "https://10.0.0.1/v1"])
def test_proxy_url_works_with_any_environment(environment: str | None, url: str) -> None:
    """If the base URL is a proxy's, the configured environment is kept, whichever it is."""
    settings = load(baseUrl=url, environment=environment)

    assert (environment or "production", url) == (settings.environment, settings.base_url)


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_trailing_slashes_are_removed(slashes: str) -> None:
    """If the base URL ends with slashes, loading removes them."""
    assert load(baseUrl=f"https://proxy.example/v1{slashes}").base_url == "https://proxy.example/v1"
    assert load(baseUrl=f"{SIMULATOR}{slashes}") == load(baseUrl=SIMULATOR)


@pytest.mark.parametrize(
    ("url", "environment"),
    [(PRODUCTION, None), (PRODUCTION, "production"), (SANDBOX, "sandbox")],
)
def test_vendor_url_of_the_configured_environment_is_accepted(url: str, environment: str | None) -> None:
    """If the base URL is the configured environment's own URL at Justt, loading accepts it."""
    assert load(baseUrl=url, environment=environment).base_url == url


SPELLINGS = {
    PRODUCTION: [
        "https://API.justt.ai/v1",
        "HTTPS://api.justt.ai:443/v1/",
        "https://api.justt.ai./v1",
        "https://api.justt.ai/%76%31",
        "https://api.justt.ai//v1//",
        "https://api.justt.ai/v1/.",
        "https://api.justt.ai/v1/sandbox/..",
        "https://api.justt.ai/v1/sandbox/../",
        "https://api.justt.ai/v1/sandbox/%2e%2E",
        "https://api.justt.ai/v1/sandbox/.%2e/",
        "https://api.justt.ai/v1/sandbox/./..//",
        "https://api.justt.ai/../v1",
    ],
    SANDBOX: [
        "https://Api.Justt.ai:/v1/sandbox//",
        "https://api.justt.ai/v1/%73andbox",
        "https://api.justt.ai/v1/%73%61%6E%64%62%6f%78",
        "https://api.justt.ai/v1//sandbox",
        "https://api.justt.ai/v1/./sandbox/.",
        "https://api.justt.ai/x/../v1/sandbox",
        "https://api.justt.ai/v1/sandbox//..",
    ],
}


@pytest.mark.parametrize(("url", "spelling"), [(url, each) for url in SPELLINGS for each in SPELLINGS[url]])
def test_vendor_url_is_normalized(url: str, spelling: str) -> None:
    """Any spelling of a URL at Justt is loaded as the documented URL of its environment."""
    assert load(baseUrl=spelling, environment="sandbox" if url == SANDBOX else "production").base_url == url


@pytest.mark.parametrize("environment", [None, "production", "sandbox"])
@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/v2", "/V1", "/v1/Sandbox", "/v1/sandboxes", "/v1/sandbox/v1", "/v1/sandbox;x", "/v1%2Fsandbox"),
        *("/v1/%2573andbox", "/v1/sandbox/%252e%252e", "/v1/sandbox%5c..", "/sandbox", "/v1/integrations"),
    ],
)
def test_another_path_of_the_vendor_is_refused(path: str, environment: str | None) -> None:
    """If the base URL has another path on Justt's host, loading fails, because its environment is unknown."""
    assert refusal(baseUrl=f"https://api.justt.ai{path}", environment=environment) == (
        "justt:baseUrl is not an address of Justt's API. The address for "
        + (f"sandbox is {SANDBOX}" if environment == "sandbox" else f"production is {PRODUCTION}")
    )


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://LOCALHOST:80/v1", "http://localhost/v1"),
        ("https://localhost./v1/", "https://localhost/v1"),
        ("http://127.0.0.1:8080/a/../v1", "http://127.0.0.1:8080/v1"),
        ("http://[::FFFF:127.0.0.1]/v1", "http://[::ffff:127.0.0.1]/v1"),
        ("HTTPS://Proxy.Example:443/%6Austt/%2fa//b", "https://proxy.example/justt/%2Fa//b"),
        ("https://proxy.example:8443/../v1/.", "https://proxy.example:8443/v1"),
    ],
)
def test_url_is_normalized(url: str, sent: str) -> None:
    """Any spelling of a URL is loaded as one normal form, with the same path.

    So one limiter and one journal serve the URL.
    """
    assert load(baseUrl=url).base_url == sent


@pytest.mark.parametrize(
    ("url", "environment", "owner", "chosen"),
    [
        (SANDBOX, None, "sandbox", "production"),
        (SANDBOX, "production", "sandbox", "production"),
        (SANDBOX + "/", None, "sandbox", "production"),
        ("https://API.JUSTT.AI/v1/sandbox", None, "sandbox", "production"),
        ("https://api.justt.ai:443/v1/sandbox", None, "sandbox", "production"),
        ("https://api.justt.ai./v1/sandbox", None, "sandbox", "production"),
        (PRODUCTION, "sandbox", "production", "sandbox"),
        *((url, "sandbox", "production", "sandbox") for url in SPELLINGS[PRODUCTION]),
        *((url, None, "sandbox", "production") for url in SPELLINGS[SANDBOX]),
    ],
)
def test_vendor_url_of_the_other_environment_is_refused(
    url: str, environment: str | None, owner: str, chosen: str
) -> None:
    """If the base URL is that of the other environment at Justt, loading fails.

    The error names the command that fixes the setting.
    """
    assert refusal(baseUrl=url, environment=environment) == (
        f"justt:baseUrl is the vendor's {owner} address, but the environment is {chosen}: run `pulumi config set "
        f"justt:environment {owner}`, or unset justt:baseUrl"
    )


def test_refused_url_names_its_variable() -> None:
    """If an invalid base URL came from JUSTT_BASE_URL, the error names that variable."""
    assert refusal({"JUSTT_BASE_URL": SANDBOX}) == (
        "JUSTT_BASE_URL is the vendor's sandbox address, but the environment is production: run `pulumi config set "
        "justt:environment sandbox`, or unset JUSTT_BASE_URL"
    )
    assert refusal({"JUSTT_BASE_URL": "api.justt.ai"}) == "JUSTT_BASE_URL must be a URL such as https://api.justt.ai/v1"


@pytest.mark.parametrize(
    "url",
    [
        "api.justt.ai/v1",
        "//api.justt.ai/v1",
        "ftp://api.justt.ai/v1",
        "https://",
        "https:///v1",
        "https://[::1",
        "https://[::1]x/v1",
        "http://[::1]x:80/v1",
        "https://proxy.example:99999",
        "https://proxy.example:port",
        "https://proxy example/v1",
        " https://proxy.example/v1",
        "https://proxy.example/v1\n",
        "https://proxy.example/v 1",
        "https://proxy.example/v1\\sandbox",
        "https://proxy.example\\v1",
        "https://api.justt.ai/v1\\..\\sandbox",
        "https://proxy.example/v1%",
        "https://proxy.example/%zz",
    ],
)
def test_invalid_url_is_refused(url: str) -> None:
    """If the base URL is not a valid URL, loading fails, and the error gives an example."""
    assert refusal(baseUrl=url) == "justt:baseUrl must be a URL such as https://api.justt.ai/v1"


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{CANARY}@proxy.example/v1",
        f"https://{CANARY}@proxy.example/v1",
        f"https://:{CANARY}@proxy.example/v1",
        f"https://user:{CANARY}@api.justt.ai/v1/sandbox",
        f"http://user:{CANARY}@127.0.0.1:8080/v1",
        "https://@proxy.example/v1",
        f"https://proxy.example/v1?key={CANARY}",
        f"https://proxy.example/v1#{CANARY}",
    ],
)
def test_url_with_user_query_or_fragment_is_refused(url: str) -> None:
    """If the base URL has a user, a query or a fragment, loading fails. The error shows none of them."""
    assert refusal(baseUrl=url) == "justt:baseUrl must be a plain URL, without user, query or fragment"


@pytest.mark.parametrize("url", ["https://proxy.example/v1?", "https://proxy.example/v1#"])
def test_url_with_an_empty_query_or_fragment_is_refused(url: str) -> None:
    """If the base URL has an empty query or fragment, loading fails. Each request's path would become a part of it."""
    assert refusal(baseUrl=url) == "justt:baseUrl must be a plain URL, without user, query or fragment"


@pytest.mark.parametrize(
    "url",
    [
        "https://proxy\x00.example/v1",
        "https://proxy.example/v1\x7f",
        "https://xn--a/v1",
        "https://256.1.1.1/v1",
        "https://a..b/v1",
        "https://-a.example/v1",
        "https://[v1.a]/v1",
    ],
)
def test_url_that_httpx_cannot_use_is_refused(url: str) -> None:
    """If the base URL has a control character or an invalid host, loading fails. The error names the setting."""
    assert refusal(baseUrl=url) == "justt:baseUrl must be a URL such as https://api.justt.ai/v1"


SCHEMES = st.sampled_from(["https://", "http://", "HTTPS://", "ftp://", ""])


@given(scheme=SCHEMES, rest=st.text(st.characters(codec="utf-8") | st.sampled_from("@:/?#[].%\\"), max_size=40))
@example(scheme="https://", rest=f"{CANARY}:{CANARY}@[")
@example(scheme="https://", rest=f"proxy.example\\@{CANARY}")
def test_any_text_as_url_is_valid_or_refused(scheme: str, rest: str) -> None:
    """Any text as the base URL raises InvalidSettings, or gives a URL with a host and without a user."""
    text = ""
    try:
        base_url = load(baseUrl=f"{scheme}{rest}").base_url
    except InvalidSettings as refused:
        base_url, text = "https://refused.example", str(refused)

    assert CANARY not in text
    assert urlsplit(base_url).hostname
    assert urlsplit(base_url).username is None


@pytest.mark.parametrize(
    ("key", "variable", "bounds", "bad"),
    [
        (
            "requestsPerMinute",
            "JUSTT_REQUESTS_PER_MINUTE",
            "1 to 1000",
            ["0", "-1", "1001", "9.5", "1e2", "many", "nan", " "],
        ),
        (
            "timeoutSeconds",
            "JUSTT_TIMEOUT_SECONDS",
            "0.1 to 600.0",
            ["0", "-1", "0.09", "600.1", "inf", "-inf", "nan", "1e999", "30s", " ", "\uff13\uff10", "3_0", " 30"],
        ),
    ],
)
def test_invalid_number_is_refused(key: str, variable: str, bounds: str, bad: list[str]) -> None:
    """If a number is invalid or out of range, loading fails. The error names the key or variable, and the range."""
    for value in bad:
        assert f"justt:{key} must be a number from {bounds}" == refusal(**{key: value})
        assert f"{variable} must be a number from {bounds}" == refusal({variable: value})


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("1000", 1000), ("950", 950)])
def test_limits_of_requests_per_minute(text: str, number: int) -> None:
    """The setting requestsPerMinute may be 1, Justt's whole quota of 1,000, or a number in between."""
    assert number == load(requestsPerMinute=text).requests_per_minute


@pytest.mark.parametrize(("text", "number"), [("0.1", 0.1), ("600", 600.0), ("2.5", 2.5)])
def test_limits_of_the_timeout(text: str, number: float) -> None:
    """The setting timeoutSeconds may be 0.1, 600, or a number in between, with a fraction of a second."""
    assert number == load(timeoutSeconds=text).timeout_seconds


@pytest.mark.parametrize(
    ("misspelled", "meant"),
    [
        ("api_key", "apiKey"),
        ("apikey", "apiKey"),
        ("API-KEY", "apiKey"),
        ("baseURL", "baseUrl"),
        ("base-url", "baseUrl"),
        ("Environment", "environment"),
        ("reference_account_id", "referenceAccountId"),
        ("requestsperminute", "requestsPerMinute"),
        ("timeout_seconds", "timeoutSeconds"),
        ("on_ambiguous_create", "onAmbiguousCreate"),
    ],
)
def test_misspelled_key_is_refused(misspelled: str, meant: str) -> None:
    """If a key resembles a setting's, loading fails and the error suggests that setting, without the value."""
    assert refusal(**{misspelled: CANARY}) == (
        f"justt:{misspelled} is not a setting (did you mean {meant!r}?); settings are {', '.join(module.VARIABLES)}"
    )


@pytest.mark.parametrize("name", ["enviroment", "timeout", "requestPerMinute", "somethingElse"])
def test_unknown_key_is_refused(name: str) -> None:
    """If the configuration has an unknown key, loading fails.

    A misspelled environment would otherwise mean production.
    """
    assert refusal(**{name: CANARY}).startswith(f"justt:{name} is not a setting")


@pytest.mark.parametrize("name", ["sk_live_51Hxyz", "apiKey" * 7, f"key {CANARY}"])
def test_unknown_key_that_may_be_a_secret_is_not_shown(name: str) -> None:
    """If an unknown key may be a secret, the error shows only its length. The user may have swapped key and value."""
    text = refusal(**{name: "x"})
    assert text.startswith(f"justt:… (a text of {len(name)} characters) is not a setting")
    assert name not in text


@pytest.mark.parametrize("key", ["environment", "onAmbiguousCreate"])
@pytest.mark.parametrize("value", ["staging", "sandbox" * 4, CANARY, " "])
def test_invalid_value_that_may_be_a_secret_is_not_shown(key: str, value: str) -> None:
    """If an invalid value is not close to a valid one, it may be a secret, so the error shows only its length."""
    text = refusal(**{key: value})
    assert text.endswith(f"not a text of {len(value)} characters")
    assert repr(value) not in text


@pytest.mark.parametrize("name", ["JUSTT_ENVIROMENT", "JUSTT_API_KEYS", "JUSTT_BASEURL"])
def test_misspelled_variable_is_refused(name: str) -> None:
    """If a variable's name resembles one of the provider's, loading fails.

    The error shows the name but not the value.
    """
    text = refusal({name: CANARY})
    assert text.startswith(f"{name} is not a variable of this provider (did you mean 'JUSTT_")
    assert CANARY not in text


def test_unrelated_variables_are_ignored() -> None:
    """If a JUSTT_ variable resembles none of the provider's, loading ignores the variable.

    The variable may belong to the user.
    """
    assert load({"JUSTT_ENGINE_INSTALLER": "off", "JUSTT_TEAM": "payments"}) == load()


@pytest.mark.parametrize(("value", "expected"), [("", False), ("refuse", False), ("adopt", True)])
def test_on_ambiguous_create(value: str, expected: bool) -> None:
    """If onAmbiguousCreate is `adopt`, candidates are claimed. With `refuse`, and by default, they are not."""
    assert expected is load(onAmbiguousCreate=value or None).claims_ambiguous
    assert expected is load({"JUSTT_ON_AMBIGUOUS_CREATE": value}).claims_ambiguous


@pytest.mark.parametrize(
    ("value", "hint"),
    [("Adopt", " (did you mean 'adopt'?)"), ("refused", " (did you mean 'refuse'?)")],
)
def test_on_ambiguous_create_accepts_two_values(value: str, hint: str) -> None:
    """If onAmbiguousCreate is neither `refuse` nor `adopt`, loading fails.

    The error names the setting and the nearer value.
    """
    text = f"must be refuse or adopt, not {value!r}{hint}"

    assert refusal(onAmbiguousCreate=value) == f"justt:onAmbiguousCreate {text}"
    assert refusal({"JUSTT_ON_AMBIGUOUS_CREATE": value}) == f"JUSTT_ON_AMBIGUOUS_CREATE {text}"


def test_keys_of_a_project_named_justt_are_ignored() -> None:
    """In a project that is named justt, loading ignores unknown keys, because they belong to the project."""
    assert load({"PULUMI_PROJECT": "justt"}, stripeRestrictedKey="x", replicas="3") == load()


@pytest.mark.parametrize(("value", "expected"), [(None, False), ("", False), ("gone", True)])
def test_on_missing(value: str | None, expected: bool) -> None:
    """`missing_is_gone` is true if JUSTT_ON_MISSING is `gone`, and false if it is empty or unset."""
    assert expected is load({} if value is None else {"JUSTT_ON_MISSING": value}).missing_is_gone


@pytest.mark.parametrize("value", ["GONE", "true", "1", "keep", " gone"])
def test_on_missing_accepts_one_value(value: str) -> None:
    """If JUSTT_ON_MISSING has any value except `gone`, loading fails. The user expects the value to have an effect."""
    assert refusal({"JUSTT_ON_MISSING": value}) == 'JUSTT_ON_MISSING must be "gone" or unset'


@pytest.mark.parametrize(
    ("value", "expected"), [(None, False), ("", False), ("0", False), ("1", True), ("true", False)]
)
def test_debug(value: str | None, expected: bool) -> None:
    """`debug` is true only if JUSTT_DEBUG is `1`."""
    assert expected is load({} if value is None else {"JUSTT_DEBUG": value}).debug


@pytest.mark.parametrize("name", ["apiKeyOverride", "onMissing", "debug"])
def test_variables_of_one_command_have_no_key(name: str) -> None:
    """If the configuration has a key for JUSTT_API_KEY_OVERRIDE, JUSTT_ON_MISSING or JUSTT_DEBUG, loading fails.

    These variables are for one command only.
    """
    assert refusal(**{name: CANARY}).startswith(f"justt:{name} is not a setting")


def test_docstring_table_names_every_key_and_variable() -> None:
    """The table in the docstring of `config` lists exactly the keys and variables that the code reads."""
    rows = re.findall(r"^    justt:(\w+) +(JUSTT_\w+|none, on purpose)", module.__doc__ or "", re.MULTILINE)

    assert {key: None if row.startswith("none") else row for key, row in rows} == module.VARIABLES


def test_no_form_of_settings_shows_the_key() -> None:
    """The repr, str and dict forms of settings hide the API key."""
    settings = load(apiKey=CANARY)

    assert CANARY not in f"{settings!r} {settings!s} {dataclasses.asdict(settings)} {vars(settings)}"
    assert settings.require_api_key() == CANARY


def test_settings_are_equal_by_value_and_immutable() -> None:
    """Equal settings are one dictionary key, so threads find the client that they share. Settings can't be changed."""
    assert len({load(apiKey=CANARY), load(apiKey=CANARY), load(apiKey="another")}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        load().debug = True  # type: ignore[misc]  # the test does what the type checker forbids


@pytest.mark.parametrize("value", ["3", "65", "many", "4.5"])
def test_workers_out_of_range(value: str) -> None:
    """If JUSTT_WORKERS is not a number from 4, the host's own number of threads, to 64, loading fails."""
    assert refusal({"JUSTT_WORKERS": value}) == "JUSTT_WORKERS must be a number from 4 to 64"


@pytest.mark.parametrize(("value", "workers"), [("", 16), ("4", 4), ("64", 64)])
def test_workers(value: str, workers: int) -> None:
    """The host serves 16 calls at a time, or as many as JUSTT_WORKERS says."""
    assert load({"JUSTT_WORKERS": value}).workers == workers


@pytest.mark.parametrize("value", ["state", "./state", "~/state", "state/../state"])
def test_relative_journal_folder_is_refused(value: str) -> None:
    """If JUSTT_STATE_DIR is a relative path, loading fails.

    The provider and the commands may run in different folders.
    """
    assert refusal({"JUSTT_STATE_DIR": value}) == (
        "JUSTT_STATE_DIR must be an absolute path: Pulumi may run the provider in another folder than yours"
    )
    assert load({"JUSTT_STATE_DIR": ""}) == load({"JUSTT_STATE_DIR": "/state"}) == load({})
