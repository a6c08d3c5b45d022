#ifndef UTIL_H
#define UTIL_H

#include <stddef.h>

/* The whole file; NULL if it cannot be read. To be freed. */
unsigned char *slurp(const char *name, size_t *n);

/* Returns 0, or nonzero if it cannot be written. */
int spill(const char *name, const unsigned char *buf, size_t n);

#endif
