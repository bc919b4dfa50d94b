#include "op_names.h"

#include "../base/cleanup.h"

const char *op_class_name(enum op_class c)
{
	static const char *const names[] = { "acquire", "release", "query", "private" };

	return (unsigned)c < ARRAY_SIZE(names) ? names[c] : "?";
}

const char *op_rights_name(enum op_rights r)
{
	static const char *const names[] = { "none", "read", "run", "exec", "admin" };

	return (unsigned)r < ARRAY_SIZE(names) ? names[r] : "?";
}
