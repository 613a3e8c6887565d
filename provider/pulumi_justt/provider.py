"""The dynamic provider: what the Pulumi engine calls. It translates, and decides nothing about Justt.

The state of every stack names classes of this module by their dotted paths, so those never change, and their instances
have no attributes when they are stored: code that is installed later then serves state that was written earlier. Only
the provider process runs the methods, so only they import the core with its HTTP and validation libraries. There is one
such process for all resources of a stack, and its providers share one client with its share of the vendor's quota.

Three habits of the engine and its SDK shape the code: numbers arrive as floats, unknown values as `Unknown` objects
anywhere in a property, and an exception is shown with its whole traceback.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import UNKNOWN as ENGINE_UNKNOWN
from pulumi.output import Unknown as EngineUnknown

from pulumi_justt import host
from pulumi_justt.errors import CancelledError, InvalidSettings, JusttError
from pulumi_justt.imports import own_imports
from pulumi_justt.values import is_first_look, without_markup

if TYPE_CHECKING:
    from pulumi_justt.core.client import JusttClient
    from pulumi_justt.core.config import Settings
    from pulumi_justt.core.integration import IntegrationLifecycle
    from pulumi_justt.core.readiness import ReadinessLifecycle
    from pulumi_justt.core.session import Session

__all__ = ["IntegrationProvider", "ReadinessProvider"]

_Method = TypeVar("_Method", bound=Callable[..., Any])
_core_lock = threading.Lock()
_PROVIDER_KEY = "__provider"
_FRAMES = 50
"""Frames shown with JUSTT_DEBUG=1; without a number, the limit set in `configure` would hide all."""


class _TerminalError(Exception):
    """What the engine prints: `error: JusttError: <text>`, without the module that a traceback would name."""

    def __init__(self, text: str) -> None:
        super().__init__(without_markup(text))


_TerminalError.__name__ = _TerminalError.__qualname__ = "JusttError"
_TerminalError.__module__ = "builtins"


def error_boundary(method: _Method) -> _Method:
    """Turn every exception of *method* into one paragraph that holds no credential."""

    @functools.wraps(method)
    def wrapper(self: _Provider, *args: object, **kwargs: object) -> object:
        try:
            with own_imports(), host.calls.serving():
                self._runs_program = self._runs_program or _is_of_program(method.__name__, args)
                _require_engine(operation=method.__name__)
                return method(self, *args, **kwargs)
        except JusttError as error:
            raise _TerminalError(_with_debug(self._explained(str(error)), error)) from None
        except BaseException as error:  # noqa: BLE001 - anything that is no Exception would hang the engine
            from pulumi_justt.core.messages import defect  # noqa: PLC0415 - see the module docstring

            is_in_doubt = method.__name__ == "create" and self._may_have_created(*args)
            raise _TerminalError(_with_debug(defect(method.__name__, error, is_in_doubt=is_in_doubt), error)) from None

    return cast("_Method", wrapper)


def _is_of_program(call: str, args: Sequence[object]) -> bool:
    """Return whether the engine makes *call* only where a program runs, whose configuration is the stack's own."""
    is_get = call == "read" and is_first_look(cast("Mapping[str, Any]", args[-1]))
    return is_get or call in ("check", "create", "update")


def _require_engine(*, operation: str) -> None:
    """Refuse a call that was queued when the engine left.

    Raises:
        CancelledError: The engine does not wait for its result.
    """
    if host.calls.is_cancelled():
        from pulumi_justt.core.messages import ABANDONED_REMEDIATION  # noqa: PLC0415 - see the module docstring

        raise CancelledError(operation, "the engine left before it began", ABANDONED_REMEDIATION)


def _with_debug(text: str, error: BaseException) -> str:
    if os.environ.get("JUSTT_DEBUG") != "1":
        return text
    return f"{text}\n{''.join(traceback.format_tb(error.__traceback__, limit=_FRAMES))}"


class _Provider(ResourceProvider):
    """What the engine calls, for one kind of resource."""

    _runs_program = False
    """Whether the configuration is known to be the program's run's, and not the state's copy of it."""

    def __getstate__(self) -> None:
        """Keep nothing: what is pickled goes into every state, and the configuration holds the API key."""

    def configure(self, req: ConfigureRequest) -> None:
        """Take the stack's configuration; it is judged when a call needs it, so that previews work without a key."""
        # Errors are one paragraph of text already: the frames above them are the SDK's and ours.
        sys.tracebacklimit = 0
        # The SDK offers no way to list keys, and a misspelt one must not pass unseen.
        self._config = dict(req.config._props)  # noqa: SLF001 - see the line above
        host.watch_engine()

    def _explained(self, text: str) -> str:
        from pulumi_justt.core.messages import recorded_settings_remediation  # noqa: PLC0415 - see the module docstring

        remediation = "" if self._runs_program else recorded_settings_remediation(text)
        return ". ".join([text.removesuffix("."), remediation]) if remediation else text

    def _make_core(
        self, settings: Settings, client: Callable[[], JusttClient]
    ) -> IntegrationLifecycle | ReadinessLifecycle:
        raise NotImplementedError

    def _may_have_created(self, *_props: object) -> bool:
        """Return whether a create that failed has sent something whose outcome is unknown."""
        return False

    @functools.cached_property
    def _core(self) -> IntegrationLifecycle | ReadinessLifecycle:
        from pulumi_justt.core.config import API_KEY, NAMESPACE, Settings  # noqa: PLC0415 - see the module docstring
        from pulumi_justt.redaction import shared_redactor  # noqa: PLC0415 - see the module docstring
        from pulumi_justt.thread_pool import set_max_workers  # noqa: PLC0415 - likewise

        # Since Python 3.12 `cached_property` takes no lock, and two cores would each think that they create alone.
        with _core_lock:
            built: IntegrationLifecycle | ReadinessLifecycle | None = vars(self).get("_core")
            if built is None:
                prefix = f"{NAMESPACE}:"
                config = getattr(self, "_config", {})
                settings = Settings.load(
                    {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)},
                    os.environ,
                )
                # It may be another one than the key of the requests.
                shared_redactor().add_secrets(config.get(f"{prefix}{API_KEY}"))
                set_max_workers(settings.workers)
                host.calls.request_timeout_seconds = settings.timeout_seconds
                built = vars(self)["_core"] = self._make_core(settings, functools.partial(_client, settings))
                # The CLI waits until this process has gone, and before it goes the interpreter would search all that
                # is loaded for garbage: 50 ms of each preview.
                gc.freeze()
            return built

    @error_boundary
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate the inputs, and fill in the defaults."""
        try:
            core = self._core
        except InvalidSettings as error:
            return CheckResult(news, [_failure(str(error))])
        checked = core.check(self._recorded(olds), _decode(news))
        return CheckResult(_encode(checked.inputs), [_failure(text) for text in checked.failures])

    @error_boundary
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Say which changes need another resource; which changes there are, the engine finds by itself."""
        return DiffResult(changes=None, replaces=self._core.diff(self._recorded(olds, id_), _decode(news)))

    @error_boundary
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create the resource."""
        return CreateResult(*self._core.create(_decode(props)))

    @error_boundary
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read the resource's status."""
        outs = self._core.read(id_, self._recorded(props, id_))
        # The inputs stay as they are: what the API was given cannot be read back.
        return ReadResult(None, {}) if outs is None else ReadResult(id_, outs)

    @error_boundary
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Remember the inputs."""
        return UpdateResult(self._core.update(id_, self._recorded(olds, id_), _decode(news)))

    @error_boundary
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Delete the resource."""
        self._core.delete(id_, self._recorded(props, id_))

    def _recorded(self, props: Mapping[str, Any], id_: str = "") -> dict[str, Any]:
        """Decode what the state holds of a resource, for every call that gets it. Recorded inputs come without an id.

        Raises:
            StateConflict: A newer version of this package has written it.
        """
        from pulumi_justt.core.state import require_known  # noqa: PLC0415 - see the module docstring

        recorded = _decode(props)
        require_known(recorded, self._core.known_properties, id_)
        return recorded


class IntegrationProvider(_Provider):
    """The provider of `PaymentIntegration`."""

    def _may_have_created(self, *props: object) -> bool:
        core = vars(self).get("_core")
        return core is not None and core.may_have_created(*props)

    def _make_core(self, settings: Settings, client: Callable[[], JusttClient]) -> IntegrationLifecycle:
        from pulumi_justt.core.integration import IntegrationLifecycle  # noqa: PLC0415 - see the module docstring
        from pulumi_justt.thread_pool import additional_worker  # noqa: PLC0415 - likewise

        core = IntegrationLifecycle(
            settings,
            client=client,
            tell=_tell,
            call=host.calls.current,
            session=_session(settings),
            waiting=additional_worker,
        )
        # The engine still shows what is told while it ends this process.
        atexit.register(lambda: None if host.calls.was_cut_off else core.end())
        return core


class ReadinessProvider(_Provider):
    """The provider of `IntegrationReady`."""

    def _make_core(self, settings: Settings, client: Callable[[], JusttClient]) -> ReadinessLifecycle:
        from pulumi_justt.core.readiness import ReadinessLifecycle  # noqa: PLC0415 - see the module docstring

        return ReadinessLifecycle(
            settings,
            client=client,
            tell=_tell,
            call=host.calls.current,
            session=_session(settings),
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait, in a thread that other calls do not miss."""
        from pulumi_justt.thread_pool import additional_worker  # noqa: PLC0415 - see the module docstring

        with additional_worker():
            return super().create(props)


def _session(settings: Settings) -> Session:
    from pulumi_justt.core.session import shared_session  # noqa: PLC0415 - see the module docstring

    # Each command has an engine of its own.
    return shared_session(settings, _tell, lambda: host.calls.was_cut_off, host.engine_identity())


def _client(settings: Settings) -> JusttClient:
    # The HTTP library takes longer to load than everything that a preview does.
    from pulumi_justt.core.client import shared_client  # noqa: PLC0415 - see above

    return shared_client(settings, _tell)


def _failure(text: str) -> CheckFailure:
    # With a property's name the engine would print its value, secrets included.
    return CheckFailure("", without_markup(text))


def _tell(text: str) -> None:
    # The engine reads this until it leaves, and what is told after that must not keep a call from ending.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{without_markup(text)}\n")


def _decode(props: Mapping[str, Any]) -> dict[str, Any]:
    from pulumi_justt.core.inputs import UNKNOWN  # noqa: PLC0415 - see the module docstring

    def decoded(value: object) -> object:
        if isinstance(value, EngineUnknown):
            return UNKNOWN
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, Mapping):
            return {name: decoded(item) for name, item in value.items()}
        return [decoded(item) for item in value] if isinstance(value, list) else value

    return {name: decoded(value) for name, value in props.items() if name != _PROVIDER_KEY}


def _encode(props: Mapping[str, Any]) -> dict[str, Any]:
    from pulumi_justt.core.inputs import UNKNOWN  # noqa: PLC0415 - see the module docstring

    def encoded(value: object) -> object:
        if value is UNKNOWN:
            return ENGINE_UNKNOWN
        if isinstance(value, Mapping):
            return {name: encoded(item) for name, item in value.items()}
        return [encoded(item) for item in value] if isinstance(value, list) else value

    return {name: encoded(value) for name, value in props.items()}
