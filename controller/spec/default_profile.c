/* default_profile.c - policy/seccomp/default.json, built in. make runs at the top of the repository. */
#include "internal.h"

__asm__(".pushsection .rodata\n"
	".global seccomp_default_profile\n"
	".global seccomp_default_profile_end\n"
	"seccomp_default_profile:\n"
	".incbin \"policy/seccomp/default.json\"\n"
	"seccomp_default_profile_end:\n"
	".byte 0\n"
	".popsection\n");
