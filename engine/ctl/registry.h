/* SPDX-License-Identifier: GPL-2.0-or-later */
/* registry.h: inside of registry.c. */
#ifndef SK_REGISTRY_H
#define SK_REGISTRY_H

#include "ctl/admin.h"

struct order { json_int_t id; heart_reply done; void *ctx; bool told; /* "told" objects may come before the reply */ struct order *next; };

struct instance {
	struct admin	*admin;
	char		 name[SK_NAME_MAX];
	int		 id;
	json_t		*conf;		/* module.json */
	bool		 unusable;	/* conf is of another version: no heart until it has been applied again; said once */
	int64_t		 config_ms;
	struct client	*client;	/* the connection of its heart, NULL while it is away */
	int		 pid;
	uv_process_t	*process;	/* when it is our child */
	uv_timer_t	*timer;		/* next spawn, or start at boot */
	int64_t		 respawn_ms;	/* grows while heart keeps dying */
	char		 death[32];
	bool		 boot_start, leaving;
	bool		 lost;		/* the line of a heart that is no child of ours ended: dead, or about to say hello again */
	struct order	*orders;	/* waiting for their reply */
	struct instance	*next;
};

struct registry { struct instance *list; json_int_t order_id; };

#endif
