# Samples of configuration for SNMP
safesnmpconfdir = $(safesnmpdir)/conf
nodist_safesnmpconf_DATA = contrib/snmp/snmpd.conf contrib/snmp/snmptrapd.conf
EXTRA_DIST += contrib/snmp/snmpd.conf.sample contrib/snmp/snmptrapd.conf.sample contrib/snmp/safeagent.service
CLEANFILES += contrib/snmp/snmpd.conf contrib/snmp/snmptrapd.conf

contrib/snmp/snmpd.conf: $(top_srcdir)/contrib/snmp/snmpd.conf.sample
	$(AM_V_GEN)$(MKDIR_P) contrib/snmp && cp $(top_srcdir)/contrib/snmp/snmpd.conf.sample $@
contrib/snmp/snmptrapd.conf: $(top_srcdir)/contrib/snmp/snmptrapd.conf.sample
	$(AM_V_GEN)$(MKDIR_P) contrib/snmp && cp $(top_srcdir)/contrib/snmp/snmptrapd.conf.sample $@
