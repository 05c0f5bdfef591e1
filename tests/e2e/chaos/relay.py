"""A relay on this machine that cuts connections in the middle of what goes over them."""

import contextlib
import socket
import struct
import threading

#: A socket with this is closed with a reset, as one whose machine has gone, and not with a polite end.
_RESET = struct.pack("ii", 1, 0)


class Relay:
    """Passes connections on to a server.

    Args:
        host: of the server
        port: of the server

    Attributes:
        port: where it listens on 127.0.0.1
        passed: how many bytes have gone through it, both ways
        cuts: how many times it has cut all connections
    """

    def __init__(self, host, port):
        self._server, self._listener = (host, port), socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.passed = self.cuts = 0
        self._lock, self._open, self._left = threading.Lock(), set(), []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, *counts):
        """Cuts all connections after so many more bytes, then after so many more, and so on: mid-message, as a rule."""
        with self._lock:
            self._left = list(counts)

    def heal(self):
        """Cuts nothing any more."""
        self.cut_after()

    def close(self):
        """Ends it, with all connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            self._cut()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(self._server)
                except OSError:
                    client.close()
                    continue
                with self._lock:
                    self._open |= {client, server}
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source, sink):
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 14):
                sink.sendall(piece[: self._allowed(len(piece))])
                with self._lock:
                    self.passed += len(piece)
                    if self._left and self._left[0] <= 0:
                        self._left.pop(0)
                        self.cuts += 1
                        self._cut()
        with self._lock:
            self._end(source)
            self._end(sink)

    def _allowed(self, size):
        """How many of so many bytes still go through."""
        with self._lock:
            if not self._left:
                return size
            allowed = max(min(size, self._left[0]), 0)
            self._left[0] -= size
            return allowed

    def _cut(self):
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._end(one)

    def _end(self, one):
        self._open.discard(one)
        # Both: to close alone would leave the thread that reads it waiting.
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            one.close()
