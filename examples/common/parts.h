/* parts.h - what is learned from, what chooses the network that is kept, and what tests it. */
#ifndef EXAMPLES_PARTS_H
#define EXAMPLES_PARTS_H

typedef enum data_part { PART_TRAIN, PART_VALIDATION, PART_TEST, PARTS } data_part;

#endif
