# The library as two files that a program compiles with its own.

AMALGAMATION := $(BUILD)/amalgamation
AMALGAMATE := libtensor/install/amalgamate.py

$(AMALGAMATION)/libtensor.c: $(AMALGAMATE) $(SOURCES) $(KERNELS) $(shell find libtensor -name '*.h')
	$(call SAY,PY,$@)
	$(Q)python3 -B $(AMALGAMATE) libtensor $(@D) "$(KERNEL_CFLAGS) -fno-math-errno" $(AMALGAMATED_ROOMS)

# With the folders that a pattern of ROOMS stands for.
AMALGAMATED_ROOMS = $(patsubst %/,%,$(patsubst libtensor/%,%,$(dir $(filter-out %.c,$(wildcard $(ROOMS:%=libtensor/%/.))))))

amalgamation: $(AMALGAMATION)/libtensor.c

# By each compiler that is here, or COMPILERS=clang; beside the library, whose tests it passes and whose bits it has.
AMALGAMATION_TESTS := golden blas threads conv2d safetensors isa random

amalgamation-check: amalgamation lib $(AMALGAMATION_TESTS:%=$(BUILD)/obj/tests/unit/test_%.o) $(TEST_COMMON)
	@CC="$(CC)" LIBS="$(LIBS)" CHECK_LIBS="$(CHECK_LIBS)" TESTS="$(AMALGAMATION_TESTS)" \
	    tests/install/amalgamation.sh $(BUILD) $(COMPILERS)

# What it takes over what the library takes.
amalgamation-speed: amalgamation $(BUILD)/tests/bench_ops
	@CC="$(CC)" LIBS="$(LIBS)" tests/install/amalgamation.sh $(BUILD) speed

# Other compilers, machines and libraries: docs/portability.md. ROWS='i386 blis' alone.
check-portable: lib
	@CC="$(CC)" LIBS="$(LIBS)" MAKE="$(MAKE)" tests/install/portability.sh $(BUILD) $(ROWS)

.PHONY: amalgamation amalgamation-check amalgamation-speed check-portable
