"""gunicorn's threaded worker and log, with the one error body for what gunicorn itself refuses."""

import select
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http import errors as http
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker
from werkzeug.exceptions import BadRequest

from service import errors

_STATUS = (
    (http.ConfigurationProblem, 500),
    (http.InvalidResponseHeader, 500),
    (http.InvalidResponseHeaderName, 500),
    (http.LimitRequestLine, 414),
    (http.LimitRequestHeaders, 431),
    (http.UnsupportedTransferCoding, 501),
    (http.ParseException, 400),
)


class Log(Logger):
    """gunicorn's own lines. The application writes one a request, so gunicorn needs not."""

    def access(self, *_: object) -> None:
        # As it comes it gathers all about the request first and finds then that nobody asked.
        pass


# In milliseconds: longer than a busy client or nginx takes to send the next request.
LINGER = 5


class Worker(ThreadWorker):
    """Lingers on a connection, and answers what is not well-formed HTTP itself."""

    def handle(self, conn: Any) -> Any:
        """Serve the connection's next requests too, if they come at once and nobody waits.

        gunicorn hands a connection back to the main thread after each request, which wakes up
        for it, watches it and hands it to a thread again: a seventh of a list's time.
        """
        again = super().handle(conn)
        if again is not True:
            return again
        readable = select.poll()
        readable.register(conn.sock, select.POLLIN)
        waiting = self.tpool._work_queue
        while again is True and self.alive and waiting.empty():
            # A request that was read together with the last one makes nothing readable.
            if not conn.parser.unreader.buf.getvalue() and not readable.poll(LINGER):
                break
            again = super().handle(conn)
        return again

    def handle_request(self, req: Any, conn: Any) -> Any:
        req.body = _Body(req)
        return super().handle_request(req, conn)

    def _keepalive_after(self, conn: Any, keepalive: Any) -> bool:
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except BadRequest:  # in what the application left unread; it has its answer
            return False

    def handle_error(self, req: object, client: Any, addr: object, exc: BaseException) -> None:
        status = next((status for kind, status in _STATUS if isinstance(exc, kind)), 500)
        if status == 500:
            self.log.error("error before or after the application", exc_info=exc)
        else:
            # The exception's text is the client's: it stays out of the log.
            self.log.warning("malformed request refused: %s", type(exc).__name__)
        write_nonblock(client, errors.raw_response(status))


class _Body:
    """A request's body that tells the application of malformed chunks in Werkzeug's words.

    Nobody can say where the next request would begin: the connection is closed then.
    """

    def __init__(self, req: Any) -> None:
        self._req = req
        self._body = req.body

    def read(self, size: int | None = None) -> bytes:
        try:
            data: bytes = self._body.read(size)
        except http.ParseException as error:
            self._req.force_close()
            raise BadRequest from error
        return data
