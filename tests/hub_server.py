"""A Hub on loopback, as far as the real clients of models and data sets use one.

Conventions
- A repository is named (kind, id), kind "models" or "datasets"; a commit is a dictionary path -> content, and is never
  changed. Files of `LARGE` kinds, and all above a kilobyte that are no text, go the way of large file storage.
- What goes wrong is set beforehand: `cut_after` and `cut_in` let the server die in the midst of a conversation,
  `half` serves a file cut off.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

Files = dict[str, bytes]
LARGE = (".safetensors", ".parquet")


@dataclass
class Repository:
    """Commits by id, and which of them each branch names."""

    private: bool
    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, branch: str, files: Files) -> str:
        """Put a new commit on a branch; returns its id."""
        listed = json.dumps([(path, git_id(data)) for path, data in sorted(files.items())] + [[len(self.commits), ""]])
        name = hashlib.sha1(listed.encode()).hexdigest()
        self.commits[name] = files
        self.branches[branch] = name
        return name

    def at(self, revision: str) -> str | None:
        """The commit that a revision names."""
        return self.branches.get(revision, revision if revision in self.commits else None)


class Hub(ThreadingHTTPServer):
    """The server and everything that is stored on it.

    Attributes:
        log: "METHOD path" of every request that came in, but for those of `_ASIDE`.
        messages: Summary of every commit.
        cut_after: How many requests are served before the server is dead; None for all.
        cut_in: Whether the last of them is still done, and only its answer gets lost.
        half: Paths of which half is served, as if that were all ("short"), or with the connection breaking off
            ("broken"), each so many times.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.large: dict[str, bytes] = {}
        self.log: list[str] = []
        self.messages: list[str] = []
        self.cut_after: int | None = None
        self.cut_in = False
        self.half: dict[str, tuple[str, int]] = {}
        self.lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[Hub]:
        """Serve in a thread."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()
            thread.join()

    def files(self, id: str, kind: str = "models", revision: str = "main") -> Files:
        """All files of a repository."""
        repository = self.repositories[kind, id]
        name = repository.at(revision)
        return {} if name is None else repository.commits[name]


def git_id(data: bytes) -> str:
    """Id that git has for a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def is_large(path: str) -> bool:
    """Whether a file is kept in large file storage."""
    return path.endswith(LARGE)


class _DeadError(Exception):
    """The server is to say no more."""


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""

    def _serve(self) -> None:
        hub = self.server
        with hub.lock:
            if self.path not in _ASIDE:
                hub.log.append(f"{self.command} {self.path}")
            served = len(hub.log)
        is_last = hub.cut_after is not None and served > hub.cut_after
        try:
            if is_last and not (hub.cut_in and served == hub.cut_after + 1):
                raise _DeadError
            self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.muted = is_last
            self._answer()
        except _DeadError:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815 (the base class's names)

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        for method, pattern, action in _ROUTES:
            if self.command in method.split("|") and (match := re.fullmatch(pattern, path)):
                with self.server.lock:
                    reply = action(self, **match.groupdict())
                return self._send(*reply)
        return self._send(404, {"error": f"no route for {self.command} {path}"})

    def _send(
        self, status: int, content: Any, headers: dict[str, str] | None = None, claimed: int | None = None
    ) -> None:
        if self.muted:
            raise _DeadError
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if not isinstance(content, bytes):
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data) if claimed is None else claimed))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        if claimed is not None and self.command != "HEAD":
            raise _DeadError

    def _json(self) -> Any:
        return json.loads(self.body)

    def _create(self) -> tuple[int, Any]:
        asked = self._json()
        kind = asked.get("type", "model") + "s"
        id = f"{asked.get('organization') or 'someone'}/{asked['name']}"
        shown = {"url": f"{self.server.url}/{'datasets/' if kind == 'datasets' else ''}{id}", "name": id}
        if (kind, id) in self.server.repositories:
            return 409, shown | {"error": "You already created this repo"}
        is_private = bool(asked.get("private") or asked.get("visibility") == "private")
        repository = self.server.repositories[kind, id] = Repository(is_private)
        repository.commit("main", {".gitattributes": b"*.safetensors filter=lfs\n"})
        return 200, shown

    def _validate(self) -> tuple[int, Any]:
        return 200, {"errors": [], "warnings": []}

    def _who(self) -> tuple[int, Any]:
        return 200, {"name": "someone", "type": "user", "orgs": [], "auth": {"accessToken": {"role": "write"}}}

    def _branch(self, kind: str, id: str, revision: str) -> tuple[int, Any]:
        repository = self.server.repositories[kind, id]
        if revision in repository.branches:
            return 409, {"error": "Reference already exists"}
        repository.branches[revision] = repository.branches["main"]
        return 200, {}

    def _preupload(self, kind: str, id: str, revision: str) -> tuple[int, Any]:
        present = self.server.files(id, kind, revision)
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if is_large(file["path"]) else "regular",
                "shouldIgnore": False,
                "oid": _stored_id(file["path"], present[file["path"]]) if file["path"] in present else None,
            }
            for file in self._json()["files"]
        ]
        return 200, {"files": modes}

    def _batch(self, id: str, prefix: str | None = None) -> tuple[int, Any]:
        objects = []
        for asked in self._json()["objects"]:
            oid = asked["oid"]
            href = f"{self.server.url}/lfs/{oid}"
            wanted = {} if oid in self.server.large else {"actions": {"upload": {"href": href}}}
            objects.append({"oid": oid, "size": asked["size"], **wanted})
        return 200, {"transfer": "basic", "objects": objects}

    def _store(self, oid: str) -> tuple[int, Any]:
        if hashlib.sha256(self.body).hexdigest() != oid:
            return 400, {"error": "not what was announced"}
        self.server.large[oid] = self.body
        return 200, {}

    def _commit(self, kind: str, id: str, revision: str) -> tuple[int, Any]:
        repository = self.server.repositories[kind, id]
        files = dict(self.server.files(id, kind, revision))
        for line in self.body.splitlines():
            change = json.loads(line)
            value = change["value"]
            if change["key"] == "header":
                self.server.messages.append(value["summary"])
            elif change["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif change["key"] == "lfsFile":
                if value["oid"] not in self.server.large:
                    return 400, {"error": f"{value['path']} was never uploaded"}
                files[value["path"]] = self.server.large[value["oid"]]
            elif change["key"] == "deletedFile":
                del files[value["path"]]
        is_proposed = "create_pr=1" in urlsplit(self.path).query
        if is_proposed:
            revision = f"refs/pr/{sum(branch.startswith('refs/pr/') for branch in repository.branches) + 1}"
        name = repository.commit(revision, files)
        shown = {"commitUrl": f"{self.server.url}/{id}/commit/{name}", "commitOid": name, "success": True}
        proposal = {"pullRequestUrl": f"{self.server.url}/{id}/discussions/{revision.rpartition('/')[2]}"}
        return 200, shown | (proposal if is_proposed else {})

    def _info(self, kind: str, id: str, revision: str = "main") -> tuple[int, Any, dict[str, str]]:
        repository = self.server.repositories.get((kind, id))
        if repository is None:
            return 404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}
        if (name := repository.at(revision)) is None:
            return 404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"}
        siblings = [{"rfilename": path} for path in repository.commits[name]]
        shown = {"id": id, "modelId": id, "sha": name, "private": repository.private, "gated": False, "disabled": False}
        return 200, shown | {"siblings": siblings, "tags": [], "downloads": 0, "likes": 0}, {}

    def _refs(self, kind: str, id: str) -> tuple[int, Any]:
        branches = self.server.repositories[kind, id].branches
        listed = [
            {"name": name, "ref": f"refs/heads/{name}", "targetCommit": commit} for name, commit in branches.items()
        ]
        return 200, {"branches": listed, "converts": [], "tags": []}

    def _tree(self, kind: str, id: str, revision: str, folder: str | None = None) -> tuple[int, Any, dict[str, str]]:
        status, shown, headers = self._info(kind, id, revision)
        if status != 200:
            return status, shown, headers
        start = f"{folder}/" if folder else ""
        found = {path: data for path, data in self.server.files(id, kind, revision).items() if path.startswith(start)}
        if start and not found:
            return 404, {"error": "no such folder"}, {"X-Error-Code": "EntryNotFound"}
        if "recursive=true" not in self.path.lower():
            folders = {start + path[len(start) :].split("/")[0] for path in found if "/" in path[len(start) :]}
            entries = [{"type": "directory", "path": path, "oid": git_id(path.encode())} for path in sorted(folders)]
            found = {path: data for path, data in found.items() if "/" not in path[len(start) :]}
        else:
            entries = []
        return 200, entries + [_entry(path, data) for path, data in found.items()], {}

    def _paths(self, kind: str, id: str, revision: str) -> tuple[int, Any]:
        asked = self._json()["paths"]
        files = self.server.files(id, kind, revision)
        return 200, [_entry(path, files[path]) for path in asked if path in files]

    def _resolve(self, id: str, revision: str, path: str, prefix: str | None = None) -> tuple[Any, ...]:
        kind = (prefix or "models/").rstrip("/")
        status, shown, headers = self._info(kind, id, revision)
        if status != 200:
            return status, shown, headers
        files = self.server.files(id, kind, revision)
        commit = {"X-Repo-Commit": shown["sha"]}
        if path not in files:
            return 404, {"error": "Entry not found"}, commit | {"X-Error-Code": "EntryNotFound"}
        data = files[path]
        headers = commit | {"ETag": f'"{_stored_id(path, data)}"', "Accept-Ranges": "bytes"}
        if is_large(path):
            headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(len(data))}
        return self._part(path, data, headers)

    def _part(self, path: str, data: bytes, headers: dict[str, str]) -> tuple[Any, ...]:
        """The whole file, a range of it, or the half that `half` asks for."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, stop = (int(asked[1]), int(asked[2] or len(data) - 1) + 1) if asked else (0, len(data))
        if asked:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        part, status = data[start:stop], 206 if asked else 200
        manner, times = self.server.half.get(path, ("", 0))
        if self.command == "HEAD" or not times:
            return status, part, headers
        self.server.half[path] = (manner, times - 1)
        return status, part[: len(part) // 2], headers, *([len(part)] if manner == "broken" else [])


def _stored_id(path: str, data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if is_large(path) else git_id(data)


def _entry(path: str, data: bytes) -> dict[str, Any]:
    large = {"lfs": {"oid": _stored_id(path, data), "size": len(data), "pointerSize": 130}} if is_large(path) else {}
    return {"type": "file", "path": path, "size": len(data), "oid": git_id(data), **large}


_ASIDE = ("/api/agent-harnesses",)
"""What a client asks once in its life and does without."""
_ID = "(?P<id>[^/]+/[^/]+?)"
_API = rf"/api/(?P<kind>models|datasets)/{_ID}"
_ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("POST", "/api/repos/create", _Handler._create),
    ("POST", "/api/validate-yaml", _Handler._validate),
    ("GET", "/api/whoami-v2", _Handler._who),
    ("POST", rf"{_API}/branch/(?P<revision>[^/]+)", _Handler._branch),
    ("POST", rf"{_API}/preupload/(?P<revision>[^/]+)", _Handler._preupload),
    ("POST", rf"/(?P<prefix>datasets/)?{_ID}\.git/info/lfs/objects/batch", _Handler._batch),
    ("PUT", "/lfs/(?P<oid>[0-9a-f]+)", _Handler._store),
    ("POST", rf"{_API}/commit/(?P<revision>[^/]+)", _Handler._commit),
    ("GET", _API, _Handler._info),
    ("GET", rf"{_API}/revision/(?P<revision>[^/]+)", _Handler._info),
    ("GET", rf"{_API}/refs", _Handler._refs),
    ("GET", rf"{_API}/tree/(?P<revision>[^/]+)(?:/(?P<folder>.+))?", _Handler._tree),
    ("POST", rf"{_API}/paths-info/(?P<revision>[^/]+)", _Handler._paths),
    ("GET|HEAD", rf"/(?P<prefix>datasets/)?{_ID}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _Handler._resolve),
]
