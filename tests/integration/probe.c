/* probe.c - prints the errno of syscall(N, 0, 0, ...) for each argument: what a container's seccomp filter says. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		errno = 0;
		syscall(atol(argv[i]), 0L, 0L, 0L, 0L, 0L, 0L);
		printf("%d\n", errno);
	}
	return 0;
}
