#!/bin/bash
# Bisects, repairs match.c, adds tests.
set -euo pipefail

# What is in the repository, and between which commits does it lie?
cd /app/tlz
git status --short --branch
git --no-pager log --oneline --decorate v1.4~1..main
cat tests/run.sh FORMAT.md

# I want to see the damage with the present state before I look for its origin.
make 2>&1 | tail -2
mkdir -p /tmp/b
cp ../sample.dat /tmp/b/ && ./tlz -v pack /tmp/b/sample.dat
./tlz test /tmp/b/sample.dat.tlz || echo "status $?"

# A script for the bisection, in which only commits that touch the sources count: 125 where it does not build, all sources compiled in one call because the Makefile knows no headers, and a real round trip compared byte by byte.
cat > /tmp/b/step.sh <<'EOF'
#!/bin/sh
cc -o /tmp/b/tlz *.c 2>/dev/null || exit 125
cp /app/sample.dat /tmp/b/s.dat
/tmp/b/tlz pack /tmp/b/s.dat || exit 1
echo lost > /tmp/b/s.dat
/tmp/b/tlz unpack /tmp/b/s.dat.tlz 2>/dev/null || exit 1
cmp -s /app/sample.dat /tmp/b/s.dat || exit 1
EOF
git bisect start v2.1 v1.4 -- '*.c' '*.h'
git bisect run sh /tmp/b/step.sh | grep -v '^running'

# The bisection has a single answer. I note it and go back to main.
git rev-parse refs/bisect/bad > ../first_bad.txt
git bisect reset
cat ../first_bad.txt

# The commit claims to change nothing. I compare the search that it removes with the one that it adds.
git --no-pager show --format='%h %s%n%b' "$(cat ../first_bad.txt)" -- pack.c match.c tlz.h | grep -E '^[0-9a-f]{7}|^[-+]' | grep -E 'DIST|WINDOW|CHAIN|head|prev|malloc|static|free|Move|cand'

# Two differences: the limit was 65535, the most that two bytes hold, and is WINDOW = 65536 now, which is written as 0.
# And the tables were new for every file; now they are static and keep the positions of the file before. I repair both.
sed -i -e 's/(long)pos - cand <= WINDOW/(long)pos - cand <= MAX_DIST/' -e 's/^\/\* Positions are kept plus one.*/\/* Positions are kept plus one, 0 is "none". *\//' match.c
sed -i 's/^#define MIN_MATCH 4$/&\n#define MAX_DIST  65535         \/* a distance has two bytes *\//' tlz.h
cat >> match.c <<'EOF'

void match_reset(void)
{
    memset(head, 0, sizeof head);       /* nothing leads to prev[] any more */
}
EOF
sed -i 's/^void match_insert.*/&\n\n\/* Forgets all positions; to be called before each file. *\/\nvoid match_reset(void);/' match.h
sed -i 's/^    memcpy(out, "TLZ2", 4);$/    match_reset();\n&/' pack.c
make -B 2>&1 | tail -1
git --no-pager diff

# Now tests: data that repeats at the largest distance and one byte beyond it, and a file that is packed twice in one call, which must give the same bytes twice. A test that takes a moment gets run, so a little noise with zeros in between has to do; the checksum in the trailer says whether it would come back.
cat > /tmp/b/more.sh <<'EOF'
# Matches at the far end of the window: noise that comes again after d bytes, with zeros in between.
for d in 65535 65536; do
    awk -v d=$d 'BEGIN {
        x = 7
        while (length(s) < 3200) { x = x * 16807 % 2147483647; s = s sprintf("%08x", x) }
        printf "%s%0" (d - 3200) "d%s", s, 0, s
    }' > tmp/far
    ../tlz pack tmp/far
    ../tlz test tmp/far.tlz
done
# Several files in one call: nothing of the first one is left for the second.
cp cases/words tmp/a
cp cases/words tmp/b
../tlz pack tmp/a tmp/b
cmp tmp/a.tlz tmp/b.tlz
EOF
grep -v '^echo "all tests passed"' tests/run.sh > /tmp/b/run.sh
{ cat /tmp/b/run.sh; echo; cat /tmp/b/more.sh; echo 'echo "all tests passed"'; } > tests/run.sh
make check

# A test is worth something only if it fails with the fault in. I put each of the two back, one at a time, in a copy; v2.1 has both, so it fails where either does.
rm -rf /tmp/b/copy && cp -r . /tmp/b/copy && cd /tmp/b/copy
sed -i 's/<= MAX_DIST/<= MAX_DIST + 1/' match.c && cc -o tlz *.c && sh tests/run.sh || echo "the distance: status $?"
cp /app/tlz/match.c . && sed -i '/^    match_reset();/d' pack.c && cc -o tlz *.c && sh tests/run.sh || echo "the tables: status $?"
cd /app/tlz

# Each of them is caught. I note it in CHANGES, commit, and leave nothing built behind.
sed -i '1i 2.2  pack: no distance of 65536; nothing is kept from one file to the next' CHANGES
git add -A
git commit -q -m 'match: respect the largest distance and forget the last file' -m 'Both came with the move into match.c. Tests for each.'
make clean && git status --short --branch

# At last the real thing, built from what is committed and nothing else: the sample at the lowest and the highest level, and with another file before it in one call.
mkdir /tmp/b/clean && git archive main | tar -x -C /tmp/b/clean && make --no-print-directory -C /tmp/b/clean 2>&1 | tail -1
for l in 1 9; do cp ../sample.dat /tmp/b/s$l; /tmp/b/clean/tlz -$l -v pack /tmp/b/s$l; echo lost > /tmp/b/s$l; /tmp/b/clean/tlz unpack /tmp/b/s$l.tlz; cmp ../sample.dat /tmp/b/s$l; done
cp /tmp/b/s9.tlz /tmp/b/alone && /tmp/b/clean/tlz -9 pack /tmp/b/clean/pack.c /tmp/b/s9 && cmp /tmp/b/s9.tlz /tmp/b/alone && echo "round trips ok"
rm -rf /tmp/b && cat /app/first_bad.txt && git --no-pager log --oneline -2
