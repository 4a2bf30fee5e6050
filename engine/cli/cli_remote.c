/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_remote.c: safekit -H servers command: the command on each of them at once, one block per server in the order of the list, and an
 * exit status that tells (UG 9.1).  -E and -G behind -H are cli_deploy.c's.
 *
 * Exit status: what the command gave on all servers, when it is the same everywhere; 68 when it differs; 69 when a server was not reached
 * or did not let us.  Which ones is told in the last line on stderr, and per server with --json.
 */
#include "config.h"
#include "cli/remote.h"

#include <string.h>

static json_t *
words_of(struct remote *r, int i, void *ctx)
{
	const struct cli *c = ctx;
	json_t *argv = json_array();

	for (int k = 1; k < c->nwords; k++)
		if (json_array_append_new(argv, json_string(c->words[k])) != 0) {
			json_decref(argv);
			return NULL;
		}
	return argv;
}

/* Output of others: colours and cursors of theirs are not for our terminal, line breaks and tabs are */
static void
print_block(FILE *to, const char *text)
{
	char last = '\n';

	for (; *text != '\0'; last = *text++) {
		size_t n = *text == '\n' || *text == '\t' ? 0 : show_control(text);

		fputc(n > 0 ? '?' : *text, to);
		text += n > 1 ? n - 1 : 0;
	}
	if (last != '\n')
		fputc('\n', to);
}

static void
each_block(struct remote *r, int i)
{
	struct remote_reply *p = &r->reply[i];
	const char *name = r->list.at[i].name;

	printf("%s---------------- %s%s%s ----------------\n", i > 0 ? "\n" : "", name, name[0] != '\0' ? " " : "", r->list.at[i].url);
	if (!p->ok) {
		cli_error("%s: %s", remote_name(r, i), p->why);
		return;
	}
	print_block(stdout, p->out);
	fflush(stdout);
	print_block(stderr, p->err);
	if (p->note[0] != '\0')
		cli_note("%s: %s", remote_name(r, i), p->note);
	if (p->cut)
		cli_note("%s: the output is longer than its web service keeps: it was cut", remote_name(r, i));
	fflush(stderr);
}

static void
show_rows(struct remote *r)
{
	json_t *rows = json_array();

	for (int i = 0; i < r->list.n; i++) {
		const struct remote_reply *p = &r->reply[i];
		json_t *row = json_pack("{s:s,s:s,s:b}", "node", r->list.at[i].name, "url", r->list.at[i].url, "reached", p->ok);

		if (p->ok)
			json_object_update_new(row, json_pack("{s:i,s:s,s:s,s:b,s:s*}", "status", p->status, "stdout", p->out, "stderr",
			    p->err, "truncated", p->cut, "note", p->note[0] != '\0' ? p->note : NULL));
		else
			json_object_set_new(row, "error", json_string(p->why));
		json_array_append_new(rows, row);
	}
	show_json(rows);
	json_decref(rows);
}

/* The exit status, and the last line */
static int
conclude(struct remote *r)
{
	int first = -1, unreached = 0, bad = 0;
	char list[2048] = "";
	bool same = true, unknown = false;

	for (int i = 0; i < r->list.n; i++) {
		const struct remote_reply *p = &r->reply[i];
		size_t at = strlen(list);

		unreached += !p->ok;
		unknown = unknown || (!p->ok && p->call.unknown);
		if (p->ok && first == -1)
			first = p->status;
		same = same && p->ok && p->status == first;
		if (p->ok && p->status == 0)
			continue;
		bad++;
		if (p->ok)
			snprintf(list + at, sizeof(list) - at, "%s%s (exit status %d)", at > 0 ? ", " : "", remote_name(r, i), p->status);
		else
			snprintf(list + at, sizeof(list) - at, "%s%s (%s)", at > 0 ? ", " : "", remote_name(r, i),
			    p->call.unknown ? "no answer" : p->call.status == 0 ? "not reached" : "refused");
	}
	if (bad > 0)
		cli_note("%s on %d of %d server%s: %s", unknown ? "Not done, or not known," : "Not done", bad, r->list.n,
		    r->list.n > 1 ? "s" : "", list);
	return unreached > 0 ? EXIT_UNREACHED : same ? first : EXIT_DIFFER;
}

/* -E, also with the dash of the guides' PDFs */
static bool
is_word(const char *word, const char *dashed)
{
	return strcmp(word, dashed) == 0 || (strncmp(word, "\xe2\x80\x93", 3) == 0 && strcmp(word + 3, dashed + 1) == 0);
}

/* What makes no sense from elsewhere (UG 9.1) */
static bool
is_local_only(const char *word)
{
	return strcmp(word, "logview") == 0 || is_word(word, "-p") || is_word(word, "-r") || is_word(word, "-H");
}

int
do_remote(struct cli *c)
{
	static struct remote r;
	int status;

	if (is_local_only(c->words[1])) {
		cli_error("safekit -H: %s works on the server itself only", c->words[1]);
		return EXIT_TYPING;
	}
	if (is_word(c->words[1], "-E") || is_word(c->words[1], "-G")) {
		bool module = is_word(c->words[1], "-E");

		if (c->nwords != (module ? 3 : 2)) {
			if (c->nwords < 3 && module)
				cli_error("safekit -E: which module? expected: safekit -H SERVER[,SERVER...] -E AM");
			else
				cli_error("safekit %s: \"%s\" is one word too many: expected: safekit -H SERVER[,SERVER...] %s", c->words[1],
				    c->words[module ? 3 : 2], module ? "-E AM" : "-G");
			return EXIT_TYPING;
		}
		return module ? deploy_module(c, c->words[0], c->words[2]) : deploy_cluster(c, c->words[0]);
	}
	if (!remote_open(&r, c, c->words[0])) {
		remote_close(&r);
		return EXIT_TYPING;
	}
	r.each = c->json ? NULL : each_block;
	remote_command(&r, words_of, c, NULL);
	if (c->json)
		show_rows(&r);
	status = conclude(&r);
	remote_close(&r);
	return status;
}
