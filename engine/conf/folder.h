/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * folder.h: where a replicated folder stands.  The application knows /a/dir; the files are in /a/dir<suffix>, the *backing* folder.  While the
 * module is stopped /a/dir is a link to it, while it runs a folder to mount on (UG 13.6.3, mountoversuffix).
 *
 * Every step exchanges two names at one instant (RENAME_EXCHANGE) and is on the disk before it returns: /a/dir is never absent, the files are
 * under one of the two names, and what a killed command or a lost power leaves is one of the forms below, from which each function goes on.
 * Called by: the CLI (config, deconfig), rfsd (mounting).  Never does: look into the folder, remove one that is not empty, mount.
 */
#ifndef SK_CONF_FOLDER_H
#define SK_CONF_FOLDER_H

#include "base/base.h"

enum folder_form {
	FOLDER_PLAIN,		/* a folder, no backing: not configured */
	FOLDER_LINKED,		/* a link to the backing folder: configured, not running */
	FOLDER_OPEN,		/* an empty folder beside the backing one: to mount on, or left so by a lost power */
	FOLDER_HALF,		/* only the backing folder is there */
	FOLDER_NONE,		/* neither */
	FOLDER_MOUNTED,		/* something is mounted on it, and the backing folder is there */
	FOLDER_WRONG,		/* anything else: err says what it is and what was expected */
	FOLDER_FORMS
};
extern const char *const folder_names[FOLDER_FORMS];	/* "plain", ... for messages */

bool folder_backing(const char *dir, const char *suffix, char *buf, size_t size);	/* false: too long */
/* Removes what a killed step left beside (a link of the backing's name to itself).  err is set for WRONG only. */
enum folder_form folder_look(const char *dir, const char *suffix, char *err, size_t errsize);
/* Each: true, it is so (also when it was so before); false: err says why, nothing has changed. */
bool folder_link(const char *dir, const char *suffix, char *err, size_t errsize);	/* -> LINKED; from NONE: a new empty folder */
bool folder_open(const char *dir, const char *suffix, char *err, size_t errsize);	/* LINKED, HALF -> OPEN */
bool folder_restore(const char *dir, const char *suffix, char *err, size_t errsize);	/* -> PLAIN; NONE stays */
bool folder_is_mount(const char *path);		/* is something mounted on it?  Asks no FUSE server */
/* The file system names its files by 8 bytes, as replication needs it (ext4); path: an existing folder.  false: err */
bool folder_handles(const char *path, char *err, size_t errsize);

#endif
