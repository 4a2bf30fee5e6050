/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_log.c: see check_log.h.  Pure, but for put(). */
#include "config.h"
#include "rfs/check_log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void
flush(struct check_log *l)
{
	if (l->len > 0)
		l->put(l->ctx, l->buf, l->len);
	l->len = 0;
}

static void add(struct check_log *l, const char *fmt, ...) PRINTFLIKE(2, 3);

/* Short: numbers and words of ours */
static void
add(struct check_log *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (sizeof(l->buf) - l->len < 512)
		flush(l);
	va_start(ap, fmt);
	n = vsnprintf(l->buf + l->len, sizeof(l->buf) - l->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->len += (size_t)n < sizeof(l->buf) - l->len ? (size_t)n : sizeof(l->buf) - l->len - 1;
}

static void
add_escaped(struct check_log *l, const char *s)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c >= 0x7f || c == '%' || c == '<' || c == '>' || c == '&' || c == '"')
			add(l, "%%%02X", c);
		else
			add(l, "%c", c);
	}
}

void
check_log_begin(struct check_log *l, const char *kind)
{
	time_t now = time(NULL);
	char date[32] = "";
	struct tm tm;

	if (gmtime_r(&now, &tm) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	add(l, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rfslog version=\"1\" kind=\"%s\" date=\"%s\">\n", kind, date);
}

static void
end_dir(struct check_log *l)
{
	if (l->in_dir)
		add(l, "</dir>\n");
	l->in_dir = false;
}

void
check_log_dir(struct check_log *l, const char *path)
{
	end_dir(l);
	add(l, "<dir path=\"");
	add_escaped(l, path);
	add(l, "\">\n");
	l->in_dir = true;
}

void
check_log_file(struct check_log *l, const char *folder, const char *name, const char *result, uint64_t size, uint64_t zones, uint64_t bytes, const char *why)
{
	uint64_t *count = strcmp(result, "differs") == 0 ? &l->differs : strcmp(result, "missing") == 0 ? &l->missing :
	    strcmp(result, "extra") == 0 ? &l->extra : strcmp(result, "changed") == 0 ? &l->changed : &l->errors;

	++*count;
	l->bytes += bytes;
	if (l->listed++ >= CHECK_LISTED_MAX)
		return;
	add(l, "<file path=\"");
	add_escaped(l, folder);
	add_escaped(l, folder[0] != '\0' && name[0] != '\0' ? "/" : "");
	add_escaped(l, folder[0] == '\0' && name[0] == '\0' ? "." : name);
	add(l, "\" result=\"%s\" size=\"%" PRIu64 "\"", result, size);
	if (zones > 0)
		add(l, " zones=\"%" PRIu64 "\"", zones);
	if (bytes > 0)
		add(l, " bytes=\"%" PRIu64 "\"", bytes);
	if (why[0] != '\0') {
		add(l, " why=\"");
		add_escaped(l, why);
		add(l, "\"");
	}
	add(l, "/>\n");
}

void
check_log_end(struct check_log *l, int64_t seconds, const char *why)
{
	end_dir(l);
	add(l, "<summary files=\"%" PRIu64 "\" differs=\"%" PRIu64 "\" changed=\"%" PRIu64 "\" missing=\"%" PRIu64 "\" extra=\"%" PRIu64 "\" errors=\"%" PRIu64
	    "\" bytes=\"%" PRIu64 "\" total_bytes=\"%" PRIu64 "\"", l->files, l->differs, l->changed, l->missing, l->extra, l->errors, l->bytes, l->total_bytes);
	if (seconds >= 0)
		add(l, " seconds=\"%" PRId64 "\"", seconds);
	add(l, " complete=\"%s\" why=\"", why[0] == '\0' && l->listed <= CHECK_LISTED_MAX ? "true" : "false");
	add_escaped(l, why[0] == '\0' && l->listed > CHECK_LISTED_MAX ? "not all of them are listed" : why);
	add(l, "\"/>\n</rfslog>\n");
	flush(l);
}
