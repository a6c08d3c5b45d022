/*
 * The surroundings of the protocol: a lossy link in both directions, a timer,
 * the items to send and the check of what arrives. Not part of the protocol.
 */
#define ITEMS 4      /* items to carry over */
#define LOSSES 2     /* frames that the link may lose in one run, data and acknowledgements together */
#define EARLY 1      /* times that the timer may fire too soon */

chan env_todo = [ITEMS] of { byte };          /* items, in order */
chan env_data_out = [0] of { byte, byte };    /* sender -> link: sequence number, item */
chan env_data_in = [3] of { byte, byte };     /* link -> receiver */
chan env_ack_out = [0] of { byte };           /* receiver -> link: next sequence number wanted */
chan env_ack_in = [3] of { byte };            /* link -> sender */
chan env_alarm = [0] of { bit };              /* the sender's timer */
chan env_done = [0] of { byte };              /* receiver -> user: items, in order */

byte env_lost, env_arrived;
byte env_window, env_modulus;                 /* window and modulus of this run */

#define env_taken (ITEMS - len(env_todo))

#include "sender.pml"
#include "receiver.pml"

active proctype DataLink() {
  byte s, x;
end:
  do
  :: atomic { env_data_out?s, x ->
       if
       :: nfull(env_data_in) -> env_data_in!s, x
       :: full(env_data_in)
       :: env_lost < LOSSES -> env_lost++
       fi }
  od
}

active proctype AckLink() {
  byte s;
end:
  do
  :: atomic { env_ack_out?s ->
       if
       :: nfull(env_ack_in) -> env_ack_in!s
       :: full(env_ack_in)
       :: env_lost < LOSSES -> env_lost++
       fi }
  od
}

/* Fires when nothing else can happen any more, and a few times too soon. */
active proctype Timer() {
  byte early;
end:
  do
  :: early < EARLY -> env_alarm!0; early++
  :: timeout -> env_alarm!0
  od
}

active proctype User() {
  byte x;
end:
  do
  :: atomic { env_done?x ->
       assert(env_arrived < ITEMS && x == 11 + 7 * env_arrived);   /* the right item, in order, once */
       env_arrived++ }
  od
}

init {
  byte i;
  atomic {
    do
    :: i < ITEMS -> env_todo!(11 + 7 * i); i++
    :: else -> break
    od;
    if
    :: env_window = 1; env_modulus = 2
    :: env_window = 2; env_modulus = 3
    fi;
    run Sender(env_window, env_modulus, env_todo, env_data_out, env_ack_in, env_alarm);
    run Receiver(env_modulus, env_data_in, env_ack_out, env_done)
  }
}

/* Choose one with pan -N NAME. */
ltl window_kept { [] (env_window == 0 || env_taken <= env_arrived + env_window) }
ltl all_arrive { <> (env_arrived == ITEMS) }
