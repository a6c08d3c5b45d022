"""What can be read off a task's files: what its instruction leaves out or gives away, and what lies beside it."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from ..solution import solution_of
from ..task import Task, TreeFile

MAGIC: Mapping[str, tuple[bytes, ...]] = {
    ".png": (b"\x89PNG\r\n",),
    ".jpg": (b"\xff\xd8\xff",),
    ".jpeg": (b"\xff\xd8\xff",),
    ".gif": (b"GIF8",),
    ".gz": (b"\x1f\x8b",),
    ".tgz": (b"\x1f\x8b",),
    ".xz": (b"\xfd7zXZ",),
    ".bz2": (b"BZh",),
    ".zst": (b"\x28\xb5\x2f\xfd",),
    ".zip": (b"PK",),
    ".jar": (b"PK",),
    ".npz": (b"PK",),
    ".npy": (b"\x93NUMPY",),
    ".so": (b"\x7fELF",),
    ".o": (b"\x7fELF",),
    ".a": (b"!<arch>", b"!<thin>"),
    ".pdf": (b"%PDF",),
    ".pcap": (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d"),
    ".sqlite": (b"SQLite format 3\0",),
    ".sqlite3": (b"SQLite format 3\0",),
    ".pkl": (b"\x80",),
    ".class": (b"\xca\xfe\xba\xbe",),
    ".wasm": (b"\0asm",),
}
"""How files of a suffix begin."""

_CHATTER = re.compile(
    rb"(?i)as an ai\b|as a language model|^```|certainly! "
    rb"|i can(?:not|'t) (?:generate|create|provide) (?:a |an |the )?(?:compiled|binary|actual|real)"
    rb"|here(?:'s| is) (?:the|a|an) (?:complete |full |example )?(?:file|content|code|script)\b"
    rb"|\A\s*(?:i'll|i will|i need to) (?:analy[sz]e|complete|create|examine|explore|first|generate|help you"
    rb"|investigate|provide|recover|solve|start by|write)\b"
)
_SECRETS = re.compile(
    rb"AKIA[0-9A-Z]{16}\b|\bghp_[A-Za-z0-9]{36}\b|\bgithub_pat_[A-Za-z0-9_]{22,}|\bsk-[A-Za-z0-9_-]{32,}"
    rb"|\bhf_[A-Za-z0-9]{34}\b|\bxox[bp]-[0-9A-Za-z-]{20,}|\bAIza[0-9A-Za-z_-]{35}\b"
    rb"|-----BEGIN (?:RSA |EC |OPENSSH )?PRIVATE KEY-----"
)
_ABSOLUTE = re.compile(r"(?<![\w./~$}-])/[\w.+-]+(?:/[\w.+-]+)*")
_SYSTEM = (
    *("/bin/", "/dev/", "/etc/", "/lib/", "/lib64/", "/logs/", "/opt/", "/proc/", "/root/", "/run/", "/sbin/"),
    *("/sys/", "/tests/", "/tmp/", "/usr/", "/var/"),
)
_TELLING = 24


def instruction_problems(task: Task) -> list[str]:
    """Return the paths that the tests read and the instruction does not name, and what it gives away of a solution.

    Raises:
        TaskError: the solution is malformed.
    """
    return [*_unnamed(task), *(_told(task) if task.solution else ())]


def _unnamed(task: Task) -> Iterator[str]:
    named = {posixpath.normpath(match[0]) for match in _ABSOLUTE.finditer(task.instruction)}
    for path in sorted(paths_read(task.tests())):
        name = re.escape(PurePosixPath(path).name)
        above = any(f"{one}/".startswith(f"{path}/") for one in named)
        if _is_result(path, task) and not above and not re.search(rf"(?<![\w.-]){name}(?![\w-])", task.instruction):
            yield f"instruction.md: expected {path} to be named, which the tests read; found no mention"


def _is_result(path: str, task: Task) -> bool:
    """Whether the agent may be meant to have written there; a program's hidden files are its own."""
    if "/." in path:
        return False
    roots = [artifact.source.rstrip("/") for artifact in task.config.artifacts]
    if not roots:
        return not f"{path}/".startswith(_SYSTEM)
    return any(f"{path}/".startswith(f"{root}/") for root in roots)


def paths_read(tests: Mapping[str, TreeFile]) -> set[str]:
    """Return the absolute paths that the verifier's programs name.

    In Python those that are strings, given to Path or put together from such with ``/``; in test.sh those that stand
    there as they are.
    """
    found: set[str] = set()
    for name, file in tests.items():
        text = file.content.decode(errors="replace")
        if name.endswith(".py"):
            try:
                found |= _PythonPaths(ast.parse(text)).found
            except SyntaxError:
                continue
        elif name.endswith(".sh"):
            found |= {match[0] for line in text.splitlines() if line[:1] != "#" for match in _ABSOLUTE.finditer(line)}
    return {posixpath.normpath(path) for path in found}


class _PythonPaths(ast.NodeVisitor):
    """Finds the paths in a module; names that it gives to paths are followed."""

    def __init__(self, module: ast.Module) -> None:
        self.found: set[str] = set()
        self._names: dict[str, str] = {}
        self.visit(module)

    def visit_Assign(self, node: ast.Assign) -> None:
        path = self._path(node.value)
        if path is not None and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            self._names[node.targets[0].id] = path
        self.visit(node.value)

    def visit(self, node: ast.AST) -> None:
        path = self._path(node) if isinstance(node, ast.expr) and not isinstance(node, ast.Name) else None
        if path is None:
            super().visit(node)
        else:
            self.found.add(path)

    def _path(self, node: ast.expr) -> str | None:
        match node:
            case ast.Constant(value=str(text)) if _ABSOLUTE.fullmatch(text):
                return text
            case ast.Name(id=name):
                return self._names.get(name)
            case ast.Call(func=ast.Name(id="Path"), args=[inner]):
                return self._path(inner)
            case ast.BinOp(left=left, op=ast.Div(), right=ast.Constant(value=str(text))):
                base = self._path(left)
                return None if base is None else posixpath.join(base, text)
        return None


def _told(task: Task) -> Iterator[str]:
    """Lines of the solution that stand in the instruction."""
    for number, block in enumerate(solution_of(task), start=1):
        for line in block.command.splitlines():
            code = line.strip()
            if len(code) >= _TELLING and " " in code and code in task.instruction:
                yield f"instruction.md: expected no line of the solution, found one of block {number}: {code!r}"


def fakes(files: Mapping[str, bytes]) -> list[str]:
    """Return which files, by path, do not begin as files of their suffix do."""
    return [
        f"{path}: expected it to begin as such files do, found {content[:12]!r}"
        for path, content in sorted(files.items())
        if content and not content.startswith(MAGIC.get(PurePosixPath(path).suffix.lower(), b""))
    ]


def chatter(files: Mapping[str, bytes]) -> list[str]:
    """Return which files, by path, hold what a chat model says to its user."""
    return [
        f"{path}: expected data, found a chat model's words: {match[0].decode(errors='replace')!r}"
        for path, content in sorted(files.items())
        if (match := _CHATTER.search(content[:4096]))
    ]


def secrets(files: Mapping[str, bytes]) -> list[str]:
    """Return which files, by path, hold keys of the forms that services give out."""
    return [
        f"{path}: expected no secret, found {match[0][:12].decode(errors='replace')}…"
        for path, content in sorted(files.items())
        if (match := _SECRETS.search(content))
    ]


def leaks(task: Task, files: Mapping[str, bytes]) -> list[str]:
    """Return which files, by path, are programs of the task's tests, or are its solution or written with it."""
    own = {
        file.content: f"tests/{name}"
        for name, file in task.tests().items()
        if "/" not in name and name.endswith((".py", ".sh"))
    }
    texts = {"solve.sh": task.solution, "mistakes.toml": task.mistakes, "variants.toml": task.variants}
    own |= {text.encode(): f"solution/{name}" for name, text in texts.items() if text}
    return [
        f"{path}: expected nothing of the task's own, found {own[content]}"
        for path, content in files.items()
        if content in own
    ]
