# Postern: see README.md. `make run` and `make check` are the two commands; the rest:
#   deps build install run stop lint asan fuzz bench check-full clean
# Every source file of a folder belongs to that folder's program; headers are tracked by the compiler (-MMD).

MODE ?= release
B := build$(if $(filter-out release,$(MODE)),/$(MODE))
PREFIX ?= /usr/local
DESTDIR ?=
LIBEXEC := $(PREFIX)/libexec/postern

CC ?= gcc
BUILD_ID := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith -Wvla -Wno-unused-parameter
CFLAGS_release := -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2
CFLAGS_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_fuzz := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_fuzz := -fsanitize=address,undefined
# Helpers are linked statically: mount and lookup live where there is no library, and none needs a loader.
STATIC_release := -static-pie
CPPFLAGS += -D_GNU_SOURCE
CFLAGS += -std=gnu17 -g -fPIE $(WARN) $(CFLAGS_$(MODE)) $(WERROR)
LDFLAGS += -Wl,-z,relro,-z,now -pie $(LDFLAGS_$(MODE))

SRC_POSTERN := $(wildcard helpers/base/*.c helpers/protocol/*.c)
HELPERS := $(filter-out base protocol,$(patsubst helpers/%/,%,$(dir $(wildcard helpers/*/main.c))))
SRC_CONTROLLER := $(wildcard controller/*.c) $(foreach d,api state spec container image network volume resolver,$(wildcard controller/$(d)/*.c))
SRC_CLI := $(wildcard controller/cli/*.c)
obj = $(patsubst %.c,$(B)/obj/%.o,$(1))

LIB := $(B)/libpostern.a
LIB_CONTROLLER := $(B)/libcontroller.a
BINS := $(addprefix $(B)/bin/postern-,$(HELPERS)) \
	$(if $(wildcard controller/main.c),$(B)/bin/posternd) $(if $(wildcard controller/cli/main.c),$(B)/bin/postern)

LIBS_launcher := -lcjson -lm
LIBS_spawn := -lcjson -lm
LIBS_device := -lbpf -lelf -lz
LIBS_layer := -larchive -lcrypto
LIBS_audit := -lcrypto
# Not static: libarchive and libcrypto bring too much, Debian has no static cJSON.
STATIC_OF = $(if $(filter $(1),layer audit launcher spawn),,$(STATIC_$(MODE)))
LIBS_CONTROLLER := -luv -lhttp_parser -lsqlite3 -larchive -lcrypto -lseccomp -lcjson -lm -lpthread
LIBS_CLI := -lcjson -lcrypto -lm

.PHONY: all build deps install uninstall run stop check check-full lint asan fuzz bench clean
.DELETE_ON_ERROR:
.SECONDARY:
all: build
build: $(BINS)

$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIB): $(call obj,$(SRC_POSTERN))
	@rm -f $@; ar rcs $@ $^
$(LIB_CONTROLLER): $(call obj,$(filter-out controller/main.c,$(SRC_CONTROLLER)))
	@rm -f $@; ar rcs $@ $^

define helper_rule
$(B)/bin/postern-$(1): $(call obj,$(wildcard helpers/$(1)/*.c)) $(LIB)
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) $(call STATIC_OF,$(1)) -o $$@ $$^ $(LIBS_$(1))
endef
$(foreach h,$(HELPERS),$(eval $(call helper_rule,$(h))))

$(B)/bin/posternd: $(call obj,controller/main.c) $(LIB_CONTROLLER) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_CONTROLLER)
$(B)/bin/postern: $(call obj,$(SRC_CLI)) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_CLI)

# The device program: C for the kernel's BPF machine, built into postern-device as a skeleton.
$(B)/gen/device.bpf.o: bpf/device.bpf.c bpf/device.h
	@mkdir -p $(@D)
	clang -O2 -g -target bpf -I/usr/include/$(shell $(CC) -print-multiarch) -c -o $@ $<
$(B)/gen/device.skel.h: $(B)/gen/device.bpf.o
	bpftool gen skeleton $< name device_bpf > $@
$(call obj,$(wildcard helpers/device/*.c)): CPPFLAGS += -I$(B)/gen
$(call obj,$(wildcard helpers/device/*.c)): $(if $(wildcard bpf/device.bpf.c),$(B)/gen/device.skel.h)
$(B)/obj/helpers/launcher/main.o: CPPFLAGS += -DBUILD_ID='"$(BUILD_ID)"'

# Unit tests: one program per tests/unit/test_*.c, over the libraries.
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
$(B)/unit/%: $(B)/obj/tests/unit/%.o $(LIB_CONTROLLER) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcunit $(LIBS_CONTROLLER)
unit: $(UNIT)
.PHONY: unit

clean:
	rm -rf build

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
