"""The programs of fleet-config, as templates of `pieces.fill`."""

from __future__ import annotations

_AWK_LINES = """
for file in @FILES@; do
    awk -v OFS='\\t' -v layer="@LAYER@" '
    /^ *#/ || /^ *$/ { next }
    /^\\[/ { section = substr($0, 2, index($0, "]") - 2) "."; next }
    /^!/ { print layer, "unset", section substr($0, 2), ""; next }
    {
        at = index($0, "=")
        name = substr($0, 1, at - 1); value = substr($0, at + 1)
        op = name ~ /[+]$/ ? "add" : name ~ /-$/ ? "remove" : "set"
        sub(/ *[-+]?$/, "", name)
        sub(/^ */, "", value)
        gsub(/ *, */, "|", value)
        print layer, op, section name, value
    }' "$file"
done > @TO@
"""

_PYTHON_LINES = """
python3 - <<'PY'
import glob
import pathlib

OPS = {"+": "add", "-": "remove"}
sort = "@SORT@"
with open("@TO@", "w") as out:
    for path in sorted(glob.glob("@FILES@")):
        layer, section = @NAME@, ""
        for line in map(str.strip, open(path)):
            if line.startswith("["):
                section = line.strip("[]") + "."
            elif line.startswith("!"):
                print(layer, "unset", section + line[1:], "", sep="\\t", file=out)
            elif line and not line.startswith("#"):
                name, _, value = line.partition("=")
                op = OPS.get(name[-1], "set")
                name = name.rstrip("+- ")
                items = "|".join(item.strip() for item in value.split(","))
                print(layer, op, section + name, items, sep="\\t", file=out)
PY
"""

READERS = {
    ("conf", "awk"): _AWK_LINES,
    ("ini", "awk"): _AWK_LINES,
    ("conf", "python"): _PYTHON_LINES,
    ("ini", "python"): _PYTHON_LINES,
    ("json", "jq"): """
for file in @FILES@; do
    jq -r --arg layer "@LAYER@" '
        to_entries[] | (.key | if endswith("+") then "add" elif endswith("-") then "remove" else "set" end) as $op
        | [$layer, (if .value == null then "unset" else $op end), (.key | rtrimstr("+") | rtrimstr("-")),
           (.value | if type == "array" then join("|") elif . == null then "" else tostring end)] | @tsv' "$file"
done > @TO@
""",
    ("json", "python"): """
python3 - <<'PY'
import glob
import json
import pathlib

OPS = {"+": "add", "-": "remove"}
sort = "@SORT@"
with open("@TO@", "w") as out:
    for path in sorted(glob.glob("@FILES@")):
        layer = @NAME@
        for key, value in json.load(open(path)).items():
            op = "unset" if value is None else OPS.get(key[-1], "set")
            items = value if isinstance(value, list) else [value]
            text = "|".join(item if isinstance(item, str) else json.dumps(item) for item in items if item is not None)
            print(layer, op, key.rstrip("+-"), text, sep="\\t", file=out)
PY
""",
    ("table", "awk"): """
awk -F, -v OFS='\\t' 'NR > 1 { gsub(/;/, "|", $4); print "@SORT@:" $1, $2, $3, $4 }' @FILES@ > @TO@
""",
    ("table", "python"): """
python3 - <<'PY'
import csv
with open("@TO@", "w") as out:
    for row in csv.DictReader(open("@FILES@", newline="")):
        items = row["value"].replace(";", "|")
        print("@SORT@:" + row["target"], row["op"], row["key"], items, sep="\\t", file=out)
PY
""",
}

INVENTORIES = {
    ("csv", "awk"): """
awk -F, -v OFS='\\t' 'NR > 1 && $4 != "retired" { print $1, $3, $2 }' @PATH@ > /tmp/fleet/hosts.tsv
""",
    ("csv", "python"): """
python3 - <<'PY'
import csv
with open("/tmp/fleet/hosts.tsv", "w") as out:
    for row in csv.DictReader(open("@PATH@", newline="")):
        if row["state"] != "retired":
            print(row["host"], row["site"], row["roles"], sep="\\t", file=out)
PY
""",
    ("jsonl", "jq"): """
jq -r 'select(.state != "retired") | [.host, .site, (.roles | join("+"))] | @tsv' @PATH@ > /tmp/fleet/hosts.tsv
""",
    ("jsonl", "python"): """
python3 - <<'PY'
import json
with open("/tmp/fleet/hosts.tsv", "w") as out:
    for row in map(json.loads, open("@PATH@")):
        if row["state"] != "retired":
            print(row["host"], row["site"], "+".join(row["roles"]), sep="\\t", file=out)
PY
""",
}

MERGERS = {
    "awk": """
cat /tmp/fleet/defaults.tsv /tmp/fleet/role.tsv /tmp/fleet/site.tsv /tmp/fleet/host.tsv > /tmp/fleet/ops.tsv
cat > /tmp/fleet/merge.awk <<'AWK'
function added(list, items,   part, count, i) {
    count = split(items, part, "[|]")
    for (i = 1; i <= count; i++)
        if (index("|" list "|", "|" part[i] "|") == 0) list = list (list == "" ? "" : "|") part[i]
    return list
}
function removed(list, items,   part, count, i, left) {
    count = split(list, part, "[|]")
    for (i = 1; i <= count; i++)
        if (index("|" items "|", "|" part[i] "|") == 0) left = left (left == "" ? "" : "|") part[i]
    return left
}
function apply(layer,   i, k) {
    for (i = 1; i <= n[layer]; i++) {
        k = key[layer, i]
        if (op[layer, i] == "set") own[k] = value[layer, i]
        else if (op[layer, i] == "add") own[k] = added(own[k], value[layer, i])
        else if (op[layer, i] == "unset") delete own[k]
        else if (k in own) own[k] = removed(own[k], value[layer, i])
        origin[k] = layer
    }
}
NR == FNR { n[$1]++; op[$1, n[$1]] = $2; key[$1, n[$1]] = $3; value[$1, n[$1]] = $4; next }
{
    host = $1; site = $2
    split("", own); split("", origin)
@AWK_CHAIN@
    for (k in origin) {
        text = k in own ? own[k] : ""
        gsub(/[{]host[}]/, host, text); gsub(/[{]site[}]/, site, text)
        print host, k, (k in own ? "set" : "gone"), text, origin[k]
    }
}
AWK
awk -F'\\t' -v OFS='\\t' -f /tmp/fleet/merge.awk /tmp/fleet/ops.tsv /tmp/fleet/hosts.tsv |
    LC_ALL=C sort -t$'\\t' -k1,1 -k2,2 > /tmp/fleet/effective.tsv
cut -f1,3 /tmp/fleet/effective.tsv | uniq -c
""",
    "python": """
python3 - <<'PY'
import collections

changes = collections.defaultdict(list)
for sort in ("defaults", "role", "site", "host"):
    for line in open(f"/tmp/fleet/{sort}.tsv"):
        layer, op, key, text = line.rstrip("\\n").split("\\t")
        changes[layer].append((op, key, text.split("|") if text else []))
with open("/tmp/fleet/effective.tsv", "w") as out:
    for line in sorted(open("/tmp/fleet/hosts.tsv")):
        host, site, roles = line.rstrip("\\n").split("\\t")
        own, origin = {}, {}
        for layer in [@CHAIN@]:
            for op, key, items in changes[layer]:
                have = own.get(key, [])
                if op == "set":
                    own[key] = items
                elif op == "add":
                    own[key] = @ADD@
                elif op == "unset":
                    @UNSET@
                elif key in own:
                    own[key] = @REMOVE@
                origin[key] = layer
        for key in sorted(origin):
            text = "|".join(own.get(key, [])).replace("{host}", host).replace("{site}", site)
            print(host, key, "set" if key in own else "gone", text, origin[key], sep="\\t", file=out)
PY
cut -f1,3 /tmp/fleet/effective.tsv | uniq -c
""",
}

WRITERS = {
    ("json", "jq"): """
rm -rf @OUT@/hosts && mkdir -p @OUT@/hosts
jq -R -n -r --argjson lists '@LISTS@' '
    def typed($k): if $lists | index([$k]) then split("|") elif . == "true" then true elif . == "false" then false
        elif test("^[0-9]+$") then tonumber else . end;
    reduce (inputs | split("\\t") | select(.[2] == "set")) as [$host, $k, $state, $v] ({};
        setpath([$host] + @PATH@; $v | typed($k)))
    | to_entries[] | "\\(.key)\\t\\(.value)"' /tmp/fleet/effective.tsv |
while IFS=$'\\t' read -r host settings; do
    printf '%s\\n' "$settings" > "@OUT@/hosts/$host.json"
done
ls @OUT@/hosts
""",
    ("json", "python"): """
rm -rf @OUT@/hosts && mkdir -p @OUT@/hosts
python3 - <<'PY'
import json

LISTS = @LISTS@
trees = {line.split("\\t")[0]: {} for line in open("/tmp/fleet/hosts.tsv")}
for line in open("/tmp/fleet/effective.tsv"):
    host, key, state, text, _ = line.rstrip("\\n").split("\\t")
    if state == "set":
        value = (text.split("|") if text else []) if key in LISTS else text
        if text.isdigit() or text in ("true", "false"):
            value = value if key in LISTS else json.loads(text)
        *above, last = @PARTS@
        tree = trees[host]
        for part in above:
            tree = tree.setdefault(part, {})
        tree[last] = value
for host, tree in trees.items():
    with open(f"@OUT@/hosts/{host}.json", "w") as out:
        json.dump(tree, out, indent=2)
PY
ls @OUT@/hosts
""",
    ("conf", "awk"): """
rm -rf @OUT@/hosts && mkdir -p @OUT@/hosts
awk -F'\\t' '$3 == "set" { gsub(/[|]/, ", ", $4); print $2 " = " $4 > ("@OUT@/hosts/" $1 ".conf") }' \\
    /tmp/fleet/effective.tsv
ls @OUT@/hosts
""",
    ("conf", "python"): """
rm -rf @OUT@/hosts && mkdir -p @OUT@/hosts
python3 - <<'PY'
for line in open("/tmp/fleet/effective.tsv"):
    host, key, state, text, _ = line.rstrip("\\n").split("\\t")
    if state == "set":
        with open(f"@OUT@/hosts/{host}.conf", "a") as out:
            print(key, "=", text.replace("|", ", "), file=out)
PY
ls @OUT@/hosts
""",
}

AUDITORS = {
    "awk": """
sed 1d @ROOT@/policy.csv | tr ',' '\\t' > /tmp/fleet/rules.tsv
cat > /tmp/fleet/audit.awk <<'AWK'
function concerned(scope, site, roles) {
    if (scope ~ /^role=/) return index("+" roles "+", "+" substr(scope, 6) "+") > 0
    return scope == "all" || scope == "site=" site
}
function broken(check, argument, there, text) {
    if (check == "required") return !there
    if (check == "forbidden") return there
    if (!there) return 0
    if (check == "min") return text + 0 < argument + 0
    if (check == "max") return text + 0 > argument + 0
    if (check == "oneof") return index("|" argument "|", "|" text "|") == 0
    return (index("|" text "|", "|" argument "|") > 0) == (check == "excludes")
}
FILENAME ~ /exceptions/ { split($0, word, " "); until[word[1], word[2]] = word[3]; next }
FILENAME ~ /effective/ { state[$1, $2] = $3; value[$1, $2] = $4; origin[$1, $2] = $5; next }
FILENAME ~ /rules/ { rule[++rules] = $0; next }
{
    for (i = 1; i <= rules; i++) {
        split(rule[i], r, "\\t")
        if (!concerned(r[5], $2, $3)) continue
        there = state[$1, r[2]] == "set"
        if (broken(r[3], r[4], there, value[$1, r[2]]))
            print $1, r[1], r[2], there ? value[$1, r[2]] : "-", origin[$1, r[2]] == "" ? "-" : origin[$1, r[2]],
                until[$1, r[1]] @LEAST@ "@TODAY@" ? "waived" : "open"
    }
}
AWK
awk -F'\\t' -v OFS='\\t' -f /tmp/fleet/audit.awk @ROOT@/exceptions.txt /tmp/fleet/effective.tsv /tmp/fleet/rules.tsv \\
    /tmp/fleet/hosts.tsv | LC_ALL=C sort -t$'\\t' -k1,1 -k2,2 > /tmp/fleet/audit.tsv
""",
    "python": """
sed 1d @ROOT@/policy.csv | tr ',' '\\t' > /tmp/fleet/rules.tsv
python3 - <<'PY'
def rows(path):
    return [line.rstrip("\\n").split("\\t") for line in open(path)]

def scoped(scope, site, roles):
    sort, _, name = scope.partition("=")
    return scope == "all" or name in (roles if sort == "role" else [site])

def broken(check, argument, text):
    if check in ("required", "forbidden") or text is None:
        return check == ("required" if text is None else "forbidden")
    return {
        "min": lambda: int(text) < int(argument),
        "max": lambda: int(text) > int(argument),
        "oneof": lambda: text not in argument.split("|"),
        "contains": lambda: argument not in text.split("|"),
        "excludes": lambda: argument in text.split("|"),
    }[check]()

until = {(host, rule): day for host, rule, day in map(str.split, open("@ROOT@/exceptions.txt"))}
values, origins = {}, {}
for host, key, state, text, layer in rows("/tmp/fleet/effective.tsv"):
    values[host, key], origins[host, key] = text if state == "set" else None, layer
found = []
for host, site, roles in rows("/tmp/fleet/hosts.tsv"):
    for rule, key, check, argument, scope in rows("/tmp/fleet/rules.tsv"):
        text = values.get((host, key))
        @SCOPE@
            if broken(check, argument, text):
                status = "waived" if until.get((host, rule), "") @LEAST@ "@TODAY@" else "open"
                found.append((host, rule, key, "-" if text is None else text, origins.get((host, key), "-"), status))
with open("/tmp/fleet/audit.tsv", "w") as out:
    for one in sorted(found):
        print(*one, sep="\\t", file=out)
PY
""",
}

COUNTERS = {
    "jq": """
jq -n --rawfile found /tmp/fleet/audit.tsv --rawfile hosts /tmp/fleet/hosts.tsv --rawfile rules /tmp/fleet/rules.tsv '
    def rows: split("\\n") | map(select(. != "") | split("\\t"));
    ($found | rows) as $found | ($hosts | rows | map(.[0])) as $names
    | ($found | map(select(.[-1] == "open"))) as $open
    | {hosts: ($names | length),
       open: ($rules | rows | map(.[0] as $rule
           | {key: $rule, value: ($open | map(select(.[1] == $rule)) | length)}) | from_entries),
       waived: ($found | map(select(.[-1] == "waived")) | length),
       clean: (($names - ($open | map(.[0]))) | sort)}' > @OUT@/summary.json
""",
    "python": """
python3 - <<'PY'
import json

def rows(name):
    return [line.rstrip("\\n").split("\\t") for line in open(f"/tmp/fleet/{name}.tsv")]

found, names = rows("audit"), [row[0] for row in rows("hosts")]
still = [row for row in found if row[-1] == "open"]
summary = {
    "hosts": len(names),
    "open": {rule[0]: sum(row[1] == rule[0] for row in still) for rule in rows("rules")},
    "waived": len(found) - len(still),
    "clean": sorted(set(names) - {row[0] for row in still}),
}
with open("@OUT@/summary.json", "w") as out:
    json.dump(summary, out, indent=2)
PY
""",
}
