# libtensor: `make help` lists the targets. Everything that is built goes under build/.

VERSION := $(shell sed -n 's/.*define TN_VERSION "\(.*\)"/\1/p' libtensor/include/tn/context.h)
SOVERSION := $(firstword $(subst ., ,$(VERSION)))

CC ?= gcc
BUILD ?= build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PKG_CONFIG ?= pkg-config

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
CFLAGS ?= -O2 -g
TN_CFLAGS := -std=c11 -D_POSIX_C_SOURCE=200809L -fopenmp -fPIC -fvisibility=hidden \
             -ffp-contract=off -fno-math-errno $(WARNINGS) -Ilibtensor/include -Ilibtensor $(CFLAGS)
BLAS_CFLAGS := $(shell $(PKG_CONFIG) --cflags openblas 2>/dev/null)
BLAS_LIBS := $(or $(shell $(PKG_CONFIG) --libs openblas 2>/dev/null),-lopenblas)
LIBS := $(BLAS_LIBS) -lz -lm
DEPFLAGS = -MMD -MP

all: lib examples

# ---- the library ---------------------------------------------------------------------------------

SOURCES := $(sort $(wildcard $(addprefix libtensor/,$(addsuffix /*.c,core ops nn optim io data))))
OBJECTS := $(SOURCES:%.c=$(BUILD)/obj/%.o)

# Each kernel is compiled once for every scalar type and instruction set (libtensor/kernels/real.h).
KERNELS := $(sort $(wildcard libtensor/kernels/*.c))
MACHINE := $(shell $(CC) -dumpmachine)
ISAS := baseline $(if $(findstring x86_64,$(MACHINE)),v3 v4)
REALS := f32 f64
FLAGS_v3 := -march=x86-64-v3
FLAGS_v4 := -march=x86-64-v4 -mprefer-vector-width=512
KERNEL_CFLAGS := -O3 -ffp-contract=fast -fno-trapping-math

define kernel_rule
$(BUILD)/obj/libtensor/kernels/%.$(1).$(2).o: libtensor/kernels/%.c
	@mkdir -p $$(@D)
	$$(CC) $$(DEPFLAGS) $$(TN_CFLAGS) $$(KERNEL_CFLAGS) $$(FLAGS_$(2)) \
	    -DTN_REAL_$(1) -DTN_ISA_$(2) -c $$< -o $$@
OBJECTS += $$(KERNELS:%.c=$$(BUILD)/obj/%.$(1).$(2).o)
endef
$(foreach real,$(REALS),$(foreach isa,$(ISAS),$(eval $(call kernel_rule,$(real),$(isa)))))

# The formulas in the operators' files are loops for every instruction set, too.
$(BUILD)/obj/libtensor/ops/%.o: TN_CFLAGS += -O3 -fno-trapping-math
$(BUILD)/obj/libtensor/core/blas.o: TN_CFLAGS += $(BLAS_CFLAGS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(DEPFLAGS) $(TN_CFLAGS) -c $< -o $@

STATIC := $(BUILD)/libtensor.a
SHARED := $(BUILD)/libtensor.so

$(STATIC): $(OBJECTS)
	rm -f $@
	$(AR) rcs $@ $^

$(SHARED): $(OBJECTS)
	$(CC) -shared -fopenmp -Wl,-soname,libtensor.so.$(SOVERSION) -Wl,--no-undefined $(LDFLAGS) \
	    -o $(SHARED).$(VERSION) $^ $(LIBS)
	ln -sf libtensor.so.$(VERSION) $(SHARED).$(SOVERSION)
	ln -sf libtensor.so.$(VERSION) $@

lib: $(STATIC) $(SHARED)

# ---- the examples: one program for each folder that has a main.c -----------------------------------

COMMON := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard examples/common/*.c)))
PROGRAMS := $(patsubst examples/%/main.c,%,$(sort $(wildcard examples/*/main.c)))

$(BUILD)/obj/examples/%.o: TN_CFLAGS += -Iexamples -Wno-missing-prototypes

define program_rule
$(BUILD)/bin/$(1): $$(patsubst %.c,$(BUILD)/obj/%.o,$$(sort $$(wildcard examples/$(1)/*.c))) $(COMMON) $(STATIC)
	@mkdir -p $$(@D)
	$$(CC) -fopenmp $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(foreach program,$(PROGRAMS),$(eval $(call program_rule,$(program))))

examples: $(PROGRAMS:%=$(BUILD)/bin/%)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

include tests/tests.mk

clean:
	rm -rf $(BUILD)

.PHONY: all lib examples clean
