"""Programs with which traces and machines are checked."""

from __future__ import annotations

REPLAY = """
import json

rules = json.load(open("/app/spec/rules.json"))
moves = {}
for row in open("/tmp/machine.tsv"):
    here, event, there = row.split()
    moves[here, event] = there
sessions = {}
with open("/tmp/taken.tsv", "w") as taken:
    for row in open("/tmp/events.tsv"):
        run, line, ms, who, event = row.split()
        now = int(ms)
        one = sessions.setdefault((run, who), {"state": rules["initial"], "since": now, "used": {}, "over": False})
        if one["over"]:
            continue
        here = one["state"]
        there = moves.get((here, event))
        limit = rules["limits"].get(event)
        deadline = rules["deadlines_ms"].get(here)
        one["line"] = line
        if deadline is not None and now - one["since"] > deadline:
            one["verdict"], one["over"] = "late", True
        elif there is None:
            one["verdict"], one["over"] = "no-transition", True
        elif limit is not None and one["used"].get(event, 0) >= limit["most"]:
            one["verdict"], one["over"] = "limit", True
        else:
            for other, bound in rules["limits"].items():
                if bound["anew_after"] == event:
                    one["used"][other] = 0
            one["used"][event] = one["used"].get(event, 0) + 1
@since@
            one["state"] = there
            one["verdict"] = "ok" if there in rules["final"] else "unfinished"
            print(run, here, event, sep="\\t", file=taken)
with open("/tmp/verdicts.tsv", "w") as out:
    for (run, who), one in sorted(sessions.items()):
        print(run, who, one["verdict"], one["line"], one["state"], sep="\\t", file=out)
"""

REPLAY_AWK = """\
jq -r '(.final[] | "final\\t\\(.)"), "initial\\t\\(.initial)",
  (.limits | to_entries[] | "limit\\t\\(.key)\\t\\(.value.most)\\t\\(.value.anew_after)"),
  (.deadlines_ms | to_entries[] | "deadline\\t\\(.key)\\t\\(.value)")' /app/spec/rules.json > /tmp/rules.tsv
cat > /tmp/replay.awk <<'EOF'
BEGIN { FS = OFS = "\\t" }
FILENAME == ARGV[1] {
  if ($1 == "initial") initial = $2
  if ($1 == "final") final[$2] = 1
  if ($1 == "limit") { most[$2] = $3; anew[$2] = $4 }
  if ($1 == "deadline") deadline[$2] = $3
  next
}
FILENAME == ARGV[2] { move[$1, $2] = $3; next }
{
  one = $1 OFS $4; event = $5
  if (!(one in state)) { state[one] = initial; since[one] = $3 }
  if (one in over) next
  here = state[one]; line[one] = $2
  if ((here in deadline) && $3 - since[one] > deadline[here] + 0) { over[one] = "late"; next }
  if (!((here, event) in move)) { over[one] = "no-transition"; next }
  if ((event in most) && used[one, event] >= most[event] + 0) { over[one] = "limit"; next }
  for (other in anew) if (anew[other] == event) used[one, other] = 0
  used[one, event]++
  there = move[here, event]
@since@
  state[one] = there
  print $1, here, event > "/tmp/taken.tsv"
}
END {
  for (one in state)
    print one, (one in over ? over[one] : (state[one] in final) ? "ok" : "unfinished"), line[one], state[one]
}
EOF
gawk -f /tmp/replay.awk /tmp/rules.tsv /tmp/machine.tsv /tmp/events.tsv | LC_ALL=C sort > /tmp/verdicts.tsv"""

REACH_PYTHON = """\
python3 - <<'EOF'
import json

initial = json.load(open("/app/spec/rules.json"))["initial"]
moves = [line.split() for line in open("/tmp/machine.tsv")]
names = {state for here, _, there in moves for state in (here, there)}
seen, todo = {initial}, [initial]
while todo:
    state = todo.pop()
    for here, _, there in moves:
        if here == state and there not in seen:
            seen.add(there)
            todo.append(there)
open("@out@/unreachable.txt", "w").writelines(name + "\\n" for name in sorted(names - seen))
EOF"""

REACH_SQL = """\
rm -f /tmp/machine.db
sqlite3 /tmp/machine.db <<EOF
CREATE TABLE moves (here TEXT, event TEXT, there TEXT);
.mode tabs
.import /tmp/machine.tsv moves
.output @out@/unreachable.txt
WITH RECURSIVE seen(state) AS (
  SELECT '$(jq -r .initial /app/spec/rules.json)'
  UNION SELECT there FROM moves JOIN seen ON here = state)
SELECT state FROM (SELECT here AS state FROM moves UNION SELECT there FROM moves)
WHERE state NOT IN (SELECT state FROM seen) ORDER BY state;
EOF"""

REACH_SHELL = """\
jq -r .initial /app/spec/rules.json > /tmp/seen
while :; do
  awk 'FILENAME == ARGV[1] { seen[$1] = 1; print $1; next } $1 in seen { print $3 }' /tmp/seen /tmp/machine.tsv \\
    | LC_ALL=C sort -u > /tmp/more
  cmp -s /tmp/seen /tmp/more && break
  cp /tmp/more /tmp/seen
done
cut -f1,3 /tmp/machine.tsv | tr '\\t' '\\n' | LC_ALL=C sort -u > /tmp/named
LC_ALL=C comm -23 /tmp/named /tmp/seen > @out@/unreachable.txt"""

SEARCH = """
import json
from collections import deque


def step(mark, event, to):
    return @monitor@


initial = json.load(open("/app/spec/rules.json"))["initial"]
moves = {}
for line in open("/tmp/machine.tsv"):
    here, event, there = line.split()
    moves.setdefault(here, []).append((event, there))
queue, seen = deque([(initial, 0, ())]), {(initial, 0)}
found = None
while queue and found is None:
    state, mark, word = queue.popleft()
    for event, there in sorted(moves.get(state, [])):
        then = step(mark, event, there)
        if then == -1:
            found = (*word, event)
            break
        if (there, then) not in seen:
            seen.add((there, then))
            queue.append((there, then, (*word, event)))
open("@out@/counterexample.txt", "w").write("\\n".join(found) + "\\n")
"""

REPORT_PARTS = {
    "ok": 'sum(row[2] == "ok" for row in rows)',
    "verdicts": (
        '{word: sum(row[2] == word for row in rows) for word in ("ok", "late", "no-transition", "limit", "unfinished")}'
    ),
    "worst_run": 'min(runs, key=lambda run: (-sum(row[0] == run and row[2] != "ok" for row in rows), run))',
    "never_taken": "len({(row[0], row[1]) for row in moves} - {(row[1], row[2]) for row in taken})",
    "dead_ends": 'sorted(state for state in reach(rules["initial"]) if not reach(state) & set(rules["final"]))',
    "busiest": "min(counts, key=lambda move: (-counts[move], move))",
    "lines": "{run: sum(row[0] == run for row in taken) for run in runs}",
}

REPORT_NEEDS = {
    "worst_run": "runs = sorted({row[0] for row in rows})\n",
    "lines": "runs = sorted({row[0] for row in rows})\n",
    "never_taken": 'moves = table("/tmp/machine.tsv")\n',
    "busiest": 'counts = Counter(" ".join(row[1:]) for row in taken)\n',
    "dead_ends": (
        'moves = table("/tmp/machine.tsv")\n'
        'rules = json.load(open("/app/spec/rules.json"))\n\n\n'
        "def reach(start):\n"
        "    seen, more = set(), {start}\n"
        "    while more:\n"
        "        seen |= more\n"
        "        more = {row[2] for row in moves if row[0] in seen} - seen\n"
        "    return seen\n\n\n"
    ),
}
