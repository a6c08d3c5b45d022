"""The toolchain of tests that run where an agent was at work: what of it the agent changed is put back.

The rules name what a verifier executes, or is led by, before and beside its own tests: programs, libraries,
interpreters and their start-up files. They leave alone what a task may well ask for: packages added, services
configured, accounts made. A rule that is too wide costs an honest agent its reward, one that is missing lets a cheat
pass: whoever can uses the separate mode, which needs no rules.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Iterable, Iterator, Mapping

from ..errors import TooLarge
from ..sandbox.base import OUTPUT_LIMIT, Change, Sandbox

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# Below /usr, and no part of any program: what package managers rewrite as they go.
_DATA = re.compile(
    r"/usr/(local/)?share/(applications|doc|doc-base|fonts|glib-2\.0|icons|info|lintian|locale|man|mime|pixmaps)/.*"
    r"|/usr/(local/)?(src|include|games)/.*"
)
_LED_BY = re.compile(
    r"(?s)/etc/(ssl/openssl\.cnf|ld\.so\.(preload|conf)|ld\.so\.conf\.d/.*|alternatives/.*|python[\d.]*/.*|perl/.*)"
    r"|/(conftest\.py|\.?pytest\.(ini|toml)|tox\.ini|setup\.(cfg|py)|pyproject\.toml)"
    r"|/logs|/(tests|logs/verifier)(/.*)?"
    r"|.*/(sitecustomize|usercustomize|apport_python_hook)(\.py|\.so|\.[\w.-]+\.so|/.*)?"
    r"|.*/lib/python3\d+\.zip(/.*)?"
)
_CODE_FOLDER = re.compile(r"(?s).*/(site-packages|dist-packages|python3?[\d.]*|lib-dynload)")
_PATH_FILE = re.compile(r"(?s).*\.pth")
_RUNS_CODE = re.compile(rb"^import[ \t]", re.MULTILINE)
_ENTRY_POINTS = re.compile(r"(?s).*\.(dist|egg)-info/entry_points\.txt")
_PLUGIN = re.compile(rb"^\s*\[\s*pytest11\s*\]", re.MULTILINE)
_LIBRARY = re.compile(r"(?s).*\.so(\.[\d.]+)?")
_CACHES = re.compile(r"(?s).*/__pycache__/.*|.*\.pyc|/etc/ld\.so\.cache")
_LOADER = "/etc/ld.so.cache"
_LDCONFIG = ["/sbin/ldconfig"]
_LDCONFIG_S = 60.0
_LEADS_TO = ("/tests", "/logs/verifier", "/proc", "/dev")
_DEVICES = re.compile(r"/dev/(null|zero|full|u?random|tty|std(in|out|err))")
_AROUND = re.compile(r"(?s).*[^/.][^/]*/+\.\.(/.*)?")
_MOST = 5000


def put_back(sandbox: Sandbox, changes: Mapping[str, Change], imports_from_workdir: bool = False) -> tuple[str, ...]:
    """Put back what of the toolchain was changed, as the image has it, and return the paths.

    Compiled Python and the loader's cache, which honest work rewrites too, are put back without being told.

    Args:
        sandbox: where the tests are to run.
        changes: what differs there from the image.
        imports_from_workdir: whether the tests' Python looks for modules in the image's WORKDIR first.

    Raises:
        TooLarge: there is too much of it. SandboxError: the sandbox failed.
    """
    rules = _Rules(changes, sandbox, imports_from_workdir)
    tampered = [path for path, change in changes.items() if rules.concern(path, change)]
    caches = [path for path in changes if _CACHES.fullmatch(path) and path != _LOADER]
    if len(tampered) > _MOST:
        raise TooLarge(f"expected at most {_MOST} changes of the toolchain, found {len(tampered)}")
    if wrong := _topmost([*tampered, *caches]):
        sandbox.put(sandbox.fetch(wrong, pristine=True), removing=wrong)
    if _LOADER in changes:  # adding a library rewrites it; it is made anew of the libraries that are there now
        sandbox.exec(_LDCONFIG, timeout_s=_LDCONFIG_S, user=0)
    return tuple(tampered)


def _topmost(paths: Iterable[str]) -> list[str]:
    """Return paths without those that lie below others of them."""
    found: list[str] = []
    for path in sorted(set(paths), key=lambda path: path.split("/")):
        if not (found and path.startswith(f"{found[-1]}/")):
            found.append(path)
    return found


class _Rules:
    """Which changes concern the toolchain."""

    def __init__(self, changes: Mapping[str, Change], sandbox: Sandbox, imports_from_workdir: bool) -> None:
        self._changes = changes
        self._sandbox = sandbox
        self._modules_in = sandbox.image.workdir if imports_from_workdir else None
        self._binaries = (sandbox.image.env.get("PATH") or _DEFAULT_PATH).split(":")
        others = [posixpath.dirname(folder) for folder in self._binaries]  # of /opt/venv/bin, /opt/venv
        workdir = f"{sandbox.image.workdir.rstrip('/')}/"
        self._system = (*_SYSTEM, *(one for one in others if one != "/" and not workdir.startswith(f"{one}/")))
        self._known: dict[str, bool] = {}

    def concern(self, path: str, change: Change) -> bool:
        """Return whether one does."""
        if _CACHES.fullmatch(path) or (change.type == "folder" and change.kind == "added"):
            return False
        if _LED_BY.fullmatch(path) or (change.type == "link" and _leads(path, change.target)):
            return True
        if change.kind == "added":
            return self._stands_before(path)
        return path.startswith(tuple(f"{folder}/" for folder in self._system)) and not _DATA.fullmatch(path)

    def _stands_before(self, path: str) -> bool:
        """Whether something added is found in place of something of the image's, or runs by itself."""
        folder, name = posixpath.split(path)
        if folder in self._binaries:
            return self._has(f"program {name}", (f"{one}/{name}" for one in self._binaries))
        if folder == self._modules_in:
            return self._has_module(name)
        module = _module(path)
        if module and _PATH_FILE.fullmatch(name):
            return self._holds(path, _RUNS_CODE)
        if _ENTRY_POINTS.fullmatch(path):
            return self._holds(path, _PLUGIN)
        if module:
            return self._has_module(module)
        if _LIBRARY.fullmatch(name):
            return self._has(f"library {name}", _libraries(name))
        return False

    def _has_module(self, name: str) -> bool:
        """Whether the image, or Python itself, has a module of a file's or a folder's name."""
        name = name.partition(".")[0]
        return name in sys.stdlib_module_names or (name.isidentifier() and self._has(f"module {name}", _modules(name)))

    def _has(self, key: str, paths: Iterable[str]) -> bool:
        """Whether the image has a file at one of some paths, or had one there; asked once for each key."""
        if key not in self._known:
            if len(self._known) > _MOST:
                raise TooLarge(f"expected at most {_MOST} names to look for, found more")
            self._known[key] = any(self._is_of_image(path) for path in paths)
        return self._known[key]

    def _is_of_image(self, path: str) -> bool:
        change = self._changes.get(path)
        return self._sandbox.read(path, 1) is not None if change is None else change.kind != "added"

    def _holds(self, path: str, pattern: re.Pattern[bytes]) -> bool:
        """Whether a file has a line that a pattern describes, or is too long to tell."""
        content = self._sandbox.read(path) or b""
        return len(content) >= OUTPUT_LIMIT or pattern.search(content) is not None


def _leads(path: str, target: str) -> bool:
    """Whether a link leads to where the tests and their verdict will be, or to where it can't be told by its text.

    That is so where it goes into a folder, which may be a link itself, and up again.
    """
    led = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if led == "/" or _AROUND.fullmatch(target):
        return True
    return any(f"{led}/".startswith(f"{place}/") for place in _LEADS_TO) and not _DEVICES.fullmatch(led)


def _module(path: str) -> str:
    """Return the name of the file or folder in one of Python's folders that is `path` or has it inside; "" for none."""
    folder, name = posixpath.split(path)
    while folder != "/":
        if _CODE_FOLDER.fullmatch(folder):
            return name
        folder, name = posixpath.split(folder)
    return ""


def _modules(name: str) -> Iterator[str]:
    """Where Debian, Ubuntu and Python's own images keep a package."""
    folders = ["/usr/lib/python3/dist-packages"]
    for minor in range(8, 16):
        folders += [f"/usr/local/lib/python3.{minor}/{kind}-packages" for kind in ("dist", "site")]
    for folder in folders:
        yield from (f"{folder}/{name}/__init__.py", f"{folder}/{name}.py")


def _libraries(name: str) -> Iterator[str]:
    """Where the loader looks for a library."""
    for top in ("/lib", "/usr/lib", "/usr/local/lib"):
        yield from (f"{top}/{part}{name}" for part in ("", "x86_64-linux-gnu/", "aarch64-linux-gnu/"))
