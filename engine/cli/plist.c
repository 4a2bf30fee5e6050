/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plist.c: see plist.h.  A process is signalled through its pidfd, so that a number that was used again in the meantime hits nobody.
 */
#include "config.h"
#include "cli/plist.h"

#include <sys/pidfd.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_MS	20	/* between two looks while we wait for several to end */

struct reading { struct plist *l; const char *name; const regex_t *args; };

static bool
visit(void *ctx, const struct proc *p)
{
	struct reading *r = ctx;
	struct plist *l = r->l;
	struct plist_row *row;

	if (l->n == l->size) {
		row = reallocarray(l->rows, l->size * 2 + 64, sizeof(*row));
		if (row == NULL) {
			l->no_memory = true;
			return false;
		}
		l->rows = row;
		l->size = l->size * 2 + 64;
	}
	row = &l->rows[l->n];
	*row = (struct plist_row){ .pid = p->pid, .ppid = p->ppid, .start = p->start, .name = strdup(p->name), .args = strdup(p->args) };
	l->n++;
	if (row->name == NULL || row->args == NULL) {
		l->no_memory = true;
		return false;
	}
	row->selected = p->pid != getpid() && (r->name == NULL || proc_is(p, r->name)) &&
	    (r->args == NULL || regexec(r->args, p->args, 0, NULL, 0) == 0);
	return true;
}

static int
by_pid(const void *a, const void *b)
{
	const struct plist_row *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* rows are sorted */
static struct plist_row *
find(const struct plist *l, pid_t pid)
{
	struct plist_row key = { .pid = pid };

	return l->n > 0 ? bsearch(&key, l->rows, l->n, sizeof(key), by_pid) : NULL;
}

/* Is it SAFE/safekit or a program of SAFEBIN?  What a script of a module starts runs other programs. */
static bool
is_of_the_suite(const struct plist_row *row, const char *safe)
{
	char link[64], exe[PATH_MAX];
	size_t n = strlen(safe);
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)row->pid);
	len = readlink(link, exe, sizeof(exe) - 1);
	if (len <= 0)
		return false;
	exe[len] = '\0';
	return strncmp(exe, safe, n) == 0 && (strncmp(exe + n, "/private/bin/", 13) == 0 || strcmp(exe + n, "/safekit") == 0);
}

static void
spare(struct plist *l)
{
	char safe[PATH_MAX];
	struct plist_row *row;
	size_t i;
	int depth;
	pid_t pid;

	for (pid = getpid(), depth = 0; (row = find(l, pid)) != NULL && depth < 1000; pid = row->ppid, depth++)
		row->spared = true;
	if ((row = find(l, 1)) != NULL)
		row->spared = true;
	if (realpath(path_safe(), safe) == NULL)
		return;
	for (i = 0; i < l->n; i++)
		if (l->rows[i].selected && is_of_the_suite(&l->rows[i], safe))
			l->rows[i].spared = true;
}

bool
plist_read(struct plist *l, const char *root, const char *name, const regex_t *args)
{
	struct reading r = { l, name, args };

	memset(l, 0, sizeof(*l));
	if (procs_scan(root, visit, &r) == -1 || l->no_memory) {
		if (l->no_memory)
			errno = ENOMEM;
		return false;
	}
	if (l->n > 0)
		qsort(l->rows, l->n, sizeof(l->rows[0]), by_pid);
	spare(l);
	return true;
}

void
plist_free(struct plist *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		free(l->rows[i].name);
		free(l->rows[i].args);
	}
	free(l->rows);
	memset(l, 0, sizeof(*l));
}

/* ---- showing ---- */

static void
put_safe(FILE *to, const char *text)
{
	for (; *text != '\0'; text++)
		fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, to);
}

void
plist_print(FILE *to, const struct plist_row *row)
{
	fprintf(to, "%d ", (int)row->pid);
	put_safe(to, row->name);
	fputc(' ', to);
	put_safe(to, row->args);
	fprintf(to, " (parent=%d)\n", (int)row->ppid);
}

/* The nearest selected process above; NULL: none.  Parents cannot form a circle, what we read of them at different instants might. */
static const struct plist_row *
above(const struct plist *l, const struct plist_row *row)
{
	int depth;

	for (depth = 0; depth < 1000 && (row = find(l, row->ppid)) != NULL; depth++)
		if (row->selected)
			return row;
	return NULL;
}

static void
print_below(FILE *to, const struct plist *l, const struct plist_row *const *parents, const struct plist_row *parent, int depth)
{
	size_t i;

	for (i = 0; i < l->n && depth < 1000; i++) {
		if (!l->rows[i].selected || parents[i] != parent)
			continue;
		fprintf(to, "%*s", depth * 2, "");
		plist_print(to, &l->rows[i]);
		print_below(to, l, parents, &l->rows[i], depth + 1);
	}
}

void
plist_print_tree(FILE *to, const struct plist *l)
{
	const struct plist_row **parents = calloc(l->n + 1, sizeof(*parents));
	size_t i;

	if (parents == NULL)
		return;
	for (i = 0; i < l->n; i++)
		parents[i] = l->rows[i].selected ? above(l, &l->rows[i]) : NULL;
	print_below(to, l, parents, NULL, 0);
	free(parents);
}

size_t
plist_count(const struct plist *l, bool spared)
{
	size_t i, count = 0;

	for (i = 0; i < l->n; i++)
		if (l->rows[i].selected && l->rows[i].spared == spared)
			count++;
	return count;
}

/* ---- killing ---- */

size_t
plist_signal(const struct plist *l, int sig)
{
	size_t i, failures = 0;

	for (i = 0; i < l->n; i++) {
		const struct plist_row *row = &l->rows[i];
		int fd;

		if (!row->selected || row->spared)
			continue;
		fd = proc_open(row->pid, row->start);
		if ((fd == -1 || pidfd_send_signal(fd, sig, NULL, 0) == -1) && errno != ESRCH) {
			warn_errno("process %d (%s)", (int)row->pid, row->name);
			failures++;
		}
		if (fd != -1)
			close(fd);
	}
	return failures;
}

static size_t
still_there(const struct plist *l, const struct plist_row **one)
{
	size_t i, count = 0;
	uint64_t start;

	for (i = 0; i < l->n; i++) {
		const struct plist_row *row = &l->rows[i];

		if (!row->selected || row->spared || proc_start(row->pid, &start) == -1 || start != row->start)
			continue;
		*one = row;
		count++;
	}
	return count;
}

size_t
plist_wait(const struct plist *l, int64_t ms)
{
	int64_t end = clock_mono_ms() + ms;
	const struct plist_row *one = NULL;
	struct pollfd p = { .events = POLLIN };
	size_t left;

	while ((left = still_there(l, &one)) > 0 && clock_mono_ms() < end) {
		p.fd = proc_open(one->pid, one->start);	/* its end wakes us */
		poll(&p, 1, p.fd == -1 ? POLL_MS : (int)(end - clock_mono_ms() > 0 ? end - clock_mono_ms() : 0));
		if (p.fd != -1)
			close(p.fd);
	}
	return left;
}

bool
plist_regex(regex_t *re, const char *text, const char *what)
{
	char why[128];
	int rc = regcomp(re, text, REG_EXTENDED | REG_NOSUB);

	if (rc == 0)
		return true;
	regerror(rc, re, why, sizeof(why));
	warn_text("%s: \"%s\" is not a regular expression: %s", what, text, why);
	return false;
}
