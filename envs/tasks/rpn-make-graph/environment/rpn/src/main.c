#include <stdio.h>
#include <string.h>

#include "rpn/rpn.h"
#include "rpn/limits.h"

int main(int argc, char **argv)
{
    struct rpn_stack s = { 0 };

    if (argc == 2 && strcmp(argv[1], "--words") == 0) {
        for (size_t i = 0; rpn_word_name(i); i++)
            puts(rpn_word_name(i));
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--limits") == 0) {
        printf("program %d library %d\n", RPN_STACK_MAX, rpn_depth_max());
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        enum rpn_status st = rpn_line(&s, argv[i]);
        if (st != RPN_OK) {
            fprintf(stderr, "rpn: %s: %s\n", argv[i],
                    st == RPN_UNKNOWN ? "unknown word" :
                    st == RPN_UNDERFLOW ? "stack underflow" : "stack overflow");
            return st;
        }
    }
    for (int i = 0; i < s.depth; i++)
        printf("%.10g\n", s.value[i]);
    return 0;
}
