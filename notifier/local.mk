# The e-mail agent.  What can be tested without a disk, a log or a server is a library of its own; follow_journal.c alone knows libsystemd,
# smtp.c alone libcurl's transfers.
dist_safeman8_DATA += notifier/safemail.8
noinst_LIBRARIES += libmail.a
libmail_a_SOURCES = \
	notifier/event.h notifier/event.c notifier/conf.h notifier/conf.c notifier/rule.c notifier/gather.h notifier/gather.c \
	notifier/compose.h notifier/compose.c
libmail_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
MAIL_LIBS = libmail.a $(BASE_LIBS)

if WITH_MAIL
safebin_PROGRAMS += safemail
safemail_SOURCES = notifier/safemail.h notifier/main.c notifier/run.c notifier/tool.c \
	notifier/spool.h notifier/spool_impl.h notifier/spool.c notifier/spool_window.c notifier/spool_queue.c \
	notifier/follow.h notifier/follow.c notifier/follow_file.c notifier/smtp.h notifier/smtp.c
if WITH_JOURNAL
safemail_SOURCES += notifier/follow_journal.c
endif
safemail_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(SQLITE_CFLAGS) $(CURL_CFLAGS) $(SYSTEMD_CFLAGS)
safemail_LDADD = $(MAIL_LIBS) $(SQLITE_LIBS) $(CURL_LIBS) $(SYSTEMD_LIBS)
endif
