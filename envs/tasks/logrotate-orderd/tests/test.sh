#!/bin/bash
# Runs the tests with a clean interpreter and writes the reward: 1 when all pass, else 0.
# What the agent wrote runs as nobody (see nobody.py), who can neither read the tests nor write the reward (see run.py).
[ -d /logs/verifier ] || mkdir -p /logs/verifier
echo > /logs/verifier/reward.txt  # room for the reward, should the disk be full later
cd /tests || exit 1
if env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    /usr/bin/python3 -IB run.py /tests /logs/verifier; then
  echo 1 1<> /logs/verifier/reward.txt
else
  echo 0 1<> /logs/verifier/reward.txt
fi
