"""The whole job once, small: check the tasks, collect episodes, export them, fine-tune a tiny model, evaluate it.

    OUT/
      demo.json      what the demo was asked for; another demo is refused the folder
      checks.json    what the checks found
      run/           the collected episodes
      tokens.jsonl   all of them as training data
      lessons.jsonl  those of the tasks with the shortest ones: what the tiny model is trained on
      tiny/          the model before, checkpoint/ after
      before/ after/ the evaluations

The model has some million weights and learns a few episodes by heart: the figures show that every stage works, not
what a real model would gain. A demo that was interrupted goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from training.sft import SftArgs, SftResult, train
from training.tiny import TinyShape, make_tiny, texts_of
from training.tokenizer import load_tokenizer

from .checks import QUICK_CHECKS, Report, check_tasks
from .collect import CollectSummary, collect
from .episode import Episode
from .errors import StoreError
from .evaluate import evaluate
from .export import Selection, TokenStats, write_messages, write_tokens
from .lines import write_whole
from .plan import OnProgress, Plan, Progress, entry_of
from .score import Score
from .store import EpisodeStore

WINDOW = 8192
"""Tokens that the tiny model can see."""

OUTPUT_LIMIT = 400
"""Characters of an observation: a tiny model pays for each of them."""

LESSON_TASKS = 3
"""Tasks that the tiny model is trained on and evaluated at: those with the shortest episodes."""

VOCABULARY = 16_384
"""Of the tiny model: large, so that a repeated phrase is a single token and its episodes are short."""

TRAIN_STEPS = 320
LEARNING_RATE = 2e-3
"""Of the fine-tuning: one episode a step."""


@dataclass(frozen=True)
class DemoPlan:
    """What the demo does: `episodes` of all `tasks`, with mistakes, from `seed`."""

    out: Path
    tasks: tuple[str, ...]
    episodes: int = 60
    epsilon: float = 0.2
    seed: int = 0
    workers: int = 2
    sandbox: str = "auto"

    @property
    def collection(self) -> Plan:
        """What is collected."""
        return Plan(
            tasks=self.tasks,
            episodes=self.episodes,
            epsilon=self.epsilon,
            seed=self.seed,
            output_limit=OUTPUT_LIMIT,
            workers=self.workers,
            sandbox=self.sandbox,
        )


@dataclass(frozen=True)
class DemoResult:
    """What came of it.

    Attributes:
        checks: the reports. collected: the run. tokens: all of it as training data. training: loss and more.
        exam: ids of the episodes whose instances the tiny model is evaluated at; it was trained on them, among others.
        before, after: what it reached there.
    """

    out: Path
    checks: tuple[Report, ...]
    collected: CollectSummary
    tokens: TokenStats
    training: SftResult
    exam: tuple[str, ...]
    before: Score
    after: Score

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "out": str(self.out),
            "checks": [report.to_dict() for report in self.checks],
            "collected": self.collected.to_dict(),
            "tokens": asdict(self.tokens),
            "training": asdict(self.training),
            "exam": list(self.exam),
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
        }


def run_demo(plan: DemoPlan, on_progress: OnProgress) -> DemoResult:
    """Run the demo, or what is left of it.

    Raises:
        StoreError: the folder holds something else.
        TermigenError, KeyboardInterrupt: as the stages do.
    """
    _take_folder(plan)
    checks = _check(plan, on_progress)
    run = plan.out / "run"
    collected = collect(plan.collection, run, on_progress)
    on_progress(Progress("export", 0, 1, "tokens"))
    store = EpisodeStore(run)
    chosen = Selection().choose(store)
    write_messages(chosen.of(store), plan.out / "messages.jsonl")
    tiny = _tiny_model(plan)
    tokenizer = load_tokenizer(str(tiny))
    tokens = write_tokens(chosen.of(store), tokenizer, plan.out / "tokens.jsonl", max_length=WINDOW)
    exam = _lessons(plan.out / "tokens.jsonl", plan.out / "lessons.jsonl", store)
    on_progress(Progress("export", 1, 1, f"{tokens.tokens} tokens"))
    training = _train(plan, on_progress)
    before = _evaluate(plan, exam, tiny, "before", on_progress)
    after = _evaluate(plan, exam, Path(training.out), "after", on_progress)
    return DemoResult(plan.out, checks, collected, tokens, training, exam, before, after)


def _take_folder(plan: DemoPlan) -> None:
    """Bind the folder to this demo."""
    asked = {"demo": 1, "plan": plan.collection.identity(), "episodes": plan.episodes}
    mark = plan.out / "demo.json"
    if not mark.exists():
        if plan.out.exists() and any(plan.out.iterdir()):
            raise StoreError(
                f"{plan.out}: expected an empty folder or one of a demo, found other files; choose another"
            )
        plan.out.mkdir(parents=True, exist_ok=True)
        write_whole(mark, json.dumps(asked, indent=1) + "\n")
    elif json.loads(mark.read_text(encoding="utf-8")) != json.loads(json.dumps(asked)):
        raise StoreError(
            f"{plan.out}: expected the demo that was begun here, found other arguments or tasks; choose another"
        )


def _check(plan: DemoPlan, on_progress: OnProgress) -> tuple[Report, ...]:
    kept = plan.out / "checks.json"
    if kept.exists():
        return tuple(Report.from_dict(data) for data in json.loads(kept.read_text(encoding="utf-8")))
    done: list[str] = []

    def on_report(report: Report) -> None:
        done.append(report.id)
        on_progress(
            Progress("check", len(done), len(plan.tasks), f"{report.id}: {'sound' if report.ok else 'not sound'}")
        )

    entries = {id: entry_of(id) for id in plan.tasks}
    on_progress(Progress("check", 0, len(entries), "images are built where need be"))
    reports = check_tasks(entries, checks=QUICK_CHECKS, sandbox=plan.sandbox, workers=plan.workers, on_report=on_report)
    write_whole(kept, json.dumps([report.to_dict() for report in reports], indent=1) + "\n")
    return tuple(reports)


def _tiny_model(plan: DemoPlan) -> Path:
    """The untrained model, whose tokenizer knows the run's words."""
    folder = plan.out / "tiny"
    if not (folder / "tokenizer.json").exists():
        shape = TinyShape(vocabulary=VOCABULARY, positions=WINDOW)
        make_tiny(folder, texts_of(plan.out / "messages.jsonl"), plan.seed, shape)
    return folder


def _lessons(tokens: Path, lessons: Path, episodes: Iterable[Episode]) -> tuple[str, ...]:
    """Write the solved episodes of the tasks where one is shortest, and return the ids of those in the exam.

    The exam has of each task the shortest episode in which all went well, and the shortest with mistakes.
    """
    solved = {episode.id: episode for episode in episodes if episode.solved}
    with tokens.open(encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["episode"] in solved]
    in_parts = {row["episode"] for row in rows if row["window"] > 0}
    by_task: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: len(row["input_ids"])):
        if row["episode"] not in in_parts:
            by_task.setdefault(solved[row["episode"]].task_id, []).append(row)
    chosen = list(by_task.values())[:LESSON_TASKS]  # in the order of length, which dicts keep
    if not chosen:
        raise StoreError(f"{tokens}: expected a solved episode of at most {WINDOW} tokens, found none")
    write_whole(lessons, "".join(json.dumps(row) + "\n" for rows in chosen for row in rows))
    exam: dict[tuple[str, bool], str] = {}
    for row in (row for rows in chosen for row in rows):
        episode = solved[row["episode"]]
        exam.setdefault((episode.task_id, bool(episode.perturbations)), episode.id)
    return tuple(sorted(exam.values()))


def _train(plan: DemoPlan, on_progress: OnProgress) -> SftResult:
    out = plan.out / "checkpoint"
    metrics = out / "metrics.json"
    if metrics.exists():
        return SftResult(**json.loads(metrics.read_text(encoding="utf-8")))
    args = SftArgs(
        model=str(plan.out / "tiny"),
        data=str(plan.out / "lessons.jsonl"),
        out=str(out),
        max_length=WINDOW,
        max_steps=TRAIN_STEPS,
        learning_rate=LEARNING_RATE,
        accumulate=1,
        recompute=False,
        save_steps=0,
        seed=plan.seed,
        quiet=True,
    )
    on_progress(Progress("fine-tune", 0, TRAIN_STEPS, "steps"))
    result = train(args, lambda step, loss: on_progress(Progress("fine-tune", step, TRAIN_STEPS, f"loss {loss:.3f}")))
    return result


def _evaluate(plan: DemoPlan, exam: tuple[str, ...], model: Path, name: str, on_progress: OnProgress) -> Score:
    """Play the instances of the exam's episodes with a model, under the same critic."""
    options = {
        "checkpoint": str(model),
        "temperature": 0.0,
        "max_new_tokens": _longest_turn(plan.out / "lessons.jsonl") + 8,
        "patience": 1,
    }
    again = replace(
        plan.collection, only=tuple(map(int, exam)), agent="local", agent_options=options, workers=1, max_steps=60
    )
    return evaluate(again, plan.out / name, on_progress=lambda step: on_progress(replace(step, stage=name)))


def _longest_turn(lessons: Path) -> int:
    """Return the tokens of the longest turn that is trained on."""
    longest = 0
    for line in lessons.read_text(encoding="utf-8").splitlines():
        runs = "".join(" " if label == -100 else "x" for label in json.loads(line)["labels"]).split()
        longest = max([longest, *map(len, runs)])
    return longest
