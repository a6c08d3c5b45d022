#!/bin/bash
cd /tests || exit 1
reward=0
if [ "$(cat /app/out/report.txt | grep -c '^total ')" = 1 ] && diff /app/out/report.txt expected/report.txt; then
  reward=1
fi
echo $reward > /logs/verifier/reward.txt
