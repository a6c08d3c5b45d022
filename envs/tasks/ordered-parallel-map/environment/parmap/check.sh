#!/bin/sh
# Quick look: one thread against four.
set -e
seq 1 40 > check.in
timeout 5 ./linesum -j 1 < check.in > check.1
timeout 5 ./linesum -j 4 < check.in > check.4
cmp check.1 check.4
rm -f check.in check.1 check.4
echo "check: ok"
