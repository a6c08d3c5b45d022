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

    int trailer;

    if (n < 8 || (memcmp(in, "TLZ1", 4) != 0 && memcmp(in, "TLZ2", 4) != 0))
        return -1;
    trailer = in[3] == '2';
    if (trailer && n < 12)
        return -1;
    end -= 4 * trailer;
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
        if (len > size - pos || dist == 0 || dist > pos)
            goto bad;
        while (len) {           /* at most `dist` bytes don't overlap */
            size_t piece = len < dist ? len : dist;

            memcpy(buf + pos, buf + pos - dist, piece);
            pos += piece;
            len -= piece;
        }
    }
    if (p != end)
        goto bad;
    if (trailer) {
        uint32_t sum = tlz_adler(buf, size);

        if (end[0] != (sum & 255) || end[1] != (sum >> 8 & 255)
            || end[2] != (sum >> 16 & 255) || end[3] != sum >> 24)
            goto bad;
    }
    *out = buf;
    *outlen = size;
    return 0;
bad:
    free(buf);
    return -1;
}
