/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules_ref.c: the different resources that failover rules refer to, found by their text.
 *
 * Owns: the table of names, how a reference is taken apart, the key under which a remote one is told.  Called by: rules_parse.c while
 * compiling, rules.c.  Never does: know a health.
 */
#include "config.h"
#include "fsm/rules_impl.h"
#include "conf/conf.h"	/* RULES_DEFAULT */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a (public domain): the same on both servers */
uint32_t
rules_hash(const char *text)
{
	uint32_t h = 2166136261u;

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return h;
}

bool
rules_grow(void *vector, int *room, int n, size_t size)
{
	void **v = vector, *more;
	int want = *room < 16 ? 16 : *room * 2;

	if (n < *room)
		return true;
	more = realloc(*v, (size_t)want * size);
	if (more == NULL)
		return false;
	*v = more;
	*room = want;
	return true;
}

/* The slot where text is or would be; n has a free one */
static int *
names_slot(const struct names *n, const char *text)
{
	uint32_t h = rules_hash(text);

	while (n->slot[h & (uint32_t)(n->slots - 1)] != 0 && strcmp(n->text[n->slot[h & (uint32_t)(n->slots - 1)] - 1], text) != 0)
		h++;
	return &n->slot[h & (uint32_t)(n->slots - 1)];
}

int
names_find(const struct names *n, const char *text)
{
	return n->slots == 0 ? -1 : *names_slot(n, text) - 1;
}

static bool
names_widen(struct names *n)
{
	int slots = n->slots < 32 ? 32 : n->slots * 2, i;
	int *slot = calloc((size_t)slots, sizeof(*slot));

	if (slot == NULL)
		return false;
	free(n->slot);
	n->slot = slot;
	n->slots = slots;
	for (i = 0; i < n->count; i++)
		*names_slot(n, n->text[i]) = i + 1;
	return true;
}

int
names_add(struct names *n, const char *text)
{
	char *copy;

	if (!rules_grow(&n->text, &n->room, n->count, sizeof(char *)))
		return -1;
	if (2 * (n->count + 1) > n->slots && !names_widen(n))
		return -1;
	copy = strdup(text);
	if (copy == NULL)
		return -1;
	n->text[n->count] = copy;
	*names_slot(n, copy) = n->count + 1;
	return n->count++;
}

void
names_free(struct names *n)
{
	int i;

	for (i = 0; i < n->count; i++)
		free(n->text[i]);
	free(n->text);
	free(n->slot);
	*n = (struct names){ NULL };
}

void
rules_split(const char *name, char *class_name, const char **id)
{
	size_t n = strcspn(name, ".");

	memcpy(class_name, name, n);
	class_name[n] = '\0';
	*id = name[n] == '.' ? name + n + 1 : name + n;
}

/* The watch of class.id, a new one if nobody has asked; -1: no memory */
static int
watch_of(struct rules *r, const char *class_name, const char *id)
{
	char text[SK_RES_MAX + 2];
	int n;

	snprintf(text, sizeof(text), "%s.%s", strcmp(class_name, "?") == 0 ? "*" : class_name, strcmp(id, "?") == 0 ? "*" : id);
	n = names_find(&r->watch_names, text);
	if (n != -1)
		return n;
	if (!rules_grow(&r->watch, &r->watch_room, r->watch_names.count, sizeof(struct watch)))
		return -1;
	n = names_add(&r->watch_names, text);
	if (n != -1)
		r->watch[n] = (struct watch){ .seen = { 0, 0 } };
	return n;
}

static void
add_remote(struct rules *r, int n, const char *name)
{
	char text[SK_RES_MAX + 2];
	int i = 0;

	snprintf(text, sizeof(text), "%s%s", r->ref[n].plain ? "!" : "", name);
	r->ref[n].key = rules_hash(text);
	while (i < r->remotes)	/* two texts with one hash: the later one gets the next, on both servers */
		if (r->ref[r->remote[i++]].key == r->ref[n].key) {
			r->ref[n].key++;
			i = 0;
		}
	r->ref[n].heard = 1u << RH_UNKNOWN;
	r->remote[r->remotes++] = n;
}

int
rules_reference(struct rules *r, const char *text, int origin)
{
	char class_name[SK_RES_MAX], marked[SK_RES_MAX + 16];
	struct ref ref = { .remote = strncmp(text, "remote.", 7) == 0 };
	const char *name = ref.remote ? text + 7 : strncmp(text, "local.", 6) == 0 ? text + 6 : text, *id;
	int n;

	rules_split(name, class_name, &id);
	ref.single = strpbrk(id, "*?") == NULL && strpbrk(class_name, "*?") == NULL;
	/* the id's wildcard says any or all; the class's does where the id is a name */
	ref.all = strcmp(id, "*") == 0 || (strcmp(id, "?") != 0 && strcmp(class_name, "*") == 0);
	ref.plain = origin == RULES_DEFAULT && !ref.single;
	snprintf(marked, sizeof(marked), "%c%s", ref.plain ? '!' : '=', text);
	n = names_find(&r->ref_names, marked);
	if (n != -1)
		return n;
	if (ref.remote && r->remotes == RULES_REMOTE_MAX)
		return -2;
	ref.watch = watch_of(r, class_name, id);
	if (ref.watch == -1 || !rules_grow(&r->ref, &r->ref_room, r->ref_names.count, sizeof(ref)))
		return -1;
	n = names_add(&r->ref_names, marked);
	if (n == -1)
		return -1;
	r->ref[n] = ref;
	if (ref.remote)
		add_remote(r, n, name);
	return n;
}
