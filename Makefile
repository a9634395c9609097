# libtensor: `make help` lists the targets. Everything that is built goes under build/.

# Every rule is here. To look for others takes make longer than all it does where nothing has changed.
MAKEFLAGS += --no-builtin-rules

# Without a -j of its own, in MAKEFLAGS either, `make`, `make lib` or `make deps check` takes all cores; several goals
# are made in their order, and whatever stands beside clean by one core.
ifeq ($(MAKELEVEL)$(word 2,$(filter-out deps,$(MAKECMDGOALS))),0)
MAKEFLAGS += $(shell for word in $$MAKEFLAGS $$GNUMAKEFLAGS; do \
    case $$word in (--) break ;; (--jobs*) exit ;; (--* | *=*) ;; (*j*) exit ;; esac; \
    done; echo -j$$(env -u OMP_NUM_THREADS nproc || echo 1))
endif
ifneq ($(filter clean,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

VERSION := $(shell sed -n 's/.*define TN_VERSION "\(.*\)"/\1/p' libtensor/include/tn/context.h)
# A name of its own for each interface: of every minor version, as long as the major one is 0.
SOVERSION := $(shell echo $(VERSION) | sed 's/^0\.\([0-9]*\)\..*/0.\1/; t; s/\..*//')

BUILD ?= build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PKG_CONFIG ?= pkg-config

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
            -Werror=int-conversion -Werror=incompatible-pointer-types
CFLAGS ?= -O2 -g

# The library takes from OpenMP the number of threads, and hints for loops: `make lib OPENMP=` has neither, and
# needs none. The examples do.
OPENMP ?= -fopenmp
THREADING := $(or $(OPENMP),-fopenmp-simd -pthread)

# What the compiler says of the machine that it compiles for. A float is to be rounded as a float, and to have
# infinities, whatever CFLAGS say.
MACHINE := $(shell command -v $(firstword $(CC)) >/dev/null && \
               $(CC) $(CPPFLAGS) $(CFLAGS) -std=c11 -dM -E -x c /dev/null)
FLOATS := -ffp-contract=off -fno-fast-math -fno-math-errno \
          $(if $(findstring __FLT_EVAL_METHOD__ 1,$(MACHINE)),-fexcess-precision=fast) \
          $(if $(findstring __FLT_EVAL_METHOD__ 2,$(MACHINE)),-msse2 -mfpmath=sse -Wno-psabi)

TN_CFLAGS := -std=c11 -D_POSIX_C_SOURCE=200809L $(THREADING) -fPIC -fvisibility=hidden \
             $(WARNINGS) -Ilibtensor/include -Ilibtensor $(CPPFLAGS) $(CFLAGS) $(FLOATS)

# Another CBLAS by its name to pkg-config, or by BLAS_CFLAGS and BLAS_LIBS.
BLAS ?= openblas
BLAS_CFLAGS = $(shell $(PKG_CONFIG) --cflags $(BLAS) 2>/dev/null)
BLAS_LIBS = $(or $(shell $(PKG_CONFIG) --libs $(BLAS) 2>/dev/null),-l$(BLAS))
LIBS = $(BLAS_LIBS) -lz -lm
DEPFLAGS = -MMD -MP

# `make V=1` shows the commands.
Q := $(if $(V),,@)
SAY = $(if $(V),,@echo "  $(1)	$(2)";)

# For the many files of a folder: a line when the first of them is made.
SAY_ONCE = $(if $(V)$(filter $(1):$(dir $(2)),$(SAID)),,$(eval SAID += $(1):$(dir $(2)))$(info $\
    $()  $(1)	$(patsubst %/,%,$(patsubst $(BUILD)/obj/%,%,$(dir $(2))))))
SAID :=

all: lib examples

# ---- the library ---------------------------------------------------------------------------------

# The rooms from the bottom up; tests/rooms.sh has their order.
ROOMS := base tensor dict io autograd inspect ops/* ops nn optim data train state context
SOURCES := $(sort $(wildcard $(ROOMS:%=libtensor/%/*.c)))
OBJECTS := $(SOURCES:%.c=$(BUILD)/obj/%.o)

# Each kernel is compiled once for every scalar type and instruction set (libtensor/kernels/real.h).
KERNELS := $(sort $(wildcard libtensor/kernels/*.c))
ISAS := baseline $(if $(findstring __x86_64__ 1,$(MACHINE)),v3 v4)
REALS := f32 f64
FLAGS_v3 := -march=x86-64-v3
FLAGS_v4 := -march=x86-64-v4 -mprefer-vector-width=512
# Its products and sums stay two instructions, of which clang reads nothing in a file after -ffp-contract=fast.
FLAGS_random := -ffp-contract=off
KERNEL_CFLAGS := -O3 -ffp-contract=fast -fno-trapping-math
# Where variables are while vectors are computed takes GCC a fifth of the time to say.
LOOP_CFLAGS := $(if $(findstring __clang__,$(MACHINE)),,-fno-var-tracking)

define kernel_rule
$(BUILD)/obj/libtensor/kernels/%.$(1).$(2).o: libtensor/kernels/%.c
	@mkdir -p $$(@D)
	$$(call SAY_ONCE,CC,$$@)
	$$(Q)$$(CC) $$(DEPFLAGS) $$(TN_CFLAGS) $$(KERNEL_CFLAGS) $$(LOOP_CFLAGS) $$(FLAGS_$(2)) $$(FLAGS_$$*) \
	    -DTN_REAL_$(1) -DTN_ISA_$(2) -c $$< -o $$@
OBJECTS += $$(KERNELS:%.c=$$(BUILD)/obj/%.$(1).$(2).o)
endef
$(foreach real,$(REALS),$(foreach isa,$(ISAS),$(eval $(call kernel_rule,$(real),$(isa)))))

# The formulas in the operators' files are loops for every instruction set, too.
$(BUILD)/obj/libtensor/ops/%.o: TN_CFLAGS += $(KERNEL_CFLAGS) $(LOOP_CFLAGS)
$(BUILD)/obj/libtensor/tensor/blas.o: TN_CFLAGS += $(BLAS_CFLAGS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call SAY_ONCE,CC,$@)
	$(Q)$(CC) $(DEPFLAGS) $(TN_CFLAGS) -c $< -o $@

STATIC := $(BUILD)/libtensor.a
SHARED := $(BUILD)/libtensor.so

$(STATIC): $(OBJECTS)
	$(call SAY,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# Every name has the version of the interface, so that two of them in a program stay apart.
$(BUILD)/libtensor.map: Makefile libtensor/include/tn/context.h
	@mkdir -p $(@D)
	@echo 'TENSOR_$(SOVERSION) { global: tn_[!_]*; local: *; };' >$@

# The functions of clang's sanitizers are the program's.
COMPLETE = $(if $(findstring -fsanitize,$(LDFLAGS)),,-Wl,--no-undefined)

$(SHARED): $(OBJECTS) $(BUILD)/libtensor.map
	$(call SAY,LD,$@)
	$(Q)$(CC) -shared $(THREADING) -Wl,-soname,libtensor.so.$(SOVERSION) $(COMPLETE) \
	    -Wl,-z,relro,-z,now -Wl,--version-script=$(BUILD)/libtensor.map $(LDFLAGS) \
	    -o $(SHARED).$(VERSION) $(OBJECTS) $(LIBS)
	@ln -sf libtensor.so.$(VERSION) $(SHARED).$(SOVERSION)
	@ln -sf libtensor.so.$(VERSION) $@

lib: $(STATIC) $(SHARED)

# ---- the examples: one program for each folder that has a main.c -----------------------------------

EXAMPLE_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard examples/*.c examples/*/*.c))
COMMON := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard examples/common/*.c)))
PROGRAMS := $(patsubst examples/%/main.c,%,$(sort $(wildcard examples/*/main.c)))

# Programs read photographs, write pictures and know files by their hashes; the library knows nothing
# of any of this.
PNG_CFLAGS = $(shell $(PKG_CONFIG) --cflags libpng 2>/dev/null)
PNG_LIBS = $(or $(shell $(PKG_CONFIG) --libs libpng 2>/dev/null),-lpng)
JPEG_LIBS = $(or $(shell $(PKG_CONFIG) --libs libjpeg 2>/dev/null),-ljpeg)
CRYPTO_LIBS = $(or $(shell $(PKG_CONFIG) --libs libcrypto 2>/dev/null),-lcrypto)
EXAMPLE_LIBS = $(PNG_LIBS) $(JPEG_LIBS) $(CRYPTO_LIBS)
HTTP_LIBS = $(or $(shell $(PKG_CONFIG) --libs libmicrohttpd 2>/dev/null),-lmicrohttpd)

$(BUILD)/obj/examples/%.o: TN_CFLAGS += -Iexamples -Wno-missing-prototypes $(PNG_CFLAGS)

define program_rule
$(BUILD)/bin/$(1): $$(patsubst %.c,$(BUILD)/obj/%.o,$$(sort $$(wildcard examples/$(1)/*.c))) $(COMMON) $(STATIC)
	@mkdir -p $$(@D)
	$$(call SAY_ONCE,LD,$$@)
	$$(Q)$$(CC) $(THREADING) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) $(STATIC) $$(EXAMPLE_LIBS) $$(LIBS)
endef
$(foreach program,$(PROGRAMS),$(eval $(call program_rule,$(program))))

# The server of the digits, with the networks that `digits train` makes.
$(BUILD)/bin/serve: $(BUILD)/obj/examples/digits/models.o
$(BUILD)/bin/serve: EXAMPLE_LIBS += $(HTTP_LIBS)

# The lessons: one program for each file with a number.
LESSONS := $(patsubst examples/%.c,%,$(sort $(wildcard examples/[0-9]*.c)))

$(LESSONS:%=$(BUILD)/bin/%): $(BUILD)/bin/%: $(BUILD)/obj/examples/%.o $(STATIC)
	@mkdir -p $(@D)
	$(call SAY_ONCE,LD,$@)
	$(Q)$(CC) $(THREADING) $(LDFLAGS) -o $@ $^ $(LIBS)

lessons: $(LESSONS:%=$(BUILD)/bin/%)

examples: lessons $(PROGRAMS:%=$(BUILD)/bin/%)

# ---- data, demonstration, tests --------------------------------------------------------------------

data:
	examples/data/fetch_mnist.sh

demo: $(BUILD)/bin/digits
	$(BUILD)/bin/digits train --data examples/data/mnist --out out/digits

# The face net on faces that are drawn, so that no photographs are needed.
GENERATED := out/generated-faces

demo-faces: $(BUILD)/bin/faces
	$(BUILD)/bin/faces generate --out $(GENERATED)/faces --sheet $(GENERATED)/faces.png
	$(BUILD)/bin/faces train --data $(GENERATED)/faces --out $(GENERATED)/train
	$(BUILD)/bin/faces weights --data $(GENERATED)/faces --out $(GENERATED)/weights \
	    --model $(GENERATED)/train/model.safetensors
	$(BUILD)/bin/faces predict --model $(GENERATED)/train/model.safetensors \
	    $(GENERATED)/faces/generated-[1-6]/0001.png

# AlexNet without weights, on the same faces: what random convolutions are good for.
demo-alexnet: $(BUILD)/bin/alexnet $(BUILD)/bin/faces
	$(BUILD)/bin/faces generate --out $(GENERATED)/faces
	$(BUILD)/bin/alexnet filters --out $(GENERATED)/filters \
	    --image $(GENERATED)/faces/generated-1/0001.png
	$(BUILD)/bin/alexnet features --data $(GENERATED)/faces --cache $(GENERATED)/cache
	$(BUILD)/bin/alexnet train --data $(GENERATED)/faces --cache $(GENERATED)/cache \
	    --out $(GENERATED)/alexnet
	$(BUILD)/bin/alexnet predict --model $(GENERATED)/alexnet/model.safetensors \
	    $(GENERATED)/faces/generated-[1-6]/0001.png

# What docs/results shows: everything, on the full MNIST if `make data` has fetched it.
results: examples
	examples/results.sh $(BUILD)

report:
	examples/report.sh

include tests/tests.mk
include tests/tools.mk
include libtensor/install/install.mk
include libtensor/install/amalgamation.mk
include libtensor/mpi/mpi.mk
include tests/mpi/mpi.mk

# ---- what must be there before anything can be built -----------------------------------------------

PACKAGES := gcc g++ libc6-dev pkg-config libopenblas-dev zlib1g-dev libpng-dev libjpeg-dev libssl-dev \
            libmicrohttpd-dev check gnuplot-nox curl ca-certificates
SUDO = $(if $(filter-out 0,$(shell id -u)),sudo)

deps:
	@if ! command -v dpkg-query >/dev/null; then \
	    echo "This is not Debian or Ubuntu. Please install: a C11 compiler with OpenMP, pkg-config,"; \
	    echo "OpenBLAS, zlib, libpng, libjpeg, OpenSSL and libmicrohttpd with their headers, Check (for"; \
	    echo "the tests), gnuplot (for pictures) and curl (for downloads)."; \
	    exit 0; \
	fi; \
	missing=; \
	for package in $(PACKAGES); do \
	    dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'install ok installed' || \
	        missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	    echo "installing$$missing"; \
	    $(SUDO) apt-get -qq update && \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $$missing; \
	fi

# `make -j deps check` installs before it builds. If there was no compiler to say what machine this is, make
# begins anew when it is there, as it does when a file that it includes is made.
ifneq ($(filter deps,$(MAKECMDGOALS)),)
ifeq ($(MACHINE)$(MAKE_RESTARTS),)
$(BUILD)/installed.mk: deps
	@mkdir -p $(@D) && touch $@
include $(BUILD)/installed.mk
endif
$(OBJECTS) $(EXAMPLE_OBJECTS) $(TEST_OBJECTS): | deps
endif

clean:
	rm -rf $(BUILD)

help:
	@echo "all        the library, static and shared, and the examples (the default)"
	@echo "deps       installs the packages that are missing (Debian, Ubuntu)"
	@echo "lessons    builds the lessons of examples/README.md in $(BUILD)/bin"
	@echo "demo       trains softmax regression on the MNIST images that ship; results in out/digits"
	@echo "demo-faces learns to tell drawn faces apart; results in out/generated-faces"
	@echo "demo-alexnet the same on top of AlexNet's convolutions with random weights"
	@echo "results    runs all that the examples can do, for docs/results, with jq; results in out/"
	@echo "report     makes the pages of docs/results from them, with jq"
	@echo "data       fetches the full MNIST into data/mnist"
	@echo "mpi        libtensor-mpi, for training by many processes, by MPICC (mpicc); install-mpi, uninstall-mpi"
	@echo "mpi-examples programs that mpirun starts: $(MPI_PROGRAMS:%=$(BUILD)/bin/%-mpi)"
	@echo "deps-mpi   installs Open MPI and MPICH (Debian, Ubuntu)"
	@echo "check      builds and runs the tests"
	@echo "check-apart runs the tests again, each in a process of its own; check-apart-quick: the short ones"
	@echo "check-install installs, uninstalls and moves the library in many ways"
	@echo "check-isas runs those of numbers with the kernels that check leaves out: AVX2's, where there is AVX-512"
	@echo "check-mpi  runs those of libtensor-mpi by 1 to 8 processes, with each MPI that is there; valgrind-mpi: under valgrind"
	@echo "check-cluster trainings by two machines made of one, by hostfiles and, where it is, Slurm; as root"
	@echo "check-cores  products by CBLAS with each of OpenBLAS's sets of kernels that this processor can run"
	@echo "check-docs runs the C and the shell lines of the documents, and looks up links and the reference"
	@echo "gradcheck  checks every operator's gradient and prints a table"
	@echo "soak       100,000 training steps, in which memory stays flat; ten million parallel loops"
	@echo "mutants    breaks every gradient in turn and sees that a test turns red"
	@echo "source-mutants changes constants, signs, comparisons and statements at random, the same; of what"
	@echo "           changed since a commit: SINCE=commit WITHIN=seconds"
	@echo "differential runs random cases beside PyTorch; CASES=n SEED=s ROWS=conv2d,linear"
	@echo "check-onnx computes ONNX's tests of operators by the library"
	@echo "bench      times networks beside PyTorch and ONNX Runtime, where they are; ROWS=ResNet THREADS=1"
	@echo "           CSV=file DOCS=directory, for bench-growth as well; CORE=SkylakeX is what OpenBLAS is to run,"
	@echo "           for bench-ops, bench-shapes and bench-against as well"
	@echo "bench-ops  times every operator beside PyTorch; ROWS='sum|softmax' THREADS=1 CSV=file"
	@echo "bench-shapes the same over short rows, few rows and long ones; ROWS='max|softmax' THREADS=1 CSV=file"
	@echo "bench-growth shows how time and memory grow with batch, image, width, depth and threads"
	@echo "bench-memory prints the most memory that AlexNet's training takes; THREADS=n"
	@echo "bench-cores shows that times do not depend on what OpenBLAS takes the processor for"
	@echo "bench-serve asks examples/serve by wrk, and Node.js with ONNX Runtime; SECONDS=n THREADS=n"
	@echo "bench-mpi  trains by one process and by two, with each MPI, beside PyTorch's; ROWS=digits BATCH=n CSV=file"
	@echo "bench-against times every operator and network beside another version, BASE=directory"
	@echo "bench-gemm times products beside OpenBLAS's; THREADS=n REAL=f64 CORE=SkylakeX"
	@echo "debug      the library in $(BUILD)/debug, under sanitizers, to find errors of a program"
	@echo "asan       the tests under the address and undefined-behaviour sanitizers; asan-quick: short ones"
	@echo "ubsan      the tests under clang's undefined-behaviour sanitizer, which looks for more; ubsan-quick"
	@echo "valgrind   the tests under valgrind"
	@echo "fuzz       random files and calls under clang's sanitizers; SECONDS=n or RUNS=n each, TARGET=x"
	@echo "tsan       the tests of threads under the thread sanitizer; helgrind: under valgrind's"
	@echo "hardened   the tests with overflow that traps and a fortified C library"
	@echo "coverage   the lines and branches of the library that the tests do not run"
	@echo "lint       formatting, warnings of gcc and clang, cppcheck, the walls between the rooms"
	@echo "analyze    gcc -fanalyzer, clang-tidy and cppcheck over the library and the examples"
	@echo "reference  the reference, from the headers, as $(BUILD)/reference/index.html; man: as man pages"
	@echo "install    to PREFIX ($(PREFIX)), below DESTDIR if that is set; uninstall takes it away"
	@echo "amalgamation writes the library as two files, $(BUILD)/amalgamation/libtensor.c and tn.h"
	@echo "amalgamation-check compiles these, runs tests with them, and compares their bits with the library's;"
	@echo "           amalgamation-speed times them beside it"
	@echo "check-portable builds for other compilers, machines and libraries; ROWS='i386 blis'"
	@echo "dist       the sources of the last commit as $(BUILD)/libtensor-$(VERSION).tar.gz"
	@echo "distcheck  these in another directory, with their tests; GOAL=lib without"
	@echo "deb        Debian's packages of the last commit in $(BUILD)/deb, with lintian's words"
	@echo "abi        what programs see of the library and did not see before: BASE=tag, commit or directory"
	@echo "clean      removes $(BUILD)/"
	@echo "Variables: CC, MPICC, BLAS, OPENMP, CPPFLAGS, CFLAGS, LDFLAGS, BUILD, PREFIX, LIBDIR, INCLUDEDIR, MANDIR,"
	@echo "           DOCDIR, DESTDIR."

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

.DELETE_ON_ERROR:
.PHONY: all lib lessons examples data demo demo-faces demo-alexnet results report deps clean help
