"""A relay in front of fluxqd, which counts what clients send and can cut them off.

It listens on a Unix socket and on a loopback port, and opens a connection to fluxqd for each that it accepts. No byte
is changed. While fluxqd is being restarted it waits, as a socket of systemd lets clients wait.
"""
import re
import socket
import struct
import threading
import time

TICKET = re.compile(rb"ticket-[a-z0-9-]+")
# Longer than any start of fluxqd.
PATIENCE = 120


class Relay:
    def __init__(self):
        self._lock = threading.Lock()
        self._posts = {}
        self._cuts = {}
        self._listeners = []

    def listen(self, listener, upstream):
        """`upstream` is a path or a pair of host and port."""
        listener.listen(64)
        self._listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener, upstream), daemon=True).start()

    def close(self):
        for listener in self._listeners:
            listener.close()

    def posts(self, ticket):
        """How many whole POST requests with that ticket have gone to fluxqd."""
        with self._lock:
            return self._posts.get(ticket, 0)

    def cut_once(self, ticket, moment):
        """Cuts the connection of the first request with that ticket: at `request`, as soon as its last byte has gone to
        fluxqd; at `unread`, when the answer is there, before a byte of it is read; at `answer`, after some of it."""
        with self._lock:
            self._cuts[ticket] = moment

    def _accept(self, listener, upstream):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # The listener was closed.
            threading.Thread(target=self._serve, args=(client, upstream), daemon=True).start()

    def _serve(self, client, upstream):
        server = connect(upstream)
        if server is None:
            client.close()
            return
        answers = AnswerCarrier(server, client)
        answers.start()
        try:
            reader = RequestReader(client, server)
            while (request := reader.read()) is not None:
                answers.cut = self._note(request)
                if answers.cut == "request":
                    # fluxqd has all of the request. It sees the end before the client can connect again.
                    shut(server)
                    reset(client)
                    break
        except OSError:
            pass  # A side is gone; the other is told by the end below.
        finally:
            shut(server)
            answers.join(PATIENCE)
            server.close()
            client.close()

    def _note(self, request):
        """Returns when the connection has to be cut; None if it has not."""
        found = TICKET.search(request)
        if not request.startswith(b"POST ") or not found:
            return None
        ticket = found[0].decode()
        with self._lock:
            self._posts[ticket] = self._posts.get(ticket, 0) + 1
            return self._cuts.pop(ticket, None)


class RequestReader:
    """Reads one request after the other from a client, and passes each byte on as it comes."""

    def __init__(self, client, server):
        self._client, self._server = client, server
        self._held = b""

    def read(self):
        """The whole request without its transfer coding; None if the client has ended the connection."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        lines = head.decode("latin-1").split("\r\n")
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
        if "chunked" in fields.get("transfer-encoding", "").lower():
            body = self._chunked()
        else:
            body = self._exactly(int(fields.get("content-length", "0")))
        return None if body is None else head + body

    def _more(self):
        piece = self._client.recv(1 << 16)
        if not piece:
            return False
        self._server.sendall(piece)
        self._held += piece
        return True

    def _until(self, mark):
        while mark not in self._held:
            if not self._more():
                return None
        taken, _, self._held = self._held.partition(mark)
        return taken + mark

    def _exactly(self, count):
        while len(self._held) < count:
            if not self._more():
                return None
        taken, self._held = self._held[:count], self._held[count:]
        return taken

    def _chunked(self):
        body = b""
        while (line := self._until(b"\r\n")) is not None:
            size = int(line.split(b";")[0], 16)
            if size == 0:
                return body if self._until(b"\r\n") is not None else None
            if (piece := self._exactly(size + 2)) is None:
                return None
            body += piece[:-2]
        return None


def connect(upstream):
    """None if nobody listens within the patience."""
    deadline = time.monotonic() + PATIENCE
    while True:
        server = socket.socket(socket.AF_UNIX if isinstance(upstream, str) else socket.AF_INET)
        try:
            server.connect(upstream)
            return server
        except OSError:
            server.close()
            if time.monotonic() > deadline:
                return None
            time.sleep(0.02)


class AnswerCarrier(threading.Thread):
    """Passes answers on until one side ends, or until the connection has to be cut."""

    # Less than an answer with a large picture, and more than its head.
    BYTES_BEFORE_CUT = 100_000

    def __init__(self, server, client):
        super().__init__(daemon=True)
        self._server, self._client = server, client
        self.cut = None

    def run(self):
        carried = 0
        try:
            while self._server.recv(1, socket.MSG_PEEK):
                if self.cut == "unread":
                    break
                piece = self._server.recv(1 << 16)
                self._client.sendall(piece)
                carried += len(piece)
                if self.cut == "answer" and carried >= self.BYTES_BEFORE_CUT:
                    break
        except OSError:
            pass
        if self.cut in ("unread", "answer"):
            self._server.close()
            reset(self._client)
        shut(self._client)


def shut(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # It is closed already.


def reset(client):
    """On TCP the client gets a reset; a Unix socket only has an end."""
    if client.family != socket.AF_UNIX:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Wakes a thread that reads from it: the socket would stay open for as long as that waits.
        client.shutdown(socket.SHUT_RD)
        client.close()
    else:
        shut(client)
