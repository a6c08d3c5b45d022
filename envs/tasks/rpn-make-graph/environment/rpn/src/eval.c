#include <stdlib.h>
#include <string.h>

#include "ops_gen.h"
#include "rpn/rpn.h"

enum rpn_status rpn_word(struct rpn_stack *s, const char *word)
{
    for (int i = 0; i < RPN_OPS; i++) {
        const struct rpn_op *op = &rpn_ops[i];
        double a = 0, b = 0;

        if (strcmp(op->name, word) != 0)
            continue;
        if (s->depth < op->operands)
            return RPN_UNDERFLOW;
        if (op->operands == 2)
            rpn_pop(s, &b);
        rpn_pop(s, &a);
        return rpn_push(s, op->fn(a, b));
    }

    char *end;
    double v = strtod(word, &end);
    if (end == word || *end != '\0')
        return RPN_UNKNOWN;
    return rpn_push(s, v);
}

const char *rpn_word_name(size_t i)
{
    return i < RPN_OPS ? rpn_ops[i].name : NULL;
}
