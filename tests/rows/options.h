/* options.h - options among the arguments of a row, whose braces would end a macro's argument. */
#ifndef TEST_OPTIONS_H
#define TEST_OPTIONS_H

#define CONV(...)    \
    (tn_conv2d_opts) \
    {                \
        __VA_ARGS__  \
    }
#define POOL(...)    \
    (tn_pool2d_opts) \
    {                \
        __VA_ARGS__  \
    }
#define NORM(...)        \
    (tn_batch_norm_opts) \
    {                    \
        __VA_ARGS__      \
    }

#endif
