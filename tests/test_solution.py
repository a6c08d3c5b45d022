"""solve.sh and mistakes.toml: what they mean, and what is said when they are wrong."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from termigen_gym.errors import TaskError
from termigen_gym.solution import (
    Block,
    Harmless,
    Variants,
    Way,
    mistakes_of,
    parse_mistakes,
    parse_solution,
    parse_variants,
    solution_of,
    variants_of,
)
from tests.scratch import a_task

SOLVE = """\
#!/bin/bash
# Makes the greeting.
set -euo pipefail

# I look around.
ls

# The file is missing,
# so I write it.
cat > hello.txt <<'EOF'
hello

world
EOF
# not a new block: no blank line before it
cat hello.txt

# Is it right?

grep -c hello hello.txt
"""

MISTAKE = """\
[[mistake]]
step = 2
kind = "command_error"
thought = "I write it."
command = "cat > hello.tx < /dev/null"
diagnosis = "ls"
finding = "It has the wrong name."
undo = ["rm hello.tx"]
"""


def test_a_solution_is_its_blocks() -> None:
    assert parse_solution(SOLVE) == (
        Block("I look around.", "ls"),
        Block(
            "The file is missing, so I write it.",
            "cat > hello.txt <<'EOF'\nhello\n\nworld\nEOF\n# not a new block: no blank line before it\ncat hello.txt",
        ),
        Block("Is it right?", "grep -c hello hello.txt"),
    )


def test_the_blocks_do_what_the_script_does(tmp_path: Path) -> None:
    outputs = []
    for name, script in (
        ("whole", SOLVE),
        ("blocks", "\n".join(["set -euo pipefail", *(block.command for block in parse_solution(SOLVE))])),
    ):
        (tmp_path / name).mkdir()
        run = subprocess.run(["bash", "-c", script], cwd=tmp_path / name, capture_output=True, text=True, check=True)
        outputs.append((run.stdout, (tmp_path / name / "hello.txt").read_text()))
    assert outputs[0] == outputs[1]


def test_carriage_returns_of_another_editor_do_not_matter() -> None:
    assert parse_solution(SOLVE.replace("\n", "\r\n")) == parse_solution(SOLVE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected at least one block after the preamble"),
        ("#!/bin/bash\nset -e\n", "expected at least one block after the preamble"),
        ("#!/bin/bash\nset -e\ncd /app\n\n# I look.\nls\n", "line 3: expected only .* found 'cd /app'"),
        ("#!/bin/bash\n\nls\n\n# I look.\nls\n", "line 3: expected only .* found 'ls'"),
        (
            "#!/bin/bash\n\n# I look.\nls\n\n# I am done.\n",
            "block 2: expected a command after the comment 'I am done.'",
        ),
        ("#!/bin/bash\n\n# One.\n\n# Two.\nls\n", "block 1: expected a command"),
    ],
)
def test_a_malformed_solution_says_where(text: str, said: str) -> None:
    with pytest.raises(TaskError, match=rf"^x/solve\.sh: {said}"):
        parse_solution(text, "x/solve.sh")


def test_mistakes_are_perturbations_of_a_step() -> None:
    (mistake,) = parse_mistakes(MISTAKE, "mistakes.toml", blocks=3)
    perturbation = mistake.perturbation
    assert (mistake.step, perturbation.kind, perturbation.action) == (2, "command_error", "cat > hello.tx < /dev/null")
    assert perturbation.repair is not None
    assert perturbation.repair.undo == ("rm hello.tx",)
    assert perturbation.reason == "mistakes.toml: mistake 1, step 2"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("step = 2", "step = 4"), "mistake 1: step: expected 1 to 3, the solution's blocks, found 4"),
        (("step = 2", "step = 0"), r"mistake 1 step: .* \(found 0\)"),
        (("step = 2", 'step = "2"'), "mistake 1 step: .*integer"),
        (("command_error", "typo"), "mistake 1 kind: .*analysis_error.*found 'typo'"),
        (('finding = "It has the wrong name."\n', ""), "mistake 1 finding: Field required"),
        (("diagnosis = ", "diagnose = "), "mistake 1 diagnosis: Field required"),
        (("undo = ", "undos = "), "mistake 1 undo: Field required"),
        (('"I write it."', '"  "'), "mistake 1 thought: "),
        (('["rm hello.tx"]', '"rm hello.tx"'), "mistake 1 undo: .*list"),
        (("[[mistake]]", "[[mistakes]]"), "mistakes: Extra inputs"),
        (("step = 2", "step = "), "expected TOML, found a syntax error"),
    ],
)
def test_malformed_mistakes_say_which_and_what(change: tuple[str, str], said: str) -> None:
    with pytest.raises(TaskError) as caught:
        parse_mistakes(MISTAKE.replace(*change), "x/mistakes.toml", blocks=3)
    lines = str(caught.value).splitlines()
    assert all(line.startswith("x/mistakes.toml: ") for line in lines)
    assert any(re.search(said, line) for line in lines), lines


def test_a_task_knows_its_blocks_and_mistakes(tmp_path: Path) -> None:
    task = a_task(tmp_path, solution=SOLVE, mistakes=MISTAKE)
    assert len(solution_of(task)) == 3
    assert [mistake.step for mistake in mistakes_of(task)] == [2]
    assert mistakes_of(a_task(tmp_path, solution=SOLVE)) == ()
    assert mistakes_of(a_task(tmp_path, mistakes=MISTAKE)) == ()
    with pytest.raises(TaskError, match=r"solution/solve\.sh: expected a reference solution for task 'scratch'"):
        solution_of(a_task(tmp_path))


VARIANTS = """\
[[equivalents]]
name = "by-printf"
step = 2
command = "printf 'hello\\n' > hello.txt"
[[mutants]]
name = "in-capitals"
command = "tr a-z A-Z < hello.txt > x && mv x hello.txt"
[[cheats]]
name = "empty"
command = "touch hello.txt"
[[harmless]]
mutant = "drop/1"
why = "it only looks"
"""


def test_variants_are_other_ways() -> None:
    assert parse_variants(VARIANTS, "variants.toml", blocks=3) == Variants(
        (Way("by-printf", "printf 'hello\n' > hello.txt", 2),),
        (Way("in-capitals", "tr a-z A-Z < hello.txt > x && mv x hello.txt"),),
        (Way("empty", "touch hello.txt"),),
        (Harmless("drop/1", "it only looks"),),
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("step = 2", "step = 4"), "equivalents 1: step: expected 1 to 3, the solution's blocks, found 4"),
        (("step = 2", "step = 0"), r"equivalents 1 step: .* \(found 0\)"),
        (('why = "it only looks"\n', ""), "harmless 1 why: Field required"),
        (("[[mutants]]", "[[mutant]]"), "mutant: Extra inputs"),
        (('[[mutants]]\nname = "in-capitals"', '[[equivalents]]\nname = "by-printf"'), "equivalents 2: name: .* again"),
    ],
)
def test_malformed_variants_say_where(change: tuple[str, str], said: str) -> None:
    with pytest.raises(TaskError, match=rf"^x/variants\.toml: {said}"):
        parse_variants(VARIANTS.replace(*change), "x/variants.toml", blocks=3)


def test_the_variants_of_a_task(tmp_path: Path) -> None:
    assert variants_of(a_task(tmp_path, solution=SOLVE, variants=VARIANTS)).harmless
    assert variants_of(a_task(tmp_path, solution=SOLVE)) == Variants()
    assert variants_of(a_task(tmp_path, variants=VARIANTS)) == Variants()


OWN = Path(__file__).resolve().parent.parent / "envs" / "tasks"


def test_every_task_of_ours_has_a_solution_and_mistakes_of_every_kind() -> None:
    files = sorted(OWN.glob("*/solution/mistakes.toml"))
    assert files
    for file in files:
        blocks = parse_solution((file.parent / "solve.sh").read_text(), file.parent / "solve.sh")
        mistakes = parse_mistakes(file.read_text(), file, blocks=len(blocks))
        assert len({mistake.perturbation.kind for mistake in mistakes}) == 5, file
