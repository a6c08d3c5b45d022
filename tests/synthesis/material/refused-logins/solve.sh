#!/bin/bash
set -euo pipefail

# What services and results are in the night's log?
cut -d ' ' -f 3,4 auth.log | LC_ALL=C sort | uniq -c

# I keep the lines of sshd alone.
awk '$3 == "sshd"' auth.log > /tmp/sshd.log
wc -l < /tmp/sshd.log

# Failures by address: those of at least two, the most first.
awk '$4 == "Failed" { n[$6]++ } END { for (a in n) if (n[a] >= 2) print a, n[a] }' /tmp/sshd.log \
  | LC_ALL=C sort -k 2,2nr -k 1,1 > sources.txt

# Who got in after three failures from the same address?
{ echo time,user,address
  awk '$4 == "Failed" { n[$6]++ } $4 == "Accepted" && n[$6] >= 3 { print $1 "," $5 "," $6 }' /tmp/sshd.log
} > breached.csv

# I look at both results once more.
cat sources.txt
head -n 4 breached.csv
