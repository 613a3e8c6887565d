"""What both front ends share: the error boundary, the lifecycles under one configuration, and what the state stores.

A front end is the code that the engine calls: `provider` in the SDK's dynamic host, and `plugin` in a process of its
own. A front end translates calls, and the core makes all decisions. Programs import this module through `provider`, so
only its methods import the core with its HTTP and validation libraries.
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
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from pulumi_justt import host
from pulumi_justt.errors import CancelledError, JusttError
from pulumi_justt.imports import own_imports
from pulumi_justt.log import Log
from pulumi_justt.values import is_first_look, with_stack, without_markup

if TYPE_CHECKING:
    from pulumi_justt.core.client import JusttClient
    from pulumi_justt.core.config import Settings
    from pulumi_justt.core.integration import IntegrationLifecycle
    from pulumi_justt.core.readiness import ReadinessLifecycle
    from pulumi_justt.core.session import Session

__all__ = ["IntegrationKind", "ReadinessKind", "ResourceKind", "TerminalError", "error_boundary", "write_line"]

_Method = TypeVar("_Method", bound=Callable[..., Any])
_core_lock = threading.Lock()
_FRAMES = 50
"""The number of stack frames to show with JUSTT_DEBUG=1. By default, the dynamic host shows none."""


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


class TerminalError(Exception):
    """The error that the engine prints: `error: JusttError: <text>`, without the module name of a traceback."""

    def __init__(self, text: str) -> None:
        super().__init__(without_markup(text))


TerminalError.__name__ = TerminalError.__qualname__ = "JusttError"
TerminalError.__module__ = "builtins"


def error_boundary(method: _Method) -> _Method:
    """Decorate *method* of a resource kind to turn every exception into one paragraph without credentials."""

    @functools.wraps(method)
    def wrapper(self: ResourceKind, *args: object, **kwargs: object) -> object:
        try:
            with own_imports(), host.calls.serving(), self.log.joining():
                self.note_call(method.__name__, *args)
                _require_engine(operation=method.__name__)
                return method(self, *args, **kwargs)
        except JusttError as error:
            raise _shown(self.explained(str(error), error, method.__name__), error) from None
        except BaseException as error:  # noqa: BLE001 - an uncaught exception of any kind would hang the engine
            from pulumi_justt.core.messages import defect  # noqa: PLC0415 - see the module docstring

            is_in_doubt = method.__name__ == "create" and self.may_have_created(*args)
            raise _shown(defect(method.__name__, error, is_in_doubt=is_in_doubt), error) from None

    return cast("_Method", wrapper)


def _require_engine(*, operation: str) -> None:
    """Refuse a call that the engine cancelled while it was queued.

    Raises:
        CancelledError: The engine no longer waits for the result.
    """
    if host.calls.is_cancelled():
        from pulumi_justt.core.messages import CANCELLED_REMEDIATION  # noqa: PLC0415 - see the module docstring

        raise CancelledError(operation, "the engine cancelled the call before it began", CANCELLED_REMEDIATION)


def _shown(text: str, error: BaseException) -> TerminalError:
    text = with_stack(text, host.calls.urn)
    if os.environ.get("JUSTT_DEBUG") != "1":
        return TerminalError(text)
    return TerminalError(f"{text}\n{''.join(traceback.format_tb(error.__traceback__, limit=_FRAMES))}")


def write_line(text: str) -> None:
    """Write a line that the engine does not take to stderr."""
    # The engine may have closed the pipe. A failed write must not fail the call.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{without_markup(text)}\n")


class ResourceKind:
    """One kind of resource under one configuration. Its lifecycle is built on first use."""

    log: ClassVar[host.EngineLog] = host.EngineLog(write_line)
    """Shows warnings and notes at the resource of the calling thread's call."""
    _config: Mapping[str, Any] = {}
    """The configuration, without the prefix of the namespace."""
    _session: Session | None = None
    """What the resources of this process share; None until the configuration has been validated."""
    _runs_program = False
    """Whether the configuration is known to be the stack's current one, and not the copy in the state."""

    def note_call(self, call: str, *arguments: Any) -> None:  # noqa: ANN401 - those of the front end's method
        """Note a call that the engine makes only when it runs a program, with the stack's current configuration."""
        is_get = call == "read" and is_first_look(self.properties_in(*arguments))
        self._runs_program = self._runs_program or is_get or call in ("check", "create", "update", "invoke", "list")

    def properties_in(self, *arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401 - likewise
        """Return the properties in the arguments of a create or a read."""
        raise NotImplementedError

    def may_have_created(self, *_arguments: Any) -> bool:  # noqa: ANN401 - likewise
        """Return whether a failed create may have sent a request whose outcome is unknown."""
        return False

    def explained(self, text: str, error: JusttError, call: str) -> str:
        """Return the text to show at the resource of *call*, for an error with *text*."""
        from pulumi_justt.core.messages import recorded_settings_remediation  # noqa: PLC0415 - see the module docstring

        is_delete = call == "delete"
        remediation = "" if self._runs_program else recorded_settings_remediation(text, is_delete=is_delete)
        text = ". ".join([text.removesuffix("."), remediation]) if remediation else text
        urn, _ = host.engine_request()
        return self._session.errors.shown(error, urn, text) if self._session else text

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
        from pulumi_justt.core.config import API_KEY, Settings  # noqa: PLC0415 - see the module docstring
        from pulumi_justt.redaction import shared_redactor  # noqa: PLC0415 - likewise

        settings = Settings.load(self._config, os.environ)
        # The requests may use another key, for example that of JUSTT_API_KEY_OVERRIDE.
        shared_redactor().add_secrets(self._config.get(API_KEY))
        self.use_settings(settings)
        host.calls.request_timeout_seconds = settings.timeout_seconds
        self._session = _session(settings, self.log)
        return self._make_core(settings, functools.partial(self._client, settings), self._session)

    def _client(self, settings: Settings) -> JusttClient:
        # Imported only when a request is due: loading the HTTP library takes longer than a whole preview.
        from pulumi_justt.core.client import shared_client  # noqa: PLC0415 - see above

        return shared_client(settings, self.log)

    def use_settings(self, settings: Settings) -> None:
        """Apply the settings of the process itself."""

    def _make_core(
        self, settings: Settings, client: Callable[[], JusttClient], session: Session
    ) -> IntegrationLifecycle | ReadinessLifecycle:
        raise NotImplementedError

    def recorded(self, decoded: dict[str, Any], id_: str = "") -> dict[str, Any]:
        """Return properties of the state, with the id. The id is empty for a call that gets only recorded inputs.

        Raises:
            StateConflict: A newer version of this package wrote the properties.
        """
        from pulumi_justt.core.state import require_known  # noqa: PLC0415 - see the module docstring

        require_known(decoded, self._core.known_properties, id_)
        return {**decoded, **dict.fromkeys(self._core.id_properties, id_)} if id_ else decoded


class IntegrationKind(ResourceKind):
    """The integrations."""

    def may_have_created(self, *arguments: Any) -> bool:  # noqa: ANN401 - those of the front end's method
        """Return whether a failed create may have sent a request whose outcome is unknown."""
        core = vars(self).get("_core")
        return core is not None and core.may_have_created(self.properties_in(*arguments))

    def _make_core(
        self, settings: Settings, client: Callable[[], JusttClient], session: Session
    ) -> IntegrationLifecycle:
        from pulumi_justt.core.integration import IntegrationLifecycle  # noqa: PLC0415 - see the module docstring
        from pulumi_justt.thread_pool import additional_worker  # noqa: PLC0415 - likewise

        core = IntegrationLifecycle(
            settings,
            client=client,
            log=self.log,
            call=host.calls.current,
            session=session,
            waiting=additional_worker,
        )
        # The engine still shows messages that are written while it ends this process.
        atexit.register(lambda: None if host.calls.was_cut_off else core.end())
        return core


class ReadinessKind(ResourceKind):
    """The waits for integrations."""

    copies_account: ClassVar[bool] = True
    """Whether a program that names only the integration passes the integration's account, too."""

    def _make_core(self, settings: Settings, client: Callable[[], JusttClient], session: Session) -> ReadinessLifecycle:
        from pulumi_justt.core.readiness import ReadinessLifecycle  # noqa: PLC0415 - see the module docstring

        return ReadinessLifecycle(
            settings,
            client=client,
            log=self.log,
            call=host.calls.current,
            session=session,
            copies_account=self.copies_account,
        )


def _session(settings: Settings, log: Log) -> Session:
    from pulumi_justt.core.session import shared_session  # noqa: PLC0415 - see the module docstring

    # Each command starts a new engine, so its identity also identifies the command.
    return shared_session(settings, log, lambda: host.calls.was_cut_off, host.engine_identity())
