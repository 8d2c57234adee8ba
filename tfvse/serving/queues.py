"""Two queues: whoever sends little does not wait for whoever sends much."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any

from tfvse.serving.limits import Limits, RequestError

_LIGHT_WAITING = 1024


class Queue:
    """Threads that run calls in turn.

    Both doors use it: `run` waits in a thread, `run_async` in an event loop. A call that has not
    begun in time, or whose client is gone by then, does not begin.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        most: int,
        patience: float,
    ) -> None:
        """Begins with no calls.

        Args:
          name: of the threads.
          threads: calls that run at the same time.
          most: calls that run or wait.
          patience: seconds that a call waits for its turn.
        """
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, name)
        self._most = most
        self._patience = patience
        self._lock = threading.Lock()
        self._count = 0  # calls that run or wait

    def run(
        self,
        call: Callable[[], Any],
        wanted: Callable[[], bool],
    ) -> Any:
        """Waits for the result of `call()`.

        Args:
          call: function without arguments.
          wanted: function without arguments; tells whether the client still waits.

        Raises:
          RequestError: UNAVAILABLE, when too many wait or none got done in time; CANCELLED, when it
            is not wanted.
        """
        future = self._submit(call, wanted)
        concurrent.futures.wait([future], self._patience)
        self._give_up(future)
        return future.result()

    async def run_async(
        self,
        call: Callable[[], Any],
        wanted: Callable[[], bool],
    ) -> Any:
        """Like `run`, for an event loop."""
        future = self._submit(call, wanted)
        waiting = asyncio.wrap_future(future)
        try:
            await asyncio.wait([waiting], timeout=self._patience)
            self._give_up(future)
            return await waiting
        finally:
            waiting.cancel()  # has an effect only where the connection was closed meanwhile

    def close(self) -> int:
        """Drops the calls that have not begun; how many run on, or were dropped."""
        left = self._count
        self._pool.shutdown(wait=False, cancel_futures=True)
        return left

    def _submit(
        self,
        call: Callable[[], Any],
        wanted: Callable[[], bool],
    ) -> concurrent.futures.Future:
        """Puts a call into the queue."""
        with self._lock:
            if self._count == self._most:
                raise _busy()
            self._count += 1
        future = self._pool.submit(_begin, call, wanted)
        future.add_done_callback(self._leave)
        return future

    def _leave(self, future: concurrent.futures.Future) -> None:
        """Counts a call that has ended."""
        with self._lock:
            self._count -= 1

    def _give_up(self, future: concurrent.futures.Future) -> None:
        """Takes a call that has not begun out of the queue."""
        if future.cancel():  # which a call that has begun does not heed
            raise _busy()


def _begin(
    call: Callable[[], Any],
    wanted: Callable[[], bool],
) -> Any:
    """Runs a call unless nobody wants its result any more."""
    if not wanted():
        raise RequestError("CANCELLED", "the client no longer waits for the answer")
    return call()


def _busy() -> RequestError:
    """The refusal of a queue that is full or too slow."""
    return RequestError("UNAVAILABLE", "the server is busy; try again later")


class Queues:
    """The light and the heavy queue of one server."""

    def __init__(self, limits: Limits) -> None:
        """Makes both queues."""
        patience = limits.timeout
        self._light = Queue("light", limits.at_once, _LIGHT_WAITING, patience)
        self._heavy = Queue("heavy", 1, limits.waiting, patience)

    def of(self, is_heavy: bool) -> Queue:
        """The queue of heavy requests, or of light ones."""
        return self._heavy if is_heavy else self._light

    def close(self) -> int:
        """Drops the calls that have not begun; how many run on, or were dropped."""
        return self._light.close() + self._heavy.close()
