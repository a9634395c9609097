/* parts.c - which samples the parts of a batch have. */
#include "base/integers.h"
#include "data/data.h"

/* floor(i n / parts) for i up to parts, where i n may not fit: n = q parts + r. */
static int64_t part_begin(int64_t i, int64_t n, int64_t parts)
{
    return i * (n / parts) + i * (n % parts) / parts;
}

tn__item tn__item_of(const tn_loader *l, int64_t i)
{
    tn__item item = {.batch = i / l->opts.part_count,
                     .part = l->opts.first_part + i % l->opts.part_count};
    int64_t first = item.batch * l->opts.batch_size;
    item.whole = tn__min(l->sampler.drawn - first, l->opts.batch_size);
    int64_t begin = part_begin(item.part, item.whole, l->opts.parts);
    item.size = part_begin(item.part + 1, item.whole, l->opts.parts) - begin;
    item.first = first + begin;
    return item;
}

int64_t tn__most_samples(const tn_loader *l)
{
    return (l->opts.batch_size - 1) / l->opts.parts + 1;
}
