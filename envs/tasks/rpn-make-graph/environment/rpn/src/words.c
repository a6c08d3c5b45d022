#include "ops_gen.h"
#include "rpn/rpn.h"

const char *rpn_word_name(size_t i)
{
    return i < RPN_OPS ? rpn_ops[i].name : NULL;
}
