/* states.c - what can become of a container: (status, event) -> status. */
#include <assert.h>
#include <string.h>

#include "internal.h"

static const char *const names[] = {
	[STATUS_CREATED] = "created", [STATUS_STARTING] = "created", [STATUS_RUNNING] = "running",
	[STATUS_PAUSED] = "paused",   [STATUS_EXITED] = "exited",    [STATUS_REMOVING] = "removing",
	[STATUS_DEAD] = "dead",
};
static_assert(sizeof(names) / sizeof(names[0]) == STATUS_COUNT, "a name per status");

/* 0 is no transition; what follows is stored plus one, since STATUS_CREATED is 0. */
#define TO(status) ((status) + 1)
static const unsigned char table[STATUS_COUNT][EVENT_COUNT] = {
	[STATUS_CREATED] = {
		[EVENT_START] = TO(STATUS_STARTING),
		[EVENT_REMOVE] = TO(STATUS_REMOVING),
	},
	[STATUS_STARTING] = {
		[EVENT_STARTED] = TO(STATUS_RUNNING),
		[EVENT_NOT_STARTED] = TO(STATUS_CREATED),
		[EVENT_RESTART_FAILED] = TO(STATUS_EXITED),
	},
	[STATUS_RUNNING] = {
		[EVENT_PAUSE] = TO(STATUS_PAUSED),
		[EVENT_EXIT] = TO(STATUS_EXITED),
	},
	[STATUS_PAUSED] = {
		[EVENT_UNPAUSE] = TO(STATUS_RUNNING),
		[EVENT_EXIT] = TO(STATUS_EXITED),
	},
	[STATUS_EXITED] = {
		[EVENT_START] = TO(STATUS_STARTING),
		[EVENT_REMOVE] = TO(STATUS_REMOVING),
	},
	[STATUS_REMOVING] = {
		[EVENT_REMOVE_FAILED] = TO(STATUS_DEAD),
	},
	[STATUS_DEAD] = {
		[EVENT_REMOVE] = TO(STATUS_REMOVING),
	},
};

const char *container_status_name(enum container_status s)
{
	return names[s];
}

int container_status_by_name(const char *name)
{
	/* STARTING has no name of its own, as in Docker, and "restarting" is known though nothing here is. */
	for (int s = 0; s < STATUS_COUNT; s++)
		if (s != STATUS_STARTING && strcmp(names[s], name) == 0)
			return s;
	return strcmp(name, "restarting") == 0 ? STATUS_COUNT : -1;
}

int container_next_status(enum container_status from, enum container_event ev)
{
	return (int)table[from][ev] - 1;
}
