"""The index of a run: what is asked of its episodes most, and where their lines are, so that none need be read for it.

    RUN/index.jsonl    a first line that says which bytes of which files it is of, then `Facts`, a line for each episode

It is made of the episodes' lines and says nothing that these do not: a reader makes it, brings it up to date, and makes
it anew where the lines are no longer those that it was made of. Where it can't be kept it is made each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .episode import Episode
from .errors import StoreError
from .lines import write_whole

NAME = "index.jsonl"

_SCHEMA = 1
_LAST = 4096  # bytes of what was read, by which a file is known again


@dataclass(frozen=True)
class Facts:
    """What is asked of an episode most often.

    Attributes:
        id, task_id, task_digest, agent, model, seed, ended, started_at: as in `Episode`.
        reward, pass_rate: as of `Episode`; None where there is no verdict.
        steps: how many. mistakes: how many were injected. made_good: how many of them a later step made good.
        file, offset, length: the name of the file, and where in it the episode's line is, in bytes.
    """

    id: str
    task_id: str
    task_digest: str
    agent: str
    model: str | None
    seed: int | None
    ended: str
    started_at: str
    reward: float | None
    pass_rate: float | None
    steps: int
    mistakes: int
    made_good: int
    file: str = ""
    offset: int = 0
    length: int = 0

    @classmethod
    def of(cls, episode: Episode, file: str = "", offset: int = 0, length: int = 0) -> Facts:
        """Return those of an episode."""
        return cls(
            id=episode.id,
            task_id=episode.task_id,
            task_digest=episode.task_digest,
            agent=episode.agent,
            model=episode.model,
            seed=episode.seed,
            ended=episode.ended,
            started_at=episode.started_at,
            reward=episode.reward,
            pass_rate=episode.pass_rate,
            steps=len(episode.steps),
            mistakes=len(episode.perturbations),
            made_good=sum(step.perturbation is not None and step.recovered_at is not None for step in episode.steps),
            file=file,
            offset=offset,
            length=length,
        )

    @property
    def solved(self) -> bool:
        """Whether the reward is 1."""
        return self.reward == 1.0


def index_of(folder: Path) -> list[Facts]:
    """Return the facts of a run's episodes, in the order in which they are read, and keep them for the next time.

    Raises:
        StoreError: a line is damaged or of another schema; names file and line.
    """
    kept = _load(folder / NAME)
    index = {path.name: _brought_up(path, kept.get(path.name, [])) for path in sorted(folder.glob("episodes*.jsonl"))}
    if index != kept:
        with contextlib.suppress(StoreError):  # of a folder that belongs to somebody else
            write_whole(folder / NAME, _text(folder, index))
    return [facts for listed in index.values() for facts in listed]


def read_lines(path: Path, facts: Sequence[Facts] = ()) -> Iterator[tuple[int, int, Episode]]:
    """Yield where a line begins, its length in bytes, and its episode; those after `facts`, where these are given.

    Raises:
        StoreError: a line is damaged or of another schema; names file and line.
    """
    offset = _end(facts)
    with path.open("rb") as file:
        file.seek(offset)
        for number, line in enumerate(file, start=len(facts) + 1):
            if not line.endswith(b"\n"):
                return
            yield offset, len(line), parse_line(line, f"{path}, line {number}")
            offset += len(line)


def parse_line(line: bytes, where: str) -> Episode:
    """Return a line's episode. Raises StoreError, which begins with `where`, where it is none."""
    try:
        return Episode.from_json(line.decode("utf-8", "surrogatepass"))
    except (StoreError, UnicodeDecodeError) as error:
        raise StoreError(f"{where}: {error}") from None


def _brought_up(path: Path, known: list[Facts]) -> list[Facts]:
    return [*known, *(Facts.of(episode, path.name, *place) for *place, episode in read_lines(path, known))]


def _text(folder: Path, index: Mapping[str, list[Facts]]) -> str:
    files = {name: _mark(folder / name, _end(listed)) for name, listed in index.items()}
    lines = [{"schema": _SCHEMA, "files": files}, *(asdict(facts) for listed in index.values() for facts in listed)]
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


def _load(path: Path) -> dict[str, list[Facts]]:
    """What is kept of files that still begin as they did."""
    try:
        head, *rows = path.read_text(encoding="utf-8").splitlines()
        told = json.loads(head)
        index: dict[str, list[Facts]] = {name: [] for name in told["files"]}
        for row in rows:
            facts = Facts(**json.loads(row))
            if facts.offset != _end(index[facts.file]) or facts.length < 1:
                return {}
            index[facts.file].append(facts)
        if told["schema"] != _SCHEMA:
            return {}
        marks = {name: _mark(path.with_name(name), _end(listed)) for name, listed in index.items()}
        return {name: listed for name, listed in index.items() if told["files"][name] == marks[name]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _end(listed: Sequence[Facts]) -> int:
    """The number of bytes of a file that its facts are of."""
    return listed[-1].offset + listed[-1].length if listed else 0


def _mark(path: Path, size: int) -> dict[str, Any]:
    """How a file is known again of which so many bytes were read; as none is where it has fewer."""
    with path.open("rb") as file:
        file.seek(max(size - _LAST, 0))
        last = file.read(min(size, _LAST))
    return {"bytes": size if len(last) == min(size, _LAST) else -1, "last": hashlib.sha256(last).hexdigest()}
