#!/bin/sh
# usage: run.sh PROGRAM    each line of tests/cases: expected|expression
fails=0
while IFS='|' read -r want expr; do
    got=$("$1" "$expr" 2>&1)
    if [ "$got" = "$want" ]; then
        echo "ok    $expr"
    else
        echo "FAIL  $expr: expected $want, got $got"
        fails=$((fails + 1))
    fi
done < "$(dirname "$0")/cases"
echo "$fails failed"
[ "$fails" -eq 0 ]
