#!/bin/bash
set -euo pipefail

# I look at what a line has.
head -n 3 /etc/passwd

# The folder first.
mkdir -p /srv/shells

# The shell is the last field; each is wanted once.
cut -d: -f7 /etc/passwd | sort -u > /srv/shells/all

# Now their number.
wc -l < /srv/shells/all > /srv/shells/count

# Is it right?
cat /srv/shells/all /srv/shells/count
