/* inside.c - acting within a container's namespaces, in a process that ends with the act.
 *
 * Our effective uid owns the user namespace, so entering it gives every capability over it and what it owns
 * (user_namespaces(7)). The process shares memory and fds with us, who wait (as after vfork(2)): what it finds or opens
 * needs no passing on. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/fd.h"
#include "../base/policy.h"
#include "netns.h"

enum { STACK_BYTES = 256 << 10 };

struct act {
	int userns, netns, result;
	int (*act)(void *data);
	void *data;
};

static int act_main(void *data)
{
	struct act *a = data;

	if (setns(a->userns, CLONE_NEWUSER) < 0 ||
	    (a->netns < 0 ? unshare(CLONE_NEWNET) : setns(a->netns, CLONE_NEWNET)) < 0)
		a->result = -errno;
	else
		a->result = a->act(a->data);
	_exit(0);
}

int inside(struct request *r, int userns, int netns, int (*act)(void *data), void *data)
{
	static char stack[STACK_BYTES] __attribute__((aligned(64)));
	const struct policy_netns *policy = r->helper->policy;
	struct act a = { userns, netns, -EIO, act, data };
	int e = userns_prove(userns, FD_RANGE_NS, policy_id(&policy->common, IDS_OWNER));
	pid_t pid;

	if (e < 0)
		return request_fail(r, e, "userns");
	e = netns < 0 ? 0 : ns_prove(netns, FDK_NETNS, userns);
	if (e < 0)
		return request_fail(r, e, "netns");
	pid = clone(act_main, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, &a);
	if (pid < 0)
		return request_fail(r, -errno, "clone");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return a.result;
}
