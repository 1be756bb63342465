# Every target sets up its environment first. STACK=latest uses the newest TensorFlow in an environment of its own,
# STACK=jax adds JAX to that.

STACK ?= default
MODEL ?= NeXtVLAD
RUN ?= runs/$(MODEL)
FLAGS ?=
# Processes that share the tests, a file at a time.
JOBS ?= 2
TRAIN_DATA ?=
EVAL_DATA ?=
TEST_DATA ?= $(EVAL_DATA)
OUTPUT ?= $(RUN)/submission.csv
EXPORT ?= exports/$(notdir $(RUN))

# Of `make distill`: who teaches, how (a file of flags/distill/), and how many frames the student sees.
TEACHER ?=
SOFT_LABELS ?=
DISTILL ?= serial-k30
K ?=
STUDENT ?= $(if $(filter file,$(origin RUN)),runs/$(STUDENT_NAME)$(if $(K),-k$(K))-$(firstword $(subst -, ,$(DISTILL))),$(RUN))

VENV := $(if $(filter default,$(STACK)),.venv,.venv-$(STACK))
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready

# The first Python that this stack supports; BASE_PYTHON=... chooses another.
BASE_PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)

# Without data of the user's own: the made sample, at the level that the model reads.
LEVEL := $(if $(filter Logistic MoE HiddenLayer%,$(MODEL)),video,frame)
SAMPLE := sample_data/$(LEVEL)/train0000.tfrecord
DATA := $(if $(TRAIN_DATA)$(EVAL_DATA)$(TEST_DATA),,$(SAMPLE))
DATA_FLAGS := $(if $(TRAIN_DATA)$(EVAL_DATA),,--flagfile=flags/data/sample_$(LEVEL).flags)
MODEL_FLAGS := $(if $(wildcard flags/models/$(MODEL).flags),--flagfile=flags/models/$(MODEL).flags,--model=$(MODEL))

# Of `make average`, `make quantize` and `make ensemble`.
HALF_LIFE ?= 2000
MEMBERS ?=
SEARCH_DATA ?=
SEARCH ?= $(if $(SEARCH_DATA),ascend,equal)
BUDGET ?= 1024

# Of `make size_constrained`: the records, and where they lie.
TABLE_DATA ?= synthetic
DATA_DIR ?=

# A student is of its teacher's family, unless MODEL says otherwise.
STUDENT_FLAGS = $(if $(or $(filter command,$(word 1,$(origin MODEL))),$(if $(TEACHER),,1)),$(MODEL_FLAGS))
comma := ,
STUDENT_NAME = $(if $(STUDENT_FLAGS),$(MODEL),$(notdir $(patsubst %/,%,$(firstword $(subst $(comma), ,$(TEACHER))))))

.PHONY: help setup demo sample train distill average quantize ensemble size_constrained eval inference export test test-tables test-benchmarks test-jax lint bench clean

help:  ## this list
	@grep -hE '^[a-z_-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z_-]+):.*## */\1|/' | awk -F'|' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: $(READY)  ## create .venv with pinned versions (STACK=latest: .venv-latest)

$(READY): setup.py requirements/$(STACK).txt
	@test -n "$(BASE_PYTHON)" || { echo "Python 3.11 or 3.12 is needed: install one, or name it: make BASE_PYTHON=/path/to/python3.12 ..."; exit 1; }
	$(BASE_PYTHON) -m venv --clear $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements/$(STACK).txt
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: $(READY)  ## the whole road on a made data set: records, training, evaluation, submission, export
	$(PYTHON) -m yt8m_distill.bin.demo $(FLAGS)

sample: $(SAMPLE)  ## write the made data set that train and eval use when no data is given

$(SAMPLE): | $(READY)
	$(PYTHON) -m tfrecords_tools.synthesize --flagfile=flags/data/synthesize_sample.flags --level=$(LEVEL) \
		--output_dir=sample_data/$(LEVEL) --split=validate --num_videos=500
	$(PYTHON) -m tfrecords_tools.synthesize --flagfile=flags/data/synthesize_sample.flags --level=$(LEVEL) \
		--output_dir=sample_data/$(LEVEL) --split=train --num_videos=2000

train: $(READY) $(DATA)  ## MODEL=NeXtVLAD TRAIN_DATA='data/train*.tfrecord' RUN=runs/NeXtVLAD FLAGS='--num_epochs=2'
	$(PYTHON) train.py $(MODEL_FLAGS) $(DATA_FLAGS) $(if $(TRAIN_DATA),--train_data_pattern='$(TRAIN_DATA)') \
		$(if $(EVAL_DATA),--eval_data_pattern='$(EVAL_DATA)') --train_dir=$(RUN) $(FLAGS)

distill: $(READY) $(DATA)  ## TEACHER=runs/NeXtVLAD MODEL=NeXtVLAD K=30 DISTILL=serial-k30 (or another of flags/distill/)
	$(PYTHON) -m yt8m_distill.bin.distill $(STUDENT_FLAGS) $(DATA_FLAGS) --flagfile=flags/distill/$(DISTILL).flags \
		$(if $(TEACHER),--teacher='$(TEACHER)') $(if $(SOFT_LABELS),--soft_labels='$(SOFT_LABELS)') \
		$(if $(K),--sampled_frames=$(K)) $(if $(TRAIN_DATA),--train_data_pattern='$(TRAIN_DATA)') \
		$(if $(EVAL_DATA),--eval_data_pattern='$(EVAL_DATA)') --train_dir=$(STUDENT) $(FLAGS)

average: $(READY) $(DATA)  ## RUN=runs/NeXtVLAD HALF_LIFE=2000 (empty: FLAGS has it): train on at a fifth of the rate, averaging, into RUN-ema
	$(PYTHON) train.py --ema_source=$(RUN) $(if $(HALF_LIFE),--ema_half_life=$(HALF_LIFE)) $(DATA_FLAGS) \
		$(if $(TRAIN_DATA),--train_data_pattern='$(TRAIN_DATA)') \
		$(if $(EVAL_DATA),--eval_data_pattern='$(EVAL_DATA)') $(FLAGS)

quantize: $(READY)  ## RUN=runs/NeXtVLAD EVAL_DATA='data/validate*.tfrecord': large weights in 8 bits, into RUN-8bit
	$(PYTHON) -m yt8m_distill.bin.quantize --checkpoint=$(RUN) --output_dir=$(patsubst %/,%,$(RUN))-8bit --overwrite \
		$(if $(EVAL_DATA),--eval_data_pattern='$(EVAL_DATA)') $(FLAGS)

ensemble: $(READY)  ## MEMBERS=runs/A,runs/B SEARCH_DATA='data/validate*.tfrecord' EXPORT=exports/ensemble BUDGET=1024
	$(PYTHON) -m yt8m_distill.bin.ensemble --members='$(MEMBERS)' --search=$(SEARCH) \
		$(if $(SEARCH_DATA),--search_data_pattern='$(SEARCH_DATA)') \
		--size_budget_mb=$(BUDGET) --output_dir=$(EXPORT) --overwrite $(FLAGS)

size_constrained: $(READY)  ## the size-constrained paper's whole road and its Tables 1-4: TABLE_DATA=audioset DATA_DIR=DIR
	$(PYTHON) -m yt8m_distill.bin.reproduce --data=$(TABLE_DATA) $(if $(DATA_DIR),--data_dir='$(DATA_DIR)') --seeds=0 \
		--table=size_constrained/1,size_constrained/2,size_constrained/3,size_constrained/4 $(FLAGS)

eval: $(READY) $(DATA)  ## RUN=runs/NeXtVLAD EVAL_DATA='data/validate*.tfrecord'
	$(PYTHON) eval.py --checkpoint=$(RUN) --eval_data_pattern='$(or $(EVAL_DATA),sample_data/$(LEVEL)/validate*.tfrecord)' $(FLAGS)

inference: $(READY) $(DATA)  ## RUN=runs/NeXtVLAD TEST_DATA='data/test*.tfrecord' OUTPUT=submission.csv
	$(PYTHON) inference.py --checkpoint=$(RUN) --input_data_pattern='$(or $(TEST_DATA),sample_data/$(LEVEL)/validate*.tfrecord)' --output_file=$(OUTPUT) $(FLAGS)

export: $(READY)  ## RUN=runs/NeXtVLAD EXPORT=exports/NeXtVLAD
	$(PYTHON) -m yt8m_distill.bin.export --checkpoint=$(RUN) --output_dir=$(EXPORT) --overwrite $(FLAGS)

test: $(READY)  ## the whole suite
	$(PYTHON) -m pytest -n $(JOBS) --dist loadfile $(FLAGS)

test-tables:  ## every table of the papers at its quick size
	$(MAKE) test FLAGS='-m tables tests/experiments'

test-benchmarks:  ## the smallest run of every benchmark
	$(MAKE) test FLAGS='-m benchmarks tests/benchmarks'

test-jax:  ## every model on JAX against TensorFlow, in .venv-jax
	$(MAKE) test STACK=jax FLAGS='tests/conformance/test_other_backends.py tests/benchmarks/test_model_step.py'

lint: $(READY)  ## ruff
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

bench: $(READY)  ## every benchmark that needs no trained run
	for script in $(filter-out benchmarks/quantization_methods.py,$(wildcard benchmarks/*.py)); do echo "== $$script"; $(PYTHON) $$script || exit 1; done

clean:  ## remove environments, the sample, caches (runs/ and exports/ stay)
	rm -rf .venv .venv-latest .venv-jax sample_data build *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
