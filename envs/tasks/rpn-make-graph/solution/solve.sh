#!/bin/bash
# Repairs the rpn project step by step: sources, link, dependency graph, stale header, install.
set -euo pipefail

# I start with the lie of the land: which files there are, and what the Makefile claims about them.
cd /app/rpn
find . -type f | sort
cat Makefile

# I want to see every complaint of the compiler at once, so gcc only reads the sources, with the Makefile's own flags, and make goes on past errors.
make -k CC='gcc -fsyntax-only' 2>&1 | grep -E 'error|warning|Error' | sed -n 1,20p || true

# The enumerators are redeclared because main.c and stack.c pull in rpn/limits.h twice: that header has no guard, so I give it one.
sed -i -e '1i #ifndef RPN_LIMITS_H\n#define RPN_LIMITS_H\n' -e '$a \\n#endif' include/rpn/limits.h
cat include/rpn/limits.h

# lex.c compares size_t with int, which -Werror rightly stops. strlen gives a size_t, so I correct the type and leave the flags alone. Then gcc has to be content with all sources; to build I take tcc, which is quicker.
sed -i 's/    int length = strlen(line);/    size_t length = strlen(line);/' src/lex.c
make -k CC='gcc -fsyntax-only' 2>&1 | grep -E 'error|warning' || echo 'gcc is content'
make CC=tcc 2>&1 | tail -n 6

# What is left are undefined references: the static library stands before main.o on the link line, so nothing was wanted from it yet. The program also does not depend on the archive. I mend both.
sed -i -e 's|^\$(BUILD)/rpn: \$(BUILD)/main.o$|$(BUILD)/rpn: $(BUILD)/main.o $(BUILD)/librpn.a|' \
       -e 's|-L\$(BUILD) \$(LDLIBS) -o \$@ \$(BUILD)/main.o|-o $@ $(BUILD)/main.o -L$(BUILD) $(LDLIBS)|' Makefile
make CC=tcc && grep -n -A1 '^$(BUILD)/rpn:' Makefile

# Now the graph: the folder is a phony prerequisite of `all` only, the generated header names no inputs and no object waits for it, and no object knows its headers. I use an order-only folder, real prerequisites and compiler-written .d files (-MD, which tcc knows as well); the header is written to a temporary name first.
awk '
    /^all: dirs/ { $0 = "all: $(BUILD)/librpn.a $(BUILD)/rpn" }
    /^dirs:/ { $0 = "$(BUILD):" }
    /mkdir -p \$\(BUILD\)$/ { sub(/\$\(BUILD\)/, "$@") }
    /^\$\(BUILD\)\/ops_gen.h:/ { $0 = $0 " ops.def tools/genops.awk | $(BUILD)" }
    /^\tawk/ { $0 = $0 ".tmp\n\tmv $@.tmp $@" }
    /^\$\(BUILD\)\/%.o:/ { $0 = $0 " $(BUILD)/ops_gen.h | $(BUILD)" }
    /^\t\$\(CC\).*-c -o/ { sub(/ -c/, " -MD -c") }
    /^.PHONY:/ { sub(/ dirs/, ""); print "-include $(wildcard $(BUILD)/*.d)\n" }
    { print }' Makefile > /tmp/Makefile && cp /tmp/Makefile Makefile
make clean && make -s -j8 CC=tcc && make CC=tcc

# It builds. Does it compute what ops.def says?
make CC=tcc check || true
build/rpn --words | tr '\n' ' '
find . -name ops_gen.h
cat build/eval.d

# eval.d names include/ops_gen.h: an old generated header was left in include/ and hides the fresh one, since -Iinclude comes first. It does not belong into the source tree, so it goes, and with it the dependencies that name it.
diff include/ops_gen.h build/ops_gen.h || true
rm include/ops_gen.h && make clean && make -s -j8 CC=tcc check

# Next the install rule, which I stage and look at.
rm -rf /tmp/stage && make CC=tcc install PREFIX=/opt/rpn DESTDIR=/tmp/stage >/dev/null
find /tmp/stage -type f && cat /tmp/stage/opt/rpn/lib/pkgconfig/rpn.pc

# Three faults: limits.h is not installed although rpn.h includes it, DESTDIR leaks into rpn.pc, and rpn.pc has a Cflags path one level too deep and no -lm for static linking.
sed -i -e 's|install -m 644 include/rpn/rpn.h \$(DESTDIR)\$(PREFIX)/include/rpn/rpn.h|install -m 644 include/rpn/*.h $(DESTDIR)$(PREFIX)/include/rpn/|' \
       -e "s#s|@PREFIX@|\$(DESTDIR)\$(PREFIX)|#s|@PREFIX@|\$(PREFIX)|#" Makefile
sed -i -e 's|^Cflags:.*|Cflags: -I${includedir}|' -e '/^Libs:/a Libs.private: -lm' rpn.pc.in
tail -n 22 Makefile && cat rpn.pc.in

# The final check: a single target from clean, a second make that does nothing, a staged install, a foreign program built through pkg-config, and a header change that reaches library and program.
make -s clean && make -s CC=tcc build/rpn && make CC=tcc
rm -rf /tmp/stage /tmp/inst && make -s CC=tcc install PREFIX=/tmp/inst && make -s CC=tcc install PREFIX=/opt/rpn DESTDIR=/tmp/stage
grep prefix= /tmp/stage/opt/rpn/lib/pkgconfig/rpn.pc
printf '#include <rpn/limits.h>\n#include <rpn/rpn.h>\n#include <rpn/limits.h>\n#include <stdio.h>\nint main(void) { struct rpn_stack s = { 0 }; double v; rpn_line(&s, "3 4 hyp"); rpn_pop(&s, &v); printf("%%g\\n", v); return 0; }\n' > /tmp/user.c
tcc /tmp/user.c -o /tmp/user $(PKG_CONFIG_PATH=/tmp/inst/lib/pkgconfig pkg-config --static --cflags --libs rpn) && /tmp/user
sed -i 's/STACK_MAX 64/STACK_MAX 5/' include/rpn/limits.h && make -s CC=tcc && build/rpn --limits
sed -i 's/STACK_MAX 5/STACK_MAX 64/' include/rpn/limits.h && make -s clean && rm -rf /tmp/stage /tmp/inst /tmp/user /tmp/user.c /tmp/Makefile
