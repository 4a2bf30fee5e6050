/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * accept.h: what a client wants, and who it says it is.  Pure functions of what came over HTTP.
 */
#ifndef SK_EXPORT_ACCEPT_H
#define SK_EXPORT_ACCEPT_H

#include "base/base.h"

/* Of an Accept header (NULL: none): OpenMetrics 1.0 rather than Prometheus text 0.0.4.  Where both are as welcome, OpenMetrics */
bool accept_openmetrics(const char *accept);

/* lines "user:hash" (crypt(5)); false: not there, or another password.  Takes milliseconds where the hash is a good one */
bool accept_password(const char *lines, const char *user, const char *password);

/* ADDRESS:PORT or [ADDRESS]:PORT, numeric.  sa: struct sockaddr_storage; false: not understood */
struct sockaddr_storage;
bool accept_address(const char *text, struct sockaddr_storage *sa, bool *loopback);

#endif
