/* data.h - what the files of this room share with others beyond <tn/data.h>. */
#ifndef TN_DATA_ROOM_H
#define TN_DATA_ROOM_H

#include <tn/data.h>

/* tn_loader_load_state_dict for those who load more than one thing, see dict/entries.h: called
 * twice, `apply` the second time. Errors begin with `what`. */
bool tn__loader_load(tn_loader *loader, const char *what, const tn_dict *dict, bool apply);

#endif
