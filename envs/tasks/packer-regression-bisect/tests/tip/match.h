#ifndef MATCH_H
#define MATCH_H

#include <stddef.h>

/* The longest match for `pos` among the last `depth` inserted positions with
 * the same hash; 0 if none. */
size_t match_find(const unsigned char *in, size_t n, size_t pos, int depth,
                  size_t *dist);
void match_insert(const unsigned char *in, size_t pos);

#endif
