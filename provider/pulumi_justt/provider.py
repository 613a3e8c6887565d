"""Implement the dynamic providers that the Pulumi engine calls. They translate calls; the core makes all decisions.

The state of every stack refers to classes of this module by dotted path, so the paths never change. Instances have no
attributes when they are pickled, so a later version of this package can serve a state that an earlier one wrote. Only
the provider process runs the methods, so only the methods import the core with its HTTP and validation libraries. One
process serves all resources that use the same Pulumi provider: the default one, or one `justt.Provider`. The two
classes share the client and the rate limiter of that process.

Three properties of the engine and its SDK shape the code: numbers arrive as floats, `Unknown` objects can be anywhere
in a property, and the engine shows an exception with its whole traceback.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
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

__all__ = ["IntegrationProvider", "ReadinessProvider", "decode", "encode"]

_Method = TypeVar("_Method", bound=Callable[..., Any])
_core_lock = threading.Lock()
_PROVIDER_KEY = "__provider"
_FRAMES = 50
"""The number of stack frames to show with JUSTT_DEBUG=1. By default, `configure` sets a limit that shows none."""


@contextlib.contextmanager
def _garbage_kept() -> Iterator[None]:
    """Collect no garbage while the core is loaded, because hardly any of the new objects becomes garbage.

    Looking through them took a third of the time. The CLI waits until this process exits, so what was loaded is not
    looked through at the exit either, which took 50 ms.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()


class _TerminalError(Exception):
    """The error that the engine prints: `error: JusttError: <text>`, without the module name of a traceback."""

    def __init__(self, text: str) -> None:
        super().__init__(without_markup(text))


_TerminalError.__name__ = _TerminalError.__qualname__ = "JusttError"
_TerminalError.__module__ = "builtins"


def error_boundary(method: _Method) -> _Method:
    """Decorate *method* to turn every exception into one paragraph without credentials."""

    @functools.wraps(method)
    def wrapper(self: _Provider, *args: object, **kwargs: object) -> object:
        try:
            with own_imports(), host.calls.serving():
                self._runs_program = self._runs_program or _is_of_program(method.__name__, args)
                _require_engine(operation=method.__name__)
                return method(self, *args, **kwargs)
        except JusttError as error:
            raise _TerminalError(_with_debug(self._explained(str(error), error), error)) from None
        except BaseException as error:  # noqa: BLE001 - an uncaught exception of any kind would hang the engine
            from pulumi_justt.core.messages import defect  # noqa: PLC0415 - see the module docstring

            is_in_doubt = method.__name__ == "create" and self._may_have_created(*args)
            raise _TerminalError(_with_debug(defect(method.__name__, error, is_in_doubt=is_in_doubt), error)) from None

    return cast("_Method", wrapper)


def _is_of_program(call: str, args: Sequence[object]) -> bool:
    """Return whether the engine makes *call* only when it runs a program, with the stack's current configuration."""
    is_get = call == "read" and is_first_look(cast("Mapping[str, Any]", args[-1]))
    return is_get or call in ("check", "create", "update")


def _require_engine(*, operation: str) -> None:
    """Refuse a call that the engine cancelled while it was queued.

    Raises:
        CancelledError: The engine no longer waits for the result.
    """
    if host.calls.is_cancelled():
        from pulumi_justt.core.messages import CANCELLED_REMEDIATION  # noqa: PLC0415 - see the module docstring

        raise CancelledError(operation, "the engine cancelled the call before it began", CANCELLED_REMEDIATION)


def _with_debug(text: str, error: BaseException) -> str:
    if os.environ.get("JUSTT_DEBUG") != "1":
        return text
    return f"{text}\n{''.join(traceback.format_tb(error.__traceback__, limit=_FRAMES))}"


class _Provider(ResourceProvider):
    """Base of the two providers: the methods that the engine calls."""

    _session: Session | None = None
    """What the resources of this process share; None until the configuration has been validated."""
    _runs_program = False
    """Whether the configuration is known to be the stack's current one, and not the copy in the state."""

    def __getstate__(self) -> None:
        """Pickle no attributes: every state stores the pickle, and the configuration holds the API key."""

    def configure(self, req: ConfigureRequest) -> None:
        """Store the stack's configuration. It is validated on first use, so a preview works without an API key."""
        # Errors are already one paragraph of text, so their stack frames only add noise.
        sys.tracebacklimit = 0
        # Read all keys, so that a misspelled one is reported. The SDK has no public way to list them.
        self._config = dict(req.config._props)  # noqa: SLF001 - see the line above
        host.watch_engine()

    def _explained(self, text: str, error: JusttError) -> str:
        """Return the text to show at the resource of this call for an error with *text*."""
        from pulumi_justt.core.messages import recorded_settings_remediation  # noqa: PLC0415 - see the module docstring

        remediation = "" if self._runs_program else recorded_settings_remediation(text)
        text = ". ".join([text.removesuffix("."), remediation]) if remediation else text
        urn, _ = host.engine_request()
        return self._session.errors.shown(error, urn, text) if self._session else text

    def _make_core(
        self, settings: Settings, client: Callable[[], JusttClient], session: Session
    ) -> IntegrationLifecycle | ReadinessLifecycle:
        raise NotImplementedError

    def _may_have_created(self, *_props: object) -> bool:
        """Return whether a failed create may have sent a request whose outcome is unknown."""
        return False

    @functools.cached_property
    def _core(self) -> IntegrationLifecycle | ReadinessLifecycle:
        # Since Python 3.12 `cached_property` takes no lock, so two threads could build a core each. Then neither core
        # would see the creates of the other.
        with _core_lock:
            built: IntegrationLifecycle | ReadinessLifecycle | None = vars(self).get("_core")
            if built is None:
                with _garbage_kept():
                    built = vars(self)["_core"] = self._build_core()
            return built

    def _build_core(self) -> IntegrationLifecycle | ReadinessLifecycle:
        from pulumi_justt.core.config import API_KEY, NAMESPACE, Settings  # noqa: PLC0415 - see the module docstring
        from pulumi_justt.redaction import shared_redactor  # noqa: PLC0415 - see the module docstring
        from pulumi_justt.thread_pool import set_max_workers  # noqa: PLC0415 - likewise

        prefix = f"{NAMESPACE}:"
        config = getattr(self, "_config", {})
        settings = Settings.load(
            {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}, os.environ
        )
        # The requests may use another key, for example that of JUSTT_API_KEY_OVERRIDE.
        shared_redactor().add_secrets(config.get(f"{prefix}{API_KEY}"))
        set_max_workers(settings.workers)
        host.calls.request_timeout_seconds = settings.timeout_seconds
        self._session = _session(settings)
        return self._make_core(settings, functools.partial(_client, settings), self._session)

    @error_boundary
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate the inputs and fill in the defaults."""
        try:
            core = self._core
        except InvalidSettings as error:
            return CheckResult(news, [_failure(str(error))])
        checked = core.check(self._recorded(olds), decode(news))
        return CheckResult(encode(checked.inputs), [_failure(text) for text in checked.failures])

    @error_boundary
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Return the properties whose changes replace the resource. The engine finds the changes itself."""
        return DiffResult(changes=None, replaces=self._core.diff(self._recorded(olds, id_), decode(news)))

    @error_boundary
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create the resource."""
        id_, outs = self._core.create(decode(props))
        return CreateResult(id_, self._stored(outs))

    @error_boundary
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Read the resource's status."""
        outs = self._core.read(id_, self._recorded(props, id_))
        # The inputs stay unchanged, because the API does not return them.
        return ReadResult(None, {}) if outs is None else ReadResult(id_, self._stored(outs))

    @error_boundary
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Record the new inputs in the state."""
        return UpdateResult(self._stored(self._core.update(id_, self._recorded(olds, id_), decode(news))))

    @error_boundary
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Delete the resource."""
        self._core.delete(id_, self._recorded(props, id_))

    def _recorded(self, props: Mapping[str, Any], id_: str = "") -> dict[str, Any]:
        """Decode the properties that the state holds. The id is empty for a call that gets only recorded inputs.

        Raises:
            StateConflict: A newer version of this package wrote the properties.
        """
        from pulumi_justt.core.state import require_known  # noqa: PLC0415 - see the module docstring

        recorded = decode(props)
        require_known(recorded, self._core.known_properties, id_)
        return {**recorded, **dict.fromkeys(self._core.id_properties, id_)} if id_ else recorded

    def _stored(self, outs: dict[str, Any]) -> dict[str, Any]:
        """Return the outputs for the state, which has the id only as the resource's id."""
        return {name: value for name, value in outs.items() if name not in self._core.id_properties}


class IntegrationProvider(_Provider):
    """The provider of `PaymentIntegration`."""

    def _may_have_created(self, *props: object) -> bool:
        core = vars(self).get("_core")
        return core is not None and core.may_have_created(*props)

    def _make_core(
        self, settings: Settings, client: Callable[[], JusttClient], session: Session
    ) -> IntegrationLifecycle:
        from pulumi_justt.core.integration import IntegrationLifecycle  # noqa: PLC0415 - see the module docstring
        from pulumi_justt.thread_pool import additional_worker  # noqa: PLC0415 - likewise

        core = IntegrationLifecycle(
            settings,
            client=client,
            log=_LOG,
            call=host.calls.current,
            session=session,
            waiting=additional_worker,
        )
        # The engine still shows messages that are written while it ends this process.
        atexit.register(lambda: None if host.calls.was_cut_off else core.end())
        return core


class ReadinessProvider(_Provider):
    """The provider of `IntegrationReady`."""

    def _make_core(self, settings: Settings, client: Callable[[], JusttClient], session: Session) -> ReadinessLifecycle:
        from pulumi_justt.core.readiness import ReadinessLifecycle  # noqa: PLC0415 - see the module docstring

        return ReadinessLifecycle(
            settings,
            client=client,
            log=_LOG,
            call=host.calls.current,
            session=session,
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait until the integration is ready, with an additional thread so that other calls are not blocked."""
        from pulumi_justt.thread_pool import additional_worker  # noqa: PLC0415 - see the module docstring

        with additional_worker():
            return super().create(props)


def _session(settings: Settings) -> Session:
    from pulumi_justt.core.session import shared_session  # noqa: PLC0415 - see the module docstring

    # Each command starts a new engine, so its identity also identifies the command.
    return shared_session(settings, _LOG, lambda: host.calls.was_cut_off, host.engine_identity())


def _client(settings: Settings) -> JusttClient:
    # Imported only when a request is due: loading the HTTP library takes longer than a whole preview.
    from pulumi_justt.core.client import shared_client  # noqa: PLC0415 - see above

    return shared_client(settings, _LOG)


def _failure(text: str) -> CheckFailure:
    # With a property's name, the engine would print the property's value, even if it is secret.
    return CheckFailure("", without_markup(text))


def _write_line(text: str) -> None:
    # The engine may have closed the pipe. A failed write must not fail the call.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{without_markup(text)}\n")


_LOG = host.EngineLog(_write_line)


def decode(props: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties of the SDK in the form that the core takes, without the pickled provider."""
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


def encode(props: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties of the core in the form that the SDK takes."""
    from pulumi_justt.core.inputs import UNKNOWN  # noqa: PLC0415 - see the module docstring

    def encoded(value: object) -> object:
        if value is UNKNOWN:
            return ENGINE_UNKNOWN
        if isinstance(value, Mapping):
            return {name: encoded(item) for name, item in value.items()}
        return [encoded(item) for item in value] if isinstance(value, list) else value

    return {name: encoded(value) for name, value in props.items()}
