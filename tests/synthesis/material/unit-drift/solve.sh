#!/bin/bash
set -euo pipefail

# How do the two files write their settings?
head -n 5 wanted.conf
head -n 5 found.conf

# I bring both into one form: name, a tab, the last value.
for file in wanted found; do
  sed -E '/^[[:space:]]*(#|$)/d; s/^[[:space:]]*//; s/[[:space:]]*$//; s/[[:space:]]*=[[:space:]]*/\t/' "$file.conf" \
    | awk -F '\t' '{ v[$1] = $2 } END { for (n in v) print n "\t" v[n] }' | LC_ALL=C sort > "/tmp/$file.tsv"
done
wc -l /tmp/wanted.tsv /tmp/found.tsv

# Names in both with different values.
{ echo name,wanted,found
  LC_ALL=C join -t "$(printf '\t')" /tmp/wanted.tsv /tmp/found.tsv | awk -F '\t' '$2 "" != $3 "" { print $1 "," $2 "," $3 }'
} > drift.csv

# Names that are wanted and not there.
LC_ALL=C join -v 1 -t "$(printf '\t')" /tmp/wanted.tsv /tmp/found.tsv | cut -f 1 > missing.txt

# Is it what I expect?
cat drift.csv missing.txt
