"""Commands that the solution of a `tamper_audit` task and its mistakes have in common."""

from __future__ import annotations

from ..drawing import fill, python
from .case import Case

_CHAIN = """
import hashlib
@imports@
from pathlib import Path

rows, link, verdict = [], "0" * 64, {}
lines = Path("@journal@").read_text().splitlines()
for number, line in enumerate(lines, start=1):
    values = @split@
    *told, seal = values
@key@
    good = @good@
    if int(values[0]) != number:
        verdict = {"broken_line": number, "reason": "@gap@"}
    elif values[6] != link:
        verdict = {"broken_line": number, "reason": "@link@"}
    elif seal != good:
        verdict = {"broken_line": number, "reason": "@seal@"}
    if verdict:
        break
    rows.append(values[:6])
    link = @next@
verdict = {"entries": len(lines), "trusted": len(rows), **verdict}
Path("/tmp/chain.json").write_text(json.dumps(verdict))
Path("/tmp/trusted.tsv").write_text("".join("\\t".join(row) + "\\n" for row in rows))
print(verdict)
"""

_MANIFEST_READ = {
    "sums": "awk '{ print $2 \"\\t\" $1 }' @manifest@",
    "bsd": "sed -E 's/^[A-Z0-9]+ \\((.*)\\) = (.*)$/\\1\\t\\2/' @manifest@",
    "csv": "awk -F, -v OFS='\\t' 'NR > 1 { print $1, $2 }' @manifest@",
    "jsonl": "jq -r '[.path, .digest] | join(\"\\t\")' @manifest@",
}


def chain_command(case: Case) -> str:
    """Return the walk down the journal."""
    gap, link, seal = case.reasons
    split = {
        "jsonl": "[str(value) for value in json.loads(line).values()]",
        "pipe": 'line.split(" | ")',
        "csv": 'line.split(",")',
    }[case.journal_format]
    message = f'"{case.separator}".join(told).encode()'
    key, good = "", f"hashlib.sha256({message}).hexdigest()"
    if case.keyed:
        name = "{told[2]}" if case.keyed == "each" else case.trove.journal
        text = f'Path({"f" * (case.keyed == "each")}"/app/keys/{name}.key").read_text().strip()'
        key = f"    key = bytes.fromhex({text})" if case.hex_keys else f"    key = {text}.encode()"
        good = f"hmac.new(key, {message}, hashlib.sha256).hexdigest()"
    after = "seal" if case.chained_by == "seal" else "hashlib.sha256(line.encode()).hexdigest()"
    code = fill(
        _CHAIN,
        imports="import hmac\nimport json" if case.keyed else "import json",
        **{"journal": case.journal_path, "split": split, "key": key, "good": good, "next": after},
        **{"gap": gap, "link": link, "seal": seal},
    )
    return python("\n".join(line for line in code.splitlines() if line.strip()))


def manifest_command(case: Case) -> str:
    """Return what prints the manifest as paths and digests with a tab between."""
    return fill(_MANIFEST_READ[case.manifest_format], manifest=case.manifest_path)
