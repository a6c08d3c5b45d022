from __future__ import annotations

import json
from pathlib import Path

import pytest

from termigen_gym.errors import TaskError
from termigen_gym.synthesis.contamination import Evaluation, EvaluationTask, read_evaluation, report
from termigen_gym.synthesis.similarity import normalised_words

CHESS = """The file chess_board.png shows a position with white to move. Write the best move for white to /app/move.txt
in the form [src][dst], for example e2e4. If there are several moves that win at once, print all of them, one a line."""
BOILERPLATE = (
    "Make sure that the file is valid JSON and that it can be parsed by the automated tests that are run later."
)
QEMU = """Start the alpine.iso image in a virtual machine with 512 megabytes, wait for its login prompt on the serial
console and leave it running so that a connection to port 2222 on this host reaches its ssh daemon as root."""
SOLUTION = "python3 detect.py board.png | stockfish --depth 22 | awk '/bestmove/ {print substr($2, 1, 4)}' > move.txt"
SPEECH = """Transcribe the recordings below /audio with the model that is installed, one text file for each speaker."""
OURS = """`/data/tides.csv` holds the water levels of nine harbours. Fit the four main constituents for each of them,
report phases relative to Greenwich, and list gauges that seem to have been moved during the winter of 2024."""


def evaluation(*texts: str, solution: str = "") -> Evaluation:
    return Evaluation(EvaluationTask(f"eval-{number}", text, solution) for number, text in enumerate(texts))


def test_a_task_of_our_own_is_clean() -> None:
    assert evaluation(CHESS, QEMU).contamination(OURS, "Rscript fit.R") is None


def test_a_copied_sentence_is_found() -> None:
    copied = CHESS.replace("chess_board.png shows", "/data/b7.png shows").replace("\n", "   ")
    found = evaluation(QEMU, CHESS).contamination(f"{OURS} {copied[40:]}")
    assert found is not None
    assert (found.against, found.why) == ("eval-1", "n-grams")
    assert 0.2 < found.measure < 0.6
    assert len(found.excerpt.split()) == 13
    assert found.excerpt in " ".join(normalised_words(CHESS))


@pytest.mark.parametrize(("length", "expected"), [(49, None), (62, "run")])
def test_a_run_of_fifty_characters_is_found_wherever_it_lies(length: int, expected: str | None) -> None:
    against = evaluation(QEMU, CHESS)
    for start in (20, 33, 47, 58):
        found = against.contamination(f"{OURS} Zebra,{' '.join(QEMU.split())[start : start + length]}#zebra")
        assert (found and found.why) == expected
        if found:
            assert found.measure == pytest.approx(length, abs=2)
            assert found.excerpt in " ".join(QEMU.lower().split())


def test_case_and_line_breaks_hide_nothing() -> None:
    found = evaluation(QEMU).contamination(f"{OURS}\n{QEMU[60:125].upper()}")
    assert found is not None
    assert found.why == "run"


def test_what_many_evaluation_tasks_share_proves_nothing() -> None:
    ours = f"{OURS} {BOILERPLATE}"
    few = evaluation(f"{CHESS} {BOILERPLATE}", f"{QEMU} {BOILERPLATE}")
    many = evaluation(f"{CHESS} {BOILERPLATE}", f"{QEMU} {BOILERPLATE}", f"{SPEECH} {BOILERPLATE}")
    assert few.contamination(ours) is not None
    assert many.contamination(ours) is None
    found = many.contamination(f"{ours} {CHESS}")
    assert found is not None
    assert found.against == "eval-0"


def test_the_same_task_in_other_words_is_found() -> None:
    other = """White is to move in the position shown by chess_board.png: write white's best move to /app/move.txt,
    as [src][dst] (e2e4, say). Of several winning moves print all."""
    found = evaluation(QEMU, CHESS).contamination(other)
    assert found is not None
    assert (found.against, found.why, found.excerpt) == ("eval-1", "similar", "")


def test_the_same_solution_is_found() -> None:
    found = evaluation(CHESS, solution=SOLUTION).contamination(OURS, SOLUTION)
    assert found is not None
    assert found.why == "similar"


def test_folders_of_harbor_and_of_terminal_bench(tmp_path: Path) -> None:
    (tmp_path / "harbor/chess/solution").mkdir(parents=True)
    (tmp_path / "harbor/chess/instruction.md").write_text(CHESS)
    (tmp_path / "harbor/chess/solution/solve.sh").write_text(SOLUTION)
    block = "\n".join(f"  {line}" for line in QEMU.split("\n"))
    yamls = {
        "qemu": f"# canary\ninstruction: |-\n{block}\n\n  Then:\n    wait\nauthor_name: x\ntags:\n  - a\n",
        "folded": f"author_name: x\ninstruction: >  # text\n{block}\n",
        "plain": 'instruction: "Say hello\n  to the world"\ndifficulty: easy\n',
    }
    for name, text in yamls.items():
        (tmp_path / "tb1" / name).mkdir(parents=True)
        (tmp_path / "tb1" / name / "task.yaml").write_text(text)
    (tmp_path / "tb1/qemu/solution.sh").write_text("qemu-system-x86_64 -m 512")
    tasks = {task.name: task for task in read_evaluation(tmp_path)}
    assert list(tasks) == ["chess", "folded", "plain", "qemu"]
    assert tasks["chess"] == EvaluationTask("chess", CHESS, SOLUTION)
    assert tasks["qemu"].instruction.rstrip() == f"{QEMU}\n\nThen:\n  wait"
    assert tasks["qemu"].solution == "qemu-system-x86_64 -m 512"
    assert tasks["folded"].instruction.rstrip() == QEMU
    assert tasks["plain"].instruction == "Say hello to the world"


@pytest.mark.parametrize("text", [None, "author_name: x\n"])
def test_folders_without_tasks_are_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "task.yaml").write_text(text)
    with pytest.raises(TaskError, match="expected"):
        read_evaluation(tmp_path)


def test_the_report_is_json() -> None:
    against = evaluation(CHESS, QEMU)
    found = {name: against.contamination(text) for name, text in (("b", CHESS), ("a", f"{OURS} {QEMU[60:125]}"))}
    result = json.loads(json.dumps(report({name: one for name, one in found.items() if one is not None})))
    assert result["refused"] == 2
    assert result["why"] == {"n-grams": 1, "run": 1}
    assert result["tasks"]["b"]["against"] == "eval-0"
    assert list(result["tasks"]["a"]) == ["against", "why", "measure", "excerpt"]
