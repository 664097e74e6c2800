"""features/places.py: coordinates, seen from other sides."""

import numpy as np
import pandas as pd
import pytest

from champion.features.places import Rotations, coordinates

PLACES = pd.DataFrame({"latitude": [34.0, 35, 36, 37, 38, 38], "longitude": [-118.0, -119, -120, -121, -122, -122]})


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("latitude", "longitude"), ["latitude", "longitude"]),
        (("Lat", "LNG"), ["Lat", "LNG"]),
        (("lat", "price"), None),
        (("plate", "long_name"), None),
    ],
)
def test_coordinates_are_found_by_their_names(names: tuple[str, str], found: list[str] | None) -> None:
    """Latitude and longitude go by a few names; one alone is none."""
    assert coordinates(PLACES.set_axis(list(names), axis=1)) == found


def test_values_that_no_place_has_are_no_coordinates() -> None:
    """A column called latitude that holds 3,000 isn't one."""
    assert coordinates(PLACES * 100) is None


def test_rotations_keep_distances() -> None:
    """On an axis turned by 90 degrees a degree of latitude is 111 km, and none of longitude shows."""
    north = Rotations(1).fit_transform(PLACES)
    assert np.diff(north[:, 0])[0] == pytest.approx(111.2, abs=0.1)
    turned = Rotations(5).fit(PLACES)
    assert turned.transform(PLACES).shape == (6, 5)
    assert turned.get_feature_names_out()[0] == "turned_by_30"


def test_missing_coordinates_are_missing_on_every_axis() -> None:
    """A row without a place has none from any side."""
    gaps = PLACES.copy()
    gaps.loc[0, "latitude"] = np.nan
    assert np.isnan(Rotations(3).fit_transform(gaps)[0]).all()
