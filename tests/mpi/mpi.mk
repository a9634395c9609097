# The tests of libtensor-mpi, for each MPI that is there: MPIS="openmpi mpich".

MPIS ?= $(foreach mpi,openmpi mpich,$(if $(shell command -v mpicc.$(mpi)),$(mpi)))
MPI_TESTS := $(sort $(filter-out %/give_way.c,$(wildcard tests/mpi/*.c)))
MPI_TEST_OBJECTS := $(MPI_TESTS:tests/mpi/%.c=$(MPI_BUILD)/tests/%.o)

$(MPI_BUILD)/tests/%.o: tests/mpi/%.c $(MPI_COMPILER)
	@mkdir -p $(@D)
	$(Q)$(MPI_CC) $(DEPFLAGS) $(TN_CFLAGS) $(MPI_WARNINGS) -Ilibtensor/mpi/include -Itests -c $< -o $@

# tests/mpi/memory.c says when memory runs out.
$(MPI_BUILD)/tests/cases: $(MPI_TEST_OBJECTS) $(MPI_STATIC) $(STATIC)
	$(call SAY,LD,$@)
	$(Q)$(MPI_CC) $(THREADING) $(LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc -o $@ $(MPI_TEST_OBJECTS) $(MPI_STATIC) $(STATIC) $(LIBS)

mpi-tests: mpi $(MPI_BUILD)/tests/cases $(MPI_PROGRAMS:%=$(MPI_BUILD)/bin/%-mpi)

GIVE_WAY := $(abspath $(BUILD))/mpi/give_way.so
$(GIVE_WAY): tests/mpi/give_way.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(TN_CFLAGS) -fvisibility=default -shared $(LDFLAGS) -o $@ $< -ldl

check-mpi: export GIVE_WAY := $(GIVE_WAY)
check-mpi: $(GIVE_WAY)
	$(if $(MPIS),,$(error check-mpi: there is neither mpicc.openmpi nor mpicc.mpich: make deps-mpi))
	+@for mpi in $(MPIS); do $(MAKE) --no-print-directory mpi-tests MPICC=mpicc.$$mpi || exit 1; done
	@tests/mpi/symbols.sh $(BUILD)
	@tests/mpi/run.sh $(foreach mpi,$(MPIS),$(BUILD)/mpi/mpicc.$(mpi)/tests/cases mpirun.$(mpi))
	@tests/mpi/digits.sh $(foreach mpi,$(MPIS),$(BUILD)/mpi/mpicc.$(mpi)/bin/digits-mpi mpirun.$(mpi))
	@tests/mpi/launchers.sh $(foreach mpi,$(MPIS),$(BUILD)/mpi/mpicc.$(mpi)/bin/digits-mpi mpirun.$(mpi))
	@tests/mpi/faces.sh $(BUILD)/bin/faces $(foreach mpi,$(MPIS),$(BUILD)/mpi/mpicc.$(mpi)/bin/faces-mpi mpirun.$(mpi))
	@tests/mpi/alexnet.sh $(BUILD)/bin/faces $(foreach mpi,$(MPIS),$(BUILD)/mpi/mpicc.$(mpi)/bin/alexnet-mpi mpirun.$(mpi))
	@tests/mpi/page.sh $(BUILD) "$(LIBS)" $(MPIS)
	+@MAKE="$(MAKE)" tests/mpi/install.sh $(BUILD) $(firstword $(MPIS))

# By two machines made of one, and Slurm where it is: as root.
check-cluster:
	$(if $(MPIS),,$(error check-cluster: there is neither mpicc.openmpi nor mpicc.mpich: make deps-mpi))
	+@for mpi in $(MPIS); do $(MAKE) --no-print-directory mpi-tests MPICC=mpicc.$$mpi || exit 1; done
	@tests/mpi/cluster.sh $(foreach mpi,$(MPIS),$(BUILD)/mpi/mpicc.$(mpi)/bin/digits-mpi $(mpi))

valgrind-mpi:
	$(if $(MPIS),,$(error valgrind-mpi: there is neither mpicc.openmpi nor mpicc.mpich: make deps-mpi))
	+@for mpi in $(MPIS); do $(MAKE) --no-print-directory mpi-tests MPICC=mpicc.$$mpi || exit 1; done
	@tests/mpi/valgrind.sh $(foreach mpi,$(MPIS),$(BUILD)/mpi/mpicc.$(mpi)/tests/cases mpirun.$(mpi))

# Steps of one and two processes, with each MPI, beside PyTorch's DistributedDataParallel: make bench-mpi ROUNDS=5
MPI_BENCH := $(MPI_BUILD)/tests/bench/distributed.o $(MPI_BUILD)/tests/bench/mpi_time.o

$(MPI_BUILD)/tests/bench_distributed: $(MPI_BENCH) $(BUILD)/obj/tests/bench/models.o $(MPI_STATIC) $(STATIC)
	$(call SAY,LD,$@)
	$(Q)$(MPI_CC) $(THREADING) $(LDFLAGS) -o $@ $^ $(LIBS)

$(MPI_BUILD)/tests/bench/%.o: tests/bench/%.c $(MPI_COMPILER)
	@mkdir -p $(@D)
	$(Q)$(MPI_CC) $(DEPFLAGS) $(TN_CFLAGS) $(MPI_WARNINGS) -Ilibtensor/mpi/include -Itests -c $< -o $@

mpi-bench: mpi $(MPI_BUILD)/tests/bench_distributed

bench-mpi: CSV = $(BUILD)/bench/distributed.csv
bench-mpi: | $(BUILD)/bench
	$(if $(MPIS),,$(error bench-mpi: there is neither mpicc.openmpi nor mpicc.mpich: make deps-mpi))
	+@for mpi in $(MPIS); do $(MAKE) --no-print-directory mpi-bench MPICC=mpicc.$$mpi || exit 1; done
	@tests/bench/distributed.py --rounds $(ROUNDS) $(if $(ROWS),--rows '$(ROWS)') \
	    $(if $(BATCH),--batch $(BATCH)) --csv '$(CSV)' \
	    $(foreach mpi,$(MPIS),mpirun.$(mpi) $(BUILD)/mpi/mpicc.$(mpi)/tests/bench_distributed)
	@tests/bench/distributed_docs.py '$(CSV)' '$(DOCS)'

-include $(MPI_TEST_OBJECTS:.o=.d) $(MPI_BENCH:.o=.d)

.PHONY: mpi-tests check-mpi check-cluster valgrind-mpi mpi-bench bench-mpi
