# The e-mail agent: units, a writer of the engine's messages, fuzzing; tests/agent/t_mail*.sh run the real thing
UNIT_TESTS += tests/unit/t_mail
tests_unit_t_mail_SOURCES = tests/unit/t_mail.c
tests_unit_t_mail_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)
tests_unit_t_mail_LDADD = $(MAIL_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/agent/say_log
tests_agent_say_log_SOURCES = tests/agent/say_log.c engine/pub/syslog.h engine/pub/syslog.c
tests_agent_say_log_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
tests_agent_say_log_LDADD = $(BASE_LIBS)

FUZZ_TESTS += tests/fuzz/fuzz_mail
tests_fuzz_fuzz_mail_SOURCES = tests/fuzz/fuzz_mail.c
tests_fuzz_fuzz_mail_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_fuzz_fuzz_mail_CFLAGS = $(FUZZ_COMPILE)
tests_fuzz_fuzz_mail_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_mail_LDADD = $(MAIL_LIBS)
EXTRA_DIST += tests/bench/bench_mail.py tests/fuzz/corpus/mail tests/agent/mail_lib.sh tests/agent/smtpd.py tests/agent/t_mail.sh tests/agent/t_mail_journald.sh tests/agent/t_mail_log.sh \
	tests/agent/t_mail_nemesis.sh tests/agent/t_mail_smtp.sh tests/agent/t_mail_spool.sh tests/agent/t_mail_unit.sh
