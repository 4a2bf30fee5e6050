/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plist.h: the processes that a command selects, shown and killed: safekit kill, processtree, errdpoll_running.
 *
 * Never does: touch itself, its parents up to init, or a program of the suite.
 */
#ifndef SK_PLIST_H
#define SK_PLIST_H

#include "base/procs.h"
#include <stdio.h>

struct plist_row {
	pid_t	 pid, ppid;
	uint64_t start;
	bool	 selected;
	bool	 spared;	/* ourselves, a parent of ours, or of the suite: never killed */
	char	*name, *args;	/* command name; argument list */
};
struct plist { struct plist_row *rows; size_t n, size; bool no_memory; };

/* All processes; selected are those of that command name (NULL: any) whose argument list matches (NULL: any), never ourselves.
 * root: /proc, or NULL for that.  false: errno. */
bool plist_read(struct plist *l, const char *root, const char *name, const regex_t *args);
void plist_free(struct plist *l);
/* "<pid> <command name> <argument list> (parent=<parent pid>)" (UG 13.9.4), control characters as '?' */
void plist_print(FILE *to, const struct plist_row *row);
/* The selected ones, each below the nearest selected one that it descends from, two blanks deeper */
void plist_print_tree(FILE *to, const struct plist *l);
size_t plist_count(const struct plist *l, bool spared);	/* of the selected ones */
/* Send sig to what is selected and not spared.  Number that could not be sent to (told); what has ended is fine. */
size_t plist_signal(const struct plist *l, int sig);
/* Wait until what is selected and not spared has ended, at most ms.  Number that is left. */
size_t plist_wait(const struct plist *l, int64_t ms);
/* POSIX extended; false: told with what */
bool plist_regex(regex_t *re, const char *text, const char *what);

#endif
