# The tests: one Check program for each tests/unit/test_*.c, linked with tests/common/*.c.

CHECK_LIBS := $(or $(shell $(PKG_CONFIG) --libs check 2>/dev/null),-lcheck)
TEST_COMMON := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard tests/common/*.c)))
TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/unit/test_*.c)))

$(BUILD)/obj/tests/%.o: TN_CFLAGS += -Itests -Wno-missing-prototypes -Wno-pedantic

$(BUILD)/tests/test_%: $(BUILD)/obj/tests/unit/test_%.o $(TEST_COMMON) $(STATIC)
	@mkdir -p $(@D)
	$(CC) -fopenmp $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LIBS)
