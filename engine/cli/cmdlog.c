/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmdlog.c: who ran which command (UG 10.10): always to the text file SAFEVAR/commandlog, and to safeadmin's table when it runs.
 *
 * The file: one line "^ date | pid | status | command" when the command starts (running) and one when it ended (return N).  Lines are
 * appended whole.  At LOG_MAX it is renamed commandlog.1 (the one before is lost), so that it never fills a disk.  A log that cannot
 * be written is said and does not stop the command.
 */
#include "config.h"
#include "cli/cli.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define LOG_MAX	(1 << 20)	/* bytes (ours: some 10,000 commands) */

/* The file opened and locked, and still the one of that name; -1 with errno */
static int
open_log(const char *file, const char *old)
{
	struct stat st, named;
	int fd;

	for (;;) {
		fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
		if (fd == -1)
			return -1;
		if (flock(fd, LOCK_EX) == -1 || fstat(fd, &st) == -1)
			break;
		if (stat(file, &named) == -1 || named.st_ino != st.st_ino || named.st_dev != st.st_dev) {
			close(fd);	/* another command has renamed it meanwhile */
			continue;
		}
		if (st.st_size < LOG_MAX)
			return fd;
		if (rename(file, old) == -1)
			break;
		close(fd);
	}
	close(fd);
	return -1;
}

static void
append(struct cli *c, const char *status)
{
	char file[PATH_MAX], old[PATH_MAX], line[SK_TEXT_MAX + 128], date[40];
	ssize_t n = -1;
	int fd = -1;

	if (path_format(file, sizeof(file), "%s/commandlog", path_safevar()) && path_format(old, sizeof(old), "%s.1", file))
		fd = open_log(file, old);
	if (fd != -1) {
		snprintf(line, sizeof(line), "^ %s | %d | %s | %s\n", clock_format(clock_wall_us(), date, sizeof(date)), (int)getpid(),
		    status, c->command);
		n = write(fd, line, strlen(line));
		close(fd);
	}
	/* members of group safekit may act, not write here: safeadmin's table has their commands */
	if (n == -1 && !(errno == EACCES && geteuid() != 0))
		warn_errno("%s", file);
}

uint64_t
cmdlog_begin(struct cli *c)
{
	char code[16], err[256];
	json_t *reply;
	uint64_t seq = 0;

	append(c, "running");
	if (c->conn == NULL)
		return 0;
	reply = sk_ask(c->conn, json_pack("{s:s,s:i,s:s,s:s,s:s}", "op", "command", "pid", (int)getpid(), "user", c->by, "command",
	    c->command, "status", "running"), ASK_MS, code, err, sizeof(err));
	if (reply == NULL)
		warn_text("command log: %s", err);
	else
		seq = (uint64_t)json_integer_value(json_object_get(reply, "seq"));
	json_decref(reply);
	return seq;
}

void
cmdlog_end(struct cli *c, uint64_t seq, int status)
{
	char text[32], code[16], err[256];
	json_t *reply;

	snprintf(text, sizeof(text), "return %d", status);
	append(c, text);
	if (seq == 0)
		return;
	/* safeadmin may have been restarted while the command ran: its sequence numbers go on */
	reply = sk_ask(c->conn, json_pack("{s:s,s:I,s:s}", "op", "command", "seq", (json_int_t)seq, "status", text), ASK_MS, code, err,
	    sizeof(err));
	if (reply == NULL && strcmp(code, "unreachable") == 0) {
		sk_close(c->conn);
		c->conn = sk_connect(err, sizeof(err));
		if (c->conn != NULL)
			reply = sk_ask(c->conn, json_pack("{s:s,s:I,s:s}", "op", "command", "seq", (json_int_t)seq, "status", text),
			    ASK_MS, code, err, sizeof(err));
	}
	if (reply == NULL)
		warn_text("command log: %s", err);
	json_decref(reply);
}
