/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock.c: reads the two clocks. */
#include "config.h"
#include "base/base.h"

#include <stdio.h>
#include <time.h>

int64_t
clock_mono_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

char *
clock_format(int64_t wall_us, char *buf, size_t size)
{
	time_t sec = (time_t)(wall_us / 1000000);
	char text[24];
	struct tm tm;

	if (wall_us < 0 || localtime_r(&sec, &tm) == NULL || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		text[0] = '-', text[1] = '\0';
	snprintf(buf, size, "%s.%06d", text, (int)(wall_us < 0 ? 0 : wall_us % 1000000));
	return buf;
}
