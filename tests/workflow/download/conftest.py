"""A web server that can misbehave."""

import hashlib
import io
import threading
import time
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


def zipped(members, comment=""):
    """The bytes of a zip archive; members: name (or ZipInfo) -> content."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
        opened.comment = comment.encode()
    return stream.getvalue()


@dataclass
class Server:
    """Files by path, and how the server mistreats those who ask for them.

    Attributes:
        files: path -> content.
        faults: path -> list of faults, one used up by each request: "truncate", "stall", "wrong", "500", "404", "403",
            "no range" (answers a range with the whole file), "shifted" (a range that starts elsewhere).
        asked: how often each path was asked for.
        ranges: the Range headers that came, in order.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    asked: Counter = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path
        self.asked[path] += 1
        fault = self.faults[path].pop(0) if self.faults.get(path) else ""
        if path not in self.files or fault.isdigit():
            request.send_error(int(fault or 404))
            return
        content = self.files[path]
        if fault == "wrong":
            content = bytes(255 - byte for byte in content)
        tag = f'"{hashlib.md5(self.files[path]).hexdigest()}"'
        wanted = request.headers.get("Range", "")
        self.ranges += [wanted] if wanted else []
        same = fault != "no range" and request.headers.get("If-Range", tag) == tag
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted and same else 0
        if start >= len(content) > 0 and start > 0:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(content)}")
            request.end_headers()
            return
        request.send_response(206 if start else 200)
        if start:
            said = start + 1 if fault == "shifted" else start
            request.send_header("Content-Range", f"bytes {said}-{len(content) - 1}/{len(content)}")
        request.send_header("ETag", tag)
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        body = content[start:]
        if fault in ("truncate", "stall"):
            request.wfile.write(body[: len(body) // 2])
            request.wfile.flush()
            if fault == "stall":
                time.sleep(1.5)
        else:
            request.wfile.write(body)


@pytest.fixture
def server():
    """A server on this machine alone, stopped at the end of the test."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            state.answer(self)

        def log_message(self, *_):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{httpd.server_address[1]}"
    yield state
    httpd.shutdown()
    httpd.server_close()
