/* Linked with the library under test: calls pm_run() when the harness says so
 * and passes each callback on to it. Nothing that is judged is kept here, so
 * that nothing can be gained by reaching into it.  Usage: stub SEED ROOTS */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

void chaos_seed(unsigned seed);

static char taken[WIRES];
static int roots;

static void say(int wire, const struct msg *m)
{
    if (write(WIRE + wire, m, sizeof *m) != sizeof *m)
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
        if (read(WIRE + wire, &m, sizeof m) != sizeof m)
            _exit(0);
        if (m.op != RUN)
            return m;
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

    while (wire < WIRES && __atomic_exchange_n(&taken[wire], 1, __ATOMIC_SEQ_CST))
        wire++;
    if (wire == WIRES)
        _exit(4);
    say(wire, &m);
    m = hear(wire);
    __atomic_store_n(&taken[wire], 0, __ATOMIC_SEQ_CST);
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

    if (argc != 3)
        return 9;
    chaos_seed(strtoul(argv[1], NULL, 10));
    roots = atoi(argv[2]);
    for (int k = 1; k < roots; k++)
        pthread_create(&t, NULL, root, (void *)(uintptr_t)k);
    root(NULL);
    return 0;
}
