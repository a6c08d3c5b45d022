#!/bin/bash
set -euo pipefail

# I read the three models first; the properties and the assertion are in link.pml.
ls -l
cat link.pml sender.pml receiver.pml

# I build the verifier in a folder of its own, from an untouched copy, and ask for all three things at once: the claim all_arrive and the assertion in User.
mkdir -p /tmp/orig evidence && cp link.pml sender.pml receiver.pml /tmp/orig/
cd /tmp/orig && spin -a link.pml > spin.log 2>&1 && gcc -O0 -w -o pan pan.c && ./pan -a -m100000 -N all_arrive | sed -n 1,4p; cd /app

# The User's assertion fails. For a short trail without the claim's own steps I search breadth first, claim switched off, and replay it to read what happens on the channels.
cd /tmp/orig && gcc -O0 -w -DBFS -DNOCLAIM -o panb pan.c && ./panb > bfs.log 2>&1; grep -h -E 'assertion|errors' bfs.log || true
spin -k link.pml.trail -t -c link.pml | sed -n '1,60p'; cd /app

# That run is the evidence: with window 1 and modulus 2 two items were under way, and the second carries the place of another. I keep the trail before I change a file, replay it from where it will lie, and remove what Spin leaves behind.
cp /tmp/orig/link.pml.trail evidence/original.trail
spin -k evidence/original.trail -t link.pml 2>&1 | grep -E 'failed|trail ends' && rm -f _spin_nvr.tmp

# First cause: count <= window lets one more item in than the window allows. After that change I let Spin say what comes next rather than guess.
sed -i 's/count <= window/count < window/' sender.pml
cat > /tmp/check.sh <<'SH'
# usage: check.sh: verifies /app with both claims, in a folder of its own
rm -rf /tmp/check && mkdir /tmp/check && cp /app/*.pml /tmp/check && cd /tmp/check || return 1
spin -a link.pml > spin.log 2>&1 && gcc -O0 -w -o pan pan.c || { cat spin.log; return 1; }
for claim in window_kept all_arrive; do
  echo "$claim: $(./pan -a -m100000 -N $claim 2>&1 | grep -E '^pan:1|errors:|not completed' | tr '\n' ' ')"
done
SH
( . /tmp/check.sh )

# An item under a wrong number again, or items that never come. The receiver acknowledges s+1 for every frame, also for one it did not want, so the sender believes a lost item arrived. It must name the number it wants.
sed -i 's/ack!((s + 1) % modulus)/ack!want/' receiver.pml
( . /tmp/check.sh )
spin -k /tmp/check/link.pml.trail -t -c /tmp/check/link.pml 2>/dev/null | grep -E '!|\?' | tail -30 || true

# Still a wrong item: the buffer has window places, chosen by sequence number modulo window. With modulus 3 and window 2 the numbers 2 and 0 share a place. A place per sequence number is safe, item[] has eight.
sed -i -e 's/item\[n % window\]/item[n]/g' sender.pml
( . /tmp/check.sh )

# Now everything that arrives is right, but not all arrives: an acceptance cycle. (a - base) % modulus is negative in Promela when the numbers wrap, becomes 254 in a byte and the acknowledgement is ignored for ever. I add the modulus first.
sed -i 's/n = (a - base) % modulus/n = (a + modulus - base) % modulus/' sender.pml
( . /tmp/check.sh )

# No errors and a completed search. I make sure that the model still does the work: with window 3 a run with three items taken and none arrived must exist, so the opposite claim has to fail; and a modulus of 8 must verify as well.
rm -rf /tmp/more && mkdir /tmp/more && cp *.pml /tmp/more && cd /tmp/more
sed -i -e 's/^ltl window_kept.*/ltl never_three { [] (env_window != 3 || env_arrived > 0 || env_taken < 3) }/' -e 's/:: env_window = 2; env_modulus = 4/:: env_window = 3; env_modulus = 8/' link.pml
spin -a link.pml > spin.log 2>&1 && gcc -O0 -w -o pan pan.c
for claim in never_three all_arrive; do echo "$claim: $(./pan -a -m100000 -N $claim 2>&1 | grep -E '^pan:1|errors:' | tr '\n' ' ')"; done; cd /app

# Last look: the two files, the evidence on the untouched copies, link.pml unchanged.
cat sender.pml receiver.pml
cmp link.pml /tmp/orig/link.pml && ls -l evidence
cd /tmp/orig && spin -k /app/evidence/original.trail -t link.pml 2>&1 | grep -E 'failed|trail ends'; cd /app
