/* generated from ops.def by tools/genops.awk, do not edit */
#ifndef RPN_OPS_GEN_H
#define RPN_OPS_GEN_H
#include <math.h>
struct rpn_op { const char *name; int operands; double (*fn)(double a, double b); };
static double rpn_op_0(double a, double b) { (void)b; return a + b; }
static double rpn_op_1(double a, double b) { (void)b; return a - b; }
static double rpn_op_2(double a, double b) { (void)b; return a * b; }
static double rpn_op_3(double a, double b) { (void)b; return a / b; }
static double rpn_op_4(double a, double b) { (void)b; return -a; }
static double rpn_op_5(double a, double b) { (void)b; return sqrt(a); }
static double rpn_op_6(double a, double b) { (void)b; return pow(a, b); }
static double rpn_op_7(double a, double b) { (void)b; return a < b ? a : b; }
static double rpn_op_8(double a, double b) { (void)b; return a < b ? a : b; }
static const struct rpn_op rpn_ops[] = {
    { "+", 2, rpn_op_0 },
    { "-", 2, rpn_op_1 },
    { "*", 2, rpn_op_2 },
    { "/", 2, rpn_op_3 },
    { "neg", 1, rpn_op_4 },
    { "sqrt", 1, rpn_op_5 },
    { "pow", 2, rpn_op_6 },
    { "max", 2, rpn_op_7 },
    { "min", 2, rpn_op_8 },
};
enum { RPN_OPS = 9 };
#endif
