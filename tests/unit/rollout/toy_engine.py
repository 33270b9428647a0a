"""Which answers can an engine give? One of each, over a bare socket."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading


class ToyEngine(socketserver.ThreadingTCPServer):
    """Answers /v1/code/NNN with NNN, breaks off at /v1/broken, resets at /v1/reset, and waits for `go` at /v1/slow."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.go = threading.Event()
        self.started = threading.Event()
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class _Handler(socketserver.StreamRequestHandler):
    server: ToyEngine

    def handle(self) -> None:
        words = self.rfile.readline().decode().split()
        if not words:
            return
        while self.rfile.readline().strip():
            pass
        path = words[1]
        if path.startswith("/v1/code/"):
            self._answer(path.rpartition("/")[2])
        elif path == "/health":
            self._answer("200")
        elif path == "/v1/broken":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        elif path == "/v1/reset":
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif path == "/v1/slow":
            self.server.started.set()
            self.server.go.wait(20)
            self._answer("200")

    def _answer(self, code: str) -> None:
        self.wfile.write(f"HTTP/1.1 {code} X\r\nContent-Length: 2\r\n\r\nok".encode())
