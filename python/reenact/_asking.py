"""How what is asked of your own code gets there: on threads of its own, or on an event loop, many at once."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import json
import threading
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from . import _native
from .participants import Part
from .report import Raised

OnError = Literal["keep", "raise"]

_HERE = str(Path(__file__).parent)


P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class _Caller:
    """Somebody who waits on an event loop for work that goes on elsewhere."""

    loop: asyncio.AbstractEventLoop
    stopper: _native.Stopper | None = None


_CALLER: contextvars.ContextVar[_Caller | None] = contextvars.ContextVar("reenact_caller", default=None)


def awaitable(function: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """A function to be awaited: it goes on elsewhere, and `async` code that it asks runs on the loop of whoever waits."""

    @functools.wraps(function)
    async def awaited(*arguments: P.args, **named: P.kwargs) -> T:
        caller = _Caller(asyncio.get_running_loop())
        context = contextvars.copy_context()
        context.run(_CALLER.set, caller)
        work = caller.loop.run_in_executor(None, lambda: context.run(function, *arguments, **named))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if caller.stopper is not None:
                caller.stopper.request()
            await asyncio.wait([work])
            work.exception()
            raise

    awaited.__name__, awaited.__qualname__ = f"{function.__name__}_async", f"{function.__qualname__}_async"
    return awaited


def _told_of(stopper: _native.Stopper) -> asyncio.AbstractEventLoop | None:
    """The loop of whoever waits, who is told what stops the work."""
    caller = _CALLER.get()
    if caller is None:
        return None
    caller.stopper = stopper
    return caller.loop


class Asking:
    """Asks one's own code while a run goes on. Use it as a context."""

    def __init__(
        self,
        parts: Mapping[str, Part],
        stopper: _native.Stopper,
        *,
        on_error: OnError = "keep",
        deadline: float | None = None,
        user_parameters: Mapping[str, Any] | None = None,
    ) -> None:
        self.exceptions: list[Raised] = []
        """What was raised and kept."""
        self.first: BaseException | None = None
        """What stopped the run."""
        self._parts, self._stopper, self._on_error, self._deadline = parts, stopper, on_error, deadline
        self._user_parameters = dict(user_parameters or {})
        self._desk = _native.Desk()
        self._loop = _told_of(stopper)
        self._context = contextvars.copy_context()
        # What one's own code does in its turn has nothing to do with whoever waits for this.
        self._context.run(_CALLER.set, None)
        self._lock = threading.Lock()
        self._idle = 0
        self._own_loop: _Loop | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def own(self) -> dict[str, Any]:
        """Which parts are played here, and where they are asked."""
        user = self._parts.get("user")
        return {
            "desk": self._desk,
            "roles": list(self._parts),
            "is_guarded": user is None or user.is_guarded,
            "user_parameters": json.dumps(self._user_parameters),
        }

    def __enter__(self) -> Asking:
        if self._parts:
            self._another_thread()
        return self

    def __exit__(self, *exception: object) -> None:
        self._desk.close()
        if self._own_loop is not None:
            self._own_loop.close()

    def _another_thread(self) -> None:
        self._idle += 1
        threading.Thread(target=self._serve, name="reenact", daemon=True).start()

    def _serve(self) -> None:
        """Takes one question after another. Whoever takes one sees to it that somebody is there for the next."""
        while (call := self._desk.take()) is not None:
            with self._lock:
                self._idle -= 1
                if self._idle == 0:
                    self._another_thread()
            self._answer(call)
            with self._lock:
                self._idle += 1

    def _answer(self, call: _native.Call) -> None:
        part = self._parts[call.role]
        context = self._context.copy()
        try:
            answer = context.run(part.ask, call)
            if inspect.isawaitable(answer):
                loop = self._running_loop()
                loop.call_soon_threadsafe(lambda: self._begin(call, part, answer, context))
                return
            call.answer(context.run(part.read, answer))
        except BaseException as error:
            self._failed(call, error)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """The caller's loop, or one of our own that starts when it is first needed."""
        if self._loop is not None:
            return self._loop
        with self._lock:
            if self._own_loop is None:
                self._own_loop = _Loop()
            return self._own_loop.loop

    def _begin(self, call: _native.Call, part: Part, answer: Awaitable[Any], context: contextvars.Context) -> None:
        task = context.run(lambda: asyncio.ensure_future(self._finish(call, part, answer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _finish(self, call: _native.Call, part: Part, answer: Awaitable[Any]) -> None:
        deadline = self._deadline if call.role == "agent" else None
        try:
            call.answer(part.read(await _within(answer, deadline)))
        except _TooLate:
            call.fail("timed_out", f"no answer within {deadline:g} s")
        except asyncio.CancelledError as error:
            self._failed(call, error, stops=False)
        except BaseException as error:
            self._failed(call, error)

    def _failed(self, call: _native.Call, error: BaseException, *, stops: bool = True) -> None:
        case, session_id = call.place()
        with self._lock:
            self.exceptions.append(Raised(call.role, case, session_id, error))
            if stops and (self._on_error == "raise" or not isinstance(error, Exception)):
                self.first = self.first or error
                # Asked first: what fails after that is no answer, and is asked again when the run goes on.
                self._stopper.request()
        call.fail("raised", _in_a_line(error))


class _TooLate(Exception):
    """An agent did not answer in time."""


async def _within(answer: Awaitable[Any], seconds: float | None) -> Any:
    """What is awaited, or `_TooLate`. A time-out of the caller's own stays one."""
    task = asyncio.ensure_future(answer)
    done, _ = await asyncio.wait([task], timeout=seconds)
    if done:
        return task.result()
    task.cancel()
    raise _TooLate


def _in_a_line(error: BaseException) -> str:
    """The exception with the place of the caller's code that raised it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_HERE)]
    at = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno}, in {frames[-1].name})" if frames else ""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if words else ''}{words}{at}"


class _Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="reenact-loop", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
