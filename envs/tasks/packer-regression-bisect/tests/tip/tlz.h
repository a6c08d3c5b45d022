#ifndef TLZ_H
#define TLZ_H

#include <stddef.h>
#include <stdint.h>

#define MIN_MATCH 4

uint32_t tlz_adler(const unsigned char *p, size_t n);
size_t tlz_bound(size_t n);
size_t tlz_pack(const unsigned char *in, size_t n, unsigned char *out, int level);

/* Returns 0, or -1 if the data is corrupt. */
int tlz_unpack(const unsigned char *in, size_t n, unsigned char **out, size_t *outlen);

#endif
