#!/bin/bash
# The report is read as data, and nothing of the agent's is run.
chmod -R go= /tests /logs/verifier
reward=0
if [ -f /app/out/report.txt ] && cmp /app/out/report.txt /tests/expected/report.txt; then
  reward=1
fi
echo $reward > /logs/verifier/reward.txt
