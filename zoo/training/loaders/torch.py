"""DataLoaders of PyTorch."""

import torch


def checked(loader, check):
    """A DataLoader that yields the checked batches of another."""

    def as_tensor(part):
        return None if part is None else torch.as_tensor(part)

    class CheckedLoader(torch.utils.data.DataLoader):
        def __init__(self):
            # What Keras asks for: the number of batches, and their size.
            self.__dict__.update(vars(loader))

        def __iter__(self):
            return (tuple(map(as_tensor, check(batch))) for batch in loader)

        def __len__(self):
            return len(loader)

    return CheckedLoader()
