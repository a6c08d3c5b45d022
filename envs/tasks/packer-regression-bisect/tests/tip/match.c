#include <stdint.h>
#include <string.h>

#include "match.h"
#include "tlz.h"

#define HASH_BITS 15
#define WINDOW    65536

/* Positions are kept plus one, so 0 is "none" and the tables need no setup. */
static long head[1 << HASH_BITS];
static long prev[WINDOW];

static unsigned hash4(const unsigned char *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
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

size_t match_find(const unsigned char *in, size_t n, size_t pos, int depth,
                  size_t *dist)
{
    long cand = head[hash4(in + pos)] - 1;
    size_t best = 0, len;

    while (cand >= 0 && (long)pos - cand <= WINDOW && depth-- > 0) {
        if (best && (pos + best >= n || in[cand + best] != in[pos + best])) {
            cand = prev[cand % WINDOW] - 1;     /* cannot become longer */
            continue;
        }
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
