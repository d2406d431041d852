"""Images that come more than once in an epoch, held in memory once."""

import numpy as np


class RepeatedRows:
    """Rows of images in another order, and some more often: see `validation.is_rows`.

    Args:
        images: (N, H, W, C), an array or rows.
        order: int (M,), which image each of these rows is.
    """

    def __init__(self, images, order):
        self._images, self._order = images, np.asarray(order)
        self.shape = (len(self._order), *images.shape[1:])
        self.dtype = images.dtype
        if hasattr(images, "draw"):  # changed anew every time it is read
            self.draw = lambda indices, rng: images.draw(self._order[indices], rng)

    def __len__(self):
        return len(self._order)

    def __getitem__(self, chosen):
        return self._images[self._order[chosen]]
