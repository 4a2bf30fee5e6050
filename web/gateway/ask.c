/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ask.c: orders to the parent and what it answers, each by its number.
 */
#include "config.h"
#include "web/gateway/gateway.h"

#include <stdio.h>
#include <string.h>

#define ASKS_MAX	256	/* without an answer yet: commands, files, signatures of at most so many requests (ours) */

static struct ask { uint64_t id; parent_reply then; void *ctx; } asks[ASKS_MAX];
static uint64_t last_id;
static int parent = -1;

void
parent_at(int sock)
{
	parent = sock;
}

bool
parent_ask(const char *const *words, const int *fds, int nfds, parent_reply then, void *ctx)
{
	const char *all[TALK_WORDS + 1];
	char id[24];
	struct ask *a;
	int n = 1;

	for (a = asks; a < asks + ASKS_MAX && a->id != 0; a++)
		;
	snprintf(id, sizeof(id), "%llu", (unsigned long long)last_id + 1);
	all[0] = id;
	for (; *words != NULL && n < TALK_WORDS; words++)
		all[n++] = *words;
	all[n] = NULL;
	if (a == asks + ASKS_MAX || *words != NULL || talk_send(parent, all, fds, nfds) != 1)
		return false;
	*a = (struct ask){ ++last_id, then, ctx };
	return true;
}

static void
answered(const struct talk *t)
{
	uint64_t id;
	struct ask *a;
	parent_reply then;
	bool no = t->words >= 4 && strcmp(t->word[1], "no") == 0;

	if (t->words < 2 || !str_to_u64(t->word[0], 1, UINT64_MAX, &id))
		return;
	for (a = asks; a < asks + ASKS_MAX && a->id != id; a++)
		;
	if (a == asks + ASKS_MAX)
		return;
	then = a->then;
	a->id = 0;
	then(a->ctx, t, !no, no ? t->word[2] : "", no ? t->word[3] : "");
}

bool
parent_hear(int sock)
{
	static struct talk t;
	int rc;

	while ((rc = talk_receive(sock, &t)) == 1) {
		answered(&t);
		talk_close(&t);
	}
	return rc == 0;
}
