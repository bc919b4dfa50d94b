/* walks.h - for cppcheck, which reads no system headers: lists of the C library and of cJSON, and how they are walked. */
#define cJSON_ArrayForEach(e, list) for (e = walk_first(list); e; e = walk_next(e))
#define TAILQ_FOREACH(e, list, field) for (e = walk_first(list); e; e = walk_next(e))
#define LIST_FOREACH(e, list, field) for (e = walk_first(list); e; e = walk_next(e))
#define LIST_HEAD(name, type) struct name { struct type *first; }
