"""A small stand-in for the hub on 127.0.0.1, standard library only: what our client asks for, and its faults.

    with StandInHub() as hub:
        hub.add("acme/small", {"config.json": b"{}", "model.safetensors": b"..."})
        monkeypatch.setenv("HF_ENDPOINT", hub.address)

Models and datasets share their names here. `requests` lists what came in as (method, path, headers); `cards` holds
the front matter of README.md; `page_size` is how many files a page of the tree has. Faults: `gated`, `flip` (files
that lose a bit on the way), `break_after` (bytes after which a connection is cut, once per file), `piece_seconds`
(slow line).
"""

import hashlib
import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PIECE = 1 << 16
TOKEN = "hf_goodgoodgood"


class StandInHub:
    """Models and datasets in memory, served until the `with` ends."""

    def __init__(self) -> None:
        self.models: dict[str, dict[str, bytes]] = {}
        self.others: dict[tuple[str, str], dict[str, bytes]] = {}
        self.cards: dict[str, dict[str, Any]] = {}
        self.page_size = 1000
        self.gated: set[str] = set()
        self.flip: dict[str, int] = {}
        self.break_after: dict[str, int] = {}
        self.piece_seconds = 0.0
        self.status = 0
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        hub = self

        class Handler(_Handler):
            """The handler that knows this hub."""

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "StandInHub":
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, repo: str, files: Mapping[str, bytes], version: str = "main") -> str:
        """Offer a model or dataset, or another version of it, and return the commit."""
        if version == "main":
            self.models[repo] = dict(files)
        else:
            self.others[repo, version] = dict(files)
        return self.commit(repo, version)

    def commit(self, repo: str, version: str = "main") -> str:
        """The name of a version: a hash of its contents."""
        digest = hashlib.sha1(repo.encode())
        for name, content in sorted(self.versions(repo)[version].items()):
            digest.update(name.encode() + content)
        return digest.hexdigest()

    def versions(self, repo: str) -> dict[str, dict[str, bytes]]:
        """The files of every version, by the version's name."""
        others = {version: files for (name, version), files in self.others.items() if name == repo}
        return {"main": self.models[repo], **others}

    def at(self, repo: str, name: str) -> tuple[str, dict[str, bytes]] | None:
        """The commit and files that a version's name, or a commit, stands for."""
        for version, files in self.versions(repo).items():
            commit = self.commit(repo, version)
            if name in (version, commit):
                return commit, files
        return None

    def ranges(self) -> list[str]:
        """The byte ranges that were asked for."""
        return [headers["range"] for _method, _path, headers in self.requests if "range" in headers]


def git_blob(content: bytes) -> str:
    """Git's name for a file: the SHA-1 of a header and the content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_large(name: str) -> bool:
    """Whether the hub keeps a file outside git, under its SHA-256."""
    return name.endswith((".safetensors", ".bin", ".gguf", ".parquet"))


class _Handler(BaseHTTPRequestHandler):
    hub: StandInHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hub.requests.append(("GET", self.path, headers))
        parts = unquote(address.path).strip("/").split("/")
        if parts[:2] == ["api", "datasets"]:  # datasets stand beside models, under an address of their own
            parts[1] = "models"
        elif parts[0] == "datasets":
            parts = parts[1:]
        if self.hub.status:
            return self._refuse(self.hub.status)
        if parts == ["api", "whoami-v2"]:
            return self._whoami()
        if parts == ["api", "models"]:
            return self._search(parse_qs(address.query))
        if parts[:2] == ["api", "models"] and len(parts) >= 6:
            return self._model("/".join(parts[2:4]), parts[4], parts[5:])
        if len(parts) >= 5 and parts[2] == "resolve":
            return self._file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        return self._refuse(404, "EntryNotFound")

    def _whoami(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._refuse(401, message="Invalid credentials in Authorization header")
        return self._json({"type": "user", "name": "alice"})

    def _search(self, query: Mapping[str, list[str]]) -> None:
        words = query.get("search", [""])[0].lower()
        names = [repo for repo in self.hub.models if words in repo.lower()]
        self._json([self._entry(repo) for repo in names][: int(query.get("limit", ["20"])[0])])

    def _entry(self, repo: str) -> dict[str, Any]:
        return {
            "id": repo,
            "downloads": 1234,
            "likes": 5,
            "lastModified": "2026-10-01T12:00:00.000Z",
            "gated": "manual" if repo in self.hub.gated else False,
            "tags": ["text-generation", "license:apache-2.0"],
        }

    def _model(self, repo: str, what: str, rest: list[str]) -> None:
        if not self._may_read(repo):
            return None
        found = self.hub.at(repo, "/".join(rest))
        if found is None:
            return self._refuse(404, "RevisionNotFound")
        commit, files = found
        if what == "revision":
            return self._json({"id": repo, "sha": commit, "cardData": self.hub.cards.get(repo)})
        return self._tree(files)

    def _tree(self, files: Mapping[str, bytes]) -> None:
        """One page, and in the header `Link` the address of the next."""
        address = urlsplit(self.path)
        start, end = (int(n) for n in (parse_qs(address.query).get("cursor", ["0"])[0], self.hub.page_size))
        entries = [_tree_entry(name, data) for name, data in files.items()][start : start + end]
        following = f'<{self.hub.address}{address.path}?recursive=true&cursor={start + end}>; rel="next"'
        self._json(entries, {"Link": following} if start + end < len(files) else {})

    def _file(self, repo: str, commit: str, name: str) -> None:
        if not self._may_read(repo):
            return
        found = self.hub.at(repo, commit)
        content = found[1].get(name) if found else None
        if content is None:
            self._refuse(404, "EntryNotFound")
            return
        if self.hub.flip.get(name, 0) > 0:
            self.hub.flip[name] -= 1
            content = content[:-1] + bytes([content[-1] ^ 1])
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self._send(name, content[start:])

    def _send(self, name: str, content: bytes) -> None:
        end = self.hub.break_after.pop(name, len(content))
        try:
            for first in range(0, min(end, len(content)), PIECE):
                self.wfile.write(content[first : min(first + PIECE, end)])
                time.sleep(self.hub.piece_seconds)
        except OSError:  # the client has gone
            self.close_connection = True
        if end < len(content):
            self.close_connection = True

    def _may_read(self, repo: str) -> bool:
        if repo not in self.hub.models:
            self._refuse(401, "RepoNotFound")
            return False
        if repo in self.hub.gated and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._refuse(401, "GatedRepo")
            return False
        return True

    def _json(self, values: object, extra: Mapping[str, str] | None = None) -> None:
        body = json.dumps(values).encode()
        self.send_response(200)
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: int, code: str = "", message: str = "") -> None:
        self.send_response(status)
        for name, value in (("X-Error-Code", code), ("X-Error-Message", message)):
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


def _tree_entry(name: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": git_blob(content)}
    if is_large(name):
        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return entry
