#!/bin/bash
reward=1
for input in /tests/cases/*.csv; do
  diff <(timeout 10 /app/report "$input" < /dev/null) "${input%.csv}.txt" || reward=0
done
echo $reward > /logs/verifier/reward.txt
