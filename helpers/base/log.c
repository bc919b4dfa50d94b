#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
	const char *program;
	enum log_level level;
} logger = { "postern", LOG_LEVEL_INFO };

void log_init(const char *program, enum log_level level)
{
	logger.program = program;
	logger.level = level;
}

void log_line(enum log_level level, const char *format, ...)
{
	static const char *const words[] = { "error: ", "warning: ", "" };
	int saved = errno;
	char line[1024];
	va_list args;
	int n, m;

	if (level > logger.level)
		return;
	n = snprintf(line, sizeof(line) - 1, "%s: %s", logger.program, words[level]);
	if (n < 0 || (size_t)n >= sizeof(line) - 1)
		return;
	va_start(args, format);
	m = vsnprintf(line + n, sizeof(line) - 1 - (size_t)n, format, args);
	va_end(args);
	if (m < 0)
		return;
	n = (int)strlen(line);
	/* A caller's text must not forge lines. */
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20)
			line[i] = '?';
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0) {
		/* nobody left to tell */
	}
	errno = saved;
}
