/* One line after the other: what linesum has to print. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PAD    2048
#define ROUNDS 60

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 29;
    x *= 0xc4ceb9fe1a85ec53ULL;
    x ^= x >> 32;
    return x;
}

int main(void)
{
    static char text[65536];
    static uint64_t pad[PAD];

    while (fgets(text, sizeof text, stdin)) {
        size_t len = strcspn(text, "\n"), i;
        uint64_t h = len + 1;

        text[len] = 0;
        for (i = 0; i < PAD; i++)
            pad[i] = mix(i * 0x9e3779b97f4a7c15ULL
                         + (len ? (unsigned char)text[i % len] : 0));
        for (int r = 0; r < ROUNDS; r++)
            for (i = 0; i < PAD; i++) {
                h = mix(h + pad[(i * 7 + r) % PAD]);
                pad[i] ^= h;
            }
        for (i = 0; i < PAD; i++)
            h = mix(h ^ pad[i]);
        printf("%016llx %s\n", (unsigned long long)h, text);
    }
    return 0;
}
