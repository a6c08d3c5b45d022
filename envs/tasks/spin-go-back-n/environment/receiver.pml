/* Go-back-N, the receiving side. */
proctype Receiver(byte modulus; chan data; chan ack; chan done) {
  byte want;        /* sequence number of the next item */
  byte s, x;
end:
  do
  :: data?s, x ->
       if
       :: s == want ->
            done!x;
            want = (want + 1) % modulus
       :: else
       fi;
       ack!((s + 1) % modulus)
  od
}
