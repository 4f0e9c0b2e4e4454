"""gunicorn's threaded worker, with the one error body for what gunicorn itself refuses."""

import select
import signal
from typing import Any

from gunicorn import glogging, util
from gunicorn.http import errors as http
from gunicorn.workers.gthread import ThreadWorker

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


class Logger(glogging.Logger):
    """Leaves out the access log, for which gunicorn gathers sixty values a request.

    The service writes a line for each request itself.
    """

    def access(self, *_: Any) -> None:
        pass


class Worker(ThreadWorker):
    alive: bool

    def handle(self, conn: Any) -> Any:
        """Serve the connection's next requests too, if they come at once and nobody waits.

        gunicorn hands a connection back to the main thread after each request, which wakes up
        for it, watches it and hands it to a thread again. Two of the names used here are not
        documented, `_work_queue` and the parser's `unreader`: decision 0007 has the figure.
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

    def set_accept_enabled(self, enabled: bool) -> None:
        """When it stops, accept what has been queued, and then let nobody queue any more.

        gunicorn keeps the socket until the last connection has ended: who connects meanwhile, and
        who was queued, would be reset.
        """
        super().set_accept_enabled(enabled)
        if not (enabled or self.alive):
            # Taken out, since it may come here again: TERM may arrive at any line of the main loop.
            while self.sockets:
                listener = self.sockets.pop()
                queued = True
                while queued:
                    before = self.nr_conns
                    self.accept(listener)
                    queued = self.nr_conns > before
                listener.close()

    def handle_quit(self, sig: int, frame: object) -> None:
        """End at once, on INT or QUIT.

        Ctrl-C reaches the workers too, and the master's QUIT follows. ThreadWorker's own handler
        takes a lock of the thread pool, which the line that it interrupts may hold, itself above
        all: it would wait for ever. The pool ends with the process.
        """
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        super(ThreadWorker, self).handle_quit(sig, frame)

    def handle_error(self, req: object, client: Any, addr: object, exc: BaseException) -> None:
        status = next((status for kind, status in _STATUS if isinstance(exc, kind)), 500)
        if status == 500:
            self.log.error("error before or after the application", exc_info=exc)
        else:
            # The exception's text is the client's: it stays out of the log.
            self.log.warning("malformed request refused: %s", type(exc).__name__)
        # A whole request whose body is malformed where the application did not read it has had
        # its answer.
        if req is None or status == 500:
            util.write_nonblock(client, errors.raw_response(status))
