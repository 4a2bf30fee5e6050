/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * talk.h: what the two processes of safewebgate say to each other: one datagram is a list of words, and up to two descriptors.
 *
 * The parent (root) trusts nothing of what it is told; the child (who speaks HTTP) trusts its parent.
 *   child:  ID run ROLE WHO WORD...	with descriptors for stdout and stderr, pipes	-> ID done STATUS TEXT [TOKEN] | ID no REASON TEXT
 *		WORD: @file:TOKEN is a kept file's path; the child itself may say @new:SUFFIX: a new one, whose TOKEN is told
 *	   ID file			-> ID ok TOKEN, with a descriptor to write to | ID no ...
 *	   ID keep TOKEN SUFFIX		it is whole						-> ID ok | ID no ...
 *	   ID drop TOKEN		-> ID ok
 *	   ID open TOKEN		-> ID ok, with a descriptor to read | ID no ...
 *	   ID verify SERVER METHOD PATH HASH AUTHORIZATION	-> ID ok KEYID | ID no ...
 * REASON: busy, missing, usage, denied, failed.
 */
#ifndef SK_WEB_TALK_H
#define SK_WEB_TALK_H

#include "base/base.h"

#define TALK_BYTES	(192 * 1024)	/* of a datagram: the longest command (ours; below the kernel's 208 KiB) */
#define TALK_WORDS	96
#define TALK_FDS	2

struct talk {
	char	 buf[TALK_BYTES];
	size_t	 len;
	const char *word[TALK_WORDS];
	int	 words;
	int	 fd[TALK_FDS];		/* who receives closes them; -1: none */
	int	 fds;
};

/* Words of n bytes, each with its NUL.  false: not that, or more than TALK_WORDS */
bool talk_split(struct talk *t, size_t n);
/* Send words (NULL at the end) and descriptors; 1 sent, 0 not now (full), -1 lost */
int talk_send(int sock, const char *const *words, const int *fds, int nfds);
/* Receive: 1 a message, 0 nothing now, -1 the other one is gone (errno 0) or broken */
int talk_receive(int sock, struct talk *t);
void talk_close(struct talk *t);	/* the descriptors that nobody took */

#endif
