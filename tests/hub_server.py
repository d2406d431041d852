"""A hub of models on this machine, that speaks the Hugging Face hub's protocol.

As much of it as `huggingface_hub` asks for to upload and download: repositories, their
commits, files by range, large files by Git LFS, tokens. It can be told to fail.
"""

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_the_owner"
OWNER = "someone"
# Files of these go by LFS, as the hub's own rules say of most of them.
LARGE = (".h5", ".onnx", ".png")


def git_digest(content):
    """What Git calls a file by."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Repository:
    """Commits, newest last: {commit: {name: bytes}}."""

    private: bool = False
    gated: bool = False
    commits: dict = field(default_factory=dict)
    branches: dict = field(default_factory=dict)

    def commit(self, files, branch="main"):
        text = f"{len(self.commits)}{sorted(files)}".encode()
        digest = hashlib.sha1(text).hexdigest()
        self.commits[digest] = files
        self.branches[branch] = digest
        return digest

    def find(self, revision):
        return self.branches.get(revision, revision if revision in self.commits else "")


class Hub(ThreadingHTTPServer):
    """Serves until `shutdown`, on a free port.

    Attributes:
        repositories: {"user/name": `Repository`}.
        requests: lines such as "GET /api/models/a/b", of all requests.
        status: answered to everything, where it is set.
        cut_after: bytes of a file's body after which connections break, or None.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories, self.large, self.requests = {}, {}, []
        self.status = self.cut_after = None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        pass  # who hangs up is no matter


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, content=b"", status=200, **headers):
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
            headers["Content-Type"] = "application/json"
        self.send_response(status)
        for name, value in {"Content-Length": len(content), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status, code="", message="no"):
        headers = {"X_Error_Code": code} if code else {}
        self.answer({"error": message}, status, X_Error_Message=message, **headers)

    def repository(self, name):
        """The one of a name, if this user may see it; else None, having said so."""
        found = self.server.repositories.get(name)
        if found is None or (found.private and not self.is_owner):
            self.refuse(404 if self.is_owner else 401, "RepoNotFound")
            return None
        return found

    @property
    def is_owner(self):
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def handle_one(self):
        path = unquote(urlsplit(self.path).path)
        size = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(size) if size else b""
        self.server.requests.append(f"{self.command} {path}")
        if self.server.status:
            return self.refuse(self.server.status)
        for method, pattern, name in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == self.command.replace("HEAD", "GET"):
                return getattr(self, name)(*found.groups())
        return self.refuse(404, "EntryNotFound")

    do_GET = do_HEAD = do_POST = do_PUT = handle_one

    def info(self, name, revision=None):
        if (found := self.repository(name)) is None:
            return
        if not (commit := found.find(revision or "main")):
            return self.refuse(404, "RevisionNotFound")
        names = found.commits[commit]
        self.answer(
            {
                "id": name,
                "sha": commit,
                "private": found.private,
                "tags": [],
                "siblings": [{"rfilename": each} for each in names],
            }
        )

    def tree(self, name, revision):
        if (found := self.repository(name)) is None:
            return
        if not (commit := found.find(revision)):
            return self.refuse(404, "RevisionNotFound")
        entries = []
        for path, content in found.commits[commit].items():
            entry = {"type": "file", "path": path, "size": len(content)}
            entry["oid"] = git_digest(content)
            if path.endswith(LARGE):
                oid = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"oid": oid, "size": len(content), "pointerSize": 130}
            entries.append(entry)
        self.answer(entries)

    def resolve(self, name, revision, path):
        if (found := self.repository(name)) is None:
            return
        if found.gated:
            return self.refuse(403, "GatedRepo")
        if not (commit := found.find(revision)):
            return self.refuse(404, "RevisionNotFound")
        if path not in found.commits[commit]:
            return self.refuse(404, "EntryNotFound")
        content = found.commits[commit][path]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{git_digest(content)}"'}
        first, status = 0, 200
        if wanted := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            first, status = int(wanted[1]), 206
            last = len(content) - 1
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        cut = self.server.cut_after
        if self.command == "HEAD" or cut is None or len(content) - first <= cut:
            return self.answer(content[first:], status, **headers)
        self.send_response(status)
        for key, value in {"Content-Length": len(content) - first, **headers}.items():
            self.send_header(key, str(value))
        self.end_headers()
        self.wfile.write(content[first : first + cut])
        self.close_connection = True

    def create(self):
        wanted = json.loads(self.body)
        name = f"{wanted.get('organization') or OWNER}/{wanted['name']}"
        if not self.is_owner or not name.startswith(f"{OWNER}/"):
            return self.refuse(403 if self.is_owner else 401)
        url = {"url": f"{self.server.address}/{name}"}
        if name in self.server.repositories:
            return self.answer(url, 409)
        made = Repository(private=wanted.get("visibility") == "private")
        made.commit({".gitattributes": b"*.h5 filter=lfs\n"})
        self.server.repositories[name] = made
        self.answer(url)

    def validate(self):
        self.answer({"errors": [], "warnings": []})

    def preupload(self, name, revision):
        if (found := self.repository(name)) is None:
            return
        if not found.find(revision):
            return self.refuse(404, "RevisionNotFound")
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(self.body)["files"]
        ]
        self.answer({"files": modes})

    def batch(self, name):
        objects = [
            {
                **each,
                "actions": {
                    "upload": {"href": f"{self.server.address}/large/{each['oid']}"}
                },
            }
            for each in json.loads(self.body)["objects"]
        ]
        self.answer({"transfer": "basic", "objects": objects})

    def put(self, oid):
        if hashlib.sha256(self.body).hexdigest() != oid:
            return self.refuse(400)
        self.server.large[oid] = self.body
        self.answer()

    def commit(self, name, revision):
        if (found := self.repository(name)) is None:
            return
        if not self.is_owner:
            return self.refuse(403)
        files = dict(found.commits[found.find(revision)])
        for line in self.body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.server.large[value["oid"]]
        commit = found.commit(files, revision)
        url = f"{self.server.address}/{name}/commit/{commit}"
        self.answer({"commitUrl": url, "commitOid": commit})


_REPO = r"([^/]+/[^/]+)"
_ROUTES = [
    ("GET", f"/api/models/{_REPO}", "info"),
    ("GET", f"/api/models/{_REPO}/revision/(.+)", "info"),
    ("GET", f"/api/models/{_REPO}/tree/([^/]+)", "tree"),
    ("GET", f"/{_REPO}/resolve/([^/]+)/(.+)", "resolve"),
    ("POST", "/api/repos/create", "create"),
    ("POST", "/api/validate-yaml", "validate"),
    ("POST", f"/api/models/{_REPO}/preupload/(.+)", "preupload"),
    ("POST", rf"/{_REPO}\.git/info/lfs/objects/batch", "batch"),
    ("PUT", "/large/([0-9a-f]+)", "put"),
    ("POST", f"/api/models/{_REPO}/commit/(.+)", "commit"),
]
