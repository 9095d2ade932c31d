# kubelab: `make run` and `make test` set up what is missing, build, and do the thing. `make help` lists the rest.
#
# ROOMS may be narrowed while one room is being worked on (make ROOMS="sim/base sim/loop" B=/tmp/b unit), and B names the build folder.
# SAN=1 builds with the address and undefined-behaviour sanitizers into a folder of its own.

ROOMS := sim/base sim/loop sim/net sim/pki sim/http sim/upgrade sim/api sim/client sim/proc \
         apiserver apiserver/store apiserver/schema apiserver/printers apiserver/openapi apiserver/registry apiserver/patch apiserver/endpoints apiserver/auth \
         apiserver/admission apiserver/aggregator kubelet kubelet/cgroup kubelet/stats metricsd hpa \
         workloads/controllers workloads/scheduler workloads/programs labs sim/cmd
ifdef SAN
B      ?= build/san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined
else
B      ?= build
endif

CC      ?= cc
PKGS    := libuv libcjson sqlite3 yaml-0.1 zlib
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
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE $(CFLAGS) -fno-omit-frame-pointer $(WARN) $(SANFLAGS) -I. $(LLHTTP_INC) \
           $(shell pkg-config --cflags $(PKGS) 2>/dev/null) -MMD -MP
LDLIBS  = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lmbedtls -lmbedx509 -lmbedcrypto $(LLHTTP_LIB) -lm -lpthread

MAIN    := sim/cmd/main.c
SRC     := $(filter-out $(MAIN),$(foreach r,$(ROOMS),$(wildcard $(r)/*.c)))
OBJ     := $(SRC:%.c=$(B)/%.o) $(LLHTTP_SRC:/usr/share/%.c=$(B)/third/%.o)
LIB     := $(B)/libkubelab.a
UNIT    := $(patsubst %.c,$(B)/%,$(foreach r,$(ROOMS),$(wildcard tests/unit/$(r)/*_test.c)))

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
$(B)/sim/cmd/lab.o $(B)/sim/cmd/play.o: $(wildcard labs/lab8/*.txt labs/lab8/files/*/* labs/lab8/files/*/*/*/*)
$(B)/sim/proc/catalog.o: $(wildcard sim/proc/images/*)
$(B)/apiserver/registry/resource.o: $(wildcard apiserver/registry/*.tsv)
$(B)/third/%.o: /usr/share/%.c
	@mkdir -p $(@D)
	$(CC) -O2 -g $(LLHTTP_INC) -c -o $@ $<
$(B)/tests/%: tests/%.c $(LIB) Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes -o $@ $< $(LIB) $(LDLIBS) -lcmocka

unit: $(UNIT)                     ## unit tests (cmocka)
	@set -e; for t in $(UNIT); do $$t > $$t.out 2>&1 || { cat $$t.out; exit 1; }; grep -h "tests.* run\|PASSED" $$t.out | tail -1; done

unit-programs: $(UNIT)
unit-list:
	@echo $(UNIT)

check-deps:
	@tools=; for p in $(PKGS); do pkg-config --exists $$p 2>/dev/null || tools="$$tools $$p"; done; \
	[ -z "$$tools" ] || { echo "missing development packages:$$tools - run 'make deps'" >&2; exit 1; }

clean:                            ## remove what was built
	rm -rf build kubelab
help:                             ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: all unit unit-programs unit-list clean help check-deps
-include $(OBJ:.o=.d) $(UNIT:=.d) $(B)/$(MAIN:.c=.d)

# ---- what people type ----
# make itself reads the list of packages when it starts; what needs freshly installed ones is therefore a second make.
deps:                             ## install what building and running need
	@.ci/deps run
run: deps                         ## set up, build, and start Lab 8 (or, without a terminal, play it)
	@$(MAKE) -s kubelab
	@if [ -t 0 ] && [ -t 1 ]; then ./kubelab up --detach --lab lab8 || ./kubelab status >/dev/null && exec ./kubelab shell lab8; else exec ./kubelab lab play lab8; fi
test:                             ## set up, and run every test there is
	@.ci/deps test
	@$(MAKE) -s kubelab
	@tests/run
bench: kubelab                    ## figures: medians of at least five runs
	@tests/bench/run

.PHONY: deps run test bench
