#!/bin/bash
cd /tests || exit 1
if /usr/bin/python3 -I client.py; then
  echo 1 > /logs/verifier/reward.txt
else
  echo 0 > /logs/verifier/reward.txt
fi
