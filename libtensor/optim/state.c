/* state.c - what an optimiser has gathered as a dictionary, and back, under the names of
 * torch.optim.Optimizer.state_dict():
 *
 *     name                         "adam", as TN_U8
 *     beta1, ...                   its options
 *     param_groups.0.lr, ...       numbers of a group; .params lists its parameters
 *     state.0.step                 of a parameter that has been stepped,
 *     state.0.exp_avg, ...         and its moments */
#include <float.h>
#include <stdio.h>
#include "base/memory.h"
#include "dict/dict.h"
#include "dict/entries.h"
#include "optim/optim.h"
#include "tensor/change.h"
#include "tensor/copy.h"
#include "tensor/tensor.h"

/* A group that has met no schedule has a negative initial rate. */
static const tn__field group_fields[] = {
    {"lr", TN__FIELD_F64, offsetof(tn__group, lr), false, 0, DBL_MAX},
    {"weight_decay", TN__FIELD_F64, offsetof(tn__group, weight_decay), false, 0, DBL_MAX},
    {"initial_lr", TN__FIELD_F64, offsetof(tn__group, initial_lr), false, -1, DBL_MAX},
};

static const tn__field slot_fields[] = {
    {"step", TN__FIELD_I64, offsetof(tn__slot, steps), false, 1, 0x1p53},
};

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static tn_text numbered(const char *list, int64_t i)
{
    tn_text text;
    snprintf(text.s, sizeof text.s, "%s.%lld.", list, (long long)i);
    return text;
}

/* The numbers of the parameters, sorted by group: group g has numbers[starts[g]] up to
 * numbers[starts[g + 1] - 1]. */
typedef struct members {
    int64_t *starts, *numbers; /* in one block, which is to be freed */
} members;

/* A counting sort. The counts stand two places on, so that after their summation starts[g + 1] is
 * where group g begins; it becomes where it ends while the group is filled. */
static members sort_members(const tn_optim *opt)
{
    int64_t n = opt->n_groups;
    int64_t *starts = tn__alloc_zeroed(opt->ctx, (size_t)(n + 2 + opt->count) * sizeof *starts);
    members m = {starts, starts ? starts + n + 2 : NULL};
    for (int64_t i = 0; starts && i < opt->count; i++)
        starts[opt->slots[i].group + 2]++;
    for (int64_t g = 0; starts && g < n; g++)
        starts[g + 2] += starts[g + 1];
    for (int64_t i = 0; starts && i < opt->count; i++)
        m.numbers[starts[opt->slots[i].group + 1]++] = i;
    return m;
}

static int64_t member_count(const members *m, int64_t group)
{
    return m->starts[group + 1] - m->starts[group];
}

/* ---- saving ---------------------------------------------------------------------------------- */

static void put_groups(tn_dict *dict, const tn_optim *opt)
{
    members m = sort_members(opt);
    for (int64_t g = 0; m.starts && g < opt->n_groups; g++) {
        tn_text prefix = numbered("param_groups", g);
        tn__put_fields(dict, prefix.s, group_fields, COUNT(group_fields), &opt->groups[g]);
        tn__put_integers(dict, tn__name(prefix.s, "params").s, member_count(&m, g),
                         m.numbers + m.starts[g]);
    }
    tn__free(opt->ctx, m.starts);
}

static void put_slot(tn_dict *dict, const tn_optim *opt, int64_t i)
{
    const tn__slot *slot = &opt->slots[i];
    tn_text prefix = numbered("state", i);
    tn__put_fields(dict, prefix.s, slot_fields, COUNT(slot_fields), slot);
    for (int j = 0; j < opt->moments; j++)
        tn__dict_set_in(dict, prefix.s, opt->moment_names[j], slot->moments[j]);
}

tn_dict *tn_optim_state_dict(const tn_optim *opt)
{
    tn_dict *dict = opt ? tn_dict_new(opt->ctx) : NULL;
    if (!dict)
        return NULL;
    tn__put_text(dict, "name", opt->name);
    tn__put_fields(dict, "", opt->fields, opt->n_fields, opt->opts);
    put_groups(dict, opt);
    for (int64_t i = 0; i < opt->count; i++)
        if (opt->slots[i].steps > 0)
            put_slot(dict, opt, i);
    if (tn_ok(opt->ctx))
        return dict;
    tn_dict_free(dict);
    return NULL;
}

/* ---- loading --------------------------------------------------------------------------------- */

static bool check_members(const tn_optim *opt, const char *what, const tn_dict *dict,
                          const members *m, int64_t group)
{
    int64_t count = member_count(m, group);
    const int64_t *numbers = m->numbers + m->starts[group];
    tn_text name = tn__name(numbered("param_groups", group).s, "params");
    const tn_tensor *t = tn__get_entry(dict, what, name.s, TN_I64, 1, &count);
    for (int64_t i = 0; t && i < count; i++)
        if (((const int64_t *)tn__ptr(t))[i * t->strides[0]] != numbers[i]) {
            tn_fail(opt->ctx, TN_ERR_FORMAT, "%s: %s are not those of group %lld here", what,
                    name.s, (long long)group);
            return false;
        }
    return t != NULL;
}

/* The dictionary has as many groups as the optimiser, with the same members. Loading changes
 * neither. */
static bool check_groups(const tn_optim *opt, const char *what, const tn_dict *dict)
{
    members m = sort_members(opt);
    bool same = m.starts != NULL;
    for (int64_t g = 0; same && g < opt->n_groups; g++)
        same = check_members(opt, what, dict, &m, g);
    tn__free(opt->ctx, m.starts);
    if (!same || !tn_dict_get(dict, tn__name(numbered("param_groups", opt->n_groups).s, "lr").s))
        return same;
    tn_fail(opt->ctx, TN_ERR_FORMAT, "%s: it has more than the %lld groups here", what,
            (long long)opt->n_groups);
    return false;
}

static bool load_groups(tn_optim *opt, const char *what, const tn_dict *dict, bool apply)
{
    if (!apply && !check_groups(opt, what, dict))
        return false;
    for (int64_t g = 0; g < opt->n_groups; g++)
        if (!tn__get_fields(dict, what, numbered("param_groups", g).s, group_fields,
                            COUNT(group_fields), &opt->groups[g], apply))
            return false;
    return true;
}

/* The moment becomes t, or zeros (NULL). */
static void change(const tn_optim *opt, const tn_tensor *moment, const tn_tensor *t)
{
    tn__count_change(opt->ctx, moment);
    if (t)
        tn__copy(opt->ctx, moment, t);
    else
        tn__fill(moment, 0);
}

/* A parameter that had not been stepped starts anew. */
static void reset_slot(const tn_optim *opt, tn__slot *slot)
{
    slot->steps = 0;
    for (int j = 0; j < opt->moments; j++)
        if (slot->moments[j])
            change(opt, slot->moments[j], NULL);
}

static bool load_moments(const tn_optim *opt, const tn__slot *slot, const char *what,
                         const tn_dict *dict, const char *prefix, bool apply)
{
    for (int j = 0; j < opt->moments; j++) {
        const tn_tensor *m = slot->moments[j];
        const tn_tensor *t = tn__get_entry(dict, what, tn__name(prefix, opt->moment_names[j]).s,
                                           m->dtype, m->ndim, m->shape);
        if (!t)
            return false;
        if (apply && t->storage != m->storage)
            change(opt, m, t);
    }
    return true;
}

static bool load_slot(tn_optim *opt, int64_t i, const char *what, const tn_dict *dict, bool apply)
{
    tn__slot *slot = &opt->slots[i];
    tn_text prefix = numbered("state", i);
    if (!tn_dict_get(dict, tn__name(prefix.s, "step").s)) {
        if (apply)
            reset_slot(opt, slot);
        return true;
    }
    return tn__get_fields(dict, what, prefix.s, slot_fields, COUNT(slot_fields), slot, apply) &&
           (apply || tn__make_moments(opt, slot)) &&
           load_moments(opt, slot, what, dict, prefix.s, apply);
}

bool tn__optim_load(tn_optim *opt, const char *what, const tn_dict *dict, bool apply)
{
    if (!tn__check_params(opt, what) || !tn__check_text(dict, what, "name", opt->name) ||
        !tn__get_fields(dict, what, "", opt->fields, opt->n_fields, opt->opts, apply) ||
        !load_groups(opt, what, dict, apply))
        return false;
    for (int64_t i = 0; i < opt->count; i++)
        if (!load_slot(opt, i, what, dict, apply))
            return false;
    return true;
}

tn_status tn_optim_load_state_dict(tn_optim *opt, const tn_dict *dict)
{
    const char *what = "optim_load_state_dict";
    if (!opt)
        return TN_ERR_ARGUMENT;
    if (tn__check_dict(opt->ctx, what, dict) && tn__optim_load(opt, what, dict, false))
        tn__optim_load(opt, what, dict, true);
    return tn_error_status(opt->ctx);
}
