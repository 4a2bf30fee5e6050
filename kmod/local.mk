# What runs in the kernel, and the contract with it (filter_abi.h, filter_core.h).
noinst_HEADERS = kmod/filter_abi.h kmod/filter_core.h kmod/filter_genl.h kmod/filter_state.h
EXTRA_DIST += kmod/README.md kmod/mod

# The tc-BPF program, as an array in the program that loads it.  CLANG_BPF: clang and where this architecture's headers are
FILTER_BPF_FLAGS = -target bpf -mcpu=v3 -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter $(BPF_WERROR) -I$(top_srcdir)/kmod
EXTRA_DIST += kmod/bpf/filter.bpf.c
if WITH_BPF
kmod/bpf/filter.bpf.o: $(top_srcdir)/kmod/bpf/filter.bpf.c $(top_srcdir)/kmod/filter_state.h $(top_srcdir)/kmod/filter_core.h $(top_srcdir)/kmod/filter_abi.h
	@$(MKDIR_P) kmod/bpf
	$(AM_V_CC)$(CLANG_BPF) $(BPF_CFLAGS) $(FILTER_BPF_FLAGS) -c $(top_srcdir)/kmod/bpf/filter.bpf.c -o $@
filter_bpf_gen.h: kmod/bpf/filter.bpf.o
	$(AM_V_GEN){ echo 'static const unsigned char filter_bpf_object[] __attribute__((aligned(8))) = {' && \
		od -An -v -tu1 kmod/bpf/filter.bpf.o | $(SED) 's/  *\([0-9]\)/,\1/g; 1s/^,//' && echo '};'; } >$@.new && mv $@.new $@
BUILT_SOURCES += filter_bpf_gen.h
CLEANFILES += filter_bpf_gen.h kmod/bpf/filter.bpf.o
endif

# libfilter: the filter as user space sees it
noinst_LIBRARIES += libfilter.a
libfilter_a_SOURCES = engine/vip/filter.h engine/vip/filter.c engine/vip/filter_bpf.c engine/vip/filter_module.c
libfilter_a_CPPFLAGS = $(AM_CPPFLAGS) $(MNL_CFLAGS) $(BPF_CFLAGS)
if WITH_BPF
engine/vip/libfilter_a-filter_bpf.$(OBJEXT): filter_bpf_gen.h
endif
FILTER_LIBS = libfilter.a $(BPF_LIBS) $(MNL_LIBS)
