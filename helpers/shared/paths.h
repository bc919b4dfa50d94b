/* paths.h - paths as a walk that follows links by hand takes them apart. */
#ifndef POSTERN_SHARED_PATHS_H
#define POSTERN_SHARED_PATHS_H

#include <limits.h>
#include <stdbool.h>

/* Takes the first component off rest; false at the end, and when it is longer than a name can be: then it is still
 * there. */
bool path_next(char *rest, char ret[NAME_MAX + 1]);
/* Is anything but slashes left? */
bool path_rest(const char *rest);

#endif
