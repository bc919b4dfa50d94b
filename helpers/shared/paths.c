/* paths.c - see paths.h. */
#include "paths.h"

#include <string.h>

bool path_next(char *rest, char ret[NAME_MAX + 1])
{
	size_t skip = strspn(rest, "/"), n = strcspn(rest + skip, "/");

	if (n == 0 || n > NAME_MAX)
		return false;
	memcpy(ret, rest + skip, n);
	ret[n] = '\0';
	memmove(rest, rest + skip + n, strlen(rest + skip + n) + 1);
	return true;
}

bool path_rest(const char *rest)
{
	return rest[strspn(rest, "/")] != '\0';
}
