/* linesum - print a slow 64-bit digest in front of every line of stdin.
 *
 *   linesum [-j threads] [-w window]
 *
 * Output: 16 hex digits, a space, the line; lines stay in their order.
 * A line with a byte outside 0x20..0x7e (a tab is allowed) ends the run: all
 * lines in front of it are printed, then "linesum: line N: not plain text"
 * goes to stderr and the exit status is 2.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parmap.h"

#define PAD    2048
#define ROUNDS 4

struct line {
    char *text;
    size_t len;
    int number;
    uint64_t sum;
};

static int lines_read;

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 29;
    x *= 0xc4ceb9fe1a85ec53ULL;
    x ^= x >> 32;
    return x;
}

/* The pad is filled from the line, stirred ROUNDS times and folded. */
static uint64_t digest(const char *text, size_t len)
{
    static uint64_t pad[PAD];
    uint64_t h = len + 1;
    size_t i;
    int r;

    for (i = 0; i < PAD; i++)
        pad[i] = mix(i * 0x9e3779b97f4a7c15ULL
                     + (len ? (unsigned char)text[i % len] : 0));
    for (r = 0; r < ROUNDS; r++)
        for (i = 0; i < PAD; i++) {
            h = mix(h + pad[(i * 7 + r) % PAD]);
            pad[i] ^= h;
        }
    for (i = 0; i < PAD; i++)
        h = mix(h ^ pad[i]);
    return h;
}

static void *next_line(void *ctx)
{
    struct line *l;
    char *buf = NULL;
    size_t cap = 0;
    ssize_t n = getline(&buf, &cap, ctx);

    if (n < 0) {
        free(buf);
        return NULL;
    }
    if (n > 0 && buf[n - 1] == '\n')
        buf[--n] = 0;
    l = calloc(1, sizeof *l);
    l->text = buf;
    l->len = n;
    l->number = ++lines_read;
    return l;
}

static int work_line(void *ctx, void *item)
{
    struct line *l = item;
    size_t i;

    (void)ctx;
    for (i = 0; i < l->len; i++) {
        unsigned char c = l->text[i];
        if (c != '\t' && (c < 0x20 || c > 0x7e))
            return l->number;
    }
    l->sum = digest(l->text, l->len);
    return 0;
}

static void drop_line(void *ctx, void *item)
{
    struct line *l = item;

    (void)ctx;
    free(l->text);
    free(l);
}

static void emit_line(void *ctx, void *item)
{
    struct line *l = item;

    printf("%016llx %s\n", (unsigned long long)l->sum, l->text);
    fflush(stdout);
    drop_line(ctx, item);
}

int main(int argc, char **argv)
{
    static const struct pm_ops ops = { next_line, work_line, emit_line, drop_line };
    int threads = 4, window = 0, c, bad;

    while ((c = getopt(argc, argv, "j:w:")) != -1) {
        if (c == 'j')
            threads = atoi(optarg);
        else if (c == 'w')
            window = atoi(optarg);
        else
            return 1;
    }
    if (threads < 1)
        threads = 1;
    if (window < 1)
        window = 4 * threads;
    bad = pm_run(&ops, stdin, threads, window, NULL);
    if (bad) {
        fprintf(stderr, "linesum: line %d: not plain text\n", bad);
        return 2;
    }
    return 0;
}
