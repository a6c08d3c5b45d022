/* parmap.c - see parmap.h for the contract. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "parmap.h"

enum state { FREE, READY, BUSY, DONE };

struct slot {
    enum state state;
    void *item;
    int code;
};

/* Items live in a ring: item number n is in slot n % window. */
static struct {
    const struct pm_ops *ops;
    void *ctx;
    struct slot *ring;
    int window;
    long head;              /* next item to emit */
    long todo;              /* next item to work on */
    long tail;              /* next item to read */
    int eof;                /* the stream has ended */
    int failed;             /* code of the failure, or 0 */
    struct pm_stats stats;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* there is an item to work on, or room for one */
    pthread_cond_t done;    /* the item at the head is finished */
} p;

static void *worker(void *arg)
{
    (void)arg;
    for (;;) {
        pthread_mutex_lock(&p.lock);
        if (p.todo == p.tail && !p.eof)
            pthread_cond_wait(&p.changed, &p.lock);
        if (p.todo == p.tail && p.eof) {
            pthread_mutex_unlock(&p.lock);
            return NULL;
        }
        struct slot *s = &p.ring[p.todo++ % p.window];
        s->state = BUSY;
        pthread_mutex_unlock(&p.lock);

        s->code = p.ops->work(p.ctx, s->item);
        p.stats.worked++;
        if (s->code)
            p.failed = s->code;

        pthread_mutex_lock(&p.lock);
        s->state = DONE;
        if (s == &p.ring[p.head % p.window])
            pthread_cond_signal(&p.done);
        pthread_mutex_unlock(&p.lock);
    }
}

static void *emitter(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&p.lock);
    for (;;) {
        struct slot *s = &p.ring[p.head % p.window];
        if (s->state == DONE) {
            if (p.failed) {
                p.ops->drop(p.ctx, s->item);
                p.stats.dropped++;
            } else {
                p.ops->emit(p.ctx, s->item);
                p.stats.emitted++;
            }
            s->state = FREE;
            p.head++;
            pthread_cond_signal(&p.changed);
        } else if (p.head == p.tail && p.eof) {
            break;
        } else {
            pthread_cond_wait(&p.done, &p.lock);
        }
    }
    pthread_mutex_unlock(&p.lock);
    return NULL;
}

int pm_run(const struct pm_ops *ops, void *ctx, int nthreads, int window,
           struct pm_stats *stats)
{
    pthread_t *threads = malloc((nthreads + 1) * sizeof *threads);
    int i;

    memset(&p, 0, sizeof p);
    p.ops = ops;
    p.ctx = ctx;
    p.window = window;
    p.ring = calloc(window, sizeof *p.ring);
    pthread_mutex_init(&p.lock, NULL);
    pthread_cond_init(&p.changed, NULL);
    pthread_cond_init(&p.done, NULL);

    for (i = 0; i < nthreads; i++)
        pthread_create(&threads[i], NULL, worker, NULL);
    pthread_create(&threads[nthreads], NULL, emitter, NULL);

    pthread_mutex_lock(&p.lock);
    while (!p.eof) {
        if (p.tail - p.head >= p.window)
            pthread_cond_wait(&p.changed, &p.lock);
        void *item = p.failed ? NULL : ops->next(ctx);
        if (item == NULL) {
            p.eof = 1;
            pthread_cond_broadcast(&p.changed);
        } else {
            struct slot *s = &p.ring[p.tail++ % p.window];
            s->item = item;
            s->state = READY;
            p.stats.read++;
            pthread_cond_signal(&p.changed);
        }
    }
    pthread_mutex_unlock(&p.lock);

    for (i = 0; i <= nthreads; i++)
        pthread_join(threads[i], NULL);

    if (stats)
        *stats = p.stats;
    free(p.ring);
    free(threads);
    return p.failed;
}
