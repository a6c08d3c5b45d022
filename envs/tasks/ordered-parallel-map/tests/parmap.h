/* parmap.h - map a function over a stream of items with several threads,
 * keeping the order of the stream.  This file is the contract; programs
 * outside this directory are built against it.
 *
 *   next(ctx)        returns the next item, or NULL at the end of the stream
 *   work(ctx, item)  does the expensive part; 0 is success, anything else is
 *                    that item's failure code
 *   emit(ctx, item)  takes a finished item; called in the order of the stream
 *   drop(ctx, item)  takes an item that will not be emitted
 *
 * Promises of pm_run():
 *
 *  1. At most one thread is in next() at any time, and at most one in emit().
 *     Each item that next() returned goes exactly once to emit() or to drop(),
 *     and an emitted item has had exactly one call of work(), which gave 0.
 *  2. An item is open from the moment next() returns it until emit() or drop()
 *     returns.  At most `window` items are open.
 *  3. No lock is held during a callback, and next() and emit() don't use up a
 *     worker.  While one thread sits in next() and another one in emit(), up
 *     to `nthreads` items are still in work(), so long as open items are
 *     waiting for it; and a finished item is emitted as soon as all items in
 *     front of it have been, even if next() is blocked at that moment.
 *  4. Nothing waits for a batch: next() is called whenever fewer than `window`
 *     items are open (until the end of the stream or a failure), and work()
 *     begins as soon as there is an open item and a free worker.
 *  5. When work() fails for one or more items, pm_run() returns the code of
 *     the failed item that stands FIRST IN THE STREAM, whichever of them
 *     failed first in time.  All items in front of it are worked and emitted;
 *     it and all items behind it are dropped (these need not be worked).
 *     Once a failure is known to the library, next() is not called again.
 *     Without a failure pm_run() returns 0.
 *  6. Calls of pm_run() don't know of each other: several threads may call it
 *     at the same time, and a callback may call it.
 *  7. When pm_run() returns, every thread that it started has ended, and
 *     `stats` (may be NULL) holds the exact numbers of calls:
 *     read (items returned by next), worked, emitted, dropped.
 *  8. A thread with nothing to do sleeps.
 *
 * nthreads and window are at least 1; window may be smaller than nthreads.
 */
#ifndef PARMAP_H
#define PARMAP_H

struct pm_ops {
    void *(*next)(void *ctx);
    int   (*work)(void *ctx, void *item);
    void  (*emit)(void *ctx, void *item);
    void  (*drop)(void *ctx, void *item);
};

struct pm_stats {
    long read, worked, emitted, dropped;
};

int pm_run(const struct pm_ops *ops, void *ctx, int nthreads, int window,
           struct pm_stats *stats);

#endif
