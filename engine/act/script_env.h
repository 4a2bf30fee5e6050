/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * script_env.h: the environment of every script of a module (UG 10.9, 14.4): one place, so that a script run by heart, by safekit config
 * or by hand through safekit -r sees the same.
 *
 * Called by: heart, the CLI.  Never does: run anything; keep anything.
 */
#ifndef SK_SCRIPT_ENV_H
#define SK_SCRIPT_ENV_H

#include "base/base.h"

struct conf_var;

/* A new environment, NULL at its end: SAFE, SAFEVAR, SAFEBIN; with a module SAFEMODULE, SAFEUSERBIN, SAFEUSERVAR; with a node SAFENODE;
 * the <var>s of userconfig.xml; and what a program needs from ours (PATH, HOME, LANG...).  module and node may be NULL.  A <var> wins
 * over PATH and the like, never over a name that begins with SAFE; one without a usable name is left out.  NULL without memory. */
char **script_env_build(const char *module, const char *node, const struct conf_var *vars, int nvars);
bool script_env_set(char ***env, const char *name, const char *value);	/* add or replace; false without memory */
void script_env_free(char **env);

#endif
