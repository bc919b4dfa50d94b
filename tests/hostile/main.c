/* main.c - all attacks of a controller that was taken over (README.md). */
#include <stdio.h>
#include <unistd.h>

#include "hostile.h"

static void run_all(const struct attack *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		a[i].run();
}

int main(int argc, char **argv)
{
	controller_start(argc, argv);
	dprintf(STDERR_FILENO, "HOSTILE ready\n");
	root_client = accept_client(FD_LISTEN, 0);
	/* to a user's engine root is nobody */
	user_client = accept_client(FD_LISTEN, policy()->ids_shared ? OVERFLOW_ID : 1000);
	read_client = accept_client(FD_LISTEN_READ, 0);
	if (root_client < 0 || user_client < 0 || read_client < 0) {
		result(false, "the test's clients did not come");
	} else {
		run_all(frame_attacks, n_frame_attacks);
		run_all(fd_attacks, n_fd_attacks);
		run_all(mount_attacks, n_mount_attacks);
		run_all(layer_attacks, n_layer_attacks);
		run_all(act_attacks, n_act_attacks);
		run_all(net_attacks, n_net_attacks);
	}
	dprintf(STDERR_FILENO, "HOSTILE done\n");
	for (;;)
		pause();
}
