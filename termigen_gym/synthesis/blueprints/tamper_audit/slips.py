"""What goes wrong in a task of `tamper_audit`, and other ways to its end."""

from __future__ import annotations

from ..kit import Slip
from .case import Case
from .commands import chain_command, manifest_command
from .text import Wanted


def no_tool(case: Case) -> Slip:
    """A tool that is not there."""
    return Slip(
        "hallucination",
        "hashdeep audits a tree against a list of known digests in one go, so I start with that.",
        f"hashdeep -r -a -k {case.manifest_path} /app/{case.trove.root}",
        f"command -v hashdeep md5deep mtree || echo 'none of these'; command -v {case.algorithm}sum python3 jq sqlite3",
        "There is no hashdeep here, nor anything like it; and the manifest that I gave it as known is not to be "
        "trusted anyway. I have coreutils, Python, jq and sqlite3.",
    )


def reads_on(case: Case) -> Slip:
    """The journal read on below its break."""
    return Slip(
        "analysis_error",
        "Lines that fail the check are noise; I skip them and keep every other line whose seal fits.",
        chain_command(case)
        .replace("if int(values[0]) != number:", "if False:")
        .replace("elif values[6] != link:", "elif False:")
        .replace("        break\n", "        verdict = {}\n        continue\n"),
        f"cut -f1 /tmp/trusted.tsv | tail -n 3; wc -l /tmp/trusted.tsv {case.journal_path}; cat /tmp/chain.json",
        "I have kept lines from below the first bad one, and the verdict names no broken line at all. A chain proves "
        "nothing after its first break, so the walk has to stop there.",
        ["rm -f /tmp/trusted.tsv /tmp/chain.json"],
    )


def whole_folder(case: Case) -> Slip:
    """A digest tool that is to walk a folder."""
    return Slip(
        "command_error",
        "I let the digest tool walk the archive by itself.",
        f"{case.algorithm}sum --recursive /app/{case.trove.root} > /tmp/before.tsv",
        f"{case.algorithm}sum --help | grep -c recursive; wc -c /tmp/before.tsv",
        f"{case.algorithm}sum has no option to go into folders, and the table is empty. find lists the files for it.",
        ["rm -f /tmp/before.tsv"],
    )


def manifest_believed(case: Case, status: str) -> Slip:
    """The re-written manifest taken for the approved state."""
    read = manifest_command(case)
    return Slip(
        "analysis_error",
        "The manifest has a digest for every file, which is the simplest approved state to compare with.",
        f"cp /tmp/approved.tsv /tmp/approved.keep\n{read} | sed 's/$/\\t-\\t-/' | LC_ALL=C sort > /tmp/approved.tsv\n"
        + status,
        "cut -f1,2 /tmp/approved.keep | LC_ALL=C comm -13 - <(cut -f1,2 /tmp/approved.tsv)",
        "These manifest lines say something else than the last trusted line of the journal does. The manifest was "
        "re-written along with the files; only the journal says what is approved.",
        ["mv /tmp/approved.keep /tmp/approved.tsv; rm -f /tmp/status.tsv"],
    )


def first_copy(case: Case, status: str) -> Slip:
    """A copy restored without a look at its digest."""
    first = next(iter(case.copies))
    return Slip(
        "requirement_violation",
        f"The copies in {first} come first in the order, so whatever lies there under the path is the source.",
        status.replace("name in copy && copy[name] == good[path]", "name in copy").replace(
            'if copy.get(f"{store}/{path}") == good[path]', 'if f"{store}/{path}" in copy'
        ),
        "awk -F'\\t' 'FILENAME ~ /approved/ { good[$1] = $2; next } FILENAME ~ /copies.tsv/ { copy[$1] = $2; next } "
        '$4 ~ /copies/ && copy[$3 "/" $1] != good[$1] { print $1, $3 }\' '
        "/tmp/approved.tsv /tmp/copies.tsv /tmp/status.tsv; wc -l /tmp/status.tsv",
        "Any path listed here would be restored from a copy that is old or damaged itself. A store counts only where "
        "its copy has the approved digest, so the comparison belongs into the search.",
        ["rm -f /tmp/status.tsv"],
    )


def wrong_place(case: Case, wanted: Wanted) -> Slip:
    """The evidence changed."""
    root = f"/app/{case.trove.root}"
    back = [f"rm -rf {root} && cp -r /tmp/before {root}"]
    if wanted.aside:
        return Slip(
            "requirement_violation",
            "What is not approved has no business here; I delete it and copy the right files over the rest.",
            f"(cd {root} && awk -F'\\t' '$4 == \"-\" {{ print $1 }}' /tmp/status.tsv | xargs -d '\\n' rm -f); ls -R "
            f"{root}",
            f"ls {wanted.aside}; diff -rq /tmp/before {root}",
            f"The files are gone instead of being kept in {wanted.aside}, where they are wanted as evidence. I put "
            "the tree back from my copy and move them.",
            back,
        )
    return Slip(
        "requirement_violation",
        "I put the right contents straight over the damaged files, then there is one tree only.",
        "awk -F'\\t' '$4 ~ /copies/ { print $1 \"\\t\" $4 }' /tmp/status.tsv | while IFS=$'\\t' read -r path from; do "
        f'install -D -m 644 "$from" "{root}/$path"; done; find {root} -type f | wc -l',
        f"diff -rq /tmp/before {root}; ls {wanted.target}",
        "I have changed the evidence: these files differ from the state as found, which was to be left alone. The "
        f"right files belong into {wanted.target}.",
        back,
    )


def blank_separated(wanted: Wanted) -> Slip:
    """Another format than the one asked for."""
    return Slip(
        "requirement_violation",
        "A table in aligned columns is the easiest to read.",
        f"mkdir -p {wanted.folder} && cut -f1-3 /tmp/status.tsv | tr '\\t' ' ' > {wanted.table}; head -n 3 "
        f"{wanted.table}",
        f"head -n 1 {wanted.table}; grep -c , {wanted.table}",
        f"The request names the format {wanted.form} and the columns {', '.join(wanted.header)}. What I wrote is "
        "plain text with neither.",
        [f"rm -f {wanted.table}"],
    )


def counted_only(wanted: Wanted) -> Slip:
    """Files counted instead of compared."""
    return Slip(
        "verification_failure",
        "As many files were restored as have a place noted, so everything is right and I am done.",
        f"find {wanted.target} -type f | wc -l; awk -F'\\t' '$4 != \"-\"' /tmp/status.tsv | wc -l",
        f"ls {wanted.folder}; awk -F'\\t' '{{ print $2 }}' /tmp/status.tsv | sort | uniq -c",
        "Equal counts say nothing about contents: a file restored from a damaged copy counts as well. The verdict is "
        "still missing too. I write it and compare digests.",
    )


def other_ways(wanted: Wanted) -> list[tuple[str, str]]:
    """Return other right ends, each by a command that runs after the solution."""
    verdict, table = f"{wanted.folder}/verdict.json", wanted.table
    ways = [
        ("verdict-with-sorted-keys", f"jq -S . {verdict} > /tmp/sorted.json && cp /tmp/sorted.json {verdict}"),
        ("notes-of-my-own-beside-the-reports", f"cp /tmp/status.tsv {wanted.folder}/notes.tsv"),
        ("table-without-the-final-newline", f'printf %s "$(cat {table})" > /tmp/cut && cp /tmp/cut {table}'),
        ("a-folder-left-empty", f"mkdir -p {wanted.target}/empty/folder"),
    ]
    if wanted.form == "jsonl":
        ways.append(("keys-sorted-in-each-line", f"jq -S -c . {table} > /tmp/keys && cp /tmp/keys {table}"))
    return ways


def wrong_ways(case: Case, wanted: Wanted) -> list[tuple[str, str, int | None]]:
    """Return wrong ends: name, command and the step in whose place it runs."""
    as_found = 'while IFS= read -r path; do install -D -m 644 "$path" '
    return [
        ("all-lines-count", chain_command(case).replace("        break\n", ""), 2),
        ("line-counted-from-0", chain_command(case).replace('{"broken_line": number', '{"broken_line": number - 1'), 2),
        (
            "left-as-found",
            f'cd /tmp/before && find . -type f | {as_found}"{wanted.target}/$path"; done; cd /app',
            None,
        ),
        ("evidence-tidied-up", f"rm {case.manifest_path}", None),
    ]
