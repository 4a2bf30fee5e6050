/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * picture.c: what the engine has published, kept as the JSON text of each row: a snapshot is the texts one after the other, and is made again
 * only when something has changed.
 *
 * Owns: the rows.  Called by: feed.c (changes), state.c (answers).  Never does: ask the engine.
 */
#include "config.h"
#include "web/gateway/gateway.h"

#include <stdlib.h>
#include <string.h>

struct row { uint64_t key; char module[SK_NAME_MAX]; char *text; size_t len; };
static struct rows {
	struct row *row;
	size_t	 count, room, bytes;
	uint64_t version;
} rows[L_COUNT];
static uint64_t version;

/* The members that number a row of each list, and the one that says its module; "" : rows are numbered as they come */
static const struct { const char *id, *index, *module; } members[L_COUNT] = {
	[L_ENGINE] = { "", "", "" }, [L_MODULES] = { "id", "", "name" }, [L_RESOURCES] = { "module_id", "index", "module" },
	[L_NODES] = { "", "index", "" }, [L_REMOTES] = { "", "", "module" }, [L_SHARES] = { "module_id", "index", "module" },
};

static void
changed(enum list l)
{
	rows[l].version = ++version;
}

void
picture_clear(enum list l)
{
	size_t i;

	for (i = 0; i < rows[l].count; i++)
		free(rows[l].row[i].text);
	rows[l].count = rows[l].bytes = 0;
	changed(l);
}

/* The place of key, or where it would be; *there */
static size_t
place(const struct rows *s, uint64_t key, bool *there)
{
	size_t lo = 0, hi = s->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->row[mid].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	*there = lo < s->count && s->row[lo].key == key;
	return lo;
}

static bool
number(const json_t *row, const char *member, uint64_t *n)
{
	const json_t *v = json_object_get(row, member);

	*n = 0;
	if (member[0] == '\0')
		return true;
	*n = (uint64_t)json_integer_value(v);
	return json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= UINT32_MAX;
}

static bool
make_room(struct rows *s)
{
	size_t room = s->room == 0 ? 64 : s->room * 2;
	struct row *more;

	if (s->count < s->room)
		return true;
	more = realloc(s->row, room * sizeof(*more));
	if (more == NULL)
		return false;
	s->row = more;
	s->room = room;
	return true;
}

bool
picture_put(enum list l, const json_t *data)
{
	struct rows *s = &rows[l];
	const char *module = json_string_value(json_object_get(data, members[l].module));
	uint64_t id, index;
	char *text;
	bool there;
	size_t at;

	if (!number(data, members[l].id, &id) || !number(data, members[l].index, &index) || !make_room(s) ||
	    (text = json_dumps(data, JSON_COMPACT)) == NULL)
		return false;
	if (l == L_REMOTES)
		index = s->count;	/* they come all at once, in their order */
	at = place(s, id << 32 | index, &there);
	if (there) {
		s->bytes -= s->row[at].len;
		free(s->row[at].text);
	} else {
		memmove(&s->row[at + 1], &s->row[at], (s->count - at) * sizeof(*s->row));
		s->count++;
	}
	s->row[at] = (struct row){ .key = id << 32 | index, .text = text, .len = strlen(text) };
	str_copy(s->row[at].module, sizeof(s->row[at].module), module != NULL ? module : "");
	s->bytes += s->row[at].len;
	changed(l);
	return true;
}

static void
drop_at(struct rows *s, size_t at)
{
	s->bytes -= s->row[at].len;
	free(s->row[at].text);
	s->count--;
	memmove(&s->row[at], &s->row[at + 1], (s->count - at) * sizeof(*s->row));
}

void
picture_drop(enum list l, uint32_t id, uint32_t index)
{
	struct rows *s = &rows[l];
	bool there;
	size_t at = place(s, (uint64_t)id << 32 | index, &there);

	if (there)
		drop_at(s, at);
	changed(l);
	if (l != L_MODULES)
		return;
	/* what was the module's goes with it */
	for (l = L_RESOURCES; l <= L_SHARES; l++) {
		s = &rows[l];
		if (members[l].id[0] == '\0')
			continue;
		for (at = place(s, (uint64_t)id << 32, &there); at < s->count && s->row[at].key >> 32 == id; )
			drop_at(s, at);
		changed(l);
	}
}

const char *
picture_text(enum list l, uint32_t id, uint32_t index)
{
	bool there;
	size_t at = place(&rows[l], (uint64_t)id << 32 | index, &there);

	return there ? rows[l].row[at].text : NULL;
}

const char *
picture_module_name(uint32_t id)
{
	bool there;
	size_t at = place(&rows[L_MODULES], (uint64_t)id << 32, &there);

	return there ? rows[L_MODULES].row[at].module : "";
}

static const struct row *
module_row(const char *name)
{
	size_t i;

	for (i = 0; i < rows[L_MODULES].count; i++)
		if (strcmp(rows[L_MODULES].row[i].module, name) == 0)
			return &rows[L_MODULES].row[i];
	return NULL;
}

bool
picture_has_module(const char *name)
{
	return module_row(name) != NULL;
}

char *
picture_module(const char *name, size_t *len)
{
	const struct row *r = module_row(name);
	char *text = r == NULL ? NULL : strdup(r->text);

	*len = text != NULL ? r->len : 0;
	return text;
}

char *
picture_rows(enum list l, const char *module, size_t *len)
{
	const struct rows *s = &rows[l];
	char *text = malloc(s->bytes + s->count + 3), *to = text;
	size_t i;

	if (text == NULL)
		return NULL;
	*to++ = '[';
	for (i = 0; i < s->count; i++) {
		if (module != NULL && strcmp(s->row[i].module, module) != 0)
			continue;
		if (to[-1] != '[')
			*to++ = ',';
		memcpy(to, s->row[i].text, s->row[i].len);
		to += s->row[i].len;
	}
	*to++ = ']';
	*to = '\0';
	*len = (size_t)(to - text);
	return text;
}

uint64_t
picture_version(enum list l)
{
	return l == L_COUNT ? version : rows[l].version;
}
