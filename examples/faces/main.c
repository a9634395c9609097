/* faces - telling people apart by their photographs, with libtensor. */
#include "faces/faces.h"

#include <stddef.h>

#include "common/commands.h"

static const command COMMANDS[] = {
    {"download", faces_download, "photographs from the lists of FaceScrub"},
    {"generate", faces_generate, "drawn faces, where there are no photographs"},
    {"train", faces_train, "a network with one hidden layer"},
    {"weights", faces_weights, "what the hidden units see that matter most for each person"},
    {"predict", faces_predict, "who is on a photograph"},
    {.name = NULL},
};

int main(int argc, char **argv)
{
    return commands_run("faces", "Learns to tell people apart by their photographs.", COMMANDS,
                        argc, argv);
}
