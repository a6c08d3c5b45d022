#!/bin/bash
if diff <(cut -d: -f7 /etc/passwd | sort -u) /srv/shells/all && [ "$(sort -u /srv/shells/all | wc -l)" -eq "$(< /srv/shells/count)" ]; then
  echo 1 > /logs/verifier/reward.txt
else
  echo 0 > /logs/verifier/reward.txt
fi
