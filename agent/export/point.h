/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * point.h: one change of one resource, as the spool keeps it and the sinks send it; and what number a value is.
 *
 * Called by: any thread.  Never does: I/O.
 */
#ifndef SK_EXPORT_POINT_H
#define SK_EXPORT_POINT_H

#include "base/base.h"

struct change {
	int64_t	 seq;		/* place in the spool */
	int64_t	 time_ms;	/* wall clock of the change */
	const char *node, *module, *resource, *value;
};

enum value_kind { VALUE_TEXT, VALUE_WORD, VALUE_WHOLE, VALUE_REAL };
/* A decimal number (whole or real: finite, without exponent, hex or blanks, at most 18 digits), a word that has a number (up, PRIM, ...), or
 * a text; *number is set for all but a text */
enum value_kind value_number(const char *value, double *number);

#endif
