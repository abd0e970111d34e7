"""What colour alone tells: the test AUC of six numbers an image, to hold a classifier's against.

    python -m benchmarks.colour_baseline DATASET_FOLDER

The numbers are mean and standard deviation of red, green and blue; the classifier is scikit-learn's logistic regression
on the training split, standardised. For data sets of two classes.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from monai_mocoi.data import load_datalist
from monai_mocoi.transforms import read_image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    datalist = load_datalist(parser.parse_args().dataset)
    if len(datalist.labels) != 2 or isinstance(datalist.test[0]["label"], list):
        raise SystemExit(f"two classes are needed; the data set has {', '.join(datalist.labels) or 'no labels'}")
    train, test = (
        (np.array([colours(item["image"]) for item in items]), np.array([item["label"] for item in items]))
        for items in (datalist.training, datalist.test)
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(*train)
    area = roc_auc_score(test[1], model.decision_function(test[0]))
    print(f"colour alone: test AUC {area:.3f} ({len(train[1])} training, {len(test[1])} test images)")


def colours(path: str) -> np.ndarray:
    picture = read_image(path, channels=3).astype(np.float64)
    return np.concatenate([picture.mean((1, 2)), picture.std((1, 2))])


if __name__ == "__main__":
    main()
