#include <string.h>

#include "match.h"
#include "tlz.h"

#define NICE 64                 /* good enough to be taken at once */

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

uint32_t tlz_adler(const unsigned char *p, size_t n)
{
    uint32_t a = 1, b = 0;

    while (n--) {
        a = (a + *p++) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

size_t tlz_bound(size_t n)
{
    return n + n / 255 + 32;
}

size_t tlz_pack(const unsigned char *in, size_t n, unsigned char *out, int level)
{
    unsigned char *start = out;
    int depth = 1 << level;
    uint32_t sum = tlz_adler(in, n);
    size_t pos = 0, anchor = 0, len, dist = 0, other;
    int i;

    memcpy(out, "TLZ2", 4);
    for (i = 0; i < 4; i++)
        out[4 + i] = n >> (8 * i);
    out += 8;
    while (pos + MIN_MATCH <= n) {
        len = match_find(in, n, pos, depth, &dist);
        match_insert(in, pos);
        /* A longer match one byte further on is worth a literal. */
        if (len && len < NICE && pos + 1 + MIN_MATCH <= n
            && match_find(in, n, pos + 1, depth, &other) > len)
            len = 0;
        if (!len) {
            pos++;
            continue;
        }
        out = put_seq(out, in + anchor, pos - anchor, dist, len);
        for (anchor = pos + len; ++pos < anchor; )
            if (pos + MIN_MATCH <= n)
                match_insert(in, pos);
    }
    if (anchor < n)
        out = put_seq(out, in + anchor, n - anchor, 0, 0);
    for (i = 0; i < 4; i++)
        *out++ = sum >> (8 * i);
    return out - start;
}
