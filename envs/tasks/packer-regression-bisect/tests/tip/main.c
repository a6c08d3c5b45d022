#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tlz.h"
#include "util.h"

static int verbose, level = 5;

static int do_pack(const char *name)
{
    char target[4096];
    size_t n, size;
    unsigned char *in = slurp(name, &size), *out;

    if (!in) {
        fprintf(stderr, "tlz: %s: cannot read\n", name);
        return 1;
    }
    out = malloc(tlz_bound(size));
    n = tlz_pack(in, size, out, level);
    if (verbose)
        printf("%s: %zu -> %zu\n", name, size, n);
    snprintf(target, sizeof target, "%s.tlz", name);
    if (spill(target, out, n)) {
        fprintf(stderr, "tlz: %s: cannot write\n", name);
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
        fprintf(stderr, "tlz: %s: cannot read\n", name);
        return 1;
    }
    if (len < 5 || strcmp(name + len - 4, ".tlz") != 0) {
        fprintf(stderr, "tlz: %s: not a .tlz file\n", name);
        return 1;
    }
    if (tlz_unpack(in, n, &out, &m)) {
        fprintf(stderr, "tlz: %s: corrupt input\n", name);
        return 1;
    }
    snprintf(target, sizeof target, "%.*s", (int)(len - 4), name);
    if (spill(target, out, m)) {
        fprintf(stderr, "tlz: %s: cannot write\n", name);
        return 1;
    }
    free(in);
    free(out);
    return 0;
}

static int do_test(const char *name)
{
    size_t n, m;
    unsigned char *in = slurp(name, &n), *out;

    if (!in) {
        fprintf(stderr, "tlz: %s: cannot read\n", name);
        return 1;
    }
    if (tlz_unpack(in, n, &out, &m)) {
        fprintf(stderr, "tlz: %s: corrupt input\n", name);
        return 1;
    }
    free(in);
    free(out);
    return 0;
}

int main(int argc, char **argv)
{
    int (*act)(const char *) = NULL;
    int i, bad = 0;

    while (argc > 1 && argv[1][0] == '-') {
        if (argv[1][1] == 'v')
            verbose = 1;
        else if (argv[1][1] >= '1' && argv[1][1] <= '9')
            level = argv[1][1] - '0';
        argv++;
        argc--;
    }

    if (argc >= 3 && strcmp(argv[1], "pack") == 0)
        act = do_pack;
    if (argc >= 3 && strcmp(argv[1], "unpack") == 0)
        act = do_unpack;
    if (argc >= 3 && strcmp(argv[1], "test") == 0)
        act = do_test;
    if (!act) {
        fprintf(stderr, "usage: tlz pack|unpack|test FILE...\n");
        return 2;
    }
    for (i = 2; i < argc; i++)
        bad |= act(argv[i]);
    return bad;
}
