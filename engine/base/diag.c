/* SPDX-License-Identifier: GPL-2.0-or-later */
/* diag.c: writes diagnostics of a program on stderr.  One write(2) per line, so that lines of several processes do not mix. */
#include "config.h"
#include "base/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *diag_program = "safekit";
static int diag_verbose;

void
diag_init(const char *program, int verbose)
{
	diag_program = program;
	diag_verbose = verbose;
}

static void __attribute__((format(printf, 1, 0)))
diag_write(const char *fmt, va_list ap, int err)
{
	char line[1024], text[800];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (err != 0)
		snprintf(line, sizeof(line), "%s: %s: %s\n", diag_program, text, strerror(err));
	else
		snprintf(line, sizeof(line), "%s: %s\n", diag_program, text);
	(void)!write(STDERR_FILENO, line, strlen(line));
}

void
warn_errno(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	diag_write(fmt, ap, saved);
	va_end(ap);
	errno = saved;
}

void
warn_text(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	diag_write(fmt, ap, 0);
	va_end(ap);
	errno = saved;
}

void
debug_text(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (diag_verbose <= 0)
		return;
	va_start(ap, fmt);
	diag_write(fmt, ap, 0);
	va_end(ap);
	errno = saved;
}

void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_write(fmt, ap, 0);
	va_end(ap);
	exit(1);
}
