#!/bin/bash
set -euo pipefail

# What does the list of targets look like?
cat targets.txt

# First I bring it into one form: a target and one need a line, "-" where it has none.
sed 's/#.*//' targets.txt | awk -F : 'NF > 1 {
  n = split($2, needs, " ")
  gsub(/ /, "", $1)
  if (n == 0) print $1, "-"
  for (i = 1; i <= n; i++) { print $1, needs[i]; print needs[i], "-" }
}' | LC_ALL=C sort -u > /tmp/needs.txt
wc -l < /tmp/needs.txt

# Now I build, one at a time, always the first name that can be built.
cat > /tmp/order.py <<'END'
needs = {}
for line in open("/tmp/needs.txt"):
    name, need = line.split()
    needs.setdefault(name, set()).update({need} - {"-"})
built, level = [], {}
while len(built) < len(needs):
    name = min(one for one in needs if one not in level and needs[one] <= level.keys())
    level[name] = max((level[need] + 1 for need in needs[name]), default=0)
    built.append(name)
open("order.txt", "w").write("".join(f"{name}\n" for name in built))
open("/tmp/levels.txt", "w").write("".join(f"{level[name]}\n" for name in built))
END
python3 /tmp/order.py

# How many targets does each level have?
{ echo level,targets; sort -n /tmp/levels.txt | uniq -c | awk '{ print $2 "," $1 }'; } > levels.csv

# Is each target there once?
sort order.txt | uniq -d
cat levels.csv
