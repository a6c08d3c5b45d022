from __future__ import annotations

import time
from pathlib import Path

import pytest

from termigen_gym.synthesis.taxonomy import taxonomy
from termigen_gym.synthesis.tools_used import commands, tools_used
from termigen_gym.task import Task

ROOT = Path(__file__).parent.parent.parent

CASES = {
    "a pipeline": ("sort a | uniq -c | awk '{print $1 | \"jq\"}'", "sort uniq awk"),
    "lists": ("make && ./run || gdb ./run; nm run & wait", "make gdb nm wait"),
    "negation and braces": ("! grep -q x f && { cut -c1 f; } || (tar cf - . | gzip)", "grep cut tar gzip"),
    "comments": ("ls # | jq\n# sed\necho a#b", "ls echo"),
    "quotes": ("echo 'a; jq .' \"b | sed\" c\\;awk", "echo"),
    "assignments": ("A=1 B=$(nproc) LC_ALL=C sort -u f; X=jq; Y=(sed $(date))", "nproc sort date"),
    "substitutions": ('echo "n: $(wc -l < "$(mktemp)")" `date \\`id\\``', "mktemp wc id date echo"),
    "process substitution": ("diff <(sort a) <(xxd b) > >(tee log)", "sort xxd tee diff"),
    "arithmetic": ("((i = jq | sed)); echo $((a + $(nproc) << 2)) ${x:-$(id)}", "nproc id echo"),
    "redirections": ("cat <jq >sed 2>&1 &>tr >>awk 2>/dev/null; wc <<< jq", "cat wc"),
    "loops": ("for jq in sed $(seq 3); do tr a b; done; while read -r l; do cmp a b; done", "seq tr read cmp"),
    "arithmetic loop": ("for ((i=0; i<3; i++)); do date; done", "date"),
    "conditions": ("if [ -f jq ]; then od; elif [[ $a == sed || -n $(id) ]]; then bc; else dc; fi", "test od id bc dc"),
    "case": ("case $(uname) in\n Linux|jq) ls ;;\n (sed) tar x;; *) id\nesac\ndate", "uname ls tar id date"),
    "a function shadows": ("find() { grep x; }\nfunction jq { sed p; }\nfind . | jq .", "grep sed"),
    "privileges": (
        "sudo -u www-data env -u HOME A=b timeout -k 1 5s nice -n 3 /usr/bin/python3 x.py",
        "sudo env timeout nice python3",
    ),
    "xargs": ("find . -name '*.c' -print0 | xargs -0 -n 1 -P 2 gcc -c", "find xargs gcc"),
    "find": (
        r"find . -type f -exec sed -i s/a/b/ {} \; -o -execdir sh -c 'md5sum {} | cut -c1' \;",
        "find sed dash md5sum cut",
    ),
    "shells": (
        "bash -ec 'cd /x; jq . f'; xargs sh -c 'stat $0'; eval \"ln -s a b\"; trap 'rm -f t' EXIT",
        "bash cd jq xargs dash stat eval ln trap rm",
    ),
    "a whole command in a word": ("watch -n1 'ps aux | head'; parallel 'xz {}' ::: a b", "watch ps head parallel xz"),
    "a module": ("python3 -m pytest -q; python -m venv x", "python3 pytest"),
    "looking for a program": ("command -v jq >/dev/null || command ls", "ls"),
    "continued": ("sort \\\n  -u f |\n  head", "sort head"),
    "a heredoc is data": ("python3 - <<'EOF'\nimport os\nsed = 1; jq(x) | awk\nEOF\nls", "python3 ls"),
    "a file is data": ("cat > x.sh <<EOF\njq .\n$(date)\nEOF\nchmod +x x.sh", "cat date chmod"),
    "tabs": ("cat <<-E | tr a b\n\tsed\n\tE\nod x", "cat tr od"),
    "two heredocs": ("diff /dev/fd/3 3<<A - <<'B'\njq\nA\n$(sed)\nB\nid", "diff id"),
    "a shell reads it": ("sudo bash -s <<'EOF'\njq . f | sort\nEOF\nbash <<E\nsed p\nE", "sudo bash jq sort sed"),
    "a script of a shell's reads data": ("bash x.sh <<'E'\njq\nE\nid", "bash id"),
    "heredoc in a substitution": ("x=$(python3 <<'E'\nprint('jq)')\nE\n)\nsed p", "python3 sed"),
    "versions": ("gcc-12 a.c; python3.11 x; /usr/sbin/logrotate c; ./jq; /app/find", "gcc python3 logrotate"),
    "unknown ones": ('$EDITOR f; stockdesk <in; "$x/jq" .', ""),
    "unfinished": ("echo 'abc; jq .", "echo"),
    "unfinished heredoc": ("cat <<EOF\njq", "cat"),
}


@pytest.mark.parametrize("case", CASES)
def test_cases(case: str) -> None:
    script, expected = CASES[case]
    assert sorted(tools_used(script)) == sorted(expected.split())


def test_in_the_order_of_use_and_once() -> None:
    assert tools_used("sort a | uniq; sort b; cut -c1 c") == ("sort", "uniq", "cut")


def test_commands_that_are_no_known_tools_are_named() -> None:
    assert commands("stockdesk --batch | /app/reconcile x; ./configure") == [
        "stockdesk",
        "/app/reconcile",
        "./configure",
    ]


@pytest.mark.parametrize("folder", sorted((ROOT / "envs/tasks").iterdir()), ids=lambda folder: folder.name)
def test_what_our_tasks_say_of_themselves(folder: Path) -> None:
    """Their authors named tools by hand: what is a command there is found, but for what the solution has in a file."""
    task = Task.load(folder)
    assert task.solution is not None
    found = tools_used(task.solution)
    named = {taxonomy().tool(name) or name for name in {*task.config.metadata.tools} & {*commands(task.solution)}}
    assert len(found) >= 5
    assert named <= {*found, "stockdesk"}
    assert not {"import", "def", "return"} & set(commands(task.solution))


@pytest.mark.parametrize("text", ["(" * 400, "$(" * 400, "`" * 999, "<<A" * 300, "case x in " * 300, "[[ " * 999, "\\"])
def test_nonsense_ends(text: str) -> None:
    start = time.process_time()
    commands(text)
    assert time.process_time() - start < 2
