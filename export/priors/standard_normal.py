"""p(z) = N(0, I): the noise itself."""

from export.priors.record import PriorRecord


class StandardNormal:
    """p(z) = N(0, I), which has no numbers of its own."""

    def __call__(self, noise, labels=None):
        return noise

    def to_json(self):
        """Nothing to store."""
        return None


class _Record(PriorRecord):
    name = "standard_normal"
    tolerance = 1e-6

    def is_of(self, prior):
        from zoo import priors

        return type(prior) is priors.StandardNormal

    def in_numpy(self, prior):
        return StandardNormal()

    def from_json(self, stored, metadata):
        return StandardNormal()


RECORD = _Record()
