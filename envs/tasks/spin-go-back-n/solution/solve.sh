#!/bin/bash
set -euo pipefail

# I read the three models first; the properties and the assertion are in link.pml.
ls -l
cat link.pml sender.pml receiver.pml

# I build the verifier in a folder of its own, from an untouched copy. tcc compiles its twenty thousand lines in a moment, and for a model this small a hash table of 2^18 places is plenty. The claim all_arrive and the assertion in User are checked in one search.
mkdir -p /tmp/orig evidence && cp link.pml sender.pml receiver.pml /tmp/orig/
cd /tmp/orig && spin -a link.pml > spin.log 2>&1 && tcc -w -o pan pan.c && ./pan -a -w18 -N all_arrive | sed -n 1,4p; cd /app

# The User's assertion fails, some fifty steps deep, which is short enough to read. I keep that trail as the evidence before I change a file, and replay it from where it lies to see what happens on the channels.
cp /tmp/orig/link.pml.trail evidence/original.trail
spin -k evidence/original.trail -t -c link.pml; rm -f _spin_nvr.tmp

# With window 1 and modulus 2 two items are under way, and the second carries the place of another: count <= window lets one more in than the window allows. And the receiver acknowledges s+1 for every frame, also for one that it did not want, so a lost item would count as arrived; it must name the number it wants. I repair both and let Spin say what comes next; window_kept needs no search for cycles, so no -a.
sed -i 's/count <= window/count < window/' sender.pml
sed -i 's/ack!((s + 1) % modulus)/ack!want/' receiver.pml
cat > /tmp/check.sh <<'SH'
# usage: . check.sh OPTIONS...: verifies /app once for each, in a folder of its own
rm -rf /tmp/check && mkdir /tmp/check && cp /app/*.pml /tmp/check && cd /tmp/check || return 1
spin -a link.pml > spin.log 2>&1 && tcc -w -o pan pan.c || { cat spin.log; return 1; }
for options in "$@"; do
  echo "$options"; ./pan -w18 $options 2>&1 | grep -E '^pan:1|errors:|not completed'
done
SH
( . /tmp/check.sh "-N window_kept" )

# Still a wrong item: the buffer has window places, chosen by sequence number modulo window. With modulus 3 and window 2 the numbers 2 and 0 share a place. A place per sequence number is safe, item[] has eight. Do all items arrive then?
sed -i -e 's/item\[n % window\]/item[n]/g' sender.pml
( . /tmp/check.sh "-a -N all_arrive" )
spin -k /tmp/check/link.pml.trail -t -c /tmp/check/link.pml 2>/dev/null | grep -E '!|\?' | tail -30 || true

# An acceptance cycle: the same acknowledgement comes again and again. (a - base) % modulus is negative in Promela when the numbers wrap, becomes 254 in a byte and the acknowledgement is ignored for ever. I add the modulus first, and check both claims.
sed -i 's/n = (a - base) % modulus/n = (a + modulus - base) % modulus/' sender.pml
( . /tmp/check.sh "-N window_kept" "-a -N all_arrive" )

# No errors and a completed search. But link.pml tries windows 1 and 2 only. I make sure that the model still does the work: with window 3 a run with three items taken and none arrived must exist, so the opposite claim has to fail; and window 3 must verify with modulus 8, with enough items for the numbers to wrap, and without the early alarm to keep the search small.
rm -rf /tmp/more && mkdir /tmp/more && cp *.pml /tmp/more && cd /tmp/more
sed -i -e 's/^ltl window_kept.*/ltl never_three { [] (env_window != 3 || env_arrived > 0 || env_taken < 3) }/' -e 's/ITEMS 4/ITEMS 9/; s/LOSSES 2/LOSSES 1/; s/EARLY 1/EARLY 0/; /env_window = 1;/d; s/env_window = 2; env_modulus = 3/env_window = 3; env_modulus = 8/' link.pml
spin -a link.pml > spin.log 2>&1 && tcc -w -o pan pan.c
for options in "-N never_three" "-a -N all_arrive"; do echo "$options"; ./pan -w18 $options 2>&1 | grep -E '^pan:1|errors:|not completed'; done; cd /app

# Last look: the two files, the evidence on the untouched copies, link.pml unchanged.
cat sender.pml receiver.pml
cmp link.pml /tmp/orig/link.pml && ls -l evidence
cd /tmp/orig && spin -k /app/evidence/original.trail -t link.pml 2>&1 | grep -E 'failed|trail ends'; cd /app
