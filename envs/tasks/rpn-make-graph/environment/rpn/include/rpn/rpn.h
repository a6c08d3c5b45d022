#ifndef RPN_RPN_H
#define RPN_RPN_H

#include <stddef.h>
#include "rpn/limits.h"

/* The caller owns it: `struct rpn_stack s = { 0 };` is an empty stack. */
struct rpn_stack {
    double value[RPN_STACK_MAX];
    int depth;
};

enum rpn_status rpn_push(struct rpn_stack *s, double v);
enum rpn_status rpn_pop(struct rpn_stack *s, double *v);

/* Evaluates one word: a number or a name of ops.def. */
enum rpn_status rpn_word(struct rpn_stack *s, const char *word);

/* Evaluates a line of words separated by blanks; stops at the first error. */
enum rpn_status rpn_line(struct rpn_stack *s, const char *line);

/* The i-th known word, or NULL. */
const char *rpn_word_name(size_t i);

/* The depth that the library was compiled for. */
int rpn_depth_max(void);

#endif
