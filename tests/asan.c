/* asan.c - linked into the sanitized programs: the leak check traces its process, which nothing may do with ours. Unit tests turn
 * it on again (ASAN_OPTIONS). */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
