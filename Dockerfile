# The commands `mocoi` and `python -m data_prep` with everything that they need.
#   CPU:   docker build --tag mocoi .
#   CUDA:  docker build --tag mocoi-cuda --build-arg TORCH=cu126 .     (any of https://download.pytorch.org/whl/)
#   Use:   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/work" --volume mocoi:/cache mocoi run nih_mse/train
#          With a GPU add: --gpus all --shm-size 8g
ARG PYTHON=3.11
FROM python:${PYTHON}-slim

ARG TORCH=cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1
WORKDIR /source
COPY constraints.txt ./
RUN pip install --constraint constraints.txt --index-url "https://download.pytorch.org/whl/${TORCH}" torch
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE ./
COPY monai_mocoi monai_mocoi
COPY data_prep data_prep
COPY bundles bundles
RUN pip install --constraint constraints.txt ".[dicom]" && rm -rf /source

# Any user of the host may run it: what it keeps (demo data, decoded images, the key of fingerprints) goes to /cache.
RUN mkdir --mode 1777 /cache
ENV HOME=/cache MONAI_MOCOI_CACHE=/cache/monai_mocoi
WORKDIR /work
ENTRYPOINT ["mocoi"]
CMD ["--help"]
