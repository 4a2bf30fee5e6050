/* SPDX-License-Identifier: GPL-2.0-or-later */
/* internal.h: what the files of module/ share. */
#ifndef SK_MODULE_INTERNAL_H
#define SK_MODULE_INTERNAL_H

#include "module/module.h"

void mod_say(struct mod *m, enum message msg, ...);	/* const char * arguments, as many as the message's format has */
void mod_publish(struct mod *m);
void mod_persist(struct mod *m);
void mod_tell(struct mod *m);
void mod_eval(struct mod *m);		/* ask the tables until they have nothing to say */
void mod_post(struct mod *m, enum fsm_event e);
unsigned mod_bid(const struct mod *m);
void mod_beat_all(struct mod *m);	/* a heartbeat on every lan, now */

#endif
