/* stockdesk - the stock terminal. Talks on stdin and stdout, one question at
 * a time.
 *
 * The store: "SDSK", number of items, number of entries, the items
 * {sku, quantity, replaced by, locked}, the MAC of all that but the number of
 * entries, then the entries {kind, slip, sku, quantity, MAC}. All numbers have
 * four bytes, a MAC eight, little-endian. An entry's MAC covers the one before
 * it and the entry. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STORE "/app/data/store.bin"
#define MAXI  200
#define MAXE  2000
#define PAGE  8

struct item { uint32_t sku, qty, repl, locked; };
struct entry { uint32_t kind, slip, sku, qty; uint64_t mac; };

static struct item first[MAXI], now[MAXI];
static uint32_t items, entries;
static struct entry log_[MAXE];
static uint32_t live[MAXE], nlive;     /* entries that were not taken back */
static uint64_t base;
static int wrong, tries;

static const uint64_t K[2] = { 0x6c07d31f9a2be845ULL, 0xb1e5907c48fd3a26ULL };

#define ROTL(x, b) ((x) << (b) | (x) >> (64 - (b)))
#define ROUND \
    v0 += v1; v1 = ROTL(v1, 13) ^ v0; v0 = ROTL(v0, 32); \
    v2 += v3; v3 = ROTL(v3, 16) ^ v2; \
    v0 += v3; v3 = ROTL(v3, 21) ^ v0; \
    v2 += v1; v1 = ROTL(v1, 17) ^ v2; v2 = ROTL(v2, 32);

/* SipHash-2-4 of n 32-bit words. */
static uint64_t sip(const uint32_t *w, size_t n)
{
    uint64_t v0 = K[0] ^ 0x736f6d6570736575ULL, v1 = K[1] ^ 0x646f72616e646f6dULL;
    uint64_t v2 = K[0] ^ 0x6c7967656e657261ULL, v3 = K[1] ^ 0x7465646279746573ULL;
    uint64_t m;
    size_t i;

    for (i = 0; i + 1 < n; i += 2) {
        m = w[i] | (uint64_t)w[i + 1] << 32;
        v3 ^= m; ROUND ROUND v0 ^= m;
    }
    m = (uint64_t)(n * 4) << 56 | (i < n ? w[i] : 0);
    v3 ^= m; ROUND ROUND v0 ^= m;
    v2 ^= 0xff; ROUND ROUND ROUND ROUND
    return v0 ^ v1 ^ v2 ^ v3;
}

static uint64_t chain(uint64_t before, const struct entry *e, uint32_t salt)
{
    uint32_t w[7] = { before, before >> 32, e->kind, e->slip, e->sku, e->qty, salt };
    return sip(w, 7);
}

static uint64_t last_mac(void)
{
    return entries ? log_[entries - 1].mac : base;
}

static struct item *find(struct item *in, uint32_t sku)
{
    for (uint32_t i = 0; i < items; i++)
        if (in[i].sku == sku)
            return &in[i];
    return NULL;
}

static void replay(void)
{
    memcpy(now, first, sizeof now);
    nlive = 0;
    for (uint32_t i = 0; i < entries; i++) {
        if (log_[i].kind == 'B')
            nlive--;
        else
            live[nlive++] = i;
    }
    for (uint32_t k = 0; k < nlive; k++) {
        struct entry *e = &log_[live[k]];
        struct item *it = find(now, e->sku);
        if (e->kind == 'R')
            it->qty += e->qty;
        else if (e->kind == 'S')
            it->qty -= e->qty;
        else {
            it->qty = e->qty;
            it->locked = 0;
        }
    }
}

static uint32_t get(FILE *f)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v |= (uint32_t)(unsigned char)getc(f) << (8 * i);
    return v;
}

static void put(FILE *f, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        putc(v >> (8 * i) & 255, f);
}

static void fail(const char *why)
{
    printf("stockdesk: %s\n", why);
    exit(1);
}

static uint64_t base_mac(void)
{
    uint32_t w[1 + 4 * MAXI], n = 0;
    w[n++] = items;
    for (uint32_t i = 0; i < items; i++) {
        w[n++] = first[i].sku; w[n++] = first[i].qty;
        w[n++] = first[i].repl; w[n++] = first[i].locked;
    }
    return sip(w, n);
}

static void load(void)
{
    FILE *f = fopen(STORE, "rb");
    uint64_t mac;

    if (!f)
        fail("no store at " STORE);
    if (get(f) != 0x4b534453)
        fail("the store is damaged");
    items = get(f);
    entries = get(f);
    if (items > MAXI || entries > MAXE)
        fail("the store is damaged");
    for (uint32_t i = 0; i < items; i++) {
        first[i].sku = get(f); first[i].qty = get(f);
        first[i].repl = get(f); first[i].locked = get(f);
    }
    mac = get(f);
    mac |= (uint64_t)get(f) << 32;
    base = base_mac();
    if (mac != base)
        fail("the store is damaged");
    for (uint32_t i = 0; i < entries; i++) {
        struct entry *e = &log_[i];
        e->kind = get(f); e->slip = get(f); e->sku = get(f); e->qty = get(f);
        e->mac = get(f);
        e->mac |= (uint64_t)get(f) << 32;
        if (e->mac != chain(i ? log_[i - 1].mac : base, e, 0))
            fail("the store is damaged");
    }
    fclose(f);
    replay();
}

static void save(void)
{
    FILE *f = fopen(STORE, "wb");

    if (!f)
        fail("cannot write " STORE);
    put(f, 0x4b534453); put(f, items); put(f, entries);
    for (uint32_t i = 0; i < items; i++) {
        put(f, first[i].sku); put(f, first[i].qty);
        put(f, first[i].repl); put(f, first[i].locked);
    }
    put(f, base); put(f, base >> 32);
    for (uint32_t i = 0; i < entries; i++) {
        struct entry *e = &log_[i];
        put(f, e->kind); put(f, e->slip); put(f, e->sku); put(f, e->qty);
        put(f, e->mac); put(f, e->mac >> 32);
    }
    if (fclose(f))
        fail("cannot write " STORE);
}

/* Asks and reads one line without its end; 0 at the end of the input. */
static int ask(const char *prompt, char *buf, int size)
{
    fputs(prompt, stdout);
    fflush(stdout);
    if (!fgets(buf, size, stdin)) {
        putchar('\n');
        return 0;
    }
    buf[strcspn(buf, "\r\n")] = 0;
    return 1;
}

/* Called after each line of a long answer; 0 when the reader has had enough. */
static int page(uint32_t done, uint32_t all)
{
    char buf[64];

    if (done % PAGE || done == all)
        return 1;
    return ask("-- more: Enter, or q to stop --\n", buf, sizeof buf) && *buf != 'q';
}

static const char *name(uint32_t kind)
{
    return kind == 'R' ? "receive" : kind == 'S' ? "ship" : kind == 'C' ? "count" : "back";
}

static void book(uint32_t kind, uint32_t slip, uint32_t sku, uint32_t qty)
{
    struct entry e = { kind, slip, sku, qty, 0 };
    unsigned code = 1000 + chain(last_mac(), &e, ++tries) % 9000;
    char prompt[64], buf[64];

    if (entries == MAXE)
        fail("the journal is full");
    snprintf(prompt, sizeof prompt, "type %u to confirm: ", code);
    if (!ask(prompt, buf, sizeof buf))
        exit(0);
    if ((unsigned)atoi(buf) != code) {
        printf("not confirmed, nothing booked\n");
        if (++wrong == 3)
            fail("three wrong codes, session ended");
        return;
    }
    e.mac = chain(last_mac(), &e, 0);
    log_[entries++] = e;
    replay();
    save();
    if (kind == 'B')
        printf("entry %u: the booking before it is taken back\n", entries);
    else
        printf("entry %u: %s %u, now %u on hand\n", entries, name(kind), sku, find(now, sku)->qty);
}

int main(void)
{
    char line[256], cmd[32];
    unsigned a, b, c;

    load();
    printf("stockdesk, %u items, %u entries. Type help for help.\n", items, entries);
    while (ask("desk> ", line, sizeof line)) {
        int n = 0, got;
        struct item *it;

        if (sscanf(line, "%31s%n", cmd, &n) != 1)
            continue;
        got = sscanf(line + n, "%u %u %u", &a, &b, &c);
        if (got < 0)
            got = 0;
        if (!strcasecmp(cmd, "quit") || !strcasecmp(cmd, "exit")) {
            break;
        } else if (!strcasecmp(cmd, "help")) {
            printf("list                    all items\n"
                   "show SKU                one item\n"
                   "receive SLIP SKU QTY    book goods that came in\n"
                   "ship SLIP SKU QTY       book goods that go out\n"
                   "count SKU QTY           set the counted quantity, release a locked item\n"
                   "back                    take the last booking back\n"
                   "journal                 all entries\n"
                   "seal                    the seal of the journal as it is now\n"
                   "quit\n");
        } else if (!strcasecmp(cmd, "list")) {
            for (uint32_t i = 0; i < items; i++) {
                printf("%u  %5u%s\n", now[i].sku, now[i].qty,
                       now[i].repl ? "  replaced" : now[i].locked ? "  locked" : "");
                if (!page(i + 1, items))
                    break;
            }
        } else if (!strcasecmp(cmd, "journal")) {
            for (uint32_t i = 0; i < entries; i++) {
                struct entry *e = &log_[i];
                if (e->kind == 'B')
                    printf("%3u  back\n", i + 1);
                else if (e->kind == 'C')
                    printf("%3u  count    %u = %u\n", i + 1, e->sku, e->qty);
                else
                    printf("%3u  %-7s  %u x %u  slip %u\n", i + 1, name(e->kind), e->sku, e->qty, e->slip);
                if (!page(i + 1, entries))
                    break;
            }
        } else if (!strcasecmp(cmd, "seal")) {
            uint32_t w[4] = { last_mac(), last_mac() >> 32, entries, 0x5ea1 };
            printf("%u entries, seal %016llx\n", entries, (unsigned long long)sip(w, 4));
        } else if (!strcasecmp(cmd, "back")) {
            if (!nlive)
                printf("there is no booking to take back\n");
            else
                book('B', 0, 0, 0);
        } else if (!strcasecmp(cmd, "show") || !strcasecmp(cmd, "count")
                   || !strcasecmp(cmd, "ship") || !strcasecmp(cmd, "receive")) {
            int kind = toupper((unsigned char)*cmd);
            int move = kind == 'R' || (kind == 'S' && tolower((unsigned char)cmd[2]) == 'i');
            unsigned sku = move ? b : a, qty = move ? c : b;

            if (got != (move ? 3 : kind == 'C' ? 2 : 1)) {
                printf("wrong number of values, see help\n");
            } else if (!(it = find(now, sku))) {
                printf("there is no item %u\n", sku);
            } else if (it->repl) {
                printf("item %u has been replaced by %u\n", sku, it->repl);
            } else if (kind == 'C') {
                if (!it->locked)
                    printf("item %u is not locked, there is nothing to count\n", sku);
                else if (qty > 100000)
                    printf("quantity out of range\n");
                else
                    book('C', 0, sku, qty);
            } else if (!move) {
                printf("%u: %u on hand%s\n", sku, it->qty, it->locked ? " (not certain), locked" : "");
            } else if (qty < 1 || qty > 100000 || a < 1) {
                printf("quantity or slip out of range\n");
            } else if (it->locked) {
                printf("item %u is locked until it is counted\n", sku);
            } else if (kind == 'S' && qty > it->qty) {
                printf("only %u of item %u on hand\n", it->qty, sku);
            } else {
                book(kind, a, sku, qty);
            }
        } else {
            printf("unknown command %s, see help\n", cmd);
        }
    }
    return 0;
}
