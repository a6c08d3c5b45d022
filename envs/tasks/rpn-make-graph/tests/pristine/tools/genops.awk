# ops.def -> ops_gen.h
BEGIN {
    n = 0
    print "/* generated from ops.def by tools/genops.awk, do not edit */"
    print "#ifndef RPN_OPS_GEN_H"
    print "#define RPN_OPS_GEN_H"
    print "#include <math.h>"
    print "struct rpn_op { const char *name; int operands; double (*fn)(double a, double b); };"
}
/^[ \t]*#/ || NF < 3 { next }
{
    expr = $0
    sub(/^[ \t]*[^ \t]+[ \t]+[12][ \t]+/, "", expr)
    printf "static double rpn_op_%d(double a, double b) { (void)b; return %s; }\n", n, expr
    name[n] = $1; operands[n] = $2; n++
}
END {
    print "static const struct rpn_op rpn_ops[] = {"
    for (i = 0; i < n; i++) printf "    { \"%s\", %d, rpn_op_%d },\n", name[i], operands[i], i
    print "};"
    printf "enum { RPN_OPS = %d };\n", n
    print "#endif"
}
