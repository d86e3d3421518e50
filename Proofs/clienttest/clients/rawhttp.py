"""Requests as bytes on a socket of one's own, for clients that run on Node.js."""
import http.client
import socket
import time
from urllib.parse import urlsplit


def connect(errand):
    if errand.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(errand.timeout)
        connection.connect(errand.socket)
        return connection
    address = urlsplit(errand.base_url)
    return socket.create_connection((address.hostname, address.port), timeout=errand.timeout)


def exchange(errand, request):
    """Sends bytes, or pieces of them, and returns the status, the headers and the body of the answer."""
    with connect(errand) as connection:
        for piece in [request] if isinstance(request, bytes) else request:
            connection.sendall(piece)
        # http.client reads the answer; the limit is for each read, as in the clients.
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, response.headers, response.read()


def head(errand, target, headers):
    host = urlsplit(errand.base_url).netloc
    prefix = urlsplit(errand.base_url).path
    lines = [f"POST {prefix}{target} HTTP/1.1", f"host: {host}", "connection: keep-alive"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()


def get(errand, url):
    address = urlsplit(url)
    status, _, body = exchange(
        errand, f"GET {address.path} HTTP/1.1\r\nhost: {address.netloc}\r\nconnection: close\r\n\r\n".encode())
    if status != 200:
        raise OSError(f"{url} answers {status}")
    return body


def part(boundary, name, value, filename=None, media_type=None):
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    lines = [f"--{boundary}", disposition, *([f"Content-Type: {media_type}"] if media_type else []), "", ""]
    return "\r\n".join(lines).encode() + (value if isinstance(value, bytes) else str(value).encode()) + b"\r\n"


def chunks(body, size):
    """A body in the chunked coding."""
    for start in range(0, len(body), size):
        piece = body[start:start + size]
        yield b"%x\r\n" % len(piece) + piece + b"\r\n"
    yield b"0\r\n\r\n"


def pause(seconds):
    time.sleep(seconds)
