# The tests of libtensor-mpi, for each MPI that is there: MPIS="openmpi mpich".

MPIS ?= $(foreach mpi,openmpi mpich,$(if $(shell command -v mpicc.$(mpi)),$(mpi)))
MPI_TESTS := $(sort $(wildcard tests/mpi/*.c))
MPI_TEST_OBJECTS := $(MPI_TESTS:tests/mpi/%.c=$(MPI_BUILD)/tests/%.o)

$(MPI_BUILD)/tests/%.o: tests/mpi/%.c
	@mkdir -p $(@D)
	$(Q)$(MPI_CC) $(DEPFLAGS) $(TN_CFLAGS) $(MPI_WARNINGS) -Ilibtensor/mpi/include -Itests -c $< -o $@

$(MPI_BUILD)/tests/cases: $(MPI_TEST_OBJECTS) $(MPI_STATIC) $(STATIC)
	$(call SAY,LD,$@)
	$(Q)$(MPI_CC) $(THREADING) $(LDFLAGS) -o $@ $(MPI_TEST_OBJECTS) $(MPI_STATIC) $(STATIC) $(LIBS)

mpi-tests: mpi $(MPI_BUILD)/tests/cases $(MPI_PROGRAMS:%=$(MPI_BUILD)/bin/%-mpi)

check-mpi:
	$(if $(MPIS),,$(error check-mpi: there is neither mpicc.openmpi nor mpicc.mpich: make deps-mpi))
	+@for mpi in $(MPIS); do $(MAKE) --no-print-directory mpi-tests MPICC=mpicc.$$mpi || exit 1; done
	@tests/mpi/symbols.sh $(BUILD)
	@tests/mpi/run.sh $(foreach mpi,$(MPIS),$(BUILD)/mpi/mpicc.$(mpi)/tests/cases mpirun.$(mpi))
	@tests/mpi/digits.sh $(foreach mpi,$(MPIS),$(BUILD)/mpi/mpicc.$(mpi)/bin/digits-mpi mpirun.$(mpi))
	@tests/mpi/page.sh $(BUILD) "$(LIBS)" $(MPIS)

-include $(MPI_TEST_OBJECTS:.o=.d)

.PHONY: mpi-tests check-mpi
