/* The functions of <tn/dict.h> while memory runs out. */
#include "rows/allocations.h"

static void dict_rows(void)
{
    CALLS(tn_dict_new, "", tn_dict_new(ctx));
    ASKS(tn_dict_free, "", (tn_dict_free(NULL), 0));
    CALLS(tn_dict_set, "", tn_dict_set(dict, "b", p));
    CALLS(tn_dict_set, "", tn_dict_set(dict, "a", p));
    ASKS(tn_dict_count, "", tn_dict_count(dict));
    ASKS(tn_dict_name, "", tn_dict_name(dict, 0)[0]);
    ASKS(tn_dict_at, "", tn_dict_at(dict, 0));
    ASKS(tn_dict_get, "", tn_dict_get(dict, "a"));
    CALLS(tn_dict_update, "", tn_dict_update(dict, "net.", opt_state));
    CALLS(tn_dict_update, "", tn_dict_update(dict, NULL, dict));
    CALLS(tn_dict_select, "", tn_dict_select(opt_state, "state."));
    CALLS(tn_dict_clone, "", tn_dict_clone(opt_state));
}

int main(void)
{
    return run_allocations("dict.h", dict_rows);
}
