#include "rpn/limits.h"
#include "rpn/rpn.h"

enum rpn_status rpn_push(struct rpn_stack *s, double v)
{
    if (s->depth >= RPN_STACK_MAX)
        return RPN_OVERFLOW;
    s->value[s->depth++] = v;
    return RPN_OK;
}

enum rpn_status rpn_pop(struct rpn_stack *s, double *v)
{
    if (s->depth <= 0)
        return RPN_UNDERFLOW;
    *v = s->value[--s->depth];
    return RPN_OK;
}

int rpn_depth_max(void)
{
    return RPN_STACK_MAX;
}
