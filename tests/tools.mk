# Tools that look for faults: the thread sanitizer, Helgrind, traps of the compiler, coverage.

# ---- threads ---------------------------------------------------------------------------------------

# What runs in several threads at once, and what they share.
THREAD_TESTS := $(addprefix $(BUILD)/tests/test_,threads blas error random memory dict prepared)

# The threads are the library's own, so that the sanitizer sees every lock; OpenBLAS it does not see.
# test_fork is not among them, nor are the forks of test_prefetch: the sanitizer cannot follow threads that a
# child starts after a fork.
tsan:
	$(MAKE) BUILD=$(BUILD)/tsan CFLAGS="-O1 -g -fsanitize=thread" LDFLAGS="-fsanitize=thread" tsan-run

tsan-run: $(THREAD_TESTS) $(BUILD)/tests/test_prefetch
	@CK_FORK=yes TSAN_OPTIONS=exitcode=66 OMP_NUM_THREADS=2 tests/run.sh $(THREAD_TESTS)
	@CK_FORK=yes CK_RUN_CASE=threads TSAN_OPTIONS=exitcode=66 OMP_NUM_THREADS=2 tests/run.sh $(BUILD)/tests/test_prefetch

HELGRIND := valgrind -q --tool=helgrind --error-exitcode=9

# Helgrind knows locks; what is ordered without them it is told by base/threads.c. Threads sleep at once, since one
# that spins keeps the others from running.
helgrind: $(BUILD)/tests/test_threads
	@CK_FORK=no CK_RUN_CASE=threads OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive WRAPPER="$(HELGRIND)" tests/run.sh $^

# ---- what the compiler can check as the program runs -------------------------------------------------

hardened:
	$(MAKE) BUILD=$(BUILD)/hardened \
	    CFLAGS="-O2 -g -ftrapv -D_FORTIFY_SOURCE=3 -fstack-protector-strong -D_GLIBCXX_ASSERTIONS" \
	    hardened-run

hardened-run: $(TESTS)
	@OMP_NUM_THREADS=2 tests/run.sh $(TESTS)

# ---- analysers: each file by each tool, whose words lie in a log of their own ------------------------

ANALYZED := $(SOURCES) $(KERNELS) $(sort $(wildcard examples/*.c examples/*/*.c))
ANALYZERS := $(foreach tool,gcc clang-tidy cppcheck,$(if $(shell command -v $(tool)),$(tool)))
ANALYZER_LOGS := $(foreach tool,$(ANALYZERS),$(ANALYZED:%=$(BUILD)/analyze/%.$(tool)))

# Warnings are the matter of `make lint`, and analysers do not follow OpenMP.
ANALYZE_CFLAGS = $(filter-out -W% -f%,$(TN_CFLAGS)) $(BLAS_CFLAGS) $(PNG_CFLAGS) -Iexamples
# Of cppcheck, what is about taste: where a variable is declared, that it may have a function's name, and that a
# loop without a body says `continue`.
# knownConditionTrueFalse takes what holds on one path for what holds always.
CPPCHECK := -q --enable=warning,style,performance,portability --inline-suppr \
            --suppress=variableScope --suppress=shadowFunction --suppress=redundantContinue \
            --suppress=knownConditionTrueFalse

# Of a kernel, one scalar type and one set of instructions are enough.
$(BUILD)/analyze/libtensor/kernels/%: ANALYZE_CFLAGS += -DTN_REAL_f32 -DTN_ISA_baseline

# What a log was made of, by the words of gcc: the next run does what has changed since.
$(BUILD)/analyze/%.d: %
	@mkdir -p $(@D)
	@gcc $(ANALYZE_CFLAGS) -MM -MP $(ANALYZERS:%=-MT $(BUILD)/analyze/$*.%) -MT $@ -MF $@ $<

$(BUILD)/analyze/%.gcc: % $(BUILD)/analyze/%.d
	@gcc $(ANALYZE_CFLAGS) -O1 -fanalyzer -fdiagnostics-plain-output -c $< -o /dev/null >$@ 2>&1 || true

$(BUILD)/analyze/%.clang-tidy: % $(BUILD)/analyze/%.d .clang-tidy
	@clang-tidy --quiet $< -- $(ANALYZE_CFLAGS) >$@ 2>&1 || true

$(BUILD)/analyze/%.cppcheck: % $(BUILD)/analyze/%.d
	@cppcheck $(CPPCHECK) --std=c11 $(filter -D% -Ilibtensor% -Iexamples,$(ANALYZE_CFLAGS)) $< >$@ 2>&1 || true

analyze-logs: $(ANALYZER_LOGS)

ifneq ($(filter analyze-logs,$(MAKECMDGOALS)),)
-include $(ANALYZED:%=$(BUILD)/analyze/%.d)
endif

# As many files at once as there are processors, if make was not told how many.
analyze:
	+@$(MAKE) --no-print-directory -s $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell env -u OMP_NUM_THREADS nproc)) analyze-logs
	@tests/analyze.sh $(BUILD)/analyze $(ANALYZED)

.PHONY: analyze analyze-logs

# ---- coverage --------------------------------------------------------------------------------------

coverage:
	CK_TIMEOUT_MULTIPLIER=8 $(MAKE) BUILD=$(BUILD)/coverage CFLAGS="-O0 -g --coverage -DTN_COVERAGE" \
	    LDFLAGS="--coverage" COVERAGE=1 coverage-run

# Tests are not counted, and what they compute themselves takes the time of always.
ifdef COVERAGE
$(TEST_OBJECTS): TN_CFLAGS += -O2 -fno-profile-arcs -fno-test-coverage
endif

coverage-run: $(TESTS)
	@find $(BUILD) -name '*.gcda' -delete
	@OMP_NUM_THREADS=2 tests/run.sh $(TESTS)
	@for isa in baseline v3; do TN_ISA=$$isa OMP_NUM_THREADS=2 tests/run.sh $(NUMERIC_TESTS) || exit 1; done
	@python3 tests/coverage.py $(BUILD)

.PHONY: tsan tsan-run helgrind hardened hardened-run coverage coverage-run
