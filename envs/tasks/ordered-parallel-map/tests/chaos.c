/* Part of stub.c, and linked with linesum, with -Wl,--wrap around the library
 * under test: what POSIX allows a condition variable and a scheduler to do, but
 * what they seldom do. Waits return for no reason, signal wakes any one of the
 * waiters, and threads give up the processor around every lock.
 *
 * The agent's code is compiled with -fsanitize=thread but not linked with its run
 * time: the hooks at the end of this file stand in for it, and give up the
 * processor between a load and the store that follows. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

int __real_pthread_mutex_lock(pthread_mutex_t *);
int __real_pthread_mutex_unlock(pthread_mutex_t *);

struct waiter {
    pthread_cond_t *cond;
    sem_t sem;
    int woken;
    struct waiter *next;
};

static struct waiter *waiters;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
#ifndef SELDOM
#define SELDOM 1        /* how much less often around loads and stores */
#endif

static unsigned chaos_state = 1;
static int chaos_on = 1;

void chaos_seed(unsigned seed)
{
    chaos_on = seed != 0;
    chaos_state = seed * 2654435761u + 12345;
}

static unsigned roll(unsigned sides)
{
    unsigned x = chaos_state += 0x9e3779b9u;    /* two threads at once: no harm */
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    x ^= x >> 16;
    return x % sides;
}

static void shake(void)
{
    if (!chaos_on)
        return;
    unsigned n = roll(8);
    if (n < 3)
        sched_yield();
    else if (n == 7) {
        struct timespec t = { 0, 20000 };
        nanosleep(&t, NULL);
    }
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
    shake();
    return __real_pthread_mutex_lock(m);
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *m)
{
    int r = __real_pthread_mutex_unlock(m);
    shake();
    return r;
}

static int wait_on(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock,
                   const struct timespec *until)
{
    struct waiter w = { c, { { 0 } }, 0, NULL }, **q;
    int r = 0;

    if (chaos_on && roll(6) == 0) {
        __real_pthread_mutex_unlock(m);
        sched_yield();
        __real_pthread_mutex_lock(m);
        return 0;
    }
    sem_init(&w.sem, 0, 0);
    __real_pthread_mutex_lock(&guard);
    w.next = waiters;
    waiters = &w;
    __real_pthread_mutex_unlock(&guard);
    __real_pthread_mutex_unlock(m);
    for (;;) {
        int s = until ? sem_clockwait(&w.sem, clock, until) : sem_wait(&w.sem);
        if (s == 0 || errno != EINTR)
            break;
    }
    __real_pthread_mutex_lock(&guard);
    if (!w.woken) {
        for (q = &waiters; *q != &w; q = &(*q)->next)
            ;
        *q = w.next;
        r = ETIMEDOUT;
    }
    __real_pthread_mutex_unlock(&guard);
    __real_pthread_mutex_lock(m);
    return r;
}

int __wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
    return wait_on(c, m, CLOCK_REALTIME, NULL);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m,
                                  const struct timespec *t)
{
    return wait_on(c, m, CLOCK_REALTIME, t);
}

int __wrap_pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m,
                                  clockid_t clock, const struct timespec *t)
{
    return wait_on(c, m, clock, t);
}

static void wake(pthread_cond_t *c, int all)
{
    struct waiter **q, *w;
    int n = 0, pick;

    __real_pthread_mutex_lock(&guard);
    for (w = waiters; w; w = w->next)
        n += w->cond == c;
    pick = n && !all ? (int)roll(n) : 0;
    for (q = &waiters; *q; ) {
        w = *q;
        if (w->cond != c || (!all && pick-- > 0)) {
            q = &w->next;
            continue;
        }
        *q = w->next;
        w->woken = 1;
        sem_post(&w->sem);
        if (!all)
            break;
    }
    __real_pthread_mutex_unlock(&guard);
}

int __wrap_pthread_cond_signal(pthread_cond_t *c)
{
    wake(c, 0);
    return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *c)
{
    wake(c, 1);
    return 0;
}

int __wrap_pthread_cond_destroy(pthread_cond_t *c)
{
    (void)c;    /* nothing of ours lives in it */
    return 0;
}

/* ---- hooks of -fsanitize=thread ------------------------------------------ */

static void before_load(void)
{
    if (chaos_on && roll(16 * SELDOM) == 0)
        sched_yield();
}

static void before_store(void)
{
    if (!chaos_on)
        return;
    unsigned n = roll(32 * SELDOM);
    if (n < 4)
        sched_yield();
    else if (n < 7) {
        struct timespec t = { 0, 60000 };
        nanosleep(&t, NULL);
    }
}

void __tsan_init(void) { }
void __tsan_func_entry(void *pc) { (void)pc; }
void __tsan_func_exit(void) { }
void __tsan_vptr_update(void *a, void *b) { (void)a; (void)b; }
void __tsan_vptr_read(void *a) { (void)a; }
void __tsan_read_range(void *a, unsigned long n) { (void)a; (void)n; before_load(); }
void __tsan_write_range(void *a, unsigned long n) { (void)a; (void)n; before_store(); }

#define HOOKS(n) \
    void __tsan_read##n(void *a) { (void)a; before_load(); } \
    void __tsan_write##n(void *a) { (void)a; before_store(); } \
    void __tsan_unaligned_read##n(void *a) { (void)a; before_load(); } \
    void __tsan_unaligned_write##n(void *a) { (void)a; before_store(); } \
    void __tsan_volatile_read##n(void *a) { (void)a; before_load(); } \
    void __tsan_volatile_write##n(void *a) { (void)a; before_store(); }
HOOKS(1) HOOKS(2) HOOKS(4) HOOKS(8) HOOKS(16)

/* Atomic operations: all of them under one lock, so that any compiler can
 * compile this. */
static pthread_mutex_t whole = PTHREAD_MUTEX_INITIALIZER;

#define DO(what) \
    do { __real_pthread_mutex_lock(&whole); what; __real_pthread_mutex_unlock(&whole); } while (0)
#define RMW(bits, T, op, result) \
    T __tsan_atomic##bits##_fetch_##op(volatile T *a, T v, int o) \
    { T old; (void)o; before_load(); DO(old = *a; *a = (result)); return old; }
#define CAS(bits, T, kind) \
    int __tsan_atomic##bits##_compare_exchange_##kind(volatile T *a, T *e, T v, int o, int f) \
    { T old; int same; (void)o; (void)f; before_load(); \
      DO(old = *a; same = old == *e; if (same) *a = v); *e = old; return same; }
#define ATOMICS(bits, T) \
    T __tsan_atomic##bits##_load(const volatile T *a, int o) \
    { T v; (void)o; before_load(); DO(v = *a); return v; } \
    void __tsan_atomic##bits##_store(volatile T *a, T v, int o) \
    { (void)o; before_store(); DO(*a = v); } \
    RMW(bits, T, add, old + v) RMW(bits, T, sub, old - v) RMW(bits, T, and, old & v) \
    RMW(bits, T, or, old | v) RMW(bits, T, xor, old ^ v) RMW(bits, T, nand, ~(old & v)) \
    T __tsan_atomic##bits##_exchange(volatile T *a, T v, int o) \
    { T old; (void)o; before_load(); DO(old = *a; *a = v); return old; } \
    CAS(bits, T, strong) CAS(bits, T, weak) \
    T __tsan_atomic##bits##_compare_exchange_val(volatile T *a, T e, T v, int o, int f) \
    { T old; (void)o; (void)f; before_load(); DO(old = *a; if (old == e) *a = v); return old; }
ATOMICS(8, char) ATOMICS(16, short) ATOMICS(32, int) ATOMICS(64, long)
void __tsan_atomic_thread_fence(int o) { (void)o; DO(;); }
void __tsan_atomic_signal_fence(int o) { (void)o; }
