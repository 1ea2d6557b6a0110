"""A server that answers as the path says, well or badly; run in a process of its own by the tests beside it.

Prints the ports it listens on as one line of JSON and serves until its standard input ends.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import sys
import threading
import time
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import brotli

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = b"a body that is worth compressing " * 20
COUNTS: Counter[str] = Counter()
PORTS: dict[str, int] = {}


class Request:
    def __init__(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self.method, self.target, self.headers, self.body = method, target, headers, body
        parts = urlsplit(target)
        self.path = parts.path
        self.query = {key: values[0] for key, values in parse_qs(parts.query).items()}

    def get(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key.lower() == name)


def answer(body: bytes = b"", status: str = "200 OK", *headers: str, length: bool = True) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*pieces: bytes, headers: tuple[str, ...] = (), trailer: bytes = b"") -> bytes:
    body = b"".join(b"%x;some=extension\r\n%s\r\n" % (len(each), each) for each in pieces if each)
    return answer(
        body + b"0\r\n" + trailer + b"\r\n", "200 OK", "Transfer-Encoding: chunked", *headers, length=False
    )


def respond(request: Request, sock: Any) -> bool:
    """Send an answer; whether the connection stays."""
    path, query, send = request.path, request.query, sock.sendall
    COUNTS[path] += 1
    if path == "/echo":
        told = {
            "method": request.method, "target": request.target, "headers": request.headers,
            "body": request.body.decode("latin-1"),
        }  # fmt: skip
        send(answer(json.dumps(told).encode(), "200 OK", "Content-Type: application/json"))
    elif path == "/counts":
        send(answer(json.dumps(COUNTS).encode()))
    elif path == "/encoded":
        raw = zlib.compressobj(wbits=-15)
        body = {
            "gzip": gzip.compress(TEXT), "members": gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]),
            "deflate": zlib.compress(TEXT), "raw": raw.compress(TEXT) + raw.flush(),
            "br": brotli.compress(TEXT), "bad": b"nothing of the kind", "cut": gzip.compress(TEXT)[:-9],
            "large": gzip.compress(b"0" * 60_000_000, 1),
            "bomb": gzip.compress(b"\0" * 300 * 1024 * 1024, 1), "brcut": brotli.compress(TEXT)[:-3],
        }[query["as"]] if query["as"] != "unknown" else TEXT  # fmt: skip
        names = {"raw": "deflate", "br": "br", "brcut": "br", "deflate": "deflate", "unknown": "zz"}
        send(answer(body, "200 OK", f"Content-Encoding: {names.get(query['as'], 'gzip')}"))
    elif path == "/chunked":
        whole = chunked(b"one ", b"two ", b"x" * 70_000, trailer=b"X-After: 1\r\n")
        step = int(query.get("step", 1_000_000))
        for start in range(0, len(whole), step):
            send(whole[start : start + step])
    elif path == "/chunked-and-more":
        send(chunked(b"mine") + answer(b"not asked for"))
    elif path == "/plain-and-more":
        send(answer(b"mine") + answer(b"not asked for"))
    elif path == "/hello-and-later":
        # Says something more, unasked, when the answer has long been read.
        send(answer(b"hello"))
        time.sleep(0.01)
        send(answer(b"more"))
    elif path == "/close-between":
        send(answer(b"bye"))
        return False
    elif path == "/until-close":
        send(answer(b"as long as it lasts", "200 OK", length=False))
        return False
    elif path == "/http10":
        send(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold")
        return False
    elif path == "/status":
        send(answer(b"" if query["code"] in ("204", "304") else b"told", f"{query['code']} As Asked"))
    elif path == "/bodiless-length":
        send(b"HTTP/1.1 %s Not Here\r\nContent-Length: 5\r\n\r\n" % query["code"].encode())
    elif path == "/head":
        send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + (b"" if request.method == "HEAD" else b"hello")
        )
    elif path == "/early":
        send(
            b"HTTP/1.1 103 Early Hints\r\nLink: </style>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
            + answer(b"late")
        )
    elif path == "/redirect":
        left = int(query.get("left", 1))
        to = (
            f"/redirect?left={left - 1}&code={query.get('code', 302)}"
            if left > 1
            else query.get("to", "/echo")
        )
        send(answer(b"elsewhere", f"{query.get('code', 302)} Elsewhere", f"Location: {to}"))
    elif path == "/loop":
        send(answer(b"", "302 Round", "Location: /loop"))
    elif path == "/elsewhere":
        send(answer(b"", "307 There", f"Location: http://127.0.0.1:{PORTS['other']}/echo"))
    elif path == "/away":
        send(answer(b"", "302 There", f"Location: http://localhost:{PORTS['plain']}/echo"))
    elif path == "/odd-scheme":
        send(answer(b"", "302 There", "Location: ftp://127.0.0.1/file"))
    elif path == "/utf8-location":
        send(answer(b"", "302 There", "Location: /écho-nowhere?q=ü"))
    elif path == "/cookie":
        send(answer(b"", "302 Home" if "to" in query else "200 OK", f"Set-Cookie: {query['set']}",
                    "Set-Cookie: second=2; Path=/echo", f"Location: {query.get('to', '/')}"))  # fmt: skip
    elif path == "/auth":
        right = request.get("authorization") == "Basic dTpw"
        send(answer(b"in" if right else b"", "200 OK" if right else "401 Who"))
    elif path == "/slow":
        time.sleep(float(query["seconds"]))
        send(answer(b"at last"))
    elif path == "/slowloris":
        where = query.get("where", "head")
        send(b"HTTP/1.1 200 OK\r\n" + {
            "head": b"", "body": b"Content-Length: 999\r\n\r\n", "until-close": b"\r\n",
            "chunks": b"Transfer-Encoding: chunked\r\n\r\n",
        }[where])  # fmt: skip
        for _ in range(100):
            time.sleep(0.05)
            send({"head": b"X-A: b\r\n", "chunks": b"1\r\na\r\n"}.get(where, b"a"))
        return False
    elif path == "/large":
        size = int(query["bytes"])
        send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        block = b"x" * 1_000_000
        while size > 0:
            send(block[:size])
            size -= len(block)
    elif path == "/lines":
        send(chunked(*[b"line %d\n" % each for each in range(50)]))
    elif path == "/raw":
        send(query["bytes"].encode("latin-1"))
        return False
    elif path == "/nothing":
        return False
    elif path == "/reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return False
    elif path == "/dies-when-kept":
        # Answers the first request of a connection, and closes when the second has come.
        send(answer(b"first"))
        sock.recv(65536)
        return False
    else:
        send(answer(b"hello"))
    return True


def serve(sock: Any) -> None:
    COUNTS["connections"] += 1
    data = b""
    try:
        while True:
            while b"\r\n\r\n" not in data:
                more = sock.recv(65536)
                if not more:
                    return
                data += more
            head, _, data = data.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            method, target, _ = first.split(" ", 2)
            headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
            request = Request(method, target, headers, b"")
            if request.get("transfer-encoding") == "chunked":
                while not data.endswith(b"0\r\n\r\n"):
                    data += sock.recv(65536)
                request.body, data = data, b""
            length = int(request.get("content-length") or 0)
            while len(data) < length:
                data += sock.recv(65536)
            if length:
                request.body, data = data[:length], data[length:]
            if not respond(request, sock):
                return
    except (OSError, ValueError):
        pass
    finally:
        sock.close()


def proxy(sock: Any) -> None:
    """Absolute addresses are answered here; CONNECT leads to where it says."""
    data = sock.recv(65536)
    COUNTS["proxied"] += 1
    method, target, _ = data.decode("latin-1").split(" ", 2)
    if method != "CONNECT":
        sock.sendall(answer(f"through the proxy to {target}".encode(), "200 OK", "Connection: close"))
        sock.close()
        return
    host, _, port = target.rpartition(":")
    upstream = socket.create_connection((host, int(port)))
    sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")

    def pump(source: Any, sink: Any) -> None:
        try:
            while piece := source.recv(65536):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    threading.Thread(target=pump, args=(sock, upstream), daemon=True).start()
    pump(upstream, sock)


def listen(
    name: str, host: str, handler: Callable[[Any], None], context: ssl.SSLContext | None = None
) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family, backlog=512)
    PORTS[name] = listener.getsockname()[1]

    def greet(sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            handler(context.wrap_socket(sock, server_side=True) if context else sock)
        except OSError:
            COUNTS["handshakes failed"] += 1
            sock.close()

    def accept() -> None:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=greet, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def main(folder: str) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    tls.sni_callback = lambda _sock, name, _context: COUNTS.update([f"sni {name}"])
    known = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    known.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    known.load_verify_locations(f"{folder}/ca.pem")
    known.verify_mode = ssl.CERT_REQUIRED
    listen("plain", "127.0.0.1", serve)
    listen("other", "127.0.0.1", serve)
    listen("tls", "127.0.0.1", serve, tls)
    # Its certificate is not valid for this address.
    listen("misnamed", "127.0.0.2", serve, tls)
    # Answers whatever comes, as servers do that are asked for TLS where they don't speak it.
    listen("blunt", "127.0.0.1", lambda sock: sock.sendall(answer(b"", "400 What", "Connection: close")))
    listen("client_cert", "127.0.0.1", serve, known)
    listen("proxy", "127.0.0.1", proxy)
    if socket.has_ipv6:
        with contextlib.suppress(OSError):
            listen("ipv6", "::1", serve)
    # Takes connections and says nothing, not even in TLS.
    listen("silent", "127.0.0.1", lambda sock: time.sleep(60))
    print(json.dumps(PORTS), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
