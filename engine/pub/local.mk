# pub: what leaves: the journal (SQLite, its own thread) and the messages for the system's log
noinst_LIBRARIES += libpub.a
libpub_a_SOURCES = \
	engine/pub/journal.h engine/pub/journal_impl.h engine/pub/journal.c engine/pub/journal_writer.c \
	engine/pub/journal_row.c engine/pub/journal_number.c \
	engine/pub/journal_db.c engine/pub/journal_query.c engine/pub/syslog.h engine/pub/syslog.c
libpub_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS)
PUB_LIBS = libpub.a $(SQLITE_LIBS) -lpthread $(BASE_LIBS)
