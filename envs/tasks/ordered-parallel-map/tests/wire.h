/* What the harness and the process with the library say to each other. Each
 * thread that is in a callback speaks over a socket of its own. */
#ifndef WIRE_H
#define WIRE_H

#include "parmap.h"

#define WIRES 48        /* sockets; descriptor WIRE + n is number n */
#define WIRE  10

enum { NEXT, WORK, EMIT, DROP, ANSWER, RUN, RESULT };

struct msg {
    int op, run;        /* which call of pm_run() it belongs to */
    long value;         /* of an item: its index plus one, 0 is none; or a code */
    int threads, window, count;     /* RUN: count is 0 where stats is NULL */
    struct pm_stats stats;          /* RESULT */
};

#endif
