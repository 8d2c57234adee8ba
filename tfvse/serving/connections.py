"""HTTP connections: cheap, with deadlines; when all places are taken, the idlest makes room."""

import asyncio
import http
import json
import resource
import socket
import time
from collections.abc import Callable
from typing import Any

from tfvse.serving import http_head, models
from tfvse.serving.http_head import Head, HttpError
from tfvse.serving.limits import RequestError
from tfvse.serving.rest import Answer, Rest

_MOST = 1024  # connections, where the files that the process may open allow it
_SETTLED = 1.0  # seconds without a request after which a connection may be closed for another
_PAUSE = 0.05  # seconds until the next look for room
_LINGER = 2.0  # seconds for a client to see the answer to a request whose body was not read
_DRAINED = 64 * 2**20  # bytes of such a body that are read
_CHUNK = 65536


def most_connections() -> int:
    """Connections held at a time: half of the files that may be open, at most `_MOST`."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if files == resource.RLIM_INFINITY else min(_MOST, files // 2)


class Connections:
    """The connections of one listening socket. Its methods are called in the event loop alone."""

    def __init__(
        self,
        rest: Rest,
        listener: socket.socket,
    ) -> None:
        """Takes the socket; accepts nothing yet.

        Args:
          rest: what answers.
          listener: listening, non-blocking socket.
        """
        limits = rest.models.limits
        self.rest = rest
        self.timeout = limits.timeout
        self.is_closing = False
        self._bodies = 16 * limits.request_bytes  # bytes of bodies that may still arrive
        self._most = most_connections()
        self._listener = listener
        self._open: dict[asyncio.Task, _Connection] = {}

    def listen(self) -> None:
        """Begins, or goes on, to accept connections."""
        if not self.is_closing:
            asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        """Accepts what has come; without room, or without a free file, looks again soon."""
        loop = asyncio.get_running_loop()
        try:
            while self._has_room():
                accepted, _ = self._listener.accept()
                self._begin(accepted)
        except BlockingIOError:
            return
        except OSError:  # too many open files, or a client that has gone already
            models.log.debug("a connection was not accepted", exc_info=True)
        loop.remove_reader(self._listener)
        loop.call_later(_PAUSE, self.listen)

    def _begin(self, accepted: socket.socket) -> None:
        """Serves a connection in a task of its own."""
        accepted.setblocking(False)
        connection = _Connection(self, accepted)
        task = asyncio.get_running_loop().create_task(connection.serve())
        self._open[task] = connection
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task) -> None:
        """Forgets a connection that has ended."""
        self._open.pop(task, None)
        if not task.cancelled() and task.exception():
            models.log.debug("a connection broke", exc_info=task.exception())

    def _has_room(self) -> bool:
        """Whether one more connection may be held; the idlest makes room for it."""
        if len(self._open) < self._most:
            return True
        settled = time.monotonic() - _SETTLED
        idle = {}
        for task, connection in self._open.items():
            if connection.idle_since and connection.idle_since <= settled:
                idle[task] = connection.idle_since
        if not idle:
            return False
        self._close(min(idle, key=idle.__getitem__))
        return True

    def _close(self, task: asyncio.Task) -> None:
        """Closes a connection at once."""
        self._open.pop(task).abort()
        task.cancel()

    def take(self, size: int) -> None:
        """Counts bytes of a body that have arrived, so that all together fit the memory.

        Raises:
          RequestError: UNAVAILABLE.
        """
        if size > self._bodies:
            raise RequestError("UNAVAILABLE", "the server is busy; try again later")
        self._bodies -= size

    def give_back(self, size: int) -> None:
        """Counts bytes of a body that are no longer held."""
        self._bodies += size

    async def drain(self, grace: float) -> int:
        """Answers the requests that were accepted and closes every connection.

        Args:
          grace: seconds for it.

        Returns:
          How many requests were cut.
        """
        end = time.monotonic() + grace
        self._accept()
        self.is_closing = True
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()

        await asyncio.sleep(_PAUSE)  # requests that have arrived already are read
        self._close_idle(lambda connection: connection.has_answered)
        await self._wait(min(_SETTLED, grace))  # for requests of connections that were just made
        self._close_idle(lambda connection: True)
        await self._wait(end - time.monotonic())
        cut = len(self._open)
        for task in list(self._open):
            self._close(task)
        return cut

    def _close_idle(self, chosen: "Callable[[_Connection], bool]") -> None:
        """Closes the idle connections of which `chosen` is true."""
        for task, connection in list(self._open.items()):
            if connection.idle_since and chosen(connection):
                self._close(task)

    async def _wait(self, seconds: float) -> None:
        """Waits until all connections have ended, at most this long."""
        if self._open:
            await asyncio.wait(list(self._open), timeout=max(0.0, seconds))


class _Connection:
    """One client's connection.

    Attributes:
      idle_since: time since when it waits for a whole head, or None while it works on a request.
      has_answered: whether a request was answered on it.
    """

    def __init__(
        self,
        connections: Connections,
        accepted: socket.socket,
    ) -> None:
        """Takes an accepted, non-blocking socket."""
        self.idle_since: float | None = time.monotonic()
        self.has_answered = False
        self._connections = connections
        self._socket = accepted
        self._timeout = connections.timeout
        self._reader = asyncio.StreamReader(http_head.LINE_BYTES)
        self._writer: Any = None  # asyncio.StreamWriter, once connected

    async def serve(self) -> None:
        """Answers one request after the other, until the client or a deadline ends it."""
        try:
            await self._connect()
            while await self._request():
                self.has_answered = True
                self.idle_since = time.monotonic()
            self._writer.close()
            await asyncio.wait_for(self._writer.wait_closed(), _LINGER)
        except (OSError, EOFError, asyncio.TimeoutError):
            pass  # the client has gone, or takes too long
        finally:
            self.abort()

    async def _connect(self) -> None:
        """Wraps the socket in a reader and a writer."""
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_accepted_socket(
            lambda: asyncio.StreamReaderProtocol(self._reader), self._socket
        )
        transport.set_write_buffer_limits(0)  # `drain` then waits until all is sent
        self._writer = asyncio.StreamWriter(transport, protocol, self._reader, loop)

    def abort(self) -> None:
        """Closes the socket, whatever is under way."""
        if self._writer is None:
            self._socket.close()
        else:
            self._writer.transport.abort()

    async def _request(self) -> bool:
        """Answers one request; whether another may follow."""
        head = None
        try:
            head = await self._head()
            if head is None:
                return False
            self.idle_since = None
            answer = self._connections.rest.route(head)
            data = await self._answer(head, answer)
        except RequestError as error:
            self.idle_since = None
            await self._refuse(head, error)
            return False
        keeps_open = head.keeps_open and not self._connections.is_closing
        await self._send(http.HTTPStatus.OK, data, keeps_open)
        return keeps_open

    async def _head(self) -> Head | None:
        """The head of the next request; None where the client has closed or stays idle."""
        try:
            return await asyncio.wait_for(http_head.read(self._reader), self._timeout)
        except asyncio.TimeoutError:
            if self.has_answered:  # a client that is idle would take it for its next answer
                return None
            raise HttpError(408, "no whole request arrived in time") from None

    async def _answer(
        self,
        head: Head,
        answer: Answer,
    ) -> bytes:
        """The answer to a request, once its body has arrived."""
        body = bytearray()
        try:
            if head.expects_continue and head.length:
                self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await asyncio.wait_for(self._read_body(head.length or 0, body), self._timeout)
            return await answer(body, self._is_wanted)
        except asyncio.TimeoutError:
            raise HttpError(408, "the body did not arrive in time") from None
        finally:
            self._connections.give_back(len(body))

    async def _read_body(
        self,
        length: int,
        body: bytearray,
    ) -> None:
        """Reads a body of `length` bytes into `body`."""
        while len(body) < length:
            chunk = await self._reader.read(min(length - len(body), _CHUNK))
            if not chunk:
                raise HttpError(400, "the body is shorter than its Content-Length")
            self._connections.take(len(chunk))
            body += chunk

    def _is_wanted(self) -> bool:
        """Whether the client still waits."""
        return not self._reader.at_eof() and self._reader.exception() is None

    async def _refuse(
        self,
        head: Head | None,
        error: RequestError,
    ) -> None:
        """Tells the client why its request is not answered."""
        data = json.dumps({"error": str(error)}).encode()
        is_bare = head is not None and head.method == "HEAD"
        await self._send(http_head.status_of(error), b"" if is_bare else data, keeps_open=False)
        self.idle_since = time.monotonic()
        await asyncio.wait_for(self._linger(), _LINGER)

    async def _linger(self) -> None:
        """Reads what the client still sends: else it would not get to see the answer."""
        self._writer.write_eof()
        left = _DRAINED
        while left > 0 and (chunk := await self._reader.read(_CHUNK)):
            left -= len(chunk)

    async def _send(
        self,
        status: int,
        data: bytes,
        keeps_open: bool,
    ) -> None:
        """Sends one answer and waits until it is sent."""
        reason = _REASONS.get(status, "Refused")
        head = [
            f"HTTP/1.1 {int(status)} {reason}",
            "Content-Type: application/json",
            f"Content-Length: {len(data)}",
            f"Connection: {'keep-alive' if keeps_open else 'close'}",
        ]
        self._writer.write("\r\n".join([*head, "", ""]).encode() + data)
        await asyncio.wait_for(self._writer.drain(), self._timeout)


_REASONS = {status.value: status.phrase for status in http.HTTPStatus}
