# libtensor-mpi, a second library beside libtensor: `make mpi` builds it by MPICC, in a folder of its own
# for each MPI. Nothing else of the Makefile knows MPI.

MPICC ?= mpicc
MPI := $(notdir $(MPICC))
MPI_BUILD := $(BUILD)/mpi/$(MPI)
MPI_SOURCES := $(sort $(wildcard libtensor/mpi/*.c))
MPI_OBJECTS := $(MPI_SOURCES:libtensor/mpi/%.c=$(MPI_BUILD)/obj/%.o)
MPI_STATIC := $(MPI_BUILD)/libtensor-mpi.a
MPI_SHARED := $(MPI_BUILD)/libtensor-mpi.so
# MPICH names addresses that it does not write to by numbers, which gcc takes for small arrays.
MPI_WARNINGS := -Wno-stringop-overflow
MPI_HEADERS := $(wildcard libtensor/mpi/include/tn/*.h)
# The wrappers of Open MPI and MPICH call the compiler that is named here.
MPI_CC = OMPI_CC="$(CC)" MPICH_CC="$(CC)" $(MPICC)

mpi-compiler:
	@command -v $(MPICC) >/dev/null || { \
	    echo "mpi: there is no $(MPICC): make deps-mpi installs Open MPI and MPICH; MPICC=path names another"; \
	    exit 1; \
	}

# What the compiler is. Another one may have its name later, or its name in another folder; what was built by
# the last one is built again then.
MPI_COMPILER := $(MPI_BUILD)/compiler

$(MPI_COMPILER): mpi-compiler
	@mkdir -p $(@D)
	@{ readlink -f "$$(command -v $(MPICC))"; $(MPICC) -show; } >$@.now 2>&1
	@cmp -s $@.now $@ && rm $@.now || mv $@.now $@

$(MPI_BUILD)/obj/%.o: libtensor/mpi/%.c $(MPI_COMPILER)
	@mkdir -p $(@D)
	$(call SAY,MPICC,$@)
	$(Q)$(MPI_CC) $(DEPFLAGS) $(TN_CFLAGS) -O3 $(MPI_WARNINGS) -Ilibtensor/mpi/include -c $< -o $@

$(MPI_STATIC): $(MPI_OBJECTS)
	$(call SAY,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(MPI_BUILD)/libtensor-mpi.map: Makefile libtensor/include/tn/context.h
	@mkdir -p $(@D)
	@echo 'TENSOR_MPI_$(SOVERSION) { global: tn_mpi_*; local: *; };' >$@

$(MPI_SHARED): $(MPI_OBJECTS) $(MPI_BUILD)/libtensor-mpi.map $(SHARED)
	$(call SAY,LD,$@)
	$(Q)$(MPI_CC) -shared $(THREADING) -Wl,-soname,libtensor-mpi.so.$(SOVERSION) -Wl,--no-undefined \
	    -Wl,-z,relro,-z,now -Wl,--version-script=$(MPI_BUILD)/libtensor-mpi.map $(LDFLAGS) \
	    -o $(MPI_SHARED).$(VERSION) $(MPI_OBJECTS) -L$(BUILD) -ltensor -lm
	@ln -sf libtensor-mpi.so.$(VERSION) $(MPI_SHARED).$(SOVERSION)
	@ln -sf libtensor-mpi.so.$(VERSION) $@

mpi: lib $(MPI_STATIC) $(MPI_SHARED)

# The examples that several processes may run together, with those of MPI in place of the one process that
# they have else. $(BUILD)/bin has the last ones that were made.
MPI_PROGRAMS := alexnet digits faces
MPI_PROCESSES := $(MPI_BUILD)/obj/examples/processes.o

$(MPI_PROCESSES): examples/common/mpi/processes.c $(MPI_COMPILER)
	@mkdir -p $(@D)
	$(call SAY,MPICC,$@)
	$(Q)$(MPI_CC) $(DEPFLAGS) $(TN_CFLAGS) $(MPI_WARNINGS) -Ilibtensor/mpi/include -Iexamples -c $< -o $@

$(MPI_PROGRAMS:%=$(MPI_BUILD)/bin/%-mpi): $(MPI_BUILD)/bin/%-mpi: $(BUILD)/bin/% $(MPI_PROCESSES) $(MPI_STATIC)
	@mkdir -p $(@D)
	$(call SAY,LD,$@)
	$(Q)$(MPI_CC) $(THREADING) $(LDFLAGS) -o $@ $(MPI_PROCESSES) \
	    $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard examples/$*/*.c))) \
	    $(filter-out %/processes.o,$(COMMON)) $(MPI_STATIC) $(STATIC) $(EXAMPLE_LIBS) $(LIBS)

# They are replaced while they run, too.
mpi-examples: mpi $(MPI_PROGRAMS:%=$(MPI_BUILD)/bin/%-mpi)
	@last=$(BUILD)/mpi/examples; [ ! -f $$last ] || cmp -s $(MPI_COMPILER) $$last || \
	    echo "mpi-examples: $(MPI_PROGRAMS:%=$(BUILD)/bin/%-mpi) were of another MPI, and are of $(MPICC) now"
	@cp $(MPI_COMPILER) $(BUILD)/mpi/examples
	@for program in $(MPI_PROGRAMS:%=%-mpi); do \
	    cp -f $(MPI_BUILD)/bin/$$program $(BUILD)/bin || exit 1; done

MPI_NAMES = sh libtensor/install/names.sh -- "$(LIBDIR)" libtensor-mpi.a pkgconfig/libtensor-mpi.pc \
    -- "$(INCLUDEDIR)" $(MPI_HEADERS:libtensor/mpi/include/%=%)
MPI_LIST = $(DOCDIR)/libtensor-mpi.installed

# Beside libtensor: `make install` comes first.
install-mpi: mpi
	install -d "$(DESTDIR)$(INCLUDEDIR)/tn" "$(DESTDIR)$(LIBDIR)/pkgconfig" "$(DESTDIR)$(DOCDIR)"
	@$(MPI_NAMES) | sh libtensor/install/record.sh "$(DESTDIR)$(MPI_LIST)"
	install -m 644 $(MPI_HEADERS) "$(DESTDIR)$(INCLUDEDIR)/tn"
	install -m 644 $(MPI_STATIC) "$(DESTDIR)$(LIBDIR)"
	install -m 755 $(MPI_SHARED).$(VERSION) "$(DESTDIR)$(LIBDIR)"
	ln -sf libtensor-mpi.so.$(VERSION) "$(DESTDIR)$(LIBDIR)/libtensor-mpi.so.$(SOVERSION)"
	ln -sf libtensor-mpi.so.$(VERSION) "$(DESTDIR)$(LIBDIR)/libtensor-mpi.so"
	@$(call FILL,libtensor/mpi,pkgconfig/libtensor-mpi.pc)

uninstall-mpi:
	@$(MPI_NAMES) | sh libtensor/install/uninstall.sh libtensor-mpi $(VERSION) $(SOVERSION) "$(DESTDIR)" "$(LIBDIR)" \
	    "$(MPI_LIST)"

# Both, side by side.
deps-mpi:
	@$(MAKE) --no-print-directory deps PACKAGES="libopenmpi-dev openmpi-bin libmpich-dev mpich"

-include $(MPI_OBJECTS:.o=.d) $(MPI_PROCESSES:.o=.d)

.PHONY: mpi mpi-examples mpi-compiler install-mpi uninstall-mpi deps-mpi
