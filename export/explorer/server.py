"""Serving a page to browsers of this machine."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def serve(page, port=0, on_start=print):
    """Serves a page on the loopback interface until the user interrupts.

    Requests by another name than this machine's are refused: by one of their own that
    resolves to 127.0.0.1, pages of strangers could read what is served here.

    Args:
        page: the HTML, bytes.
        port: 0 takes any that is free.
        on_start: called with the address once it answers.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802, the name that the base class asks for
            here = [
                f"{name}:{server.server_port}" for name in ("127.0.0.1", "localhost")
            ]
            status, content = 200, page
            if self.headers.get("Host") not in here:
                status, content = 421, b"This is not the host that was asked for.\n"
            elif self.path.partition("?")[0] != "/":
                status, content = 404, b"There is nothing here but /.\n"
            self.send_response(status)
            kind = "text/html" if status == 200 else "text/plain"
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            # A browser that goes away in the middle is none.
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    with Server(("127.0.0.1", port), Handler) as server:
        on_start(f"http://127.0.0.1:{server.server_port}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
