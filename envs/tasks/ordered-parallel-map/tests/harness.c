/* Drives pm_run() through one scenario; exit status 0 means that the contract
 * held.  A hang is noticed by the caller.  The library is in a process of its
 * own (stub.c), run as nobody: what is judged is what that process asks for,
 * from which of its threads, and when.  Usage: harness STUB SCENARIO THREADS
 * WINDOW ITEMS SEED */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

#define NOBODY 65534
#define MAXRUNS 1000
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
    int id;
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

static struct item *t_next(struct run *r)
{
    struct item *give = NULL;

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

static int t_work(struct run *r, struct item *it)
{
    int n;

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

static void t_emit(struct run *r, struct item *it)
{
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

static void t_drop(struct run *r, struct item *it)
{
    if (GET(it->worked) == 1)
        die("item %ld dropped while it is in work()", it->index);
    if (ADD(it->closed, 1) != 1)
        die("item %ld closed twice", it->index);
    ADD(r->dropped, 1);
    ADD(r->open, -1);
}

static struct run *runs[MAXRUNS];
static int nruns;

static struct run *make(int threads, int window, long items, unsigned seed)
{
    struct run *r = calloc(1, sizeof *r);
    r->threads = threads;
    r->window = window;
    r->items = items;
    r->seed = seed;
    r->item = calloc(MAXITEMS, sizeof *r->item);
    r->id = ADD(nruns, 1) - 1;
    if (r->id >= MAXRUNS)
        die("too many runs");
    __atomic_store_n(&runs[r->id], r, __ATOMIC_SEQ_CST);
    return r;
}

/* ---- the process with the library ----------------------------------------- */

static int wires[WIRES];
static pid_t library;
static __thread int wire;       /* the one that this thread answers */

static void say(struct msg m)
{
    if (send(wire, &m, sizeof m, MSG_NOSIGNAL) != sizeof m)
        die("the program with the library has ended");
}

static struct msg hear(void)
{
    struct msg m;
    ssize_t n;

    while ((n = recv(wire, &m, sizeof m, 0)) < 0 && errno == EINTR)
        ;
    if (n != sizeof m)
        die("the program with the library has ended");
    return m;
}

static int pm_run_there(struct run *r, struct pm_stats *stats)
{
    say((struct msg){ .op = RUN, .run = r->id, .threads = r->threads, .window = r->window,
                      .count = stats != NULL });
    struct msg m = hear();
    if (m.op != RESULT || m.run != r->id)
        die("pm_run() returned amid a callback");
    if (stats)
        *stats = m.stats;
    return m.value;
}

static void *answer(void *arg)
{
    static const char *const names[] = { "next", "work", "emit", "drop" };

    for (wire = *(int *)arg; ; ) {
        struct msg m = hear();
        struct run *r = m.run >= 0 && m.run < MAXRUNS ? GET(runs[m.run]) : NULL;
        struct item *it = NULL;

        if (m.op < NEXT || m.op > DROP || !r)
            die("a callback with another ctx");
        if (m.op != NEXT) {
            if (m.value < 1 || m.value > GET(r->given))
                die("%s() was given something that next() did not return", names[m.op]);
            it = &r->item[m.value - 1];
        }
        if (m.op == NEXT) {
            it = t_next(r);
            m.value = it ? it->index + 1 : 0;
        } else if (m.op == WORK) {
            m.value = t_work(r, it);
        } else if (m.op == EMIT) {
            t_emit(r, it);
        } else {
            t_drop(r, it);
        }
        m.op = ANSWER;
        say(m);
    }
    return NULL;
}

static void begin(const char *stub, const char *seed, int roots)
{
    int there[WIRES], pair[2], quiet = open("/dev/null", O_RDWR);
    char number[16];
    pthread_t t;

    for (int k = 0; k < WIRES; k++) {
        if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
            die("no sockets: %s", strerror(errno));
        wires[k] = fcntl(pair[0], F_DUPFD, WIRE + WIRES);
        there[k] = fcntl(pair[1], F_DUPFD, WIRE + WIRES);
        close(pair[0]);
        close(pair[1]);
    }
    snprintf(number, sizeof number, "%d", roots);
    library = fork();
    if (library == 0) {
        setsid();
        for (int k = 0; k < 3; k++)
            dup2(quiet, k);
        for (int k = 0; k < WIRES; k++)
            dup2(there[k], WIRE + k);
        close_range(3, WIRE - 1, 0);
        close_range(WIRE + WIRES, ~0U, 0);
        if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
            _exit(8);
        execl(stub, stub, seed, number, NULL);
        _exit(7);
    }
    for (int k = 0; k < WIRES; k++) {
        close(there[k]);
        if (k >= roots)
            pthread_create(&t, NULL, answer, &wires[k]);
    }
    wire = wires[0];
}

/* Runs it and checks what every run promises. Returns pm_run()'s value. */
static int go(struct run *r)
{
    struct pm_stats s;
    long i;
    int code;

    memset(&s, 0x55, sizeof s);
    code = pm_run_there(r, &s);
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
    wire = wires[r->id - 1];        /* run 0 is main()'s own, and is not used */
    for (int k = 0; k < 6; k++) {
        struct run *in = make(r->threads, r->window, r->items + k, r->seed + k);
        jitter(in);
        go0(in);
    }
    return NULL;
}

/* The threads of the library's process and how often they went to sleep. */
static int count_threads(long *naps)
{
    char path[300], line[200];
    int n = 0;
    long more;
    struct dirent *e;

    snprintf(path, sizeof path, "/proc/%d/task", (int)library);
    DIR *d = opendir(path);
    while (d && (e = readdir(d))) {
        if (e->d_name[0] == '.')
            continue;
        n++;
        snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)library, e->d_name);
        FILE *f = naps ? fopen(path, "r") : NULL;
        while (f && fgets(line, sizeof line, f))
            if (sscanf(line, "voluntary_ctxt_switches: %ld", &more) == 1)
                *naps += more;
        if (f)
            fclose(f);
    }
    if (d)
        closedir(d);
    return n;
}

/* Within the second half of this pause nobody has anything to do: a thread
 * that polls would go to sleep again and again. */
static long naps_before, naps_after;
static void idle_next(struct run *r, long i)
{
    (void)r;
    if (i != 4)
        return;
    usleep(400000);
    count_threads(&naps_before);
    usleep(300000);
    count_threads(&naps_after);
}
static void idle_emit(struct run *r, long i)
{
    (void)r;
    if (i == 3)
        usleep(250000);
}

int main(int argc, char **argv)
{
    if (argc != 7)
        return 9;
    const char *name = argv[2];
    int threads = atoi(argv[3]), window = atoi(argv[4]);
    long items = atol(argv[5]);
    unsigned seed = strtoul(argv[6], NULL, 10);
    struct run *r = make(threads, window, items, seed);

    begin(argv[1], argv[6], strcmp(name, "crowd") ? 1 : 3);
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
        struct run *in[3];
        for (int k = 0; k < 3; k++)
            in[k] = make(threads, window, items, seed + 1000 * k);
        for (int k = 0; k < 3; k++)
            pthread_create(&t[k], NULL, crowd, in[k]);
        for (int k = 0; k < 3; k++)
            pthread_join(t[k], NULL);
    } else if (!strcmp(name, "ended")) {
        int before = count_threads(NULL), now = 0;
        go0(r);
        if (pm_run_there(make(threads, window, 3, 0), NULL))
            die("pm_run() without stats failed");
        for (int k = 0; k < 200; k++) {     /* the kernel may lag behind join */
            now = count_threads(NULL);
            if (now == before)
                break;
            usleep(10000);
        }
        if (now != before)
            die("%d threads before pm_run(), %d after it", before, now);
    } else if (!strcmp(name, "idle")) {
        clockid_t clock;
        struct timespec spent;
        r->at_next = idle_next;
        r->at_emit = idle_emit;
        go0(r);
        clock_getcpuclockid(library, &clock);
        clock_gettime(clock, &spent);
        long ms = spent.tv_sec * 1000 + spent.tv_nsec / 1000000;
        if (naps_after - naps_before > 5)
            die("the waiting threads woke up %ld times in 0.3 s", naps_after - naps_before);
        if (ms > 100)
            die("%ld ms of processor time spent while there was nothing to do", ms);
    } else {
        return 9;
    }
    return 0;
}
