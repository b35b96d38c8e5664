# Every task of the project. Each installs what it needs into .venv; a machine needs only
# Python 3.11 or newer, make and compilers.

PYTHON ?= python3
DATA ?= data
RUNS ?= runs
OUT ?= proto
MODELS := server/atomlens/server/models
CHECKPOINTS := checkpoints
export OMP_NUM_THREADS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
PROTO_VENV := .venv-proto
JAVASCRIPT := examples/javascript
PROTOS := $(sort $(wildcard proto/atomlens/v1/*.proto))
SERVICES := $(filter %_service.proto,$(PROTOS))
OPEN_INFERENCE := proto/atomlens/open_inference/open_inference.proto

.PHONY: help demo test check audit proto train dashboards export study bench k8s container-test soak fuzz clean

help:  ## list the tasks
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo: $(VENV)/.demo  ## explain aspirin with the bundled models
	$(BIN)/atomlens explain examples/aspirin.xyz --format table

test: $(VENV)/.test $(PROTO_VENV)/.done $(VENV)/.browser $(JAVASCRIPT)/node_modules/.done  ## run all tests
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.check $(PROTO_VENV)/.done  ## lint and type-check everything
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(call protoc,--include_imports --include_source_info --descriptor_set_out=$(PROTO_VENV)/image.binpb,$(PROTOS))
	$(BIN)/buf lint $(PROTO_VENV)/image.binpb --config buf.yaml

# Asked of a database that it does not reach, pip-audit skips every package and finds nothing. So it is asked first of
# a release that has well-known holes, and then of all that is installed, of which it may skip nothing.
AUDIT = $(VENV)-audit/bin/pip-audit --strict --no-deps --disable-pip --progress-spinner off
KNOWN_TO_BE_VULNERABLE := jinja2==2.4.1
audit: $(VENV)/.test $(VENV)-audit/.done  ## look up what is installed in a database of known vulnerabilities (needs the network)
	echo '$(KNOWN_TO_BE_VULNERABLE)' > $(VENV)-audit/known.txt
	@$(AUDIT) --requirement $(VENV)-audit/known.txt 2> $(VENV)-audit/log | grep -qE 'PYSEC|GHSA|CVE' || { \
		tail -n 3 $(VENV)-audit/log; echo 'audit: the database of vulnerabilities cannot be asked: NOTHING WAS AUDITED'; exit 1; }
	$(BIN)/pip freeze --exclude-editable | sed 's/+[^ ]*$$//' > $(VENV)-audit/installed.txt
	$(AUDIT) --requirement $(VENV)-audit/installed.txt

proto: $(PROTO_VENV)/.done  ## regenerate the code beside the .proto files (OUT: another directory)
	$(call protoc,--python_out=$(OUT) --mypy_out=quiet:$(OUT),$(PROTOS))
	$(call protoc,--grpc_python_out=$(OUT) --mypy_grpc_out=quiet:$(OUT),$(SERVICES))
	$(call protoc,--python_out=$(OUT) --mypy_out=quiet:$(OUT) --grpc_python_out=$(OUT) --mypy_grpc_out=quiet:$(OUT),$(OPEN_INFERENCE))
	sed 's/_descriptor_pool.Default()/_descriptor_pool.DescriptorPool()/' $(OUT)/$(OPEN_INFERENCE:proto/%.proto=%)_pb2.py > $(OUT)/own_pool
	mv $(OUT)/own_pool $(OUT)/$(OPEN_INFERENCE:proto/%.proto=%)_pb2.py  # clients of other servers have messages of the same names

dashboards: $(VENV)/.demo  ## make the dashboard and the alert rules in ops/ and docs/metrics.md anew, of the table of metrics
	$(BIN)/python -m ops

# The bundled models are trained on QM9 (Ramakrishnan et al. 2014) and on the Materials Project (Jain et al. 2013),
# in the layout that README.md describes: qm9.npz and materials_project.npz in DATA.
REFERENCES := H=-13.61312172,C=-1029.86312267,N=-1485.30251237,O=-2042.61123593
ENERGY := --head energy --label u0_eV --references $(REFERENCES)
DIPOLE := --head charge --label dipole_magnitude_eA
EXTENT := --head extent --label r2_A2
FORMATION := --head intensive --label formation_energy_eV_per_atom
SCHNET := --family schnet
BPNN := --family bpnn --learning-rate 2e-3
# train NAME, FILE, FLAGS: a run that goes on where it was left, and what it leaves to `make export`.
train = $(BIN)/atomlens train $(DATA)/$(2) --resume --run $(RUNS)/$(1) $(3) && \
	mkdir -p $(CHECKPOINTS) && cp $(RUNS)/$(1)/best.pt $(CHECKPOINTS)/$(1).pt

train: $(VENV)/.test  ## train the bundled models again (DATA: a directory with the files), about four and a half hours on one core
	$(call train,schnet-qm9-energy,qm9.npz,$(SCHNET) $(ENERGY) --epochs 30)
	$(call train,schnet-qm9-dipole,qm9.npz,$(SCHNET) $(DIPOLE) --epochs 24)
	$(call train,schnet-qm9-extent,qm9.npz,$(SCHNET) $(EXTENT) --epochs 24)
	$(call train,bpnn-qm9-energy,qm9.npz,$(BPNN) $(ENERGY) --epochs 60 --batch-size 64)
	$(call train,bpnn-qm9-dipole,qm9.npz,$(BPNN) $(DIPOLE) --epochs 45 --hidden 128,128)
	$(call train,schnet-mp-formation,materials_project.npz,$(SCHNET) $(FORMATION) --embedding-scale 0.125 --epochs 36)

LICENCE := --licence MIT
QM9 := $(LICENCE) --data 'QM9 without its fluorine molecules, B3LYP/6-31G(2df,p), 10.6084/m9.figshare.c.978904' \
	--data-licence CC0-1.0 \
	--citation 'Ramakrishnan, Dral, Rupp, von Lilienfeld, Scientific Data 1, 140022 (2014)' \
	--limit 'No fluorine, though QM9 has it: those molecules were not in the training data.' \
	--limit 'Small molecules in their equilibrium geometries; other geometries are extrapolation.'
CRYSTALS := $(LICENCE) --data 'Materials Project, 49,149 crystals, materialsproject.org' \
	--data-licence CC-BY-4.0 \
	--citation 'Jain et al., APL Materials 1, 011002 (2013)' \
	--limit 'Crystals near their equilibrium; molecules, surfaces and other geometries are extrapolation.' \
	--limit 'Cells and energies are of different database releases, lengths differ by about 0.5 %: no benchmark.'
export = for checkpoint in $(CHECKPOINTS)/$(1); do \
		$(BIN)/atomlens export $$checkpoint -o $(MODELS) $(2) || exit 1; done

export: $(VENV)/.test  ## turn the checkpoints into the next versions of the bundled models
	$(call export,*-qm9-*.pt,$(QM9))
	$(call export,*-mp-*.pt,$(CRYSTALS))

study: $(VENV)/.test  ## study the bundled models on qm9.npz, qm9_mp2.npz and materials_project.npz in DATA
	$(BIN)/atomlens study $(addprefix $(DATA)/,qm9.npz qm9_mp2.npz materials_project.npz) -o study.html

# Peers have environments of their own. One that cannot be installed is named in the results, with the reason.
# SchNetPack asks for a torch that comes with 3 GB of CUDA. Triton's Python is linked with the system's, and must find
# the standard library of the same: hence Debian's python3 where there is one.
PROVIDER ?= cpu
TRITON_PYTHON ?= $(or $(wildcard /usr/bin/python3),$(PYTHON))
bench: $(VENV)/.test $(VENV)-schnetpack/.done $(VENV)-triton/.done  ## measure everything against its peers (DATA: a directory with qm9.npz; PROVIDER), some ten minutes
	$(BIN)/python -m benchmarks --data $(DATA)/qm9.npz --provider $(PROVIDER) $(ARGS)

# KUBECTL: 1.20 and 1.32 render the same. What it renders is committed, and tested whether there is a kubectl or not.
KUBECTL ?= kubectl
k8s:  ## render the Kubernetes overlays into k8s/rendered
	for overlay in k8s/overlays/*; do \
		$(KUBECTL) kustomize $$overlay > k8s/rendered/$$(basename $$overlay).yaml || exit 1; done

# ENGINE: podman or docker, else the first that answers; IMAGE: one that is built already; GPU=1: the image with CUDA too, gigabytes.
# BUILD_FLAGS and RUN_FLAGS are the engine's own, for machines that need them.
container-test: $(VENV)/.test  ## build the images and run the one for CPUs as hardened as it goes (podman or docker)
	$(BIN)/python -m pytest container $(ARGS)

MINUTES ?= 10
soak: $(VENV)/.test  ## ask a server for random things (MINUTES, 10 if not given) and see that its memory stays flat
	$(BIN)/python -m tests.faults.soak --minutes $(MINUTES)

fuzz: $(VENV)/.fuzz  ## feed whatever reads messages with broken ones, a minute each (ARGS: --seconds, names of targets)
	$(BIN)/python -m tests.fuzz $(ARGS)

clean:  ## remove what the tasks installed
	rm -rf $(VENV) $(VENV)-audit $(VENV)-schnetpack $(VENV)-triton $(PROTO_VENV) dist

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) --editable '.[server,report]'
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(PIP) --editable '.[server,trace,report,export,study,test]'
	touch $@

$(VENV)/.check: $(VENV)/.test
	$(PIP) --editable '.[check]'
	touch $@

# Without atheris, which few platforms have, inputs are mutated by chance.
$(VENV)/.fuzz: $(VENV)/.test
	$(PIP) --editable '.[fuzz]' || echo 'atheris cannot be installed'
	touch $@

# Tests of pages open them in Chromium. Debian's is installed where it is missing and may be; elsewhere they are skipped.
$(VENV)/.browser: $(VENV)/.made
	command -v chromium || command -v chromium-browser || command -v google-chrome || { test "$$(id -u)" = 0 && command -v apt-get && apt-get -qq update && \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends --yes chromium; } || \
		echo 'no Chromium: tests of pages are skipped'
	touch $@

$(VENV)-audit/.done:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	touch $@

# Node and npm come with the test environment.
$(JAVASCRIPT)/node_modules/.done: $(VENV)/.test $(JAVASCRIPT)/package-lock.json
	cd $(JAVASCRIPT) && PATH=$(abspath $(BIN)):$$PATH npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

$(VENV)-schnetpack/.done:
	mkdir -p $(@D)
	{ $(PYTHON) -m venv $(@D) && $(@D)/bin/pip install --quiet --disable-pip-version-check schnetpack==2.1.1; } || \
		echo 'SchNetPack cannot be installed'
	touch $@

$(VENV)-triton/.done:
	mkdir -p $(@D)
	{ $(TRITON_PYTHON) -m venv $(@D) && $(@D)/bin/pip install --quiet --disable-pip-version-check nvidia-pytriton==0.7.0 tritonclient==2.73.0 \
		onnxruntime==1.23.2; } || echo 'Triton cannot be installed'
	touch $@

$(PROTO_VENV)/.done: pyproject.toml
	$(PYTHON) -m venv $(PROTO_VENV)
	$(PROTO_VENV)/bin/pip install --quiet --disable-pip-version-check grpcio-tools==1.81.1 mypy-protobuf==5.1.0 \
		googleapis-common-protos==1.76.0 setuptools==80.9.0
	touch $@

# google/rpc/status.proto comes with googleapis-common-protos.
protoc = PATH=$(PROTO_VENV)/bin:$$PATH $(PROTO_VENV)/bin/python -W ignore -m grpc_tools.protoc -Iproto \
	-I$$($(PROTO_VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') $(1) $(2)
