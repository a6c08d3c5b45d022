/* What the library promises in numbers, and its status codes. */

#define RPN_STACK_MAX 64
#define RPN_WORD_MAX  32

enum rpn_status {
    RPN_OK = 0,
    RPN_UNKNOWN = 2,
    RPN_UNDERFLOW = 3,
    RPN_OVERFLOW = 4
};
