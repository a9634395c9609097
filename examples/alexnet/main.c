/* alexnet - AlexNet on photographs, with libtensor. */
#include "alexnet/alexnet.h"

#include <stddef.h>

#include "common/commands.h"

static const command COMMANDS[] = {
    {"fetch", alexnet_fetch, "torchvision's weights"},
    {"features", alexnet_features, "what a layer says to photographs, kept in files"},
    {"train", alexnet_train, "who is on a photograph, from the features of a layer"},
    {"predict", alexnet_predict, "who is on a photograph"},
    {"classify", alexnet_classify, "which of the thousand classes of ImageNet it shows"},
    {"filters", alexnet_filters, "what the first layer looks for, and what layers say"},
    {.name = NULL},
};

int main(int argc, char **argv)
{
    return commands_run("alexnet", "Runs AlexNet, and learns on top of it to tell people apart.",
                        COMMANDS, argc, argv);
}
