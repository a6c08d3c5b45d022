/* Drives pm_run() through one scenario; exit status 0 means that the contract
 * held.  A hang is noticed by the caller.  Usage: harness SCENARIO THREADS
 * WINDOW ITEMS SEED */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "parmap.h"

void chaos_seed(unsigned seed);

#define MAXITEMS 20000

static void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    _exit(1);
}

/* A gate: closed until opened, then open for ever. Built on a raw mutex and
 * condition variable of its own; opening it is a broadcast. */
struct gate { pthread_mutex_t m; pthread_cond_t c; int open; };
#define GATE { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 }

static void gate_open(struct gate *g)
{
    pthread_mutex_lock(&g->m);
    g->open = 1;
    pthread_cond_broadcast(&g->c);
    pthread_mutex_unlock(&g->m);
}

static void gate_wait(struct gate *g)
{
    pthread_mutex_lock(&g->m);
    while (!g->open)
        pthread_cond_wait(&g->c, &g->m);
    pthread_mutex_unlock(&g->m);
}

struct item { long index; int worked, result, closed; struct run *run; };

struct run {
    int threads, window;
    long items;                 /* length of the stream; < 0: endless */
    unsigned seed;
    struct item *item;
    long given, emitted, dropped, worked;
    int open, in_next, in_emit, in_work, max_work;
    int (*result)(struct run *, long);
    void (*at_next)(struct run *, long);     /* before the item is given */
    void (*at_work)(struct run *, long);
    void (*at_worked)(struct run *, long);
    void (*at_emit)(struct run *, long);
    void (*at_emitted)(struct run *, long);
};

#define ADD(x, n) __atomic_add_fetch(&(x), (n), __ATOMIC_SEQ_CST)
#define GET(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)

static void *t_next(void *ctx)
{
    struct run *r = ctx;
    void *give = NULL;

    if (ADD(r->in_next, 1) != 1)
        die("two threads are in next()");
    long i = r->given;
    if (r->at_next)
        r->at_next(r, i);
    if (r->items < 0 || i < r->items) {
        if (i >= MAXITEMS)
            die("next() is called again and again after a failure");
        r->item[i] = (struct item){ i, 0, 0, 0, r };
        give = &r->item[i];
        r->given++;
        if (ADD(r->open, 1) > r->window)
            die("more than %d items are open", r->window);
    }
    ADD(r->in_next, -1);
    return give;
}

static int t_work(void *ctx, void *item)
{
    struct run *r = ctx;
    struct item *it = item;
    int n;

    if (!it || it->run != r)
        die("work() was given something that next() did not return");
    if (ADD(it->worked, 1) != 1)
        die("item %ld: work() called twice", it->index);
    if (GET(it->closed))
        die("item %ld: work() after emit() or drop()", it->index);
    n = ADD(r->in_work, 1);
    if (n > r->threads)
        die("%d items in work(), %d threads allowed", n, r->threads);
    if (r->at_work)
        r->at_work(r, it->index);
    it->result = r->result ? r->result(r, it->index) : 0;
    ADD(r->worked, 1);
    if (r->at_worked)
        r->at_worked(r, it->index);
    int code = it->result;
    __atomic_store_n(&it->worked, 2, __ATOMIC_SEQ_CST);
    ADD(r->in_work, -1);
    return code;
}

static void t_emit(void *ctx, void *item)
{
    struct run *r = ctx;
    struct item *it = item;

    if (!it || it->run != r)
        die("emit() was given something that next() did not return");
    if (ADD(r->in_emit, 1) != 1)
        die("two threads are in emit()");
    if (it->index != r->emitted)
        die("emit(): item %ld where %ld was due", it->index, r->emitted);
    if (GET(it->worked) != 2)
        die("item %ld emitted before its work was done", it->index);
    if (it->result)
        die("item %ld emitted although it failed", it->index);
    if (ADD(it->closed, 1) != 1)
        die("item %ld closed twice", it->index);
    if (r->at_emit)
        r->at_emit(r, it->index);
    ADD(r->emitted, 1);
    if (r->at_emitted)
        r->at_emitted(r, it->index);
    ADD(r->open, -1);
    ADD(r->in_emit, -1);
}

static void t_drop(void *ctx, void *item)
{
    struct run *r = ctx;
    struct item *it = item;

    if (!it || it->run != r)
        die("drop() was given something that next() did not return");
    if (GET(it->worked) == 1)
        die("item %ld dropped while it is in work()", it->index);
    if (ADD(it->closed, 1) != 1)
        die("item %ld closed twice", it->index);
    ADD(r->dropped, 1);
    ADD(r->open, -1);
}

static const struct pm_ops ops = { t_next, t_work, t_emit, t_drop };

static struct run *make(int threads, int window, long items, unsigned seed)
{
    struct run *r = calloc(1, sizeof *r);
    r->threads = threads;
    r->window = window;
    r->items = items;
    r->seed = seed;
    r->item = calloc(MAXITEMS, sizeof *r->item);
    return r;
}

/* Runs it and checks what every run promises. Returns pm_run()'s value. */
static int go(struct run *r)
{
    struct pm_stats s;
    long i;
    int code;

    memset(&s, 0x55, sizeof s);
    code = pm_run(&ops, r, r->threads, r->window, &s);
    if (r->open)
        die("%d items neither emitted nor dropped", r->open);
    if (r->in_work || r->in_next || r->in_emit)
        die("pm_run() returned while callbacks run");
    if (code == 0 && r->items >= 0 && r->emitted != r->items)
        die("%ld items emitted, %ld expected", r->emitted, r->items);
    if (code == 0 && r->dropped)
        die("items dropped without a failure");
    if (s.read != r->given || s.worked != r->worked || s.emitted != r->emitted
        || s.dropped != r->dropped)
        die("stats read=%ld worked=%ld emitted=%ld dropped=%ld, true are %ld %ld %ld %ld",
            s.read, s.worked, s.emitted, s.dropped,
            r->given, r->worked, r->emitted, r->dropped);
    for (i = 0; i < r->given; i++)
        if (r->item[i].closed != 1)
            die("item %ld closed %d times", i, r->item[i].closed);
    return code;
}

static int go0(struct run *r)
{
    int code = go(r);
    if (code)
        die("pm_run() returned %d without a failure", code);
    return 0;
}

static unsigned hash(unsigned a, unsigned b)
{
    unsigned x = a * 2654435761u ^ (b + 0x9e3779b9u) * 2246822519u;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ (x >> 13);
}

static void dawdle(unsigned n)
{
    if (n % 4 == 0)
        sched_yield();
    if (n % 7 == 0) {
        struct timespec t = { 0, (n % 5) * 10000 };
        nanosleep(&t, NULL);
    }
}

static void jitter_work(struct run *r, long i) { dawdle(hash(r->seed, i)); }
static void jitter_next(struct run *r, long i) { dawdle(hash(r->seed + 1, i)); }
static void jitter_emit(struct run *r, long i) { dawdle(hash(r->seed + 2, i)); }

static void jitter(struct run *r)
{
    unsigned m = hash(r->seed, 77);
    r->at_work = m & 1 ? jitter_work : NULL;
    r->at_next = m & 2 ? jitter_next : NULL;
    r->at_emit = m & 4 ? jitter_emit : NULL;
}

/* ---- scenarios ---------------------------------------------------------- */

static struct gate g1 = GATE, g2 = GATE;
static pthread_barrier_t barrier;

static void meet(struct run *r, long i)
{
    if (i < r->items - r->items % r->threads)
        pthread_barrier_wait(&barrier);
}

/* Item 0 sits in work() until everything behind it in the window is done. */
static void head_work(struct run *r, long i)
{
    (void)r;
    if (i == 0)
        gate_wait(&g1);
}
static long others;
static void head_worked(struct run *r, long i)
{
    if (i > 0 && i < r->window && ADD(others, 1) == r->window - 1)
        gate_open(&g1);
}

/* emit(0) returns only when `threads` items are in work() at once and next()
 * has been entered for the last place of the window. */
static void emit_block(struct run *r, long i)
{
    (void)r;
    if (i == 0)
        gate_wait(&g1);
}
static void work_crowd(struct run *r, long i)
{
    if (i >= 1 && i <= r->threads) {
        pthread_barrier_wait(&barrier);
        gate_open(&g1);
    }
}

/* next() for item k returns only when item k-1 has been emitted. */
static struct gate *echo_gate;
static void echo_next(struct run *r, long i)
{
    (void)r;
    if (i > 0)
        gate_wait(&echo_gate[i - 1]);
}
static void echo_emitted(struct run *r, long i)
{
    (void)r;
    gate_open(&echo_gate[i]);
}

/* While next() is blocked for item T+1 and emit(0) is blocked, items 1..T meet
 * in work(). */
static void full_next(struct run *r, long i)
{
    if (i == r->threads + 1)
        gate_wait(&g2);
}
static void full_work(struct run *r, long i)
{
    if (i >= 1 && i <= r->threads) {
        gate_wait(&g1);     /* emit(0) has begun */
        pthread_barrier_wait(&barrier);
        gate_open(&g2);
    }
}
static void full_emit(struct run *r, long i)
{
    (void)r;
    if (i == 0) {
        gate_open(&g1);
        gate_wait(&g2);
    }
}

/* Item 5 fails at once, item 3 fails after it. */
static int fail_3_5(struct run *r, long i)
{
    (void)r;
    if (i == 5)
        return 55;
    return i == 3 ? 33 : 0;
}
static void fail_order(struct run *r, long i)
{
    (void)r;
    if (i == 3) {
        gate_wait(&g1);
        usleep(30000);      /* the library has time to learn of item 5 */
    }
    if (i == 1) {
        gate_wait(&g1);     /* not yet worked when 5 fails */
        usleep(20000);
    }
}
static void fail_mark(struct run *r, long i)
{
    (void)r;
    if (i == 5)
        gate_open(&g1);
}

/* Item 2 fails while item 3 is in work() and stays there for a while. */
static int fail_2(struct run *r, long i) { (void)r; return i == 2 ? 22 : 0; }
static void busy_work(struct run *r, long i)
{
    (void)r;
    if (i == 2)
        gate_wait(&g1);     /* item 3 has begun */
    if (i == 3) {
        gate_open(&g1);
        usleep(60000);
    }
}

static long fail_at[4];
static int fail_some(struct run *r, long i)
{
    (void)r;
    for (int k = 0; k < 4; k++)
        if (fail_at[k] == i)
            return 1000 + i;
    return 0;
}

/* Many items fail behind a slow one that is fine. */
static int fail_late(struct run *r, long i) { (void)r; return i >= 2 ? 70 + i : 0; }

static int nest_result(struct run *r, long i)
{
    if (i % 5 == 0) {
        struct run *in = make(2, 3, 9 + i % 4, r->seed + i);
        jitter(in);
        go0(in);
    }
    return 0;
}

static void *crowd(void *arg)
{
    struct run *r = arg;
    for (int k = 0; k < 6; k++) {
        struct run *in = make(r->threads, r->window, r->items + k, r->seed + k);
        jitter(in);
        go0(in);
        free(in->item);
        free(in);
    }
    return NULL;
}

/* Within the second half of this pause nobody has anything to do: a thread
 * that polls would go to sleep again and again. */
static long naps;
static void idle_next(struct run *r, long i)
{
    struct rusage u;

    (void)r;
    if (i != 4)
        return;
    usleep(900000);
    getrusage(RUSAGE_SELF, &u);
    naps = u.ru_nvcsw;
    usleep(600000);
    getrusage(RUSAGE_SELF, &u);
    naps = u.ru_nvcsw - naps;
}
static void idle_emit(struct run *r, long i)
{
    (void)r;
    if (i == 3)
        usleep(600000);
}

static int count_threads(void)
{
    DIR *d = opendir("/proc/self/task");
    int n = 0;
    struct dirent *e;
    while ((e = readdir(d)))
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 9;
    const char *name = argv[1];
    int threads = atoi(argv[2]), window = atoi(argv[3]);
    long items = atol(argv[4]);
    unsigned seed = strtoul(argv[5], NULL, 10);
    struct run *r = make(threads, window, items, seed);

    chaos_seed(seed);
    if (!strcmp(name, "order")) {
        jitter(r);
        go0(r);
    } else if (!strcmp(name, "meet")) {
        pthread_barrier_init(&barrier, NULL, threads);
        r->at_work = meet;
        go0(r);
    } else if (!strcmp(name, "head")) {
        r->at_work = head_work;
        r->at_worked = head_worked;
        go0(r);
    } else if (!strcmp(name, "emit")) {
        pthread_barrier_init(&barrier, NULL, threads);
        r->at_emit = emit_block;
        r->at_work = work_crowd;
        go0(r);
    } else if (!strcmp(name, "echo")) {
        echo_gate = calloc(items, sizeof *echo_gate);
        for (long i = 0; i < items; i++)
            echo_gate[i] = (struct gate)GATE;
        r->at_next = echo_next;
        r->at_emitted = echo_emitted;
        go0(r);
    } else if (!strcmp(name, "full")) {
        pthread_barrier_init(&barrier, NULL, threads);
        r->at_next = full_next;
        r->at_work = full_work;
        r->at_emit = full_emit;
        go0(r);
    } else if (!strcmp(name, "twofail")) {
        r->result = fail_3_5;
        r->at_work = fail_order;
        r->at_worked = fail_mark;
        int code = go(r);
        if (code != 33)
            die("pm_run() returned %d; the first failed item of the stream gave 33", code);
        if (r->emitted != 3)
            die("%ld items emitted, 3 stand in front of the failed one", r->emitted);
    } else if (!strcmp(name, "busy")) {
        r->result = fail_2;
        r->at_work = busy_work;
        int code = go(r);
        if (code != 22 || r->emitted != 2)
            die("pm_run() returned %d after %ld items instead of 22 after 2", code, r->emitted);
    } else if (!strcmp(name, "fails")) {
        long first = items, stop = items < 0 ? 300 : items;
        for (int k = 0; k < 4; k++) {
            fail_at[k] = hash(seed + 100, k) % stop;
            if (first < 0 || fail_at[k] < first)
                first = fail_at[k];
        }
        r->result = fail_some;
        jitter(r);
        int code = go(r);
        if (code != 1000 + first)
            die("pm_run() returned %d instead of %ld", code, 1000 + first);
        if (r->emitted != first)
            die("%ld items emitted, %ld stand in front of the failed one", r->emitted, first);
        if (r->given > first + window)
            die("%ld items read, the window ends at %ld", r->given, first + window);
    } else if (!strcmp(name, "latefail")) {
        r->result = fail_late;
        jitter(r);
        int code = go(r);
        if (code != 72 || r->emitted != 2)
            die("pm_run() returned %d after %ld items instead of 72 after 2", code, r->emitted);
    } else if (!strcmp(name, "nest")) {
        r->result = nest_result;
        go0(r);
    } else if (!strcmp(name, "crowd")) {
        pthread_t t[3];
        for (int k = 0; k < 3; k++) {
            struct run *in = make(threads, window, items, seed + 1000 * k);
            pthread_create(&t[k], NULL, crowd, in);
        }
        for (int k = 0; k < 3; k++)
            pthread_join(t[k], NULL);
    } else if (!strcmp(name, "ended")) {
        int before = count_threads(), now = 0;
        go0(r);
        if (pm_run(&ops, make(threads, window, 3, 0), threads, window, NULL))
            die("pm_run() without stats failed");
        for (int k = 0; k < 200; k++) {     /* the kernel may lag behind join */
            now = count_threads();
            if (now == before)
                break;
            usleep(10000);
        }
        if (now != before)
            die("%d threads before pm_run(), %d after it", before, now);
    } else if (!strcmp(name, "idle")) {
        struct rusage u;
        r->at_next = idle_next;
        r->at_emit = idle_emit;
        go0(r);
        getrusage(RUSAGE_SELF, &u);
        long ms = (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000
                + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
        if (naps > 30)
            die("the waiting threads woke up %ld times in 0.6 s", naps);
        if (ms > 150)
            die("%ld ms of processor time spent while there was nothing to do", ms);
    } else {
        return 9;
    }
    return 0;
}
