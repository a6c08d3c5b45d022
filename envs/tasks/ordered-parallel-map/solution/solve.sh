#!/bin/bash
# Repairs parmap.c and linesum.c.
set -euo pipefail

# First the contract, since the repair is measured by it.
ls -l
cat parmap.h

# Now the code that is meant to keep it.
cat parmap.c
sed -n '/^static uint64_t digest/,/^}/p' linesum.c

# To build and try things tcc is enough, and quicker. Thirty lines fit into one window of 99; one worker on them gives a standard to compare with. What several workers would share shows in the writable data of the object.
make CC=tcc 2>&1 | tail -n 1
seq 1 30 > /tmp/in.txt
timeout 3 ./linesum -j1 -w99 < /tmp/in.txt > /tmp/one.txt; tail -n 2 /tmp/one.txt
nm -S linesum.o | grep ' [bBdD] '

# The users also say that output stays away while the input pauses: one line goes in, the input stays open, and I wait a moment for the answer.
cat > /tmp/talk.sh <<'EOF'
coproc timeout 5 ./linesum -j2
echo one >&"${COPROC[1]}"
read -r -t "$1" -u "${COPROC[0]}" line && echo "$line" || echo "no answer within $1 s"
EOF
bash /tmp/talk.sh 0.1
grep -n 'next(\|emit(\|cond_\|static struct' parmap.c

# digest() keeps its pad in static storage, 16 kB that nm lists too, so all workers stir the same one and the digests depend on who meets whom there. It fits on each thread's stack.
sed -i 's/static uint64_t pad\[PAD\]/uint64_t pad[PAD]/' linesum.c
grep -n 'pad\[PAD\]' linesum.c

# The library has one global state, `if` instead of `while` around a wait, one condition for two kinds of waiters, callbacks under the lock and "last failure wins".
# I write it anew: state per call, reader and workers as threads, the caller emits, one condition per kind of waiter, drops only after the join.
cat > parmap.c <<'EOF'
/* parmap.c - see parmap.h for the contract. */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include "parmap.h"

struct slot {
    void *item;
    int done;
};

/* Items live in a ring: item number n is in slot n % window.  Everything
 * below the lock is only touched with the lock held; a slot's item is only
 * written by the reader and belongs to one thread at a time. */
struct run {
    const struct pm_ops *ops;
    void *ctx;
    struct slot *ring;
    int window;

    pthread_mutex_t lock;
    pthread_cond_t work;    /* an item to work on, or no more will come */
    pthread_cond_t room;    /* a place in the window, or a failure */
    pthread_cond_t ready;   /* the item at the head is finished, or the end */
    long head;              /* next item to emit */
    long todo;              /* next item to work on */
    long tail;              /* next item to read */
    long bad;               /* first failed item of the stream, or LONG_MAX */
    int code;               /* its code */
    int eof;                /* next() will not be called again */
    struct pm_stats stats;
};

static void *reader(void *arg)
{
    struct run *r = arg;

    pthread_mutex_lock(&r->lock);
    for (;;) {
        while (r->tail - r->head >= r->window && r->bad == LONG_MAX)
            pthread_cond_wait(&r->room, &r->lock);
        if (r->bad != LONG_MAX)
            break;
        pthread_mutex_unlock(&r->lock);
        void *item = r->ops->next(r->ctx);
        pthread_mutex_lock(&r->lock);
        if (item == NULL)
            break;
        struct slot *s = &r->ring[r->tail % r->window];
        s->item = item;
        s->done = 0;
        r->tail++;
        r->stats.read++;
        pthread_cond_signal(&r->work);
    }
    r->eof = 1;
    pthread_cond_broadcast(&r->work);
    pthread_cond_broadcast(&r->ready);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static void *worker(void *arg)
{
    struct run *r = arg;

    pthread_mutex_lock(&r->lock);
    for (;;) {
        int more = r->todo < r->tail && r->todo < r->bad;
        if (!more && r->eof)
            break;
        if (!more) {
            pthread_cond_wait(&r->work, &r->lock);
            continue;
        }
        long n = r->todo++;
        struct slot *s = &r->ring[n % r->window];
        r->stats.worked++;
        pthread_mutex_unlock(&r->lock);
        int code = r->ops->work(r->ctx, s->item);
        pthread_mutex_lock(&r->lock);
        if (code == 0) {
            s->done = 1;
        } else if (n < r->bad) {
            r->bad = n;
            r->code = code;
            pthread_cond_broadcast(&r->room);
        }
        pthread_cond_broadcast(&r->ready);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* Emits in the calling thread until the end of the stream or the first
 * failed item is reached. */
static void emit_all(struct run *r)
{
    pthread_mutex_lock(&r->lock);
    for (;;) {
        struct slot *s = &r->ring[r->head % r->window];
        if (r->head < r->tail && r->head < r->bad && s->done) {
            pthread_mutex_unlock(&r->lock);
            r->ops->emit(r->ctx, s->item);
            pthread_mutex_lock(&r->lock);
            r->stats.emitted++;
            r->head++;
            pthread_cond_signal(&r->room);
        } else if (r->eof && (r->head == r->tail || r->head >= r->bad)) {
            break;
        } else {
            pthread_cond_wait(&r->ready, &r->lock);
        }
    }
    pthread_mutex_unlock(&r->lock);
}

int pm_run(const struct pm_ops *ops, void *ctx, int nthreads, int window,
           struct pm_stats *stats)
{
    struct run r = { .ops = ops, .ctx = ctx, .window = window, .bad = LONG_MAX };
    pthread_t *threads = malloc((nthreads + 1) * sizeof *threads);
    int i;

    r.ring = calloc(window, sizeof *r.ring);
    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.work, NULL);
    pthread_cond_init(&r.room, NULL);
    pthread_cond_init(&r.ready, NULL);

    pthread_create(&threads[nthreads], NULL, reader, &r);
    for (i = 0; i < nthreads; i++)
        pthread_create(&threads[i], NULL, worker, &r);
    emit_all(&r);
    for (i = 0; i <= nthreads; i++)
        pthread_join(threads[i], NULL);

    /* Only now is nobody in work() any more. */
    for (; r.head < r.tail; r.head++) {
        ops->drop(ctx, r.ring[r.head % window].item);
        r.stats.dropped++;
    }
    pthread_cond_destroy(&r.work);
    pthread_cond_destroy(&r.room);
    pthread_cond_destroy(&r.ready);
    pthread_mutex_destroy(&r.lock);
    if (stats)
        *stats = r.stats;
    free(r.ring);
    free(threads);
    return r.bad == LONG_MAX ? 0 : r.code;
}
EOF
gcc -fsyntax-only -Wall -Wextra parmap.c && make CC=tcc 2>&1 | tail -n 1

# Compare many shapes against one thread; now a window of one must do as well.
make -s CC=tcc check
timeout 10 ./linesum -j1 -w1 < /tmp/in.txt | cmp - /tmp/one.txt && echo "one thread: as before"
for o in "-j2 -w1" "-j8 -w8" "-j16 -w3" "-j3 -w500"; do timeout 10 ./linesum $o < /tmp/in.txt | cmp - /tmp/one.txt && echo "same $o"; done

# The pause in the input, and two bad lines: now the line must come while the input is open, and always line 31 must be named.
bash /tmp/talk.sh 5
(seq 1 30; printf 'x\001\n'; seq 32 34; printf 'y\001\n'; seq 36 50) > /tmp/bad.txt
for k in 1 2 3; do timeout 5 ./linesum -j8 < /tmp/bad.txt 2>&1 >/dev/null || true; done | sort | uniq -c

# Promises 3 to 6 need a caller of their own: emit(0) is blocked until four items are in work() at once, then an item
# behind fails before one in front of it.
cat > /tmp/probe.c <<'EOF'
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include "parmap.h"
static pthread_barrier_t bar, two;
static long n[2], emitted[2];
static long ids[100];
static void *next0(void *c) { long k = (long)c; if (n[k] == 40) return NULL; ids[n[k]] = n[k]; return &ids[n[k]++]; }
static int work0(void *c, void *i)
{
    long k = (long)c, id = *(long *)i;
    if (k == 0) { if (id >= 1 && id <= 4) pthread_barrier_wait(&bar); return 0; }
    if (id == 7 || id == 9) pthread_barrier_wait(&two);
    if (id == 7) usleep(1000);
    return id == 7 ? 7 : id == 9 ? 9 : 0;
}
static void emit0(void *c, void *i) { long k = (long)c; if (k == 0 && *(long *)i == 0) pthread_barrier_wait(&bar); emitted[k]++; }
static void drop0(void *c, void *i) { (void)c; (void)i; }
int main(void)
{
    static const struct pm_ops ops = { next0, work0, emit0, drop0 };
    struct pm_stats s;
    pthread_barrier_init(&bar, NULL, 5);
    pthread_barrier_init(&two, NULL, 2);
    int code = pm_run(&ops, (void *)0, 4, 5, &s);
    printf("blocked emit: code %d, emitted %ld of %ld\n", code, emitted[0], s.read);
    code = pm_run(&ops, (void *)1, 4, 8, &s);
    printf("two failures: code %d, emitted %ld, %s\n", code, emitted[1], s.read == s.emitted + s.dropped ? "the rest dropped" : "some lost");
    return 0;
}
EOF
tcc -pthread -I. -o /tmp/probe /tmp/probe.c parmap.o
for k in 1 2 3 4 5; do timeout 5 /tmp/probe || echo "probe: status $?"; done | sort | uniq -c
