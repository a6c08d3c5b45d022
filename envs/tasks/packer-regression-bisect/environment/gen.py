"""Makes the repository /app/tlz with its history, and /app/sample.dat.

Everything is fixed (texts, dates, names), so the commit hashes are too."""

import os
import random
import subprocess
import sys
from pathlib import Path

APP = Path(sys.argv[1])
REPO = APP / "tlz"
ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "tlz",
    "GIT_AUTHOR_EMAIL": "tlz@localhost",
    "GIT_COMMITTER_NAME": "tlz",
    "GIT_COMMITTER_EMAIL": "tlz@localhost",
}
clock = 1_600_000_000


def git(*args):
    env = dict(ENV, GIT_AUTHOR_DATE=f"{clock} +0000", GIT_COMMITTER_DATE=f"{clock} +0000")
    subprocess.run(["git", "-C", str(REPO), *args], check=True, env=env, stdout=subprocess.DEVNULL)


def put(path, text):
    (REPO / path).parent.mkdir(parents=True, exist_ok=True)
    (REPO / path).write_text(text)


def edit(path, old, new):
    text = (REPO / path).read_text()
    assert text.count(old) == 1, (path, old, text.count(old))
    put(path, text.replace(old, new))


def commit(subject, body="", tag=None):
    global clock
    clock += 86_400 + 3_607 * (len(subject) % 11)
    git("add", "-A")
    git("commit", "-q", "-m", subject + ("\n\n" + body if body else ""))
    if tag:
        git("tag", tag)


REPO.mkdir(parents=True)
git("init", "-q", "-b", "main")
git("config", "user.name", "tlz")
git("config", "user.email", "tlz@localhost")
git("config", "commit.gpgsign", "false")

# ---- 1.0 to 1.4 ------------------------------------------------------------

put(".gitignore", "*.o\n/tlz\n/tests/tmp/\n")
put("README", "tlz - a small LZ77 packer\n\nusage: tlz pack FILE      writes FILE.tlz\n       tlz unpack FILE.tlz   writes FILE\n")
put("FORMAT.md", """\
# The .tlz format

All numbers are little-endian.

1. Magic: the four bytes `TLZ1`.
2. Size of the unpacked data, 4 bytes.
3. Sequences, until that many bytes have been unpacked.

A sequence:

1. Token, 1 byte. High nibble: number of literals. Low nibble: length of the match minus 4.
2. If the high nibble is 15: length bytes, which are added to it.
3. The literals.
4. Nothing more if all data is there now. Otherwise the distance of the match, 2 bytes.
5. If the low nibble is 15: length bytes, which are added to it.
""")
put("Makefile", """\
CC = cc
CFLAGS = -O1 -g -Wall -Wextra
OBJS = main.o pack.o unpack.o

tlz: $(OBJS)
	$(CC) $(CFLAGS) -o $@ $(OBJS)

clean:
	rm -f tlz *.o

.PHONY: clean
""")
put("tlz.h", """\
#ifndef TLZ_H
#define TLZ_H

#include <stddef.h>
#include <stdint.h>

#define MIN_MATCH 4
#define MAX_DIST  65535         /* a distance has two bytes */

size_t tlz_bound(size_t n);
size_t tlz_pack(const unsigned char *in, size_t n, unsigned char *out);

/* Returns 0, or -1 if the data is corrupt. */
int tlz_unpack(const unsigned char *in, size_t n, unsigned char **out, size_t *outlen);

#endif
""")
put("pack.c", """\
#include <stdlib.h>
#include <string.h>

#include "tlz.h"

#define HASH_BITS 14

static unsigned hash4(const unsigned char *p)
{
    uint32_t v = p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
    return (v * 2654435761u) >> (32 - HASH_BITS);
}

static unsigned char *put_len(unsigned char *out, size_t rest)
{
    for (; rest >= 255; rest -= 255)
        *out++ = 255;
    *out++ = rest;
    return out;
}

static unsigned char *put_seq(unsigned char *out, const unsigned char *lit,
                              size_t nlit, size_t dist, size_t len)
{
    unsigned char *token = out++;

    *token = (nlit < 15 ? nlit : 15) << 4;
    if (nlit >= 15)
        out = put_len(out, nlit - 15);
    memcpy(out, lit, nlit);
    out += nlit;
    if (len) {
        len -= MIN_MATCH;
        *token |= len < 15 ? len : 15;
        *out++ = dist;
        *out++ = dist >> 8;
        if (len >= 15)
            out = put_len(out, len - 15);
    }
    return out;
}

size_t tlz_bound(size_t n)
{
    return n + n / 255 + 32;
}

size_t tlz_pack(const unsigned char *in, size_t n, unsigned char *out)
{
    unsigned char *start = out;
    long *head = malloc(sizeof *head << HASH_BITS);
    size_t pos = 0, anchor = 0, len;
    int i;

    for (i = 0; i < 1 << HASH_BITS; i++)
        head[i] = -1;
    memcpy(out, "TLZ1", 4);
    for (i = 0; i < 4; i++)
        out[4 + i] = n >> (8 * i);
    out += 8;
    while (pos + MIN_MATCH <= n) {
        unsigned h = hash4(in + pos);
        long cand = head[h];

        head[h] = pos;
        if (cand < 0 || (long)pos - cand > MAX_DIST
            || memcmp(in + cand, in + pos, MIN_MATCH) != 0) {
            pos++;
            continue;
        }
        len = MIN_MATCH;
        while (pos + len < n && in[cand + len] == in[pos + len])
            len++;
        out = put_seq(out, in + anchor, pos - anchor, pos - cand, len);
        pos += len;
        anchor = pos;
    }
    if (anchor < n)
        out = put_seq(out, in + anchor, n - anchor, 0, 0);
    free(head);
    return out - start;
}
""")
put("unpack.c", """\
#include <stdlib.h>
#include <string.h>

#include "tlz.h"

/* Adds the length bytes at *p; returns -1 at the end of the data. */
static int get_len(const unsigned char **p, const unsigned char *end, size_t *len)
{
    unsigned char c;

    do {
        if (*p == end)
            return -1;
        c = *(*p)++;
        *len += c;
    } while (c == 255);
    return 0;
}

int tlz_unpack(const unsigned char *in, size_t n, unsigned char **out, size_t *outlen)
{
    const unsigned char *p = in + 8, *end = in + n;
    unsigned char *buf;
    size_t size, pos = 0, len, dist;

    if (n < 8 || memcmp(in, "TLZ1", 4) != 0)
        return -1;
    size = in[4] | in[5] << 8 | in[6] << 16 | (size_t)in[7] << 24;
    buf = malloc(size + 1);
    while (pos < size) {
        unsigned char token;

        if (p == end)
            goto bad;
        token = *p++;
        len = token >> 4;
        if (len == 15 && get_len(&p, end, &len))
            goto bad;
        if (len > (size_t)(end - p) || len > size - pos)
            goto bad;
        memcpy(buf + pos, p, len);
        p += len;
        pos += len;
        if (pos == size)
            break;
        if (end - p < 2)
            goto bad;
        dist = p[0] | p[1] << 8;
        p += 2;
        len = token & 15;
        if (len == 15 && get_len(&p, end, &len))
            goto bad;
        len += MIN_MATCH;
        if (len > size - pos)
            goto bad;
        for (; len; len--, pos++)
            buf[pos] = buf[pos - dist];
    }
    *out = buf;
    *outlen = size;
    return 0;
bad:
    free(buf);
    return -1;
}
""")
put("main.c", """\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tlz.h"

static unsigned char *slurp(const char *name, size_t *n)
{
    FILE *f = fopen(name, "rb");
    unsigned char *buf;
    long size;

    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    size = ftell(f);
    rewind(f);
    buf = malloc(size + 1);
    *n = fread(buf, 1, size, f);
    fclose(f);
    return buf;
}

static int spill(const char *name, const unsigned char *buf, size_t n)
{
    FILE *f = fopen(name, "wb");

    if (!f)
        return -1;
    if (fwrite(buf, 1, n, f) != n) {
        fclose(f);
        return -1;
    }
    return fclose(f);
}

static int do_pack(const char *name)
{
    char target[4096];
    size_t n;
    unsigned char *in = slurp(name, &n), *out;

    if (!in) {
        fprintf(stderr, "tlz: cannot read\\n");
        return 1;
    }
    out = malloc(tlz_bound(n));
    n = tlz_pack(in, n, out);
    snprintf(target, sizeof target, "%s.tlz", name);
    if (spill(target, out, n)) {
        fprintf(stderr, "tlz: cannot write\\n");
        return 1;
    }
    free(in);
    free(out);
    return 0;
}

static int do_unpack(const char *name)
{
    char target[4096];
    size_t n, m, len = strlen(name);
    unsigned char *in = slurp(name, &n), *out;

    if (!in) {
        fprintf(stderr, "tlz: cannot read\\n");
        return 1;
    }
    if (len < 5 || strcmp(name + len - 4, ".tlz") != 0) {
        fprintf(stderr, "tlz: not a .tlz file\\n");
        return 1;
    }
    if (tlz_unpack(in, n, &out, &m)) {
        fprintf(stderr, "tlz: corrupt input\\n");
        return 1;
    }
    snprintf(target, sizeof target, "%.*s", (int)(len - 4), name);
    if (spill(target, out, m)) {
        fprintf(stderr, "tlz: cannot write\\n");
        return 1;
    }
    free(in);
    free(out);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "pack") == 0)
        return do_pack(argv[2]);
    if (argc == 3 && strcmp(argv[1], "unpack") == 0)
        return do_unpack(argv[2]);
    fprintf(stderr, "usage: tlz pack|unpack FILE\\n");
    return 1;
}
""")
commit("tlz 1.0: pack and unpack", tag="v1.0")

edit("README", "usage:", "Build it with `make`; it needs nothing but a C compiler.\n\nusage:")
commit("README: how to build")

edit("unpack.c", "        if (len > size - pos)\n            goto bad;\n        for", "        if (len > size - pos || dist == 0 || dist > pos)\n            goto bad;\n        for")
commit("unpack: check distances", "A distance of 0 or in front of the data is an error, not a read out of bounds.")

edit("pack.c", """        out = put_seq(out, in + anchor, pos - anchor, pos - cand, len);
        pos += len;
        anchor = pos;
""", """        out = put_seq(out, in + anchor, pos - anchor, pos - cand, len);
        for (anchor = pos + len; ++pos < anchor; )
            if (pos + MIN_MATCH <= n)
                head[hash4(in + pos)] = pos;
""")
commit("pack: remember positions inside a match")

put("tests/run.sh", """\
#!/bin/sh
# Round trip of every file in tests/cases.
set -e
cd "${0%/*}"
rm -rf tmp
cp -r cases tmp
for f in tmp/*; do
    ../tlz pack "$f"
    echo lost > "$f"
    ../tlz unpack "$f".tlz
done
rm tmp/*.tlz
diff -r cases tmp
echo "all tests passed"
""")
put("tests/cases/empty", "")
put("tests/cases/run", "a" * 5000)
put("tests/cases/words", "".join(f"the {w} of the {v}\n" for w in ("size", "end", "rest", "place") for v in ("file", "line", "window", "block", "table") for _ in range(3)))
edit("Makefile", "clean:\n", "check: tlz\n\tsh tests/run.sh\n\nclean:\n")
edit("Makefile", ".PHONY: clean", ".PHONY: check clean")
commit("tests: round trips of small files", tag="v1.1")

edit("pack.c", """size_t tlz_bound(""", """static size_t match_len(const unsigned char *a, const unsigned char *b,
                        const unsigned char *end)
{
    const unsigned char *start = b;

    while (b < end && *a == *b)
        a++, b++;
    return b - start;
}

/* The longest match for `pos`, at most DEPTH candidates back; 0 if none. */
static size_t find(const unsigned char *in, size_t n, size_t pos,
                   const long *head, const long *prev, size_t *dist)
{
    long cand = head[hash4(in + pos)];
    size_t best = 0, len;
    int depth = DEPTH;

    while (cand >= 0 && (long)pos - cand <= MAX_DIST && depth-- > 0) {
        len = match_len(in + cand, in + pos, in + n);
        if (len > best) {
            best = len;
            *dist = pos - cand;
        }
        cand = prev[cand & (CHAIN - 1)];
    }
    return best < MIN_MATCH ? 0 : best;
}

static void insert(const unsigned char *in, size_t pos, long *head, long *prev)
{
    unsigned h = hash4(in + pos);

    prev[pos & (CHAIN - 1)] = head[h];
    head[h] = pos;
}

size_t tlz_bound(""")
edit("pack.c", "#define HASH_BITS 14\n", "#define HASH_BITS 14\n#define CHAIN     65536    /* places in the ring of older positions */\n#define DEPTH     32\n")
edit("pack.c", """        unsigned h = hash4(in + pos);
        long cand = head[h];

        head[h] = pos;
        if (cand < 0 || (long)pos - cand > MAX_DIST
            || memcmp(in + cand, in + pos, MIN_MATCH) != 0) {
            pos++;
            continue;
        }
        len = MIN_MATCH;
        while (pos + len < n && in[cand + len] == in[pos + len])
            len++;
        out = put_seq(out, in + anchor, pos - anchor, pos - cand, len);
        for (anchor = pos + len; ++pos < anchor; )
            if (pos + MIN_MATCH <= n)
                head[hash4(in + pos)] = pos;
""", """        len = find(in, n, pos, head, prev, &dist);
        insert(in, pos, head, prev);
        if (!len) {
            pos++;
            continue;
        }
        out = put_seq(out, in + anchor, pos - anchor, dist, len);
        for (anchor = pos + len; ++pos < anchor; )
            if (pos + MIN_MATCH <= n)
                insert(in, pos, head, prev);
""")
edit("pack.c", "    size_t pos = 0, anchor = 0, len;\n    int i;", "    long *prev = malloc(sizeof *prev * CHAIN);\n    size_t pos = 0, anchor = 0, len, dist = 0;\n    int i;")
edit("pack.c", "    free(head);\n", "    free(head);\n    free(prev);\n")
commit("pack: search chains instead of one candidate", "About a tenth smaller on source code.")

edit("FORMAT.md", "A sequence:\n", "Length bytes: each byte is added; a byte of 255 is followed by another one.\n\nA sequence:\n")
commit("FORMAT: describe the length bytes", tag="v1.2")

edit("main.c", """    if (argc == 3 && strcmp(argv[1], "pack") == 0)
        return do_pack(argv[2]);
    if (argc == 3 && strcmp(argv[1], "unpack") == 0)
        return do_unpack(argv[2]);
    fprintf(stderr, "usage: tlz pack|unpack FILE\\n");
    return 1;
""", """    int (*act)(const char *) = NULL;
    int i, bad = 0;

    if (argc >= 3 && strcmp(argv[1], "pack") == 0)
        act = do_pack;
    if (argc >= 3 && strcmp(argv[1], "unpack") == 0)
        act = do_unpack;
    if (!act) {
        fprintf(stderr, "usage: tlz pack|unpack FILE...\\n");
        return 1;
    }
    for (i = 2; i < argc; i++)
        bad |= act(argv[i]);
    return bad;
""")
edit("README", "FILE      writes", "FILE...      writes")
edit("README", "FILE.tlz   writes", "FILE.tlz...   writes")
commit("main: several files in one call")

edit("FORMAT.md", "`TLZ1`.", "`TLZ2` (`TLZ1`: the same without the trailer).")
edit("FORMAT.md", "unpacked.\n\nLength", "unpacked.\n4. Trailer: Adler-32 of the unpacked data, 4 bytes.\n\nLength")
edit("tlz.h", "size_t tlz_bound", "uint32_t tlz_adler(const unsigned char *p, size_t n);\nsize_t tlz_bound")
edit("pack.c", "size_t tlz_bound", """uint32_t tlz_adler(const unsigned char *p, size_t n)
{
    uint32_t a = 1, b = 0;

    while (n--) {
        a = (a + *p++) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

size_t tlz_bound""")
edit("pack.c", '"TLZ1"', '"TLZ2"')
edit("pack.c", "    unsigned char *start = out;\n", "    unsigned char *start = out;\n    uint32_t sum = tlz_adler(in, n);\n")
edit("pack.c", "    free(head);\n", "    for (i = 0; i < 4; i++)\n        *out++ = sum >> (8 * i);\n    free(head);\n")
edit("unpack.c", """    if (n < 8 || memcmp(in, "TLZ1", 4) != 0)
        return -1;
""", """    int trailer;

    if (n < 8 || (memcmp(in, "TLZ1", 4) != 0 && memcmp(in, "TLZ2", 4) != 0))
        return -1;
    trailer = in[3] == '2';
    if (trailer && n < 12)
        return -1;
    end -= 4 * trailer;
""")
edit("unpack.c", "    *out = buf;\n", """    if (trailer) {
        uint32_t sum = tlz_adler(buf, size);

        if (end[0] != (sum & 255) || end[1] != (sum >> 8 & 255)
            || end[2] != (sum >> 16 & 255) || end[3] != sum >> 24)
            goto bad;
    }
    *out = buf;
""")
commit("Trailer with Adler-32 (TLZ2)", "Files without it are still unpacked.", tag="v1.3")

edit("main.c", "        act = do_unpack;\n", "        act = do_unpack;\n    if (argc >= 3 && strcmp(argv[1], \"test\") == 0)\n        act = do_test;\n")
edit("main.c", "int main(", """static int do_test(const char *name)
{
    size_t n, m;
    unsigned char *in = slurp(name, &n), *out;

    if (!in) {
        fprintf(stderr, "tlz: cannot read\\n");
        return 1;
    }
    if (tlz_unpack(in, n, &out, &m)) {
        fprintf(stderr, "tlz: corrupt input\\n");
        return 1;
    }
    free(in);
    free(out);
    return 0;
}

int main(""")
edit("main.c", "usage: tlz pack|unpack FILE", "usage: tlz pack|unpack|test FILE")
commit("main: the test command")

put("CHANGES", "1.4  several files in one call; test command; trailer with a checksum\n1.2  search chains\n1.0  first release\n")
commit("CHANGES: 1.4", tag="v1.4")

# ---- 1.4 to 2.1 ------------------------------------------------------------

text = (REPO / "main.c").read_text()
for what in ("cannot read", "cannot write", "corrupt input", "not a .tlz file"):
    text = text.replace(f'"tlz: {what}\\n")', f'"tlz: %s: {what}\\n", name)')
put("main.c", text)
commit("main: say which file an error belongs to")

edit("unpack.c", """        for (; len; len--, pos++)
            buf[pos] = buf[pos - dist];
""", """        while (len) {           /* at most `dist` bytes don't overlap */
            size_t piece = len < dist ? len : dist;

            memcpy(buf + pos, buf + pos - dist, piece);
            pos += piece;
            len -= piece;
        }
""")
commit("unpack: copy matches in pieces")

edit("Makefile", "-O1", "-O2")
commit("Makefile: -O2")

edit("main.c", "static int do_pack", "static int verbose;\n\nstatic int do_pack")
edit("main.c", "    size_t n;\n    unsigned char *in = slurp(name, &n), *out;\n\n    if (!in) {\n        fprintf(stderr, \"tlz: %s: cannot read\\n\", name);\n        return 1;\n    }\n    out = malloc(tlz_bound(n));\n    n = tlz_pack(in, n, out);\n",
     "    size_t n, size;\n    unsigned char *in = slurp(name, &size), *out;\n\n    if (!in) {\n        fprintf(stderr, \"tlz: %s: cannot read\\n\", name);\n        return 1;\n    }\n    out = malloc(tlz_bound(size));\n    n = tlz_pack(in, size, out);\n    if (verbose)\n        printf(\"%s: %zu -> %zu\\n\", name, size, n);\n")
edit("main.c", "    int i, bad = 0;\n", "    int i, bad = 0;\n\n    if (argc > 1 && strcmp(argv[1], \"-v\") == 0) {\n        verbose = 1;\n        argv++;\n        argc--;\n    }\n")
edit("README", "usage: tlz", "usage: tlz [-v]")
commit("main: -v prints the sizes")

text = (REPO / "main.c").read_text()
a, b = text.index("static unsigned char *slurp"), text.index("static int verbose")
helpers = text[a:b].replace("static unsigned char *slurp", "unsigned char *slurp").replace("static int spill", "int spill")
put("util.c", "#include <stdio.h>\n#include <stdlib.h>\n\n#include \"util.h\"\n\n" + helpers.rstrip() + "\n")
put("main.c", (text[:a] + text[b:]).replace('#include "tlz.h"\n', '#include "tlz.h"\n#include "util.h"\n'))
edit("Makefile", "unpack.o", "unpack.o util.o")
commit("Move reading and writing of files into util.c")

put("util.h", "#ifndef UTIL_H\n#define UTIL_H\n\n#include <stddef.h>\n\n/* The whole file; NULL if it cannot be read. To be freed. */\nunsigned char *slurp(const char *name, size_t *n);\n\n/* Returns 0, or nonzero if it cannot be written. */\nint spill(const char *name, const unsigned char *buf, size_t n);\n\n#endif\n")
commit("util.h was missing")

text = (REPO / "pack.c").read_text()
a, b = text.index("static unsigned hash4"), text.index("static unsigned char *put_len")
text = text[:a] + text[b:]
a, b = text.index("static size_t match_len"), text.index("uint32_t tlz_adler")
text = text[:a] + text[b:]
text = text.replace("#define HASH_BITS 14\n#define CHAIN     65536    /* places in the ring of older positions */\n#define DEPTH     32\n\n", "")
text = text.replace('#include <stdlib.h>\n#include <string.h>\n\n#include "tlz.h"\n', '#include <string.h>\n\n#include "match.h"\n#include "tlz.h"\n')
text = text.replace("    long *head = malloc(sizeof *head << HASH_BITS);\n    long *prev = malloc(sizeof *prev * CHAIN);\n", "")
text = text.replace("    for (i = 0; i < 1 << HASH_BITS; i++)\n        head[i] = -1;\n", "")
text = text.replace("find(in, n, pos, head, prev, &dist)", "match_find(in, n, pos, &dist)").replace("insert(in, pos, head, prev)", "match_insert(in, pos)")
text = text.replace("    free(head);\n    free(prev);\n", "")
put("pack.c", text)
put("match.h", """\
#ifndef MATCH_H
#define MATCH_H

#include <stddef.h>

/* The longest match for `pos` among the inserted positions; 0 if none. */
size_t match_find(const unsigned char *in, size_t n, size_t pos, size_t *dist);
void match_insert(const unsigned char *in, size_t pos);

#endif
""")
put("match.c", """\
#include <stdint.h>

#include "match.h"
#include "tlz.h"

#define HASH_BITS 14
#define WINDOW    65536
#define DEPTH     32

/* Positions are kept plus one, so 0 is "none" and the tables need no setup. */
static long head[1 << HASH_BITS];
static long prev[WINDOW];

static unsigned hash4(const unsigned char *p)
{
    uint32_t v = p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
    return (v * 2654435761u) >> (32 - HASH_BITS);
}

static size_t match_len(const unsigned char *a, const unsigned char *b,
                        const unsigned char *end)
{
    const unsigned char *start = b;

    while (b < end && *a == *b)
        a++, b++;
    return b - start;
}

size_t match_find(const unsigned char *in, size_t n, size_t pos, size_t *dist)
{
    long cand = head[hash4(in + pos)] - 1;
    size_t best = 0, len;
    int depth = DEPTH;

    while (cand >= 0 && (long)pos - cand <= WINDOW && depth-- > 0) {
        len = match_len(in + cand, in + pos, in + n);
        if (len > best) {
            best = len;
            *dist = pos - cand;
        }
        cand = prev[cand % WINDOW] - 1;
    }
    return best < MIN_MATCH ? 0 : best;
}

void match_insert(const unsigned char *in, size_t pos)
{
    unsigned h = hash4(in + pos);

    prev[pos % WINDOW] = head[h];
    head[h] = pos + 1;
}
""")
edit("tlz.h", "#define MAX_DIST  65535         /* a distance has two bytes */\n", "")
edit("Makefile", "OBJS = main.o pack.o", "OBJS = main.o match.o pack.o")
commit("Move the match finder into match.c", "Nothing changes in what it does. The tables are static now, which saves two\nallocations and a pass over the table for every file.")

edit("match.c", "    uint32_t v = p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;\n    return", "    uint32_t v;\n\n    memcpy(&v, p, 4);\n    return")
edit("match.c", "#include <stdint.h>\n", "#include <stdint.h>\n#include <string.h>\n")
commit("match: one load for the hash")

edit("Makefile", "rm -f tlz *.o", "rm -rf tlz *.o tests/tmp")
commit("Makefile: clean removes what the tests leave")

edit("pack.c", """        len = match_find(in, n, pos, &dist);
        match_insert(in, pos);
""", """        len = match_find(in, n, pos, &dist);
        match_insert(in, pos);
        /* A longer match one byte further on is worth a literal. */
        if (len && match_peek(in, n, pos + 1) > len)
            len = 0;
""")
commit("pack: lazy matching, first cut")

edit("pack.c", "match_peek(in, n, pos + 1) > len)", "len < NICE && pos + 1 + MIN_MATCH <= n && match_peek(in, n, pos + 1) > len)")
commit("pack: no lazy matching at the end and for nice matches")

edit("pack.c", "        if (len && len < NICE && pos + 1 + MIN_MATCH <= n && match_peek(in, n, pos + 1) > len)\n", "        if (len && len < NICE && pos + 1 + MIN_MATCH <= n\n            && match_find(in, n, pos + 1, &other) > len)\n")
edit("pack.c", "len, dist = 0;", "len, dist = 0, other;")
edit("pack.c", "static unsigned char *put_len", "#define NICE 64                 /* good enough to be taken at once */\n\nstatic unsigned char *put_len")
commit("pack: lazy matching builds")

edit("match.h", "size_t *dist);", "int depth,\n                  size_t *dist);")
edit("match.c", "size_t pos, size_t *dist)", "size_t pos, int depth,\n                  size_t *dist)")
edit("match.c", "    int depth = DEPTH;\n", "")
edit("match.c", "#define DEPTH     32\n", "")
edit("match.h", "/* The longest match for `pos` among the inserted positions; 0 if none. */", "/* The longest match for `pos` among the last `depth` inserted positions with\n * the same hash; 0 if none. */")
edit("pack.c", "match_find(in, n, pos, &dist)", "match_find(in, n, pos, depth, &dist)")
edit("pack.c", "match_find(in, n, pos + 1, &other)", "match_find(in, n, pos + 1, depth, &other)")
edit("pack.c", "size_t n, unsigned char *out)\n{\n    unsigned char *start = out;\n", "size_t n, unsigned char *out, int level)\n{\n    unsigned char *start = out;\n    int depth = 1 << level;\n")
edit("tlz.h", "unsigned char *out);", "unsigned char *out, int level);")
edit("main.c", "static int verbose;\n", "static int verbose, level = 5;\n")
edit("main.c", "tlz_pack(in, size, out)", "tlz_pack(in, size, out, level)")
edit("main.c", "    if (argc > 1 && strcmp(argv[1], \"-v\") == 0) {\n        verbose = 1;\n", "    while (argc > 1 && argv[1][0] == '-') {\n        if (argv[1][1] == 'v')\n            verbose = 1;\n        else if (argv[1][1] >= '1' && argv[1][1] <= '9')\n            level = argv[1][1] - '0';\n")
commit("main: levels -1 to -9")

edit("README", "[-v]", "[-v] [-1..-9]")
edit("README", "writes FILE.tlz\n", "writes FILE.tlz; -1 is fast, -9 is small\n")
commit("README: levels")

edit("match.c", "        len = match_len(", "        if (best && (pos + best >= n || in[cand + best] != in[pos + best])) {\n            cand = prev[cand % WINDOW] - 1;     /* cannot become longer */\n            continue;\n        }\n        len = match_len(")
commit("match: leave out hopeless candidates")

edit("tests/run.sh", """    echo lost > "$f"
    ../tlz unpack "$f".tlz
done
""", """    echo lost > "$f"
done
../tlz unpack tmp/*.tlz
""")
commit("tests: unpack all files in one call")

edit("FORMAT.md", "4. Nothing more", "4. Nothing more (the low nibble is 0)")
commit("FORMAT: the last token")

edit("match.c", "HASH_BITS 14", "HASH_BITS 15")
commit("match: larger hash table")

edit("CHANGES", "1.4 ", "2.0  levels, lazy matching\n1.4 ")
commit("CHANGES: 2.0", tag="v2.0")

edit("unpack.c", "    if (trailer) {\n", "    if (p != end)\n        goto bad;\n    if (trailer) {\n")
commit("unpack: bytes behind the last sequence are an error")

edit("main.c", "FILE...\\n\");\n        return 1;", "FILE...\\n\");\n        return 2;")
commit("main: status 2 for wrong usage")

edit("CHANGES", "2.0 ", "2.1  stricter unpack\n2.0 ")
commit("CHANGES: 2.1", tag="v2.1")

# ---- the sample ------------------------------------------------------------

# Records of a fixed size, behind which a table of 64 KiB comes, most of it empty, and its beginning again.
rng = random.Random(65536)
names = ["pump", "valve", "probe", "relay", "meter", "fan"]
records = b"".join(
    f"{i:06d} {rng.choice(names)}{rng.randrange(40):02d} {rng.randrange(10**6):06d} {rng.choice('ABC')}\n".encode()
    for i in range(500)
)
table = bytes(rng.randrange(256) for _ in range(12000)) + bytes(65536 - 12000)
(APP / "sample.dat").write_bytes(records + table + table[:8000] + records[:4000])
git("gc", "-q", "--prune=now")
