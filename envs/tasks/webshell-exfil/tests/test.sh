#!/bin/bash
# Runs the tests with a clean interpreter and writes the reward: 1 when all pass, else 0.
# What the agent wrote runs as nobody, who can't look into these folders nor put others in their place.
mkdir -p /logs/verifier
chown 0:0 / /logs && chmod go-w / /logs
chmod -R go= /tests /logs/verifier
echo > /logs/verifier/reward.txt  # room for the reward, should the disk be full later
cd /tests || exit 1
# A third of so short a run would go into collecting garbage and taking everything down.
quickly='import gc, os, sys; gc.disable(); import pytest; code = pytest.main(sys.argv[1:]); sys.stdout.flush(); os._exit(code)'
if env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 /usr/bin/python3 -I -c "$quickly" -c /dev/null --rootdir=/tests --confcutdir=/tests \
    -p no:cacheprovider -q -rA /tests/test_outputs.py; then
  echo 1 1<> /logs/verifier/reward.txt
else
  echo 0 1<> /logs/verifier/reward.txt
fi
