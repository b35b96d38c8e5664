# Every task of the project. Each installs what it needs into .venv; a machine needs only
# Python 3.11 or newer, make and compilers.

PYTHON ?= python3
DATA ?= data/qm9.npz
RUNS ?= runs
OUT ?= proto
MODELS := server/atomlens/server/models
export OMP_NUM_THREADS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
PROTO_VENV := .venv-proto
PROTOS := $(sort $(wildcard proto/atomlens/v1/*.proto))
SERVICES := $(filter %_service.proto,$(PROTOS))

.PHONY: help demo test check proto train export clean

help:  ## list the tasks
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo: $(VENV)/.demo  ## explain aspirin with the bundled models
	$(BIN)/atomlens explain examples/aspirin.xyz --format table

test: $(VENV)/.test $(PROTO_VENV)/.done  ## run all tests
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.check $(PROTO_VENV)/.done  ## lint and type-check everything
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(call protoc,--include_imports --include_source_info --descriptor_set_out=$(PROTO_VENV)/image.binpb,$(PROTOS))
	$(BIN)/buf lint $(PROTO_VENV)/image.binpb --config buf.yaml

proto: $(PROTO_VENV)/.done  ## regenerate the code beside the .proto files (OUT: another directory)
	$(call protoc,--python_out=$(OUT) --mypy_out=quiet:$(OUT),$(PROTOS))
	$(call protoc,--grpc_python_out=$(OUT) --mypy_grpc_out=quiet:$(OUT),$(SERVICES))

# The bundled models are trained on QM9 (Ramakrishnan et al. 2014) in the layout that README.md describes.
REFERENCES := H=-13.61312172,C=-1029.86312267,N=-1485.30251237,O=-2042.61123593
ENERGY := --head energy --label u0_eV --references $(REFERENCES)
DIPOLE := --head charge --label dipole_magnitude_eA
SCHNET := --family schnet
BPNN := --family bpnn --learning-rate 2e-3
TRAIN = $(BIN)/atomlens train $(DATA) --resume --run $(RUNS)

train: $(VENV)/.test  ## train the bundled models again (DATA=data/qm9.npz), a little over two hours on one core
	$(TRAIN)/schnet-qm9-energy $(SCHNET) $(ENERGY) --epochs 30
	$(TRAIN)/schnet-qm9-dipole $(SCHNET) $(DIPOLE) --epochs 24
	$(TRAIN)/bpnn-qm9-energy $(BPNN) $(ENERGY) --epochs 60 --batch-size 64
	$(TRAIN)/bpnn-qm9-dipole $(BPNN) $(DIPOLE) --epochs 45 --hidden 128,128

QM9 := --data 'QM9 without its fluorine molecules, B3LYP/6-31G(2df,p), 10.6084/m9.figshare.c.978904' \
	--data-licence CC0-1.0 --licence MIT \
	--citation 'Ramakrishnan, Dral, Rupp, von Lilienfeld, Scientific Data 1, 140022 (2014)' \
	--limit 'No fluorine, though QM9 has it: those molecules were not in the training data.' \
	--limit 'Small molecules in their equilibrium geometries; other geometries are extrapolation.'

export: $(VENV)/.test  ## turn finished runs into the next versions of the bundled models
	for checkpoint in $(wildcard $(RUNS)/*/best.pt); do \
		$(BIN)/atomlens export $$checkpoint -o $(MODELS) $(QM9) || exit 1; done

clean:  ## remove what the tasks installed
	rm -rf $(VENV) $(PROTO_VENV) dist

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) --editable '.[server,report]'
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(PIP) --editable '.[server,report,export,test]'
	touch $@

$(VENV)/.check: $(VENV)/.test
	$(PIP) --editable '.[check]'
	touch $@

$(PROTO_VENV)/.done: pyproject.toml
	$(PYTHON) -m venv $(PROTO_VENV)
	$(PROTO_VENV)/bin/pip install --quiet --disable-pip-version-check grpcio-tools==1.81.1 mypy-protobuf==5.1.0 \
		googleapis-common-protos==1.76.0 setuptools==80.9.0
	touch $@

# google/rpc/status.proto comes with googleapis-common-protos.
protoc = PATH=$(PROTO_VENV)/bin:$$PATH $(PROTO_VENV)/bin/python -W ignore -m grpc_tools.protoc -Iproto \
	-I$$($(PROTO_VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') $(1) $(2)
