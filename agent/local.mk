# The AgentX subagent.  What can be tested without SNMP is a library of its own; agentx.c alone knows Net-SNMP.
EXTRA_DIST += mib/oids.awk
dist_safeman8_DATA += agent/safeagent.8
safemibdir = $(safesnmpdir)/mib
# once by the name that tools look for and once by that of the user's guide (10.8)
dist_safemib_DATA = mib/SAFEKIT-MIB.txt
nodist_safemib_DATA = agent/safekit.mib
CLEANFILES += agent/safekit.mib

agent/safekit.mib: $(top_srcdir)/mib/SAFEKIT-MIB.txt
	$(AM_V_GEN)$(MKDIR_P) agent && cp $(top_srcdir)/mib/SAFEKIT-MIB.txt $@

agent/oids.h: $(top_srcdir)/mib/SAFEKIT-MIB.txt $(top_srcdir)/mib/oids.awk
	$(AM_V_GEN)$(MKDIR_P) agent && $(AWK) -f $(top_srcdir)/mib/oids.awk $(top_srcdir)/mib/SAFEKIT-MIB.txt > $@.tmp && mv $@.tmp $@
BUILT_SOURCES += agent/oids.h
CLEANFILES += agent/oids.h agent/oids.h.tmp

noinst_LIBRARIES += libagent.a
libagent_a_SOURCES = \
	agent/snap.h agent/snap.c agent/oidtable.h agent/oidtable.c agent/action.h agent/action.c agent/trap.h agent/trap.c
nodist_libagent_a_SOURCES = agent/oids.h
libagent_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS)
AGENT_LIBS = libagent.a $(SAFEKIT_LIBS)

if WITH_SNMP
safebin_PROGRAMS += safeagent
safeagent_SOURCES = agent/agent.h agent/main.c agent/feed.c agent/agentx.c
safeagent_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(JANSSON_CFLAGS) $(SNMP_CFLAGS)
safeagent_CFLAGS = $(AM_CFLAGS) -pthread
safeagent_LDADD = $(AGENT_LIBS) $(SNMP_LIBS)
endif


# the header is made before the first compilation knows that it is needed
agent/libagent_a-oidtable.$(OBJEXT) agent/safeagent-agentx.$(OBJEXT): agent/oids.h
