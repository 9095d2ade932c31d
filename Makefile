# kubelab: `make run` and `make test` set up what is missing, build, and do the thing. `make help` lists the rest.
#
# ROOMS may be narrowed while one room is being worked on (make ROOMS="sim/base sim/loop" B=/tmp/b unit), and B names the build folder.
# SAN=1 builds with the address and undefined-behaviour sanitizers into a folder of its own.

ROOMS := sim/base sim/loop sim/fault sim/net sim/pki sim/http sim/upgrade sim/api sim/client sim/proc \
         apiserver apiserver/store apiserver/schema apiserver/printers apiserver/openapi apiserver/registry apiserver/patch apiserver/endpoints apiserver/auth apiserver/custom \
         apiserver/admission apiserver/aggregator kubelet kubelet/cgroup kubelet/stats metricsd hpa \
         workloads/controllers workloads/scheduler workloads/programs workloads/load labs sim/cmd
ifdef SAN
B      ?= build/san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined
else
B      ?= build
endif

# libjq (checks, conditions) has no pkg-config file in Debian 12; it is in LDLIBS.
PKGS    := libuv libcjson sqlite3 yaml-0.1 zlib
PLAIN   := -luv -lcjson -lsqlite3 -lyaml -lz
# llhttp: libllhttp-dev where there is one (Debian 13), else the C sources that node-llhttp carries (Debian 12).
LLHTTP_SRC := $(wildcard /usr/share/llhttp/*.c)
ifneq ($(wildcard /usr/include/llhttp.h),)
LLHTTP_SRC :=
LLHTTP_LIB := -lllhttp
else
LLHTTP_INC := -isystem /usr/share/include/llhttp
endif
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wundef \
           -Wdouble-promotion -fno-common $(if $(CI),-Werror)
CFLAGS  ?= -O2 -g3
# pkg-config is asked where there is one; on a distribution the libraries lie where the compiler looks anyway.
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null || echo $(PLAIN))
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE $(CFLAGS) -fno-omit-frame-pointer $(WARN) $(SANFLAGS) -I. $(LLHTTP_INC) $(PKG_CFLAGS) -MMD -MP
LDLIBS     := $(PKG_LIBS) -ljq -lmbedtls -lmbedx509 -lmbedcrypto $(LLHTTP_LIB) -lm -lpthread

MAIN    := sim/cmd/main.c
SRC     := $(filter-out $(MAIN),$(foreach r,$(ROOMS),$(wildcard $(r)/*.c)))
OBJ     := $(SRC:%.c=$(B)/%.o) $(B)/labs/embedded.o $(LLHTTP_SRC:/usr/share/%.c=$(B)/third/%.o)
LIB     := $(B)/libkubelab.a
UNIT    := $(patsubst %.c,$(B)/%,$(foreach r,$(ROOMS),$(wildcard tests/unit/$(r)/*_test.c)))
FUZZ    := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_SECONDS ?= 60

.DEFAULT_GOAL := all
all: kubelab                      ## build ./kubelab; names a missing package
ifndef SAN
kubelab: $(B)/kubelab
	@cp -f $< $@
else
kubelab: $(B)/kubelab
endif

$(B)/kubelab: $(B)/$(MAIN:.c=.o) $(LIB)
	$(CC) $(ALL_CFLAGS) -o $@ $< $(LIB) $(LDLIBS)
$(LIB): $(OBJ)
	@rm -f $@; ar rcs $@ $^
$(B)/%.o: %.c Makefile | check-deps
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
# .incbin is invisible to -MMD: what embeds data is rebuilt when the data changes.
$(B)/apiserver/schema/load.o: $(wildcard apiserver/schema/types/*)
$(B)/sim/cmd/kubeadm.o: $(wildcard sim/cmd/kubeadm/*.yaml sim/cmd/kubeadm/manifests/*)
$(B)/sim/cmd/lab_new.o: $(wildcard sim/cmd/lab_new/*)
# The labs: every folder below labs/ that has a lab.yaml, whole.
LABS      := $(patsubst %/lab.yaml,%,$(wildcard labs/*/lab.yaml))
LAB_FILES := $(shell find $(LABS) -type f)
$(B)/labs/embedded.c: labs/embed Makefile $(LABS) $(LAB_FILES)
	@mkdir -p $(@D)
	labs/embed $(LABS) > $@.tmp && mv $@.tmp $@
$(B)/labs/embedded.o: $(B)/labs/embedded.c
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(B)/sim/proc/catalog.o: $(wildcard sim/proc/images/*)
$(B)/apiserver/endpoints/audit.o: apiserver/endpoints/audit_trail.yaml
$(B)/apiserver/openapi/help.o: $(wildcard apiserver/openapi/help/*.help)
$(B)/apiserver/registry/resource.o: $(wildcard apiserver/registry/*.tsv)
$(B)/third/%.o: /usr/share/%.c
	@mkdir -p $(@D)
	$(CC) -O2 -g $(LLHTTP_INC) -c -o $@ $<
$(B)/tests/fuzz/%_fuzz: tests/fuzz/%_fuzz.c tests/fuzz/driver.c $(LIB) Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MF $@.d -MT $@ -Wno-missing-prototypes -o $@ tests/fuzz/driver.c $< $(LIB) $(LDLIBS)
$(B)/tests/%: tests/%.c $(LIB) Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MF $@.d -MT $@ -Wno-missing-prototypes -o $@ $< $(LIB) $(LDLIBS) -lcmocka
$(B)/tests/bench/%: tests/bench/%.c $(LIB) Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MF $@.d -MT $@ -o $@ $< $(LIB) $(LDLIBS)

# ---- what people type ----
run: deps                         ## set up, build, and start Lab 8 (or, without a terminal, play it)
	@$(MAKE) -s -j"$$(nproc)" kubelab
	@if [ ! -t 0 ] || [ ! -t 1 ]; then exec ./kubelab lab play lab8; fi; \
	./kubelab status >/dev/null 2>&1 || ./kubelab up --detach --lab lab8 || exit; exec ./kubelab shell lab8
test:                             ## set up, and run every test there is
	@.ci/deps test
	@$(MAKE) -s -j"$$(nproc)" kubelab
	@tests/run
# make looks for libraries when it starts: what needs freshly installed ones is therefore a second make.
deps:                             ## install what building and running need
	@.ci/deps run
unit: $(UNIT)                     ## unit tests; SAN=1 under the sanitizers, ROOMS="sim/base sim/loop" of some rooms
	@tests/support/units $(UNIT)
asan:                             ## unit tests under the address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory SAN=1 unit
fuzz:                             ## feed the parsers with broken input, FUZZ_SECONDS each, under the sanitizers
	@$(MAKE) --no-print-directory -s SAN=1 fuzz-programs
	@tests/fuzz/run $(FUZZ_SECONDS)
soak: kubelab                     ## every lab over SEEDS seeds (100), and what else takes long: tests/soak
	@status=0; for t in tests/soak/*; do echo "# $$t"; "$$t" || status=1; done; exit $$status
bench: kubelab $(B)/tests/bench/store_bench   ## figures: medians of at least five runs, and what limits each
	@tests/bench/run
tidy:                             ## check the tree's own rules
	@tests/support/tidy
analyze:                          ## gcc's static analyzer over all rooms (minutes)
	@$(MAKE) -s B=build/analyze CFLAGS="-O1 -g -fanalyzer" LLHTTP_SRC= build/analyze/libkubelab.a
clean:                            ## remove what was built
	rm -rf build kubelab
help:                             ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

unit-programs: $(UNIT)
unit-list:
	@echo $(UNIT)
fuzz-programs: $(FUZZ)
check-deps:
	@CC="$(CC)" .ci/deps check

.PHONY: all run test deps unit asan fuzz soak bench tidy analyze clean help unit-programs unit-list fuzz-programs check-deps
-include $(OBJ:.o=.d) $(UNIT:=.d) $(FUZZ:=.d) $(B)/$(MAIN:.c=.d)
