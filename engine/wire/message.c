/* SPDX-License-Identifier: GPL-2.0-or-later */
/* message.c: holds the catalogue's rows. */
#include "config.h"
#include "wire/message.h"

const struct message_row message_rows[MSG_COUNT] = {
#define X(sym, key, level, fmt) [sym] = { key, level, fmt },
	MESSAGE_LIST(X)
#undef X
};
