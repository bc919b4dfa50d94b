# Postern: see README.md. `make run` and `make check` are the two commands; the rest:
#   deps build install run stop lint asan fuzz bench vm check-full clean
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
# mount and lookup start in a mount namespace without libraries: they are static. The others share the C library's pages.
STATIC_release := -static-pie
CPPFLAGS += -D_GNU_SOURCE
CFLAGS += -std=gnu17 -g -fPIE -ffunction-sections -fdata-sections $(WARN) $(CFLAGS_$(MODE)) $(WERROR)
LDFLAGS += -Wl,-z,relro,-z,now -Wl,--gc-sections -Wl,--as-needed -pie $(LDFLAGS_$(MODE))

SRC_POSTERN := $(wildcard helpers/base/*.c helpers/protocol/*.c helpers/net/*.c helpers/shared/*.c)
HELPERS := $(filter-out base protocol,$(patsubst helpers/%/,%,$(dir $(wildcard helpers/*/main.c))))
SRC_CONTROLLER := $(wildcard controller/*.c) $(foreach d,api state spec container image network volume,$(wildcard controller/$(d)/*.c))
SRC_CLI := $(wildcard controller/cli/*.c)
obj = $(patsubst %.c,$(B)/obj/%.o,$(1))

# Named, not in the library: nothing asks for what it defines.
ASAN := $(if $(filter asan,$(MODE)),$(call obj,tests/asan.c))

LIB := $(B)/libpostern.a
LIB_CONTROLLER := $(B)/libcontroller.a
BINS := $(addprefix $(B)/bin/postern-,$(HELPERS)) \
	$(if $(wildcard controller/main.c),$(B)/bin/posternd) $(if $(wildcard controller/cli/main.c),$(B)/bin/postern)

LIBS_policy := -lcjson -lm
LIBS_spawn := -lcjson -lm
LIBS_veth := -lnl-3
LIBS_forward := -lnl-3
LIBS_netns := -lnl-3 -lnftnl -lmnl
# Of libresolv only its parser of messages, which its library has and libc has not.
LIBS_resolver := -l:libresolv.a
# libnftables it loads at its start, and lets go of (table.c).
LIBS_firewall := -lnl-3 -lnftnl -lmnl
LIBS_device := -lbpf -lelf -lz
# Of libarchive only what is used: its shared library brings ICU and libxml2, 3 MB in every program.
# SHA-256 alone, without the memory that libcrypto takes in each program.
NETTLE := -l:libnettle.a
LIBARCHIVE := -l:libarchive.a -lz -l:libzstd.so.1 -l:liblzma.so.5
LIBS_layer := $(LIBARCHIVE) $(NETTLE)
LIBS_audit := $(NETTLE)
STATIC_OF = $(if $(filter $(1),mount lookup),$(STATIC_$(MODE)))
LIBS_CONTROLLER := -luv -lhttp_parser -lsqlite3 $(LIBARCHIVE) $(NETTLE) -lseccomp -lcjson -lm -lpthread
LIBS_CLI := -lcjson $(NETTLE) -lm

.PHONY: all build deps install uninstall run stop check check-full lint asan fuzz bench clean
.DELETE_ON_ERROR:
.SECONDARY:
all: build
build: $(BINS)

$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Made aside and renamed: another make in the same tree never sees half of one.
$(LIB): $(call obj,$(SRC_POSTERN))
	@rm -f $@.new; ar rcs $@.new $^ && mv $@.new $@
$(LIB_CONTROLLER): $(call obj,$(filter-out controller/main.c,$(SRC_CONTROLLER)))
	@rm -f $@.new; ar rcs $@.new $^ && mv $@.new $@
$(B)/obj/controller/spec/default_profile.o: policy/seccomp/default.json

define helper_rule
$(B)/bin/postern-$(1): $(call obj,$(wildcard helpers/$(1)/*.c)) $(ASAN) $(LIB)
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) $(call STATIC_OF,$(1)) -o $$@ $$^ $(LIBS_$(1))
endef
$(foreach h,$(HELPERS),$(eval $(call helper_rule,$(h))))

$(B)/bin/posternd: $(call obj,controller/main.c) $(ASAN) $(LIB_CONTROLLER) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_CONTROLLER)
$(B)/bin/postern: $(call obj,$(SRC_CLI) controller/network/ipam.c) $(ASAN) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_CLI)

# Copies of what makes networks that end at the step that a test names (tests/fault.c).
comma := ,
FAULTY := netns veth firewall ports resolver
FAULTY_LDFLAGS := $(addprefix -Wl$(comma)--wrap=,audit_outcome netlink_ask mnl_socket_sendto bind frame_send frame_receive call_decode \
	$(addprefix state_,endpoint_put endpoint_delete network_insert network_update network_delete))
define faulty_rule
$(B)/faulty/postern-$(1): $(call obj,$(wildcard helpers/$(1)/*.c) tests/fault.c) $(LIB)
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS) $$(FAULTY_LDFLAGS) -o $$@ $$^ $(LIBS_$(1))
endef
$(foreach h,$(FAULTY),$(eval $(call faulty_rule,$(h))))
$(B)/faulty/posternd: $(call obj,controller/main.c tests/fault.c) $(LIB_CONTROLLER) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(FAULTY_LDFLAGS) -o $@ $^ $(LIBS_CONTROLLER)
faulty: $(addprefix $(B)/faulty/postern-,$(FAULTY)) $(B)/faulty/posternd
.PHONY: faulty

# The device program: C for the kernel's BPF machine, built into postern-device as a skeleton.
$(B)/gen/device.bpf.o: bpf/device.bpf.c bpf/device.h
	@mkdir -p $(@D)
	clang -O2 -g -target bpf -I/usr/include/$(shell $(CC) -print-multiarch) -c -o $@ $<
$(B)/gen/device.skel.h: $(B)/gen/device.bpf.o
	bpftool gen skeleton $< name device_bpf > $@
$(call obj,$(wildcard helpers/device/*.c)): CPPFLAGS += -I$(B)/gen
$(call obj,$(wildcard helpers/device/*.c)): $(if $(wildcard bpf/device.bpf.c),$(B)/gen/device.skel.h)
$(call obj,$(wildcard helpers/net/*.c helpers/veth/*.c helpers/netns/*.c helpers/firewall/*.c helpers/forward/*.c)): CPPFLAGS += -I/usr/include/libnl3
$(B)/obj/helpers/launcher/policy.o: CPPFLAGS += -DBUILD_ID='"$(BUILD_ID)"'

# Unit tests: one program per tests/unit/test_*.c, over the libraries. They also write archives: libarchive whole.
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
$(B)/unit/%: $(B)/obj/tests/unit/%.o $(LIB_CONTROLLER) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcunit -larchive $(LIBS_CONTROLLER)
$(B)/unit/test_layer $(B)/unit/test_copy: $(call obj,$(filter-out %/main.c %/jobs.c,$(wildcard helpers/layer/*.c)))
$(B)/unit/test_forward: $(call obj,$(filter-out %/main.c,$(wildcard helpers/forward/*.c)))
$(B)/unit/test_resolver: $(call obj,$(addprefix helpers/resolver/,ask.c message.c names.c))
$(B)/unit/test_resolver: LIBS_CONTROLLER += $(LIBS_resolver)
unit: $(UNIT)
.PHONY: unit

# --- what is installed by name when it is missing ---------------------------------------------------------------
DEPS_BUILD := gcc make clang llvm bpftool libbpf-dev libelf-dev zlib1g-dev libuv1-dev libhttp-parser-dev libsqlite3-dev \
	libarchive-dev libseccomp-dev libcjson-dev uthash-dev libnl-3-dev libnftables-dev libnftnl-dev libmnl-dev nettle-dev linux-libc-dev
DEPS_CHECK := libcunit1-dev libclang-rt-14-dev busybox-static jq curl strace procps iproute2 util-linux e2fsprogs python3-docker openssh-client \
	podman buildah skopeo umoci zstd docker-compose \
	uidmap libcap2-bin passt slirp4netns zsh fish man-db
DEPS_CHECK += $(if $(shell command -v npm),,nodejs npm) # those that are there may be newer than Debian's
DEPS_LINT := clang-tidy cppcheck
# Peers; nothing of them starts by itself.
DEPS_BENCH := podman fuse-overlayfs bubblewrap debootstrap
DEPS_VM := qemu-system-x86 mmdebstrap cpio e2fsprogs
# Docker's client of Debian, unpacked below build/ only: installing it would start its daemon.
DEBS := docker.io containerd runc crun openssh-server libwrap0
missing = $(shell for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done)
# Who may not install is told what root would run.
define install_missing
	@m='$(call missing,$(1))'; if [ -n "$$m" ]; then \
		if [ -n "$(SUDO)" ] && ! sudo -n true 2>/dev/null; then \
			echo "packages are missing; root would run: apt-get install --no-install-recommends" $$m >&2; exit 1; fi; \
		echo "installing: $$m"; \
		$(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$m >/dev/null; fi
endef
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
deps:
	$(call install_missing,$(DEPS_BUILD))
deps-check: deps
	$(call install_missing,$(DEPS_CHECK))
	@tests/debs build/debs $(DEBS)
deps-lint: deps
	$(call install_missing,$(DEPS_LINT))
.PHONY: deps-check deps-lint unit all-unit

install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBEXEC) $(DESTDIR)/etc/postern
	install -m 755 $(B)/bin/postern $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(filter-out $(B)/bin/postern,$(BINS)) $(DESTDIR)$(LIBEXEC)/
	install -m 644 policy/user.json $(DESTDIR)$(LIBEXEC)/user.json
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,man/man1 man/man5 man/man7 man/man8 bash-completion/completions zsh/site-functions fish/vendor_completions.d)
	$(B)/bin/postern __man >$(DESTDIR)$(PREFIX)/share/man/man1/postern.1
	$(B)/bin/postern protocol --man >$(DESTDIR)$(PREFIX)/share/man/man7/postern-protocol.7
	install -m 644 controller/cli/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 644 controller/cli/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	$(B)/bin/postern completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/postern
	$(B)/bin/postern completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_postern
	$(B)/bin/postern completion fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/postern.fish
	[ -e $(DESTDIR)/etc/postern/policy.json ] || install -m 644 policy/default.json $(DESTDIR)/etc/postern/policy.json
uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/,man/man1/postern.1 man/man7/postern-protocol.7 man/man5/postern-policy.5 man/man5/posternd.json.5 \
		man/man8/posternd.8 bash-completion/completions/postern zsh/site-functions/_postern fish/vendor_completions.d/postern.fish)
	rm -rf $(DESTDIR)$(LIBEXEC) $(DESTDIR)$(PREFIX)/bin/postern
	@! cmp -s policy/default.json $(DESTDIR)/etc/postern/policy.json || rm -f $(DESTDIR)/etc/postern/policy.json
	@[ ! -e $(DESTDIR)/etc/postern/policy.json ] || echo "kept, since it is not as installed: $(DESTDIR)/etc/postern/policy.json"
	@rmdir $(DESTDIR)/etc/postern 2>/dev/null || true

# As root an engine of root's, as an ordinary user one of that user's.
run: deps
	$(call install_missing,busybox-static)
	@$(MAKE) --no-print-directory -s -j2 build
	@tests/demo run
stop:
	@tests/demo stop

check: deps-check
	@$(MAKE) --no-print-directory -s -j2 build unit hostile faulty
	@$(MAKE) --no-print-directory -s fuzz-build
	@$(SUDO) tests/run
check-full: check full lint asan fuzz bench vm
# What takes minutes at first: a Debian is made by debootstrap, and kept below build/images.
full: deps-check
	$(call install_missing,debootstrap)
	@$(MAKE) --no-print-directory -s -j2 build faulty
	@$(SUDO) tests/run full
.PHONY: full

# Without seccomp (the sanitizer's calls are not ours to list), so rows.sh is not among them. mount and lookup run where
# there is no library: theirs are the ordinary ones here, and their code is under the sanitizer in the unit tests.
asan: deps-check
	@$(MAKE) --no-print-directory -s -j2 MODE=asan build unit
	@$(MAKE) --no-print-directory -s -j2 build && cp build/bin/postern-mount build/bin/postern-lookup build/asan/bin/
	@$(SUDO) env UNIT=build/asan/unit ASAN_OPTIONS=detect_leaks=1 tests/run unit
	@$(SUDO) env POSTERN_BIN=$(CURDIR)/build/asan/bin tests/run $(addprefix tests/integration/,client.sh options.sh isolation.sh audit.sh python.sh network.sh network-user.sh network-user-crash.sh network-races.sh api-network.sh) residue

# One harness a file; libFuzzer with clang, over the code that the programs run.
FUZZ := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz-build:
	@$(MAKE) --no-print-directory -s -j2 MODE=fuzz CC=clang fuzzers
fuzzers: $(patsubst tests/fuzz/%.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
$(B)/fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o $(LIB_CONTROLLER) $(LIB)
	clang -fsanitize=fuzzer $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS_CONTROLLER)
$(B)/fuzz_layer: $(call obj,$(filter-out %/main.c %/jobs.c,$(wildcard helpers/layer/*.c)))
$(B)/fuzz_resolver: $(call obj,$(addprefix helpers/resolver/,ask.c message.c names.c))
$(B)/fuzz_resolver: LIBS_CONTROLLER += $(LIBS_resolver)
fuzz: deps-check fuzz-build
	@FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) tests/fuzz/run
.PHONY: fuzz-build fuzzers

bench: deps-check
	$(call install_missing,$(DEPS_BENCH))
	@$(MAKE) --no-print-directory -s -j2 build $(B)/bench-controller/posternd
	@$(SUDO) tests/bench/run

# Debian's own kernel, with systemd and cgroups of version 2 alone.
vm: deps-check
	$(call install_missing,$(DEPS_VM))
	@$(MAKE) --no-print-directory -s -j2 build
	@$(SUDO) tests/run vm
.PHONY: vm

lint: deps-lint
	@tests/lint

clean:
	@[ ! -e build/engine ] || tests/demo stop
	rm -rf build

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# The taken-over controller of tests/hostile, in a directory of programs of its own.
HOSTILE := $(B)/hostile/posternd
hostile: $(HOSTILE)
$(HOSTILE): $(call obj,$(wildcard tests/hostile/*.c)) $(LIB) $(BINS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^)
	@for b in $(filter-out $(B)/bin/posternd,$(BINS)); do ln -sf ../bin/$$(basename $$b) $(@D)/; done
# The measuring controller of tests/bench, likewise.
$(B)/bench-controller/posternd: $(call obj,tests/bench/calls.c tests/hostile/controller.c) $(LIB) $(BINS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^)
	@for b in $(filter-out $(B)/bin/posternd,$(BINS)); do ln -sf ../bin/$$(basename $$b) $(@D)/; done
# A taken-over spawn beside the real others.
$(B)/hostile-spawn/postern-spawn: $(call obj,$(wildcard tests/hostile/spawn/*.c)) $(LIB) $(BINS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^)
	@for b in $(filter-out $(B)/bin/postern-spawn,$(BINS)); do ln -sf ../bin/$$(basename $$b) $(@D)/; done
hostile: $(B)/hostile-spawn/postern-spawn
# What a hostile image holds: alone in its root, so static; its loader comes without even a C library.
$(B)/hostile-container/attack: $(call obj,tests/hostile/container/main.c)
	@mkdir -p $(@D)
	$(CC) $(filter-out -pie,$(LDFLAGS)) -static-pie -o $@ $^
$(B)/hostile-container/interp: tests/hostile/container/interp.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 $(WARN) -fPIE -fno-stack-protector -nostdlib -static-pie -o $@ $<
hostile: $(B)/hostile-container/attack $(B)/hostile-container/interp
.PHONY: hostile
