"""k-nearest-neighbour classifier: it learns nothing, so that it shows what the features alone know."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsRegressor

NEIGHBOURS = 20
TEMPERATURE = 0.07


def nearest_neighbour_scores(
    train_features: Any,
    train_positive: Any,
    features: Any,
    neighbours: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> NDArray[np.float64]:
    """The weighted share of an image's nearest training images that have each class.

    Near is a high cosine similarity; a neighbour's weight is exp(similarity / temperature) (Wu et al. 2018,
    "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", section 3.4).

    ``train_features``, ``features``: ``(n, features)`` and ``(m, features)``, finite; the latter of the images to
    score. ``train_positive``: ``(n, classes)`` 0 or 1. With one 1 a row (multiclass) the shares add up to 1.
    ``neighbours``: how many count, 1 or more. ``temperature``: above 0; the smaller, the more weight the nearest of
    them have. Returns ``(m, classes)`` float64, 0..1.
    """
    if neighbours < 1:
        raise ValueError(f"neighbours is {neighbours}, but must be 1 or more.")
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}, but must be above 0.")

    def weights(distances: NDArray[Any]) -> NDArray[Any]:
        # Divided by that of the nearest, so that no temperature makes all of them 0 or infinite.
        nearest = distances.min(axis=1, keepdims=True)
        return np.exp((nearest - distances).astype(np.float64) / temperature)

    positive = np.asarray(train_positive, dtype=np.float64)
    nearest = KNeighborsRegressor(min(neighbours, len(positive)), metric="cosine", weights=weights)
    shares = nearest.fit(np.asarray(train_features), positive).predict(np.asarray(features))
    return np.clip(shares, 0, 1).reshape(len(shares), -1)
