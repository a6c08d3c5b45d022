/* Linked with the library under test: calls pm_run() when the harness says so
 * and passes each callback on to it. Nothing that is judged is kept here, so
 * that nothing can be gained by reaching into it.
 * Usage: stub ROOTS REQUESTS ANSWERS... (descriptors of sockets) */
#include "chaos.c"

#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "parmap.h"

enum { NEXT, WORK, EMIT, DROP, ANSWER, RUN, RESULT };

struct msg {
    int op, wire, run, seed;        /* run: which call of pm_run() it belongs to */
    long value;                     /* of an item: its index plus one, 0 is none; or a code */
    int threads, window, count, unused;     /* RUN: count is 0 where stats is NULL */
    struct pm_stats stats;          /* RESULT */
};

#define MOST 64
static int requests, answers[MOST], wires, roots;
static char taken[MOST];

static void say(int wire, struct msg *m)
{
    m->wire = wire;
    if (write(requests, m, sizeof *m) != sizeof *m)
        _exit(3);
}

static void *next(void *ctx);
static int work(void *ctx, void *item);
static void emit(void *ctx, void *item);
static void drop(void *ctx, void *item);
static const struct pm_ops ops = { next, work, emit, drop };

/* Waits for an answer; until it comes, the harness may want other calls. */
static struct msg hear(int wire)
{
    struct msg m;

    for (;;) {
        if (read(answers[wire], &m, sizeof m) != sizeof m)
            _exit(0);
        if (m.op != RUN)
            return m;
        chaos_seed(m.seed);
        memset(&m.stats, 0x55, sizeof m.stats);
        m.value = pm_run(&ops, (void *)(uintptr_t)(m.run + 1), m.threads, m.window,
                         m.count ? &m.stats : NULL);
        m.op = RESULT;
        say(wire, &m);
    }
}

static long ask(int op, void *ctx, void *item)
{
    struct msg m = { .op = op, .run = (int)(uintptr_t)ctx - 1, .value = (long)(uintptr_t)item };
    int wire = roots;

    __real_pthread_mutex_lock(&whole);
    while (wire < wires && taken[wire])
        wire++;
    if (wire == wires)
        _exit(4);
    taken[wire] = 1;
    __real_pthread_mutex_unlock(&whole);
    say(wire, &m);
    m = hear(wire);
    __real_pthread_mutex_lock(&whole);
    taken[wire] = 0;
    __real_pthread_mutex_unlock(&whole);
    return m.value;
}

static void *next(void *ctx) { return (void *)(uintptr_t)ask(NEXT, ctx, NULL); }
static int work(void *ctx, void *item) { return ask(WORK, ctx, item); }
static void emit(void *ctx, void *item) { ask(EMIT, ctx, item); }
static void drop(void *ctx, void *item) { ask(DROP, ctx, item); }

static void *root(void *wire)
{
    hear((int)(uintptr_t)wire);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t t;

    if (argc < 4 || argc - 3 > MOST)
        return 9;
    prctl(PR_SET_TIMERSLACK, 1);        /* the short pauses of chaos.c are to be short */
    roots = atoi(argv[1]);
    requests = atoi(argv[2]);
    while (wires < argc - 3) {
        answers[wires] = atoi(argv[3 + wires]);
        wires++;
    }
    for (int k = 1; k < roots; k++)
        pthread_create(&t, NULL, root, (void *)(uintptr_t)k);
    root(NULL);
    return 0;
}
