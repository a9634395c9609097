/* The functions of <tn/dict.h>, given what does not fit. */
#include "rows/refusals.h"

static void dict_rows(void)
{
    HOLDS(tn_dict_new, !tn_dict_new(NULL));
    WORKS(tn_dict_new, tn_dict_new(ctx));
    HOLDS(tn_dict_free, (tn_dict_free(NULL), true));
    HOLDS(tn_dict_set, tn_dict_set(NULL, "a", x) == TN_ERR_ARGUMENT);
    REFUSES(tn_dict_set, TN_ERR_ARGUMENT, "dict_set: name is NULL", tn_dict_set(dict, NULL, x));
    REFUSES(tn_dict_set, TN_ERR_ARGUMENT, "dict_set: input is NULL", tn_dict_set(dict, "b", NULL));
    WORKS(tn_dict_set, tn_dict_set(dict, "b", x));
    HOLDS(tn_dict_count, tn_dict_count(NULL) == 0);
    HOLDS(tn_dict_name, !tn_dict_name(NULL, 0) && !tn_dict_name(dict, 1));
    HOLDS(tn_dict_at, !tn_dict_at(NULL, 0) && !tn_dict_at(dict, 1) && !tn_dict_at(dict, -1));
    HOLDS(tn_dict_get, !tn_dict_get(NULL, "a") && !tn_dict_get(dict, "z"));
    HOLDS(tn_dict_get, !tn_dict_get(dict, NULL));
    HOLDS(tn_dict_update, tn_dict_update(NULL, "b.", dict) == TN_ERR_ARGUMENT);
    REFUSES(tn_dict_update, TN_ERR_ARGUMENT, "dict_update: from is NULL",
            tn_dict_update(dict, "b.", NULL));
    WORKS(tn_dict_update, tn_dict_update(dict, "b.", dict));
    WORKS(tn_dict_update, tn_dict_update(dict, NULL, net_state));
    HOLDS(tn_dict_select, !tn_dict_select(NULL, "a"));
    WORKS(tn_dict_select, tn_dict_select(dict, "a"));
    WORKS(tn_dict_select, tn_dict_select(dict, NULL));
    HOLDS(tn_dict_clone, !tn_dict_clone(NULL));
    WORKS(tn_dict_clone, tn_dict_clone(dict));
}

int main(void)
{
    return run_refusals("dict.h", dict_rows);
}
