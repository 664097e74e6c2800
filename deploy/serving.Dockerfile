# The server of the champion that a team's MLflow server knows:
#   docker build -f deploy/serving.Dockerfile -t champion-serving .
#   docker run -p 5001:5001 -e MLFLOW_TRACKING_URI=http://mlflow.example.com:5000 -e CHAMPION_TOKEN champion-serving
# Without CHAMPION_TOKEN whoever reaches the port is answered. Options of serve.py and lines of conf/serving.yaml follow
# the image's name, as in `champion-serving --version 3 max_rows=1000`.
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
    && pip install --no-cache-dir -e '.[lightgbm,catboost]' -c constraints.txt \
    && pip uninstall --yes nvidia-nccl-cu12
COPY conf ./conf
COPY src ./src
COPY serve.py ./

ENV CHAMPION_HOME=/home/champion \
    MLFLOW_DISABLE_TELEMETRY=true \
    PYTHONUNBUFFERED=1
USER 10001
EXPOSE 5001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:5001/ping', timeout=4)"]
ENTRYPOINT ["python", "serve.py", "--host", "0.0.0.0"]
