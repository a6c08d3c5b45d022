#!/bin/bash
set -euo pipefail

# What does the history look like?
zcat history.log.gz | head -n 3

# I turn it round, so that the oldest change comes first.
zcat history.log.gz | tac > /tmp/changes.txt
wc -l < /tmp/changes.txt

# Then I pick out what breaks something, and the other fixes.
{ echo Breaking
  sed -n -E 's/^[0-9a-f]+ [a-z]+!: //p' /tmp/changes.txt
  echo Fixes
  sed -n -E 's/^[0-9a-f]+ fix: //p' /tmp/changes.txt
} > NOTES.txt

# Does it read well?
cat NOTES.txt
