/* nn.h - what the files of this room share beyond <tn/nn.h>. */
#ifndef TN_NN_ROOM_H
#define TN_NN_ROOM_H

#include <tn/autograd.h>
#include <tn/nn.h>
#include <tn/op.h>
#include <tn/ops.h>

#endif
