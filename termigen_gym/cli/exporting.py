"""``termigen export``: a run as data for trainers and other tools."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Json, Seed, usage_errors

if TYPE_CHECKING:
    from ..episode import Episode
    from ..export import Policy

_Write = Callable[["Iterable[Episode]", Path], "dict[str, Any]"]


class Format(StrEnum):
    """Export formats."""

    tokens = "tokens"
    messages = "messages"
    atif = "atif"
    minari = "minari"
    asciicast = "asciicast"


class PolicyName(StrEnum):
    """Which turns are trained on."""

    no_errors = "no-errors"
    all = "all"
    recovery_only = "recovery-only"


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", exists=True, file_okay=False)],
    format: Annotated[
        Format,
        typer.Option(
            help="tokens for training/sft.py, messages for other trainers; atif, minari, asciicast for other tools."
        ),
    ],
    out: Annotated[Path, typer.Option(help="File or folder to write; .parquet makes messages Parquet.")],
    policy: Annotated[
        PolicyName, typer.Option(help="Which of the agent's turns are trained on.")
    ] = PolicyName.no_errors,
    train_mistakes: Annotated[
        list[str] | None, typer.Option(help="KIND=SHARE: train on this share of the injected mistakes of a kind.")
    ] = None,
    tokenizer: Annotated[str | None, typer.Option(help="Folder or hub name; for tokens.")] = None,
    max_length: Annotated[int, typer.Option(min=64, help="Tokens of a window; for tokens.")] = 20_000,
    min_pass_rate: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Leave out episodes with fewer tests passed.")
    ] = 0.0,
    recovered_only: Annotated[
        bool, typer.Option("--recovered-only", help="Only episodes that had a mistake and ended at reward 1.")
    ] = False,
    min_steps: Annotated[int, typer.Option(min=1, help="Leave out shorter episodes.")] = 1,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Leave out longer episodes.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="Only tasks of this category; may be repeated.")] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(exists=True, file_okay=False, help="Leave out tasks that are like one of this folder's."),
    ] = None,
    per_task: Annotated[int | None, typer.Option(min=1, help="At most so many episodes of each task.")] = None,
    split: Annotated[
        float | None, typer.Option(help="Share of the tasks that are for training; the others validate.")
    ] = None,
    seed: Seed = 0,
    card: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Dataset card; README.md in --out where that is a folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a run as data for trainers and other tools."""
    from ..export import Figures, Selection, mistake_shares
    from ..store import EpisodeStore
    from .screen import OUT, print_json, table

    if (format == Format.tokens) != (tokenizer is not None):
        raise typer.BadParameter("expected --tokenizer with --format tokens, and only there")
    target = _Target(format, out)
    with usage_errors():
        mistakes = mistake_shares(policy.value, dict(_share(text) for text in train_mistakes or ()))
        selection = Selection(
            min_pass_rate=min_pass_rate,
            recovered_only=recovered_only,
            min_steps=min_steps,
            max_steps=max_steps,
            categories=frozenset(category or ()),
            contaminated=_contaminated(against or ()),
            per_task=per_task,
            seed=seed,
        )
        write = _writer(format, policy.value, mistakes, tokenizer, max_length)
    card = card or target.card
    make_card = None if card is None else _card_maker()
    store = EpisodeStore(run)
    chosen = selection.choose(store)
    parts = {"": chosen}
    if split is not None:
        with usage_errors():
            parts = dict(zip(("train", "validation"), chosen.split(split, seed), strict=True))
    written: dict[str, dict[str, Any]] = {}
    for part, some in parts.items():
        path = target.of(part)
        path.parent.mkdir(parents=True, exist_ok=True)
        written[part] = {**write(some.of(store), path), "out": str(path)}
    document = {
        **(written[""] if split is None else {"episodes": len(chosen.tasks), "out": str(out), **written}),
        "format": format.value,
        "left_out": dict(chosen.left_out),
    }
    if card is not None and make_card is not None:
        splits = {part or "train": (target.loadable(part), Figures.of(some.of(store))) for part, some in parts.items()}
        text = make_card(
            out.stem,
            format.value,
            Figures.of(chosen.of(store)),
            left_out=chosen.left_out,
            run=store.plan(),
            splits=splits,
            tokens=_tokens(written.values()),
        )
        card.parent.mkdir(parents=True, exist_ok=True)
        card.write_text(text, encoding="utf-8")
        document["card"] = str(card)
    if as_json:
        print_json(document)
    else:
        OUT.print(table("", "", rows=list(_rows(document))))


@dataclass(frozen=True)
class _Target:
    """Where an export goes.

    tokens and messages are one file for each part, atif too where `out` ends with ".jsonl"; the others are folders.
    """

    format: Format
    out: Path

    @property
    def _one_file(self) -> bool:
        in_files = self.format in (Format.tokens, Format.messages)
        return self.out.suffix == ".jsonl" if self.format == Format.atif else in_files

    @property
    def _folder(self) -> bool:
        return not self._one_file or not self.out.suffix or self.out.is_dir()

    @property
    def card(self) -> Path | None:
        return self.out / "README.md" if self._folder else None

    def of(self, part: str) -> Path:
        if not self._one_file:
            return self.out / part
        if self._folder:
            return self.out / f"{part or 'train'}.jsonl"
        return self.out.with_name(f"{self.out.stem}-{part}{self.out.suffix}") if part else self.out

    def loadable(self, part: str) -> str:
        """The part's file for a card's reader; "" for what no loader of theirs reads."""
        return self.of(part).name if self._one_file else ""


def _writer(
    format: Format, policy: Policy, mistakes: Mapping[str, float], tokenizer: str | None, max_length: int
) -> _Write:
    """Return what writes the format; what it needs is imported now, before anything is read or written."""
    from .. import export

    if tokenizer is not None:
        from training.tokenizer import load_tokenizer

        loaded = load_tokenizer(tokenizer)
        return lambda episodes, path: asdict(
            export.write_tokens(episodes, loaded, path, policy=policy, mistakes=mistakes, max_length=max_length)
        )
    if format == Format.messages:
        return lambda episodes, path: {
            "episodes": export.write_messages(episodes, path, policy=policy, mistakes=mistakes)
        }
    if format == Format.minari:
        from ..export.minari import write_minari

        return lambda episodes, path: {"episodes": write_minari(episodes, path)}
    plain = export.write_atif if format == Format.atif else export.write_asciicast
    return lambda episodes, path: {"episodes": plain(episodes, path)}


def _card_maker() -> Callable[..., str]:
    """Return what makes a card; its package is imported now, before anything is written."""
    from ..export.card import card

    return card


def _share(text: str) -> tuple[str, float]:
    kind, _, share = text.partition("=")
    try:
        return kind, float(share)
    except ValueError:
        raise ValueError(f"expected KIND=SHARE for --train-mistakes, found {text!r}") from None


def _contaminated(folders: Sequence[Path]) -> Callable[[str], bool] | None:
    """Return what tells whether an instruction is like that of an evaluation task in one of the folders."""
    if not folders:
        return None
    from ..synthesis.contamination import Evaluation, read_evaluation

    evaluations = [Evaluation(read_evaluation(folder)) for folder in folders]
    return lambda instruction: any(one.contamination(instruction) is not None for one in evaluations)


def _tokens(written: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the counts of an export of tokens, of all its parts; {} for another format."""
    names = ("windows", "tokens", "trained_tokens", "trained_turns")
    return {
        name.replace("_", " "): sum(one[name] for one in written)
        for name in names
        if all(name in one for one in written)
    }


def _rows(document: Mapping[str, Any], of: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the document's values, those of its parts under the part's name."""
    for name, value in document.items():
        label = f"{of} {name.replace('_', ' ')}".strip()
        if isinstance(value, dict):
            yield from _rows(value, label)
        else:
            yield label, value
