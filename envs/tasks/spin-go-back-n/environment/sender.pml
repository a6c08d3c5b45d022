/* Go-back-N, the sending side. */
proctype Sender(byte window; byte modulus; chan todo; chan data; chan ack; chan alarm) {
  byte item[8];     /* taken and not yet acknowledged */
  byte base;        /* oldest sequence number that is not acknowledged */
  byte count;       /* how many items wait for an acknowledgement */
  byte sent;        /* how many of these were sent since the last alarm */
  byte a, n, x;
end:
  do
  :: count <= window && len(todo) > 0 ->
       todo?x;
       n = (base + count) % modulus;
       item[n % window] = x;
       count++
  :: sent < count ->
       n = (base + sent) % modulus;
       data!n, item[n % window];
       sent++
  :: ack?a ->
       n = (a - base) % modulus;
       if
       :: n <= count ->
            base = a;
            count = count - n;
            sent = (sent > n -> sent - n : 0)
       :: else
       fi
  :: alarm?_ ->
       sent = 0
  od
}
