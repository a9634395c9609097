# Installing: what goes where, the files by which pkg-config and CMake find it, and the reference.

SHAREDIR ?= $(PREFIX)/share
MANDIR ?= $(SHAREDIR)/man
DOCDIR ?= $(SHAREDIR)/doc/libtensor

# They are written into what finds the library, from wherever it is asked. A shell leaves the ~ of PREFIX=~/x as
# it is; DESTDIR may be relative, and a PREFIX without a letter is the root.
ABSOLUTE = $(filter /%,$(firstword $($(1))))
WANTED = $(1)=$($(1)) is no absolute path$(if $($(1)),: $(1)="$(if $(filter ~/%,$(firstword $($(1)))),$\
    $$HOME/$(patsubst ~/%,%,$($(1))),$$PWD/$($(1)))" is one)

# Double quotes of a shell do not hide the first of these; the others end a name for pkg-config or CMake, or in
# the lists of directories that programs look through. For make itself, $x is a variable without $(x).
IN_QUOTES := " ` \ $$
IN_LISTS := \# : ;
REFERENCE_BEGINS := $$( $${
UNEXPANDED = $(subst $(lastword $(REFERENCE_BEGINS)),,$(subst $(firstword $(REFERENCE_BEGINS)),,$(value $(1))))
TAKEN = $(strip $(foreach character,$(2),$(findstring $(character),$($(1)))) $(findstring $$,$(UNEXPANDED)))
define NEWLINE


endef
REFUSE = $(if $(findstring $(NEWLINE),$($(1))),$(error $(1) has a line break))$\
    $(if $(TAKEN),$(error $(1)=$(value $(1)) has a $(firstword $(TAKEN)): choose a name without any of $(2)))

ifneq ($(filter install uninstall install-mpi uninstall-mpi,$(MAKECMDGOALS)),)
$(foreach place,PREFIX LIBDIR INCLUDEDIR SHAREDIR MANDIR DOCDIR,\
    $(call REFUSE,$(place),$(IN_QUOTES) $(IN_LISTS)))$(call REFUSE,DESTDIR,$(IN_QUOTES))
$(foreach place,$(if $(PREFIX),PREFIX) $(if $(filter ~%,$(DESTDIR)),DESTDIR) LIBDIR INCLUDEDIR SHAREDIR MANDIR DOCDIR,\
    $(if $(call ABSOLUTE,$(place)),,$(error $(call WANTED,$(place)))))
endif

HEADERS := $(sort $(wildcard libtensor/include/tn/*.h))
DOCUMENTS := README.md LICENSE CHANGELOG.md SECURITY.md CONTRIBUTING.md
# With their pictures and the examples, and where their links find them.
PAGES := $(sort $(wildcard docs/*.md docs/*/*.md docs/*/*.png) tests/docs/README.md \
                $(filter-out %.pyc,$(shell find examples -type f)))
CMAKE_FILES := cmake/libtensor/libtensor-config.cmake cmake/libtensor/libtensor-config-version.cmake
# The OpenMP runtime of the compiler, for programs that link the static library.
OPENMP_LIB = $(if $(OPENMP),$(if $(findstring clang,$(shell $(CC) --version)),-lomp,-lgomp),-pthread)

# FILL,FOLDER,FILE: its template there, filled in, is for everybody to read below LIBDIR, as all else. On its way there it
# has a name of this process, as others may install at the same time.
FILLED = $(BUILD)/$(notdir $(2)).$$$$
define FILL
VERSION='$(VERSION)' SOVERSION='$(SOVERSION)' PREFIX="$(PREFIX)" LIBDIR="$(LIBDIR)" INCLUDEDIR="$(INCLUDEDIR)" \
    LIBS='$(LIBS) $(OPENMP_LIB)' MPI='$(MPI)' \
    awk -f libtensor/install/fill.awk $(1)/$(notdir $(2)).in >$(FILLED) && \
    install -m 644 $(FILLED) "$(DESTDIR)$(LIBDIR)/$(2)" && rm $(FILLED)
endef

# ---- the reference, from the headers: awk alone is needed -------------------------------------------------

REFERENCE := docs/reference
DESCRIBED := $(filter-out %/tn.h %/vector_math_real.h %/vector_math_wide.h,$(HEADERS)) libtensor/mpi/include/tn/mpi.h
PYTORCH := docs/coming-from-pytorch.md
PARTS := $(wildcard $(REFERENCE)/* $(REFERENCE)/examples/*.c) $(DESCRIBED)
# The day of the commit, which `git archive` has written into the file.
DATE = $(or $(shell sed '/Format/d' $(REFERENCE)/date),$(shell git log -1 --format=%cs 2>/dev/null))
DESCRIBE = awk -v out=$(@D) -v version=$(VERSION) -v date=$(DATE) -v examples=$(REFERENCE)/examples \
    -v overview=$(REFERENCE)/overview.txt -f $(REFERENCE)/parse.awk -f $(REFERENCE)/prose.awk

$(BUILD)/man/pages: $(PARTS)
	$(call SAY,MAN,$(@D))
	@rm -rf $(@D) && mkdir -p $(@D)/man3 $(@D)/man7
	$(Q)$(DESCRIBE) -f $(REFERENCE)/man.awk $(DESCRIBED)
	@touch $@

$(BUILD)/reference/index.html: $(PARTS) $(PYTORCH)
	$(call SAY,HTML,$(@D))
	@rm -rf $(@D) && mkdir -p $(@D)
	$(Q)$(DESCRIBE) -v pytorch=$(PYTORCH) -f $(REFERENCE)/html.awk $(DESCRIBED)
	@cp $(REFERENCE)/style.css $(REFERENCE)/search.js $(@D)

man: $(BUILD)/man/pages
reference: $(BUILD)/reference/index.html man

# ---- installing --------------------------------------------------------------------------------------------

# What it puts there, but for the shared library; and where it is listed. Of the reference it knows the names, since
# uninstall makes it anew where it is not there.
NAMES = sh libtensor/install/names.sh -- "$(LIBDIR)" libtensor.a pkgconfig/libtensor.pc $(CMAKE_FILES) \
    -- "$(INCLUDEDIR)" $(HEADERS:libtensor/include/%=%) \
    -- "$(DOCDIR)" $(DOCUMENTS) $(PAGES) $$(cd $(BUILD) && ls -d reference/*) \
    -- "$(MANDIR)" $$(cd $(BUILD)/man && ls -d man?/*)
LIST = $(DOCDIR)/libtensor.installed

# Those of a folder at once.
PAGE_FOLDERS = $(sort $(dir $(PAGES)))
INSTALL_PAGES = install -d "$(DESTDIR)$(DOCDIR)/$(folder)" && \
    install -m 644 $(foreach page,$(PAGES),$(if $(filter $(folder),$(dir $(page))),$(page))) "$(DESTDIR)$(DOCDIR)/$(folder)"

# An older version whose shared library stays beside this one is not touched.
install: lib man reference
	install -d "$(DESTDIR)$(INCLUDEDIR)/tn" "$(DESTDIR)$(LIBDIR)/pkgconfig" \
	    "$(DESTDIR)$(LIBDIR)/cmake/libtensor" "$(DESTDIR)$(DOCDIR)/reference" \
	    "$(DESTDIR)$(MANDIR)/man3" "$(DESTDIR)$(MANDIR)/man7"
	@$(NAMES) | sh libtensor/install/record.sh "$(DESTDIR)$(LIST)"
	install -m 644 $(HEADERS) "$(DESTDIR)$(INCLUDEDIR)/tn"
	install -m 644 $(STATIC) "$(DESTDIR)$(LIBDIR)"
	install -m 755 $(SHARED).$(VERSION) "$(DESTDIR)$(LIBDIR)"
	ln -sf libtensor.so.$(VERSION) "$(DESTDIR)$(LIBDIR)/libtensor.so.$(SOVERSION)"
	ln -sf libtensor.so.$(VERSION) "$(DESTDIR)$(LIBDIR)/libtensor.so"
	@$(call FILL,libtensor/install,pkgconfig/libtensor.pc)
	@$(foreach file,$(CMAKE_FILES),$(call FILL,libtensor/install,$(file)) &&) true
	install -m 644 $(DOCUMENTS) "$(DESTDIR)$(DOCDIR)"
	@$(foreach folder,$(PAGE_FOLDERS),$(INSTALL_PAGES) &&) true
	@for page in $(PAGES); do [ ! -x $$page ] || chmod 755 "$(DESTDIR)$(DOCDIR)/$$page" || exit 1; done
	install -m 644 $(BUILD)/reference/* "$(DESTDIR)$(DOCDIR)/reference"
	install -m 644 $(BUILD)/man/man3/* "$(DESTDIR)$(MANDIR)/man3"
	install -m 644 $(BUILD)/man/man7/* "$(DESTDIR)$(MANDIR)/man7"
	@sh libtensor/install/where.sh "$(LIBDIR)" "$(DESTDIR)" "$(MANDIR)"

# Takes away what this version put there, and the list says that earlier ones did; headers and the rest only if no
# other version came after it.
uninstall: man reference
	@$(NAMES) | sh libtensor/install/uninstall.sh libtensor $(VERSION) $(SOVERSION) "$(DESTDIR)" "$(LIBDIR)" "$(LIST)"

# The same bytes from the same commit. Debian's part is no part of it: it has versions of its own. A pipe to gzip
# would hide that git fails.
TAR = $(BUILD)/libtensor-$(VERSION).tar
dist:
	@git ls-files --error-unmatch Makefile >/dev/null 2>&1 || \
	    { echo "dist: $(CURDIR) is no checkout of git, whose last commit is packed"; exit 1; }
	@mkdir -p $(BUILD)
	git -c tar.umask=0022 archive --format=tar --prefix=libtensor-$(VERSION)/ HEAD -- . ':!debian' >$(TAR) && \
	    gzip -fn9 $(TAR) || { rm -f $(TAR) $(TAR).gz; exit 1; }
	@echo $(TAR).gz

# The tarball in another directory: is it whole, and does it pass its tests? GOAL=lib only builds it.
GOAL ?= check
distcheck:
	$(RUN)tests/install/dist.sh $(BUILD) $(VERSION) $(GOAL)

# What programs see of the library that they did not see before: make abi BASE=v0.1.0, or BASE=directory.
abi:
	$(if $(BASE),,$(error abi: BASE=the version to compare with, a tag, a commit or a directory))
	+@CC="$(CC)" tests/install/abi.sh $(BUILD) $(BASE)

# Debian's packages of the last commit, in $(BUILD)/deb, with what lintian says of them. The tests run, too,
# unless DEB_BUILD_OPTIONS has nocheck.
deb: dist
	BUILD=$(BUILD) VERSION=$(VERSION) tests/install/deb.sh

.PHONY: install uninstall dist distcheck abi deb man reference
