"""Count the ratings that the job file names."""

from __future__ import annotations

from slipway.contract.job import CountRatings
from slipway_pod.ratings.count import count
from slipway_pod.run import main

if __name__ == "__main__":
    main(count, CountRatings)
