/* libfuzzer.c - the targets as libFuzzer wants them: TN_FUZZ_TARGET in the environment names the
 * one to run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "mutate.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static const fuzz_target *target;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *name = getenv("TN_FUZZ_TARGET");
    (void)argc, (void)argv;
    for (int i = 0; i < fuzz_target_count; i++)
        if (name && strcmp(fuzz_targets[i].name, name) == 0)
            target = &fuzz_targets[i];
    if (target)
        return 0;
    fprintf(stderr, "TN_FUZZ_TARGET is none of");
    for (int i = 0; i < fuzz_target_count; i++)
        fprintf(stderr, " %s", fuzz_targets[i].name);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    target->run(data, size);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return mutate(target->name, data, size, max_size, seed);
}
