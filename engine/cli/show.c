/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * show.c: what users see: tables and JSON from the same rows.  A row is a JSON object as safeadmin sent it (wire/fields.c names its
 * members); a table is a choice of its fields with titles.  Decides nothing.
 */
#include "config.h"
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CELL_MAX	640	/* bytes of one cell (SK_TEXT_MAX fits) */
#define COLUMNS_MAX	16

size_t
show_control(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	/* U+0080 to U+009F too: terminals take U+009B as ESC [ */
	return *p < 0x20 || *p == 0x7f ? 1 : *p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f ? 2 : 0;
}

void
show_safe(FILE *to, const char *text)
{
	const char *p;

	for (p = text; *p != '\0'; p++) {
		size_t n = show_control(p);

		fputc(n > 0 ? '?' : *p, to);
		p += n > 1 ? n - 1 : 0;
	}
}

void
show_json(const json_t *value)
{
	/* the one thing json_pack() refuses is a text that is not UTF-8: a file name of the user */
	if (value == NULL || json_dumpf(value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY) == -1)
		cli_error("this cannot be shown as JSON: expected names in UTF-8");
	else
		putchar('\n');
}

char *
show_time(int64_t wall_us, bool micro, char sep, char *buf, size_t size)
{
	char text[40];

	if (wall_us <= 0) {
		str_copy(buf, size, "-");
		return buf;
	}
	clock_format(wall_us, text, sizeof(text));
	if (!micro)
		text[strcspn(text, ".")] = '\0';
	if (text[0] != '-' && strlen(text) > 10)
		text[10] = sep;
	str_copy(buf, size, text);
	return buf;
}

char *
show_share(const json_t *row, char *buf, size_t size)
{
	json_int_t buckets = json_integer_value(json_object_get(row, "buckets"));
	json_int_t tenths = buckets < 0 || buckets > 256 ? 0 : (buckets * 1000 + 128) / 256;

	snprintf(buf, size, "%d.%d %%", (int)(tenths / 10), (int)(tenths % 10));
	return buf;
}

static void
cell_text(const struct report_type *type, const json_t *row, const char *name, char *buf, size_t size)
{
	const json_t *v = json_object_get(row, name);
	const struct field *f = NULL;
	size_t i;

	for (i = 0; type != NULL && i < type->count; i++)
		if (strcmp(type->fields[i].name, name) == 0)
			f = &type->fields[i];
	if (f != NULL && f->type == F_TIME_MS)
		show_time(json_integer_value(v) * 1000, false, 'T', buf, size);
	else if (f != NULL && f->type == F_TIME_US)
		show_time(json_integer_value(v), true, 'T', buf, size);
	else if (json_is_integer(v))
		snprintf(buf, size, "%lld", (long long)json_integer_value(v));
	else if (json_is_string(v))
		str_copy(buf, size, json_string_value(v));
	else if (json_is_boolean(v))
		str_copy(buf, size, json_is_true(v) ? "1" : "0");
	else
		buf[0] = '\0';
	if (buf[0] == '\0')
		str_copy(buf, size, "-");	/* an empty cell would shift what awk sees */
}

/* Characters, not bytes: a column of UTF-8 names stays straight */
static int
width_of(const char *s)
{
	int n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void
show_line(char cells[COLUMNS_MAX][CELL_MAX], const int *width, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		show_safe(stdout, cells[i]);
		if (i + 1 < n)
			printf("%*s", width[i] - width_of(cells[i]) + 2, "");
	}
	putchar('\n');
}

void
show_table(const struct report_type *type, const json_t *rows, const struct column *columns, size_t n)
{
	static char cells[COLUMNS_MAX][CELL_MAX];
	int width[COLUMNS_MAX] = { 0 };
	const json_t *row;
	size_t r, i;

	for (i = 0; i < n; i++)
		width[i] = width_of(columns[i].title);
	json_array_foreach(rows, r, row) {
		for (i = 0; i < n; i++) {
			cell_text(type, row, columns[i].field, cells[i], CELL_MAX);
			if (width_of(cells[i]) > width[i])
				width[i] = width_of(cells[i]);
		}
	}
	for (i = 0; i < n; i++)
		str_copy(cells[i], CELL_MAX, columns[i].title);
	show_line(cells, width, n);
	json_array_foreach(rows, r, row) {
		for (i = 0; i < n; i++)
			cell_text(type, row, columns[i].field, cells[i], CELL_MAX);
		show_line(cells, width, n);
	}
}
