# A worker of a study that many machines share; as many as are wanted run the same command:
#   docker build -f deploy/worker.Dockerfile -t champion-worker .
#   docker run -e MLFLOW_TRACKING_URI=http://mlflow.example.com:5000 \
#     -e CHAMPION_STORAGE=postgresql://user:password@db.example.com/studies \
#     champion-worker model=xgboost hydra.sweeper.study_name=prices
# Words after the image's name are those of `python src/train.py -m`. Ray is there too, for nodes of its cluster:
# `docker run --network host --entrypoint ray champion-worker start --block --address HEAD:6379`.
FROM python:3.11.14-slim-bookworm

# LightGBM's wheel takes OpenMP from the system; of Debian's stable release only security fixes change it.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home --uid 10001 champion
WORKDIR /app

# The libraries are a layer of their own, which changes to the code leave as it is. XGBoost loads NCCL only to train on
# several GPUs, and it takes half a gigabyte.
COPY pyproject.toml README.md LICENSE constraints.txt ./
RUN mkdir src \
    && pip install --no-cache-dir -e '.[lightgbm,catboost,postgresql,ray]' -c constraints.txt \
    && pip uninstall --yes nvidia-nccl-cu12
COPY conf ./conf
COPY src ./src

ENV CHAMPION_HOME=/home/champion \
    MLFLOW_DISABLE_TELEMETRY=true \
    PYTHONUNBUFFERED=1
USER 10001
# The address of the storage stays in the environment: a password has no place on a command line.
ENTRYPOINT ["python", "src/train.py", "-m", "tracking=server", "hydra.sweeper.storage=${oc.env:CHAMPION_STORAGE}"]
CMD ["--help"]
