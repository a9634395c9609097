/* Refuses to run with a library of another version than the header. */
#include <stdio.h>
#include <string.h>
#include <tn/tn.h>

int main(void)
{
    if (strcmp(tn_version(), TN_VERSION) != 0) {
        fprintf(stderr, "compiled for %s, found %s\n", TN_VERSION,
                tn_version());
        return 1;
    }
    printf("as compiled\n");
    return 0;
}
/* as compiled */
