# What `sam build` makes of each function and layer (samconfig.toml names this file): the sources, a layer's locked packages,
# and bytecode that is not checked against its source, made by the Python that runs it. Wheels are those of the functions'
# processor, whatever machine builds; nothing is compiled here.

PYTHON ?= python3.13
SHELL = /bin/sh
.SHELLFLAGS = -euc

PLATFORMS = --platform manylinux_2_28_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64
PIP = $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes \
	--only-binary=:all: $(PLATFORMS) --implementation cp --python-version 3.13
COMPILE = PYTHONHASHSEED=0 $(PYTHON) -m compileall -q -f --invalidation-mode unchecked-hash

build-%Layer:
	$(call check_python)
	mkdir -p "$(ARTIFACTS_DIR)/python"
	if [ -f requirements.txt ]; then $(PIP) --requirement requirements.txt --target "$(ARTIFACTS_DIR)/python"; fi
	$(call copy_sources,$(ARTIFACTS_DIR)/python)
	rm -rf "$(ARTIFACTS_DIR)/python/bin"
	# Of numpy alone 15 MB of what Lambda's limit leaves.
	find "$(ARTIFACTS_DIR)/python" -type d -name tests -prune -exec rm -rf '{}' +
	$(COMPILE) -s "$(ARTIFACTS_DIR)" -p /opt "$(ARTIFACTS_DIR)"

build-%:
	$(call check_python)
	$(call copy_sources,$(ARTIFACTS_DIR))
	$(COMPILE) -s "$(ARTIFACTS_DIR)" -p /var/task "$(ARTIFACTS_DIR)"

define check_python
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null \
	|| { echo "sam build needs Python 3.13, which the functions run on: put python3.13 on the PATH or set PYTHON." >&2; exit 1; }
endef

define copy_sources
find . -type f ! -path '*/__pycache__/*' ! -name 'requirements.*' ! -name Dockerfile -exec cp --parents '{}' "$(1)" ';'
endef
