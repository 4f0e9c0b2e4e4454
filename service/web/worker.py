"""gunicorn's threaded worker, leaner, with the one error body for what gunicorn itself refuses."""

import select
import time
from functools import lru_cache
from typing import Any

from gunicorn import util
from gunicorn.http import errors as http
from gunicorn.http import wsgi
from gunicorn.workers.gthread import ThreadWorker
from werkzeug.exceptions import BadRequest

from service.web import errors

_STATUS = (
    (http.ConfigurationProblem, 500),
    (http.InvalidResponseHeader, 500),
    (http.InvalidResponseHeaderName, 500),
    (http.LimitRequestLine, 414),
    (http.LimitRequestHeaders, 431),
    (http.UnsupportedTransferCoding, 501),
    (http.ParseException, 400),
)

# In milliseconds: longer than a busy client or nginx takes to send the next request.
LINGER = 5


class Worker(ThreadWorker):
    """Lingers on a connection, and answers what is not well-formed HTTP itself."""

    cfg: Any
    alive: bool

    def init_process(self) -> None:
        self.cfg = _Settings(self.cfg)
        super().init_process()

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

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer one request; say whether the connection may be kept.

        gunicorn's own, less its hooks, its access log and the sending of files by the kernel.
        """
        req.body = _Body(req)
        response, environ = wsgi.create(
            req, conn.sock, conn.client, conn.server, self.cfg, response_class=_Response
        )
        environ["wsgi.multithread"] = True
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        if not self.alive or len(self.keepalived_conns) >= self.max_keepalived:
            response.force_close()
        try:
            answer = self.wsgi(environ, response.start_response)
            try:
                for part in answer:
                    response.write(part)
                response.close()
            finally:
                if hasattr(answer, "close"):
                    answer.close()
        except OSError:
            raise
        except (Exception, SystemExit):
            if not response.headers_sent:
                raise
            # Another answer behind the half of one would be taken for its other half.
            self.log.exception("error in the middle of an answer")
            return False
        return not response.should_close()

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        if keepalive and conn.parser.mesg.body.is_read:
            # Nothing to drain: gunicorn would set the socket's time-out three times to do so.
            conn.parser.mesg = None
            return True
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
        util.write_nonblock(client, errors.raw_response(status))


class _Settings:
    """gunicorn's settings, each looked up once: it asks for twenty at each request."""

    def __init__(self, cfg: Any) -> None:
        self._cfg = cfg

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._cfg, name)
        setattr(self, name, value)
        return value


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return str(util.http_date(second))


class _Response(wsgi.Response):
    """Sends the head together with the body's first part, and makes a `Date` once a second."""

    _head = b""
    headers_sent: bool

    def default_headers(self) -> list[str]:
        major, minor = self.req.version
        lines = [
            f"HTTP/{major}.{minor} {self.status}\r\n",
            f"Server: {self.version}\r\n",
            f"Date: {_date(int(time.time()))}\r\n",
            f"Connection: {'close' if self.should_close() else 'keep-alive'}\r\n",
        ]
        if self.chunked:
            lines.append("Transfer-Encoding: chunked\r\n")
        return lines

    def send_headers(self) -> None:
        if not self.headers_sent:
            lines = [*self.default_headers(), *(f"{k}: {v}\r\n" for k, v in self.headers), "\r\n"]
            self._head = "".join(lines).encode("latin-1")
            self.headers_sent = True

    def _emit_body(self, data: bytes) -> None:
        if self.chunked:
            self._flush()
            super()._emit_body(data)
        else:
            self._flush(data)

    def _flush(self, data: bytes = b"") -> None:
        if self._head or data:
            self.sock.sendall(self._head + data)
            self._head = b""

    def close(self) -> None:
        self.send_headers()
        self._flush()
        super().close()


class _Body:
    """A request's body that tells the application of malformed chunks in Werkzeug's words.

    Nobody can say where the next request would begin: the connection is closed then.
    """

    def __init__(self, req: Any) -> None:
        self._req = req
        self._body = req.body

    @property
    def is_read(self) -> bool:
        """Whether nothing of it waits on the socket."""
        return getattr(self._body.reader, "length", None) == 0

    def read(self, size: int | None = None) -> bytes:
        try:
            data: bytes = self._body.read(size)
        except http.ParseException as error:
            self._req.force_close()
            raise BadRequest from error
        return data
