#include <ctype.h>
#include <string.h>

#include "rpn/rpn.h"

enum rpn_status rpn_line(struct rpn_stack *s, const char *line)
{
    char word[RPN_WORD_MAX];
    int length = strlen(line);

    for (size_t i = 0; i < length;) {
        size_t n = 0;
        while (i < length && isspace((unsigned char)line[i]))
            i++;
        while (i < length && !isspace((unsigned char)line[i])) {
            if (n + 1 >= sizeof word)
                return RPN_UNKNOWN;
            word[n++] = line[i++];
        }
        word[n] = '\0';
        if (n > 0) {
            enum rpn_status st = rpn_word(s, word);
            if (st != RPN_OK)
                return st;
        }
    }
    return RPN_OK;
}
