# The tests: one Check program for each tests/unit/test_*.c, linked with tests/common/*.c.

CHECK_LIBS = $(or $(shell $(PKG_CONFIG) --libs check 2>/dev/null),-lcheck -lsubunit -lrt -lm -pthread)
TEST_COMMON := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard tests/common/*.c)))
TEST_OBJECTS := $(TEST_COMMON) \
    $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/unit/test_*.c tests/rows/*.c tests/sanitizers/*.c))
TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/unit/test_*.c)))

$(BUILD)/obj/tests/%.o: TN_CFLAGS += -Itests -Wno-missing-prototypes -Wno-pedantic

# Two hundred programs, each with all of the library: gold takes half of the usual linker's time.
LINKER = $(eval LINKER := $(shell echo 'int main(void) { return 0; }' | \
             $(CC) -fuse-ld=gold -x c -o /dev/null - 2>/dev/null && echo -fuse-ld=gold))$(LINKER)

# Or, where the archive is large, all of it in one shared library, if CFLAGS hide nothing.
TESTED ?= $(STATIC)
$(BUILD)/tests/libtensor-tested.so: $(OBJECTS)
	@mkdir -p $(@D)
	$(call SAY,LD,$@)
	$(Q)$(CC) -shared $(THREADING) -Wl,-soname,$(abspath $@) $(LDFLAGS) -o $@ $^ $(LIBS)

# A library that is loaded by its path would take its functions from that one.
$(BUILD)/tests/test_unload: TESTED := $(STATIC)
$(BUILD)/tests/test_unload: $(STATIC)

$(BUILD)/tests/test_%: $(BUILD)/obj/tests/unit/test_%.o $(TEST_COMMON) $(TESTED)
	@mkdir -p $(@D)
	$(call SAY_ONCE,LD,$@)
	$(Q)$(CC) $(THREADING) $(LINKER) $(LDFLAGS) -o $@ $(filter %.o,$^) $(TESTED) $(CHECK_LIBS) $(LIBS)

# The rows of each public header are a program of their own: test_refusals_ops has those of ops.h.
$(filter $(BUILD)/tests/test_refusals_%,$(TESTS)): $(BUILD)/obj/tests/rows/refusals.o
$(filter $(BUILD)/tests/test_allocations_%,$(TESTS)): $(BUILD)/obj/tests/rows/allocations.o \
    $(BUILD)/obj/tests/rows/world.o

# Programs that fork beside threads that allocate. The functions of at_fork.c are seen by all libraries.
FORKING := $(addprefix $(BUILD)/tests/test_,blas_gate fork prefetch)
$(FORKING): $(BUILD)/obj/tests/sanitizers/at_fork.o
$(FORKING): CHECK_LIBS += -rdynamic
$(BUILD)/obj/tests/sanitizers/at_fork.o: TN_CFLAGS += -fno-omit-frame-pointer # reports name its callers

# The example programs are run by their tests, which read the pictures that they write.
$(BUILD)/obj/tests/common/programs.o $(BUILD)/obj/tests/unit/test_serve.o: TN_CFLAGS += -DTN_TEST_PROGRAMS='"$(BUILD)/bin"'
$(BUILD)/obj/tests/unit/test_digits_commands.o: TN_CFLAGS += $(PNG_CFLAGS)
$(BUILD)/tests/test_digits_commands: CHECK_LIBS += $(PNG_LIBS)
$(filter $(BUILD)/tests/test_digits_%,$(TESTS)): | $(BUILD)/bin/digits

$(BUILD)/tests/test_faces $(BUILD)/tests/test_faces_download: | $(BUILD)/bin/faces
$(BUILD)/tests/test_programs: | $(PROGRAMS:%=$(BUILD)/bin/%)
$(BUILD)/tests/test_serve: | $(BUILD)/bin/serve
$(BUILD)/tests/test_lessons $(BUILD)/tests/test_lessons_lacking: | $(LESSONS:%=$(BUILD)/bin/%)

# Formulas that are compiled as those of the operators are.
$(BUILD)/obj/tests/unit/test_vector_math.o: TN_CFLAGS += $(KERNEL_CFLAGS)

# The shared library, loaded and unloaded.
$(BUILD)/obj/tests/unit/test_unload.o: TN_CFLAGS += -DTN_TEST_LIBRARY='"$(BUILD)/libtensor.so"'
$(BUILD)/tests/test_unload: CHECK_LIBS += -ldl
$(BUILD)/tests/test_unload: | $(SHARED)

# What the examples share is tested by itself, too.
SHARED_TESTS := photo faces faces_download alexnet programs serve
$(SHARED_TESTS:%=$(BUILD)/obj/tests/unit/test_%.o): TN_CFLAGS += -Iexamples $(PNG_CFLAGS)
$(SHARED_TESTS:%=$(BUILD)/tests/test_%): CHECK_LIBS += $(EXAMPLE_LIBS)
$(SHARED_TESTS:%=$(BUILD)/tests/test_%): $(COMMON)
$(BUILD)/tests/test_alexnet: $(addprefix $(BUILD)/obj/examples/alexnet/,net.o features.o head.o)
$(BUILD)/tests/test_alexnet: | $(BUILD)/bin/alexnet $(BUILD)/bin/faces

# The fuzz targets with the inputs that are kept.
$(BUILD)/tests/test_fuzz: $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out %/libfuzzer.c %/mutate.c,$(wildcard tests/fuzz/*.c)))

# Those whose results depend on the kernels run once for each instruction set: the tests of operators,
# and those that say so (RUNS_WITH_EACH_ISA of common/check_tn.h).
NUMERIC_TESTS = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(shell \
    grep -lE '^RUNS_WITH_EACH_ISA;|^\#include "common/ops.h"' tests/unit/test_*.c))

tests: $(TESTS)

# Each part adds to the sum that ends the output.
PART = tests/part.sh $(BUILD)/checks

# Before scripts that call make, and share its cores: `make -n` only prints them.
RUN = $(if $(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),,+)@

# Beside the tests, which leave a core now and then, runs what takes one core at a time.
check: lib man reference $(TESTS)
	@rm -f $(BUILD)/checks
	+@tests/beside.sh $(BUILD)/check-others.log "$(MAKE) --no-print-directory check-others" \
	    "$(MAKE) --no-print-directory check-tests" || { $(PART); exit 1; }
	@$(PART)

# Those of numbers, with the kernels of some set.
WITH_KERNELS = TN_ISA=$(1) BRIEF=1 $(PART) "those of numbers, with the kernels of $(1)" tests/run.sh $(NUMERIC_TESTS)

# By themselves the tests take the widest kernels that the processor has.
check-tests: lib $(TESTS)
	@$(PART) "the tests" tests/run.sh $(TESTS)
	@$(call WITH_KERNELS,baseline)

# The kernels between: those of AVX2, where there is AVX-512.
check-isas: lib $(NUMERIC_TESTS)
	@rm -f $(BUILD)/checks
	@if grep -qw avx512vl /proc/cpuinfo 2>/dev/null; then $(call WITH_KERNELS,v3); else \
	    echo "this processor has no AVX-512: make check has run all its kernels"; fi
	@$(PART)

check-others: lib man reference
	$(RUN)CC="$(CC)" CXX="$(CXX)" PKG_CONFIG="$(PKG_CONFIG)" $(PART) "an outside program, installed" \
	    tests/install/run.sh $(BUILD)
	$(RUN)CC="$(CC)" $(PART) "the library in one file" tests/install/amalgamation.sh $(BUILD) quick
	+@$(MAKE) --no-print-directory check-docs

# Programs by CMake and Meson; installing and uninstalling by other names of directories, beside others' files and by
# several versions, moving, and installing twice at once.
CORNERS := check-install-builds check-install-uninstall check-install-moved check-install-places check-install-together
check-install: $(CORNERS)

$(CORNERS): check-install-%: lib man reference
	$(RUN)CC="$(CC)" CXX="$(CXX)" PKG_CONFIG="$(PKG_CONFIG)" sh tests/install/$*.sh $(BUILD) && echo "    $* ok"

# Each test in a process of its own, where it is the first to use the library; the quick ones as in .ci/run.
check-apart: lib $(TESTS)
	@CK_FORK=yes tests/run.sh $(TESTS)

check-apart-quick: lib $(TESTS:%=%.seconds)
	@CK_FORK=yes tests/run.sh $(QUICK)

# Those that take less than a second of a processor, as the last run of each has shown; of another build, its folder.
QUICK = $$(for test in $(TESTS:$(BUILD)/tests/%=%); do \
    read -r seconds <$(BUILD)/tests/$$test.seconds; \
    case $$seconds in 0*) printf '%s ' $(BUILD)/$(1)tests/$$test ;; esac; done)

# What the documents say, done: tests/docs/README.md.
check-docs: lib man reference
	@CC="$(CC)" CXX="$(CXX)" LIBS="$(LIBS)" $(PART) "the documents, with their programs and links" \
	    tests/docs/run.sh $(BUILD)
	@CC="$(CC)" $(PART) "the reference" tests/docs/reference.sh $(BUILD)

# Those of numbers whose products CBLAS makes, with each of OpenBLAS's sets of kernels.
PRODUCT_TESTS = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(shell \
    grep -lE 'tn_matmul|tn_linear|tn_conv|gemm' $(NUMERIC_TESTS:$(BUILD)/tests/%=tests/unit/%.c)))

check-cores: $(TESTS)
	@rm -f $(BUILD)/checks
	@$(PART) "products by CBLAS" tests/cores.sh $(PRODUCT_TESTS)
	@$(PART)

# 100,000 training steps in the same memory; ten million parallel loops, none of which is stuck.
soak: $(BUILD)/tests/test_soak $(BUILD)/tests/test_threads
	@$(BUILD)/tests/test_soak --soak
	@CK_RUN_CASE=rounds OMP_WAIT_POLICY=passive $(BUILD)/tests/test_threads --soak

# ---- the tests under tools that watch memory -------------------------------------------------------

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined

# With their checks the library is so large that two hundred programs had better share it. Reports name lines, and
# nothing else that debuggers read.
IN_ONE = TESTED='$$(BUILD)/tests/libtensor-tested.so'

# With checks in them, kernels take gcc minutes at -O3. The second option lets products and sums be one, as there.
ASAN = $(MAKE) BUILD=$(BUILD)/asan $(IN_ONE) CFLAGS="-O1 -g1 -DTN_DEBUG -fvisibility=default $(SANITIZE)" LDFLAGS="$(SANITIZE)" \
    KERNEL_CFLAGS="$(subst -O3,-O1 -fexpensive-optimizations,$(KERNEL_CFLAGS))"

asan:
	+$(ASAN) asan-run

asan-quick: $(TESTS:%=%.seconds)
	@+$(ASAN) asan-run TESTS="$(call QUICK,asan/)"

# What clang looks for and gcc does not: sums of NULL and zero, conversions that lose something. Programs end at the
# first report because they are told to when they run: compiled to end there, kernels take clang minutes. Checks come
# between a product and its sum, so these are one instruction where they are one expression, for every method the same.
UBSAN_SANITIZE := -fsanitize=undefined,float-cast-overflow,implicit-conversion

UBSAN = UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 $(MAKE) BUILD=$(BUILD)/ubsan $(IN_ONE) CC=clang \
    KERNEL_CFLAGS=-ffp-contract=on LDFLAGS="$(UBSAN_SANITIZE)" \
    CFLAGS="-O1 -g1 -Wno-pass-failed -DTN_DEBUG -fvisibility=default $(UBSAN_SANITIZE)"

ubsan:
	+$(UBSAN) asan-run

ubsan-quick: $(TESTS:%=%.seconds)
	@+$(UBSAN) asan-run TESTS="$(call QUICK,ubsan/)"

$(BUILD)/tests/%.seconds: $(BUILD)/tests/%
	@tests/run.sh $<

.PHONY: asan-quick ubsan ubsan-quick

asan-run: $(TESTS)
	@CK_FORK=no OMP_NUM_THREADS=2 tests/run.sh $(TESTS)

# The library alone, for programs that look for their errors (docs/debugging.md).
debug:
	$(MAKE) BUILD=$(BUILD)/debug CFLAGS="-O1 -g -DTN_DEBUG $(SANITIZE)" LDFLAGS="$(SANITIZE)" lib

VALGRIND := valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite

valgrind: $(TESTS)
	@CK_FORK=no OMP_NUM_THREADS=1 WRAPPER="$(VALGRIND)" tests/run.sh $(TESTS)

# ---- mutants: a tn_add_grad that lies stands between every backward function and the tape --------------

OPERATORS := $(basename $(notdir $(wildcard libtensor/ops/*.c libtensor/ops/*/*.c)))
OP_TESTS = $(filter $(OPERATORS:%=$(BUILD)/tests/test_%),$(TESTS))

mutants:
	$(MAKE) BUILD=$(BUILD)/mutants CFLAGS=-O2 MUTANTS=1 mutants-run

mutants-run: $(OP_TESTS)
	@CK_FORK=no OMP_NUM_THREADS=1 tests/mutants/run.sh $(OP_TESTS)
	@tests/mutants/terms.sh $(BUILD)

ifdef MUTANTS
$(BUILD)/obj/libtensor/autograd/accumulate.o: TN_CFLAGS += -Dtn_add_grad=tn__unmutated_add_grad
$(STATIC) $(SHARED): $(BUILD)/obj/tests/mutants/mutant.o
endif

# A sample of everything that could be wrong in the sources: make source-mutants COUNT=2000 SEED=1;
# of some files by some tests alone: FILES='libtensor/io/*' BY=npy,zip; of what a commit has not, none begun
# after some seconds: SINCE=HEAD~20 WITHIN=180
source-mutants:
	@tests/mutants/source.py --build $(BUILD) --count $(or $(COUNT),200) --seed $(or $(SEED),1) \
	    $(if $(FILES),--files '$(FILES)') $(if $(BY),--tests '$(BY)') $(if $(SINCE),--since '$(SINCE)') \
	    $(if $(WITHIN),--within $(WITHIN))

.PHONY: source-mutants

# ---- benchmarks and lint ---------------------------------------------------------------------------

# Single operators, whole networks, products.
BENCH_OPS := ops questions rates
BENCH_NETWORKS := networks models questions rates

$(BUILD)/tests/bench_ops: $(BENCH_OPS:%=$(BUILD)/obj/tests/bench/%.o) $(STATIC)
$(BUILD)/tests/bench_networks: $(BENCH_NETWORKS:%=$(BUILD)/obj/tests/bench/%.o) $(STATIC)
$(BUILD)/tests/bench_gemm: $(BUILD)/obj/tests/bench/gemm.o $(STATIC)

# libxsmm's products beside them, if it is installed.
LIBXSMM_LIBS = $(shell $(PKG_CONFIG) --libs libxsmm 2>/dev/null)
$(BUILD)/obj/tests/bench/gemm.o: TN_CFLAGS += $(if $(LIBXSMM_LIBS),-DBENCH_LIBXSMM)
$(BUILD)/tests/bench_gemm: LIBS := $(LIBXSMM_LIBS) $(LIBS)

$(BUILD)/tests/bench_%:
	@mkdir -p $(@D)
	$(call SAY,LD,$@)
	$(Q)$(CC) $(THREADING) $(LDFLAGS) -o $@ $^ $(LIBS)

ROUNDS ?= 7
BENCH_OPTIONS = --rounds $(ROUNDS) $(if $(THREADS),--threads $(THREADS)) $(if $(ROWS),--rows '$(ROWS)') \
                $(if $(CSV),--csv '$(CSV)')

# Which kernels OpenBLAS runs, whose choice may be poor for a processor that it does not know: CORE=SkylakeX.
ifdef CORE
bench bench-against bench-gemm bench-ops bench-shapes: export OPENBLAS_CORETYPE = $(CORE)
endif

# A version in the directory BASE, which is built: make bench-against BASE=../before ROWS='sum|softmax'.
# It is timed by its own programs, if it has them.
BASE_OPS = $(or $(wildcard $(BENCH_OPS:%=$(BASE)/tests/bench/%.c)),-DMSE_OPTIONS=TN_REDUCE_MEAN $(BENCH_OPS:%=tests/bench/%.c))
BASE_NETWORKS = $(or $(wildcard $(BENCH_NETWORKS:%=$(BASE)/tests/bench/%.c)),$(BENCH_NETWORKS:%=tests/bench/%.c))
BUILD_BASE = $(CC) -std=c11 -D_POSIX_C_SOURCE=200809L -fopenmp -O2 -I$(BASE)/libtensor/include \
    -I$(if $(filter $(BASE)/%,$(2)),$(BASE)/tests,tests) $(LDFLAGS) -o $(1) $(2) $(BASE)/build/libtensor.a $(LIBS)

bench-against: $(BUILD)/tests/bench_ops $(BUILD)/tests/bench_networks
	$(if $(BASE),,$(error bench-against: BASE=directory of the version to compare with))
	$(Q)$(MAKE) --no-print-directory -C $(BASE) lib
	$(Q)$(call BUILD_BASE,$(BUILD)/tests/base_ops,$(BASE_OPS))
	$(Q)$(call BUILD_BASE,$(BUILD)/tests/base_networks,$(BASE_NETWORKS))
	@tests/bench/against.py $(BENCH_OPTIONS) -- $(BUILD)/tests/bench_ops $(BUILD)/tests/base_ops \
	    $(BUILD)/tests/bench_networks $(BUILD)/tests/base_networks

# Beside PyTorch: make bench-ops ROWS='sum|softmax' THREADS=1; the table goes to CSV=file, too.
bench-ops: $(BUILD)/tests/bench_ops
	@$(WITH_TORCH) tests/bench/against.py $(BENCH_OPTIONS) --milliseconds 20 $< tests/bench/ops_torch.py

# The same over matrices of shapes that tests/bench/ops.tsv leaves out: make bench-shapes ROWS='^max'.
bench-shapes: $(BUILD)/tests/bench_ops
	@tests/bench/shapes.py >$(BUILD)/tests/shapes.tsv
	@$(WITH_TORCH) tests/bench/against.py --rounds 3 --threads 1 $(BENCH_OPTIONS) --milliseconds 5 \
	    --table $(abspath $(BUILD))/tests/shapes.tsv $< tests/bench/ops_torch.py

# Products beside OpenBLAS's: make bench-gemm THREADS=2 REAL=f64 CORE=SkylakeX
bench-gemm: $(BUILD)/tests/bench_gemm
	@$< $(or $(THREADS),1) $(REAL) $(ROUNDS)

# What these measure goes to CSV=file, and as a table and a picture to DOCS=directory.
DOCS = $(BUILD)/bench
$(BUILD)/bench:
	@mkdir -p $@

# Networks beside PyTorch's and ONNX Runtime's: make bench ROWS=ResNet THREADS=1
bench: CSV = $(BUILD)/bench/networks.csv
bench: $(BUILD)/tests/bench_networks bench-onnx | $(BUILD)/bench
	@tests/bench/networks.py $(BENCH_OPTIONS) -- $< $(ONNX)
	@tests/bench/networks_docs.py '$(CSV)' '$(DOCS)'

# How time and memory grow with the batch, the image, the width, the depth and the threads.
bench-growth: CSV = $(BUILD)/bench/growth.csv
bench-growth: $(BUILD)/tests/bench_networks $(BUILD)/tests/bench_ops | $(BUILD)/bench
	@tests/bench/growth.py $(if $(ROWS),--rows '$(ROWS)') --csv '$(CSV)' $^
	@tests/bench/growth_docs.py '$(CSV)' '$(DOCS)'

# The most memory, in MB, that a process takes for training steps of AlexNet, batch 32: make bench-memory THREADS=2;
# and PyTorch's, where it is installed.
bench-memory: $(BUILD)/tests/bench_networks
	@question='memory 0 alexnet batch=32 side=227'; \
	echo "libtensor, MB: $$(echo "$$question" | $< $(or $(THREADS),1))"; \
	echo "PyTorch, MB: $$(echo "$$question" | $(WITH_TORCH) tests/bench/networks_torch.py $(or $(THREADS),1))"

# Whatever kernels OpenBLAS takes the processor for, networks and products take as long.
bench-cores: $(BUILD)/tests/bench_networks $(BUILD)/tests/bench_ops
	@tests/bench/cores.py $(BENCH_OPTIONS) -- $^

# Requests a second of examples/serve, and of a server of Node.js with ONNX Runtime, by wrk: make bench-serve
# SECONDS=60 THREADS=2 CONNECTIONS=16
bench-serve: $(BUILD)/bin/serve $(BUILD)/bin/digits bench-onnx
	@tests/bench/serve.sh $(BUILD) $(ONNX) $(or $(SECONDS),10) $(or $(THREADS),2) $(or $(CONNECTIONS),16)

# ONNX Runtime of this version, if there is npm to fetch it, and the networks as files for it, which PyTorch
# writes. Without them its column is empty.
ONNX := $(BUILD)/onnx
ONNX_RUNTIME := 1.27.0

bench-onnx:
	@if command -v npm >/dev/null; then \
	    $(MAKE) --no-print-directory $(ONNX)/models || echo "bench: no ONNX Runtime"; \
	else \
	    echo "bench: there is no npm to fetch ONNX Runtime"; \
	fi

$(ONNX)/node_modules/$(ONNX_RUNTIME):
	@mkdir -p $(ONNX)
	@npm install --silent --no-audit --no-fund --ignore-scripts --prefix $(ONNX) onnxruntime-node@$(ONNX_RUNTIME)
	@touch $@

$(ONNX)/models: tests/bench/networks_torch.py tests/bench/networks.tsv $(ONNX)/node_modules/$(ONNX_RUNTIME)
	@{ awk -F '\t' '$$3 == "forward" && !seen[$$1]++ { print $$1, $$2 }' tests/bench/networks.tsv; \
	    echo digits_cnn batch=1 side=28; } | \
	    $(WITH_TORCH) tests/bench/networks_torch.py export $(ONNX)
	@touch $@

# gcc and clang, each with all warnings as errors, beside what takes one core: lint.sh, and the headers alone and
# beside others. The objects say which file calls which.
COMPILERS ?= gcc clang

lint: $(OBJECTS)
	+@tests/beside.sh $(BUILD)/lint.log "$(MAKE) --no-print-directory -s lint-others" \
	    "$(MAKE) --no-print-directory -s lint-compilers"

lint-others:
	@BUILD=$(BUILD) tests/lint.sh; status=$$?; \
	    CC="$(CC)" CXX="$(CXX)" tests/install/headers.sh libtensor/include && exit $$status

lint-compilers:
	@for cc in $(COMPILERS); do \
	    command -v $$cc >/dev/null || continue; \
	    $(MAKE) --no-print-directory -s BUILD=$(BUILD)/lint-$$cc CC=$$cc CFLAGS="-O2 -Werror" \
	        $$([ $$cc != clang ] || echo REALS=f32) lint-objects || exit 1; \
	done

lint-objects: $(OBJECTS) $(EXAMPLE_OBJECTS) $(TEST_OBJECTS)

# What clang says of these does not depend on what it makes faster, nor what it says of kernels on the scalar type; what
# gcc says does.
ifneq ($(findstring /lint-clang,$(BUILD)),)
$(EXAMPLE_OBJECTS) $(TEST_OBJECTS): TN_CFLAGS += -O0
endif

.PHONY: debug tests check check-tests check-others check-isas check-apart check-apart-quick check-install $(CORNERS) check-docs \
        check-cores soak mutants mutants-run asan asan-run valgrind bench bench-against bench-cores bench-gemm \
        bench-growth bench-memory bench-onnx bench-ops bench-serve bench-shapes lint lint-compilers lint-objects lint-others

# Gradient checks: every operator's test prints those of its table (tests/common/ops.h).
gradcheck: $(OP_TESTS)
	@for test in $(OP_TESTS); do \
	    $$test --gradcheck || echo "$$test failed"; \
	done | awk -f tests/gradcheck.awk

.PHONY: gradcheck

# ---- random cases beside PyTorch -------------------------------------------------------------------

CASES ?= 10000
SEED ?= 1
ROWS ?=
DIFFERENTIAL := $(BUILD)/differential/driver
WITH_TORCH := tests/differential/python.sh "torch, numpy" -B

$(BUILD)/differential/rows.c: $(wildcard tests/differential/*.py)
	@mkdir -p $(@D)
	$(call SAY,PY,$@)
	$(Q)$(WITH_TORCH) tests/differential/differential.py --rows >$@.new || { cat $@.new; exit 2; }
	@mv $@.new $@

$(DIFFERENTIAL): $(BUILD)/differential/rows.c $(BUILD)/obj/tests/differential/driver.o $(STATIC)
	$(call SAY,LD,$@)
	$(Q)$(CC) $(TN_CFLAGS) -Wno-conversion -Itests $(LDFLAGS) -o $@ $^ $(LIBS)

differential: $(DIFFERENTIAL)
	@$(WITH_TORCH) tests/differential/differential.py $< $(CASES) $(SEED) "$(ROWS)"

# ONNX's own tests of operators, by the same driver.
check-onnx: $(DIFFERENTIAL)
	@tests/differential/python.sh "torch, numpy, onnx" -B tests/differential/onnx_nodes.py $<

.PHONY: differential check-onnx

# ---- fuzzing: libFuzzer of clang, each target in turn (tests/fuzz/README.md) ---------------------------

FUZZ_TARGETS := idx npy npz mat safetensors pth dict model checkpoint state calls
# Programs end at the first report, as those of ubsan do, because run.sh tells them to.
FUZZ_SANITIZE := -fsanitize=address,undefined,float-cast-overflow
FUZZ_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard tests/fuzz/*.c)))

# The limits of each target.
SECONDS ?= 60
RUNS ?= -1
TARGET ?= $(FUZZ_TARGETS)

fuzz:
	$(MAKE) BUILD=$(BUILD)/fuzz CC=clang FUZZ=1 LDFLAGS="-fsanitize=fuzzer $(FUZZ_SANITIZE)" \
	    CFLAGS="-O2 -g -Wno-pass-failed -DTN_DEBUG -DTN_EXACT_BLOCKS $(FUZZ_SANITIZE)" fuzz-run

$(BUILD)/tests/fuzz: $(FUZZ_OBJECTS) $(STATIC)
	@mkdir -p $(@D)
	$(call SAY,LD,$@)
	$(Q)$(CC) $(THREADING) $(LDFLAGS) -o $@ $^ $(LIBS)

fuzz-run: $(BUILD)/tests/fuzz
	@BUILD=$(BUILD) SECONDS_EACH=$(SECONDS) RUNS=$(RUNS) tests/fuzz/run.sh $< $(TARGET)

# The branches that libFuzzer looks at: in loops over numbers and in the allocator they tell nothing.
ifdef FUZZ
FUZZ_SEEN := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out %/memory.c %/print.c %/random.c,$(SOURCES)))
$(FUZZ_SEEN): TN_CFLAGS += -fsanitize=fuzzer-no-link
endif

.PHONY: fuzz fuzz-run
