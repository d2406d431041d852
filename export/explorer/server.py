"""Serving a page to browsers of this machine."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def serve(page, port=0, on_start=print):
    """Serves a page on the loopback interface until the user interrupts.

    Args:
        page: the HTML, bytes.
        port: 0 takes any that is free.
        on_start: called with the address once it answers.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802, the name that the base class asks for
            found = self.path.partition("?")[0] == "/"
            content = page if found else b"There is nothing here but /.\n"
            self.send_response(200 if found else 404)
            kind = "text/html" if found else "text/plain"
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        on_start(f"http://127.0.0.1:{server.server_port}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
