#include <stdio.h>
#include <stdlib.h>

#include "util.h"

unsigned char *slurp(const char *name, size_t *n)
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

int spill(const char *name, const unsigned char *buf, size_t n)
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
