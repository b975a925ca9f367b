"""What a person writes in ten minutes: read, collect, post, go on. argv: file, url, rows in a batch."""
import csv
import json
import sys

import requests

path, url, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
session = requests.Session()


def rows(file):
    if path.endswith(".csv"):
        yield from csv.DictReader(file)
    else:
        for line in file:
            yield json.loads(line)


def post(batch):
    body = batch[0] if size == 1 else batch
    session.post(url, json=body, headers={"Idempotency-Key": "k"}).raise_for_status()


batch = []
with open(path, newline="", encoding="utf-8") as file:
    for row in rows(file):
        batch.append(row)
        if len(batch) == size:
            post(batch)
            batch = []
if batch:
    post(batch)
