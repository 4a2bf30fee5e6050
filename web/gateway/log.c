/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.c: what safewebgate says, on stderr and in the system log.  Texts of others are cleaned: a line break must not make a second line.
 */
#include "config.h"
#include "web/gateway/parent.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#define RARELY_MS	10000

static void __attribute__((format(printf, 1, 0)))
say(const char *fmt, va_list ap)
{
	char text[1024], *p;

	vsnprintf(text, sizeof(text), fmt, ap);
	for (p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	str_make_utf8(text);
	warn_text("%s", text);
	syslog(LOG_NOTICE, "%s", text);
}

void
gate_log(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
gate_log_rarely(const char *fmt, ...)
{
	static int64_t last_ms;
	static unsigned left_out;
	int64_t now = clock_mono_ms();
	va_list ap;

	if (last_ms != 0 && now - last_ms < RARELY_MS) {
		left_out++;
		return;
	}
	last_ms = now;
	if (left_out > 0)
		gate_log("%u more of this kind were not logged", left_out);
	left_out = 0;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}
