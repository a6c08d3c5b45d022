#!/bin/bash
set -euo pipefail

# First I look at what is there: the program, the instance and the plan that went wrong.
ls -l
cat place.lp instance.lp
head -5 placement.old.csv

# I want to see the overload with my own arithmetic before I touch the program: memory per host in the old plan against its size.
awk -F'[(,)]' 'FNR == NR { if ($1 == "host") size[$2] = $3; if ($1 == "service") need[$2] = $3; next }
  FNR > 1 { split($0, r, ","); load[r[3]] += need[r[1]]; who[r[3]] = who[r[3]] " " r[1] ":" need[r[1]] }
  END { for (h in load) print h, "needs", load[h], "of", size[h], (load[h] > size[h] ? "OVERLOADED" : "ok"), who[h] }' instance.lp placement.old.csv | sort

# Four hosts carry too much, each of them where two services need the same amount of memory. An aggregate in clingo works on a set of tuples, so equal tuples count once. A tiny program shows it.
printf 'x(a,8). x(b,8). collapsed(T) :- T = #sum { M : x(S,M) }. each(T) :- T = #sum { M,S : x(S,M) }.\n' > /tmp/set.lp
clingo -V0 /tmp/set.lp || true

# That is the cause: memory, cores and the price in #minimize all need their own identity in the tuple, service and copy or host.
sed -i -e 's/#sum { M : on(S,I,H)/#sum { M,S,I : on(S,I,H)/' \
       -e 's/#sum { C,S : on(S,I,H)/#sum { C,S,I : on(S,I,H)/' \
       -e 's/#minimize { P : used(H)/#minimize { P,H : used(H)/' place.lp
grep -n -e '#sum' -e '#minimize' place.lp

# Two rules remain wrong: the redundancy rule counts hosts where it should count racks, and apart/2 compares only copies with the same number.
sed -i -e 's/#count { H : on(S,_,H) } < 2/#count { K : on(S,_,H), host(H,_,_,K,_) } < 2/' \
       -e 's/:- apart(A,B), on(A,I,H), on(B,I,H)\./:- apart(A,B), on(A,_,H), on(B,_,H)./' place.lp
cat place.lp

# Now I solve to the proven optimum and keep the last model. clingo ends with 30 when it has proven the optimum, so I look at the text rather than the status.
clingo place.lp instance.lp --quiet=1,2,2 > /tmp/run.txt || true
grep -E 'OPTIMUM FOUND|UNSAT|Optimization' /tmp/run.txt

# The atoms become the CSV that was asked for: header, then one line per copy.
{ echo service,copy,host; grep -o 'on([^)]*)' /tmp/run.txt | sed -e 's/^on(//' -e 's/)$//' | sort; } > placement.csv
cat placement.csv

# I check the plan independently of clingo: memory, cores, shared hosts, racks, apart pairs and the cost.
python3 - <<'PY'
import csv, re
text = open("instance.lp").read()
facts = lambda n: [a.split(",") for a in re.findall(r"^%s\(([^)]*)\)" % n, text, re.M)]
host = {h[0]: (int(h[1]), int(h[2]), h[3], int(h[4])) for h in facts("host")}
svc = {s[0]: (int(s[1]), int(s[2]), int(s[3])) for s in facts("service")}
rows = list(csv.DictReader(open("placement.csv")))
assert len(rows) == len({(r["service"], r["copy"]) for r in rows}) == sum(s[2] for s in svc.values())
here = {}
for r in rows:
    here.setdefault(r["host"], []).append(r["service"])
for h, names in here.items():
    mem, cores = (sum(svc[s][k] for s in names) for k in (0, 1))
    assert mem <= host[h][0] and cores <= host[h][1] and len(names) == len(set(names)), h
    assert not any(a in names and b in names for a, b in facts("apart")), h
    print(h, "memory", mem, "of", host[h][0], "cores", cores, "of", host[h][1])
for s, v in svc.items():
    assert v[2] == 1 or len({host[r["host"]][2] for r in rows if r["service"] == s}) > 1, s
print("all rules hold, cost", sum(host[h][3] for h in here))
PY

# Last, the program has to work for other instances too: one with a single rack must have no solution, one with two racks must.
printf 'host(p,9,9,r1,5). host(q,9,9,r1,5). service(a,1,1,2).\n' > /tmp/one.lp
printf 'host(p,9,9,r1,5). host(q,9,9,r2,5). service(a,1,1,2).\n' > /tmp/two.lp
clingo -V1 place.lp /tmp/one.lp 2>/dev/null || true
clingo -V1 place.lp /tmp/two.lp 2>/dev/null || true
