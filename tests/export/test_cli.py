"""``termigen export``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import datasets
import pytest
from typer.testing import CliRunner, Result

from termigen_gym.cli import app
from termigen_gym.store import EpisodeStore
from tests.bash_env import write_task
from tests.chat import a_tokenizer
from tests.episodes import an_episode

Export = Callable[..., Result]


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Export:
    """Exports a run of 12 episodes of three tasks, of which one in four is unsolved, and one that failed."""
    for name in ("one", "two"):
        write_task(tmp_path / "tasks" / name)
    write_task(tmp_path / "tasks" / "three", config='[metadata]\ncategory = "security"\n')
    monkeypatch.setenv("TERMIGEN_ENVS", str(tmp_path / "tasks"))
    with EpisodeStore(tmp_path / "run") as store:
        store.bind({"agent": "oracle", "epsilon": 0.25})
        for number in range(12):
            task = ("one", "two", "three")[number % 3]
            reward = float(number % 4 > 0)
            instruction = f"Solve the {task} riddle of the old sea captain and write what he said on the ninth day."
            store.append(
                an_episode(
                    f"{number:06}",
                    reward=reward,
                    mistakes=number % 2,
                    task_id=f"termigen/{task}-v0",
                    instruction=instruction,
                )
            )
        store.append(an_episode("failed", reward=None))

    def run(*args: object) -> Result:
        result = CliRunner().invoke(app, ["export", str(tmp_path / "run"), *map(str, args)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def document(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


FILTERS: dict[str, tuple[tuple[object, ...], int, dict[str, int]]] = {
    "none": ((), 12, {}),
    "pass rate": (("--min-pass-rate", 1), 9, {"below": 3}),
    "recovered": (("--recovered-only",), 6, {"unrecovered": 6}),
    "long": (("--min-steps", 3), 6, {"short": 6}),
    "short": (("--max-steps", 2), 6, {"long": 6}),
    "category": (("--category", "security"), 4, {"category": 8}),
    "two categories": (("--category", "security", "--category", "algorithms-puzzles"), 12, {}),
    "balanced": (("--per-task", 2, "--seed", 5), 6, {"surplus": 6}),
}


@pytest.mark.parametrize(("args", "episodes", "left_out"), FILTERS.values(), ids=FILTERS.keys())
def test_filters_and_what_they_left_out(
    args: tuple[object, ...], episodes: int, left_out: dict[str, int], export: Export, tmp_path: Path
) -> None:
    out = tmp_path / "m.jsonl"
    assert document(export("--format", "messages", "--out", out, *args, "--json")) == {
        "episodes": episodes,
        "out": str(out),
        "format": "messages",
        "left_out": {"errors": 1, **left_out},
    }
    assert len(out.read_text().splitlines()) == episodes


@pytest.mark.parametrize("format", ["messages", "atif", "minari", "asciicast"])
def test_every_format_takes_the_filters_and_a_split(format: str, export: Export, tmp_path: Path) -> None:
    out = tmp_path / "out"
    args = ("--format", format, "--out", out, "--min-pass-rate", 1, "--split", 0.6, "--json")
    found = document(export(*args))
    assert (found["episodes"], found["left_out"]) == (9, {"errors": 1, "below": 3})
    assert (found["train"]["episodes"], found["validation"]["episodes"]) == (6, 3)
    assert found["card"] == str(out / "README.md")
    assert "| validation | 3 | 1 |" in (out / "README.md").read_text()
    assert all(Path(found[part]["out"]).exists() for part in ("train", "validation"))


def test_the_hubs_reader_takes_a_folder_with_its_card(export: Export, tmp_path: Path) -> None:
    export("--format", "messages", "--out", tmp_path / "data", "--split", 0.6)
    loaded = datasets.load_dataset(str(tmp_path / "data"), cache_dir=str(tmp_path / "cache"))
    tasks = {name: set(loaded[name]["task_id"]) for name in ("train", "validation")}
    assert [len(loaded[name]) for name in tasks] == [8, 4]
    assert not tasks["train"] & tasks["validation"]


def test_a_split_of_a_file_is_two_files_beside_it(export: Export, tmp_path: Path) -> None:
    out = tmp_path / "new" / "m.parquet"
    found = document(export("--format", "messages", "--out", out, "--split", 0.5, "--json"))
    assert sorted(path.name for path in out.parent.iterdir()) == ["m-train.parquet", "m-validation.parquet"]
    assert "card" not in found
    document(export("--format", "messages", "--out", out, "--card", tmp_path / "cards" / "card.md", "--json"))
    assert "`0.25`" in (tmp_path / "cards" / "card.md").read_text()


def test_what_is_like_an_evaluation_is_left_out(export: Export, tmp_path: Path) -> None:
    task = tmp_path / "evaluation" / "sailor"
    task.mkdir(parents=True)
    (task / "instruction.md").write_text("Solve the two riddle of the old sea captain and write what he said on day 9.")
    args = ("--format", "messages", "--out", tmp_path / "m.jsonl", "--json")
    found = document(export(*args, "--against", tmp_path / "evaluation"))
    assert found["left_out"]["contaminated"] == 12
    (task / "instruction.md").write_text("Tune the kernel of a router until no packet is lost under load.")
    assert "contaminated" not in document(export(*args, "--against", tmp_path / "evaluation"))["left_out"]
    empty = tmp_path / "none"
    empty.mkdir()
    assert export(*args, "--against", empty).exit_code == 2


def test_tokens_of_a_share_of_the_mistakes(export: Export, tmp_path: Path) -> None:
    a_tokenizer().save_pretrained(tmp_path / "tokenizer")
    args = ("--format", "tokens", "--tokenizer", tmp_path / "tokenizer", "--json")
    none = document(export(*args, "--out", tmp_path / "none.jsonl"))
    every = document(export(*args, "--out", tmp_path / "every", "--train-mistakes", "command_error=1", "--split", 0.5))
    trained = sum(every[part]["trained_turns"] for part in ("train", "validation"))
    assert trained == none["trained_turns"] + none["turns"]["command_error"]
    assert f"| trained turns | {trained} |" in (tmp_path / "every" / "README.md").read_text()


def test_for_people_it_is_a_table(export: Export, tmp_path: Path) -> None:
    out = export("--format", "atif", "--out", tmp_path / "out", "--min-pass-rate", 1, "--split", 0.5).stdout
    for label in ("train episodes", "validation episodes", "left out errors", "left out below", "card"):
        assert label in out


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("--format", "messages", "--tokenizer", "x"), "expected --tokenizer with --format tokens"),
        (("--format", "tokens"), "expected --tokenizer with --format tokens"),
        (("--format", "messages", "--min-steps", 5, "--max-steps", 2), "at least min_steps, 5, found 2"),
        (("--format", "messages", "--split", 1.5), "between 0 and 1, found 1.5"),
        (("--format", "messages", "--split", 0.5, "--category", "security"), "at least 2 tasks"),
        (("--format", "messages", "--train-mistakes", "typo"), "expected KIND=SHARE"),
        (("--format", "messages", "--train-mistakes", "typo=1"), "found 'typo'"),
        (("--format", "messages", "--against", "/nowhere"), "/nowhere"),
    ],
)
def test_bad_arguments(args: tuple[object, ...], text: str, export: Export, tmp_path: Path) -> None:
    done = export(*args, "--out", tmp_path / "out" / "m.jsonl")
    assert done.exit_code == 2
    assert text in done.stderr.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_a_run_without_its_plan_has_a_card_too(export: Export, tmp_path: Path) -> None:
    (tmp_path / "run" / "run.json").unlink()
    export("--format", "messages", "--out", tmp_path / "data")
    assert "not recorded" in (tmp_path / "data" / "README.md").read_text()
    (tmp_path / "run" / "run.json").write_text("[]")
    done = export("--format", "messages", "--out", tmp_path / "other")
    assert done.exit_code == 2
    assert "expected the plan of a run as a JSON object" in done.stderr


class NoMinari(MetaPathFinder):
    """Finds no package minari, as where it is not installed."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname == "minari":
            raise ModuleNotFoundError("No module named 'minari'", name="minari")


def test_without_its_package_a_format_writes_nothing(
    export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("minari", "termigen_gym.export.minari"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NoMinari(), *sys.meta_path])
    done = export("--format", "minari", "--out", tmp_path / "data")
    assert done.exit_code == 3
    assert "pip install 'termigen-gym[export]'" in done.stderr
    assert not (tmp_path / "data").exists()
