"""The drawn sprites, their cache, and factor grids of any data set."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from recipes.data import (
    ArrayGrid,
    FactorGrid,
    load_factor_grid,
    load_images,
    prepared_datasets,
)
from recipes.data.sprites import (
    AREA,
    FACTOR_NAMES,
    FACTOR_SIZES,
    ORIENTATIONS,
    SCALES,
    SHAPES,
    SpritesGrid,
    draw,
)

pytest.importorskip("tensorflow_datasets")

ROOT = Path(__file__).resolve().parents[2]
GRID = SpritesGrid()
# A small complete grid: 3 shapes, 6 scales, 2 orientations, 2 x and 2 y positions.
CORNER = np.argwhere(np.ones((3, 6, 2, 2, 2), bool)) * [1, 1, 5, 9, 4]


@pytest.fixture(autouse=True)
def private_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def few(monkeypatch):
    """As if there were 144 sprites to train on and 20 of them to test."""
    from recipes.data import sprites_builder

    indices = np.random.default_rng(0).permutation(GRID.indices(CORNER))
    splits = {"train": indices, "test": indices[:20]}
    monkeypatch.setattr(sprites_builder, "_split_indices", lambda: splits)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with those few, prepared."""
    from recipes.data import embedded, sprites_builder

    folder = tmp_path_factory.mktemp("prepared")
    indices = np.random.default_rng(0).permutation(GRID.indices(CORNER))
    splits = {"train": indices, "test": indices[:20]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sprites_builder, "_split_indices", lambda: splits)
        embedded.prepare(sprites_builder.Sprites, folder)
    return folder


def one(shape="square", scale=5, orientation=0, x=16, y=16):
    """One sprite, (64, 64)."""
    return GRID.pixels([[SHAPES.index(shape), scale, orientation, x, y]])[0, ..., 0]


def centre(image):
    """Its centre of mass (x, y) in pixels."""
    y, x = np.nonzero(image)
    return x.mean(), y.mean()


def difference(first, second):
    """Share of the pixels of either that only one has."""
    return np.sum(first != second) / np.sum(first | second)


# The drawings.


def test_sprites_are_binary_float32_images():
    images = GRID.images(GRID.sample(500, seed=1))
    assert images.shape == (500, 64, 64, 1) and images.dtype == np.float32
    assert set(np.unique(images)) == {0, 1}


def test_factor_values_are_those_of_dsprites():
    assert FACTOR_SIZES == (3, 6, 40, 32, 32) and GRID.num_images == 737_280
    np.testing.assert_allclose(SCALES, [0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert len(ORIENTATIONS) == 40 and ORIENTATIONS[0] == 0
    assert ORIENTATIONS[-1] == pytest.approx(2 * np.pi)


@pytest.mark.parametrize("shape", SHAPES)
def test_area_grows_with_the_square_of_scale_alone(shape):
    for scale, size in enumerate(SCALES):
        areas = [one(shape, scale, o).sum() for o in range(39)]
        assert np.mean(areas) == pytest.approx(AREA * size**2, rel=0.01)
        assert max(areas) < 1.2 * min(areas)


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_stay_inside_the_frame(shape):
    # No frame's edge cuts one: all positions have the same pixels, moved.
    for orientation in range(40):
        middle = np.argwhere(one(shape, 5, orientation))
        for x, y in ((0, 0), (31, 0), (0, 31), (31, 31)):
            moved = np.argwhere(one(shape, 5, orientation, x, y))
            np.testing.assert_array_equal(moved, middle + [y - 16, x - 16])


@pytest.mark.parametrize("shape", SHAPES)
def test_positions_move_the_centre_of_mass_one_pixel_a_step(shape):
    for orientation in (0, 7, 26):
        centres = [centre(one(shape, 3, orientation, x, 31 - x)) for x in range(32)]
        step = np.diff(centres, axis=0)
        np.testing.assert_allclose(step, [[1, -1]] * 31, atol=1e-9)
        # Whatever the orientation, the position is where the centre of mass is.
        np.testing.assert_allclose(centres[0], [16, 47], atol=0.3)


def test_symmetries():
    quarter, half = np.pi / 2, np.pi
    for angle in (0.3, 1.0, 2.2):
        square, ellipse, heart = (draw(shape, 1.0, angle) for shape in SHAPES)
        np.testing.assert_array_equal(draw("square", 1.0, angle + quarter), square)
        np.testing.assert_array_equal(draw("ellipse", 1.0, angle + half), ellipse)
        np.testing.assert_array_equal(draw("heart", 1.0, angle + 2 * half), heart)
        # And no others: half of the symmetry's angle is another image.
        assert difference(draw("square", 1.0, angle + quarter / 2), square) > 0.1
        assert difference(draw("ellipse", 1.0, angle + quarter), ellipse) > 0.3
        assert difference(draw("heart", 1.0, angle + half), heart) > 0.1


def test_orientation_turns_counterclockwise():
    for shape in SHAPES:
        turned = draw(shape, 1.0, 0.4 + np.pi / 2)
        np.testing.assert_array_equal(turned, np.rot90(draw(shape, 1.0, 0.4)))
    # The heart stands on its tip.
    rows = draw("heart", 1.0, 0.0).sum(axis=1)
    assert rows[rows > 0][-1] < 4 < rows[rows > 0][0]


def test_shapes_differ():
    for scale in SCALES:
        drawn = [draw(shape, scale, 0.0) for shape in SHAPES]
        for i, first in enumerate(drawn):
            for second in drawn[:i]:
                assert difference(first, second) > 0.1


def test_appearance_tells_equal_images():
    rng = np.random.default_rng(0)
    # Small squares have the most doubles; orientations 0 and 39 are the same angle.
    factors = rng.integers((1, 2, 40, 1, 2), size=(300, 5))
    factors[-2:] = [[2, 5, 0, 3, 4], [2, 5, 39, 3, 4]]
    _, by_pixels = np.unique(
        GRID.pixels(factors).reshape(300, -1), axis=0, return_inverse=True
    )
    looks = GRID.appearance(GRID.indices(factors))
    np.testing.assert_array_equal(
        looks[:, None] == looks, by_pixels[:, None] == by_pixels
    )
    assert looks[-1] == looks[-2] and len(np.unique(looks)) > 50


# The grid.


def test_indices_and_factors_round_trip():
    indices = np.random.default_rng(0).integers(GRID.num_images, size=1000)
    factors = GRID.factors(indices)
    np.testing.assert_array_equal(GRID.indices(factors), indices)
    assert GRID.factors([0, 1, 32, 1024, 737_279]).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 1, 0],
        [0, 0, 1, 0, 0],
        [2, 5, 39, 31, 31],
    ]


def test_sampling_is_uniform_and_fixed_by_the_seed():
    factors = GRID.sample(20_000, seed=5)
    np.testing.assert_array_equal(factors, GRID.sample(20_000, seed=5))
    assert np.any(factors != GRID.sample(20_000, seed=6))
    for size, column in zip(FACTOR_SIZES, factors.T, strict=True):
        counts = np.bincount(column, minlength=size)
        assert len(counts) == size
        np.testing.assert_allclose(counts, 20_000 / size, rtol=0.25)


def test_array_grid_finds_images_in_any_order():
    order = np.random.default_rng(0).permutation(len(CORNER))
    images = 255 * GRID.pixels(CORNER[order])
    # Any numbers may stand for the values of a factor.
    values = CORNER[order] * [1, 0.1, -2.5, 7, 1]
    grid = ArrayGrid(images, values, FACTOR_NAMES)
    assert isinstance(grid, FactorGrid) and grid.factor_sizes == (3, 6, 2, 2, 2)
    factors = grid.sample(50)
    expected = factors * [1, 1, -5, 9, 4] + [0, 0, 5, 0, 0]
    np.testing.assert_array_equal(grid.images(factors), GRID.images(expected))
    assert load_factor_grid((images, values)).factor_names[0] == "factor 0"


def test_bad_grids_are_refused():
    images = np.zeros((4, 8, 8, 1), np.uint8)
    square = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    for factors in (square[[0, 1, 2, 2]], np.stack([np.arange(4)] * 2, axis=1)):
        with pytest.raises(ValueError, match="not a complete grid of . x . factors"):
            ArrayGrid(images, factors)
    with pytest.raises(ValueError, match=r"shape \(4, F\), a row for each image"):
        ArrayGrid(images, square[:3])
    with pytest.raises(ValueError, match=r"shape \(N, H, W, C\)"):
        ArrayGrid(images[..., 0], square)
    with pytest.raises(ValueError, match="must name 2 factors, received 1"):
        ArrayGrid(images, square, ("x",))


@pytest.mark.parametrize(
    ("factors", "match"),
    [
        ([[0, 0, 0, 0]], r"shape \(N, 5\), one column for each of shape, scale"),
        ([[0, 0, 0, 0, 32]], r"y_position 0\.\.31"),
        ([[-1, 0, 0, 0, 0]], r"shape 0\.\.2"),
        ([[0.0, 0, 0, 0, 0]], "must be integers, received float64"),
    ],
)
def test_bad_factors_are_refused(factors, match):
    with pytest.raises(ValueError, match=match):
        GRID.images(factors)
    with pytest.raises(ValueError, match="`indices` must be in 0..737279"):
        GRID.factors([737_280])


# The data set.


def test_default_splits_are_bounded_and_disjoint():
    from recipes.data.sprites_builder import _split_indices

    train, test = _split_indices()["train"], _split_indices()["test"]
    assert len(train) == 40_000 and len(test) == 10_000
    # Not even two that only look the same.
    looks = GRID.appearance(np.concatenate([train, test]))
    assert len(np.unique(looks)) == 50_000
    for size, column in zip(FACTOR_SIZES, GRID.factors(train).T, strict=True):
        counts = np.bincount(column, minlength=size)
        # Each of the two orientations that are one angle has half of its images.
        assert counts.min() > 0.4 * 40_000 / size and len(counts) == size
    # The same in every run and on every platform.
    assert train[:3].tolist() == [636628, 617468, 128298]


def test_images_come_with_their_factors(few):
    data = load_images("sprites", splits=("train", "validation", "test"))
    assert data.image_shape == (64, 64, 1) and data.license == "Apache-2.0"
    assert data.factor_names == FACTOR_NAMES and data.factor_sizes == FACTOR_SIZES
    assert data.class_names == SHAPES and data.num_classes == 3
    assert "factors: shape (3), scale (6), orientation (40), " in " ".join(data.report)
    for split, count in (("train", 130), ("validation", 14), ("test", 20)):
        factors = getattr(data, f"{split}_factors")
        assert factors.shape == (count, 5) and factors.dtype == np.int64
        np.testing.assert_array_equal(getattr(data, split), GRID.images(factors))
        np.testing.assert_array_equal(getattr(data, f"{split}_labels"), factors[:, 0])
    shared = set(map(tuple, data.train_factors)) & set(
        map(tuple, data.validation_factors)
    )
    assert not shared


def test_images_are_resized_with_their_factors(few):
    data = load_images("sprites", image_shape=(32, 32, 1), splits="test")
    assert data.test.shape == (20, 32, 32, 1) and data.train_factors is None
    area = data.test.sum(axis=(1, 2, 3))
    full = GRID.images(data.test_factors).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(area, full / 4, rtol=0.02)


def test_data_sets_without_factors_have_none():
    data = load_images(np.zeros((20, 8, 8), np.uint8))
    assert data.factor_names is data.factor_sizes is data.train_factors is None


# The cache.


def same(first, second):
    np.testing.assert_array_equal(first.train, second.train)
    np.testing.assert_array_equal(first.train_factors, second.train_factors)
    return True


def test_sprites_are_prepared_once_in_the_cache(few, tmp_path, monkeypatch):
    from recipes.data import embedded

    first = load_images("sprites")
    assert not (tmp_path / "tfds").exists()
    if sys.platform == "linux":
        cache = tmp_path / "cache" / "vae-zoo"
        assert prepared_datasets(cache) == ["sprites:1.0.0"]
        assert [path.name for path in cache.iterdir()] == ["sprites"]
    monkeypatch.setattr(embedded, "prepare", None)  # cannot be called
    again = load_images("sprites")
    assert same(first, again) and "prepared in" in again.report[0]


def test_interrupted_cache_is_made_anew(few, tmp_path, monkeypatch):
    from recipes.data import sprites_builder

    whole = sprites_builder.Sprites._generate_examples

    def interrupted(self, split):
        for i, example in enumerate(whole(self, split)):
            if i == 10:
                raise KeyboardInterrupt
            yield example

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(sprites_builder.Sprites, "_generate_examples", interrupted)
        load_images("sprites")
    if sys.platform == "linux":
        cache = tmp_path / "cache" / "vae-zoo"
        assert list(cache.iterdir()) == []
        # What a killed run leaves behind is no data set.
        left = cache / ".sprites-killed" / "sprites" / "1.0.0"
        left.mkdir(parents=True)
        (left / "dataset_info.json").write_text("{}")
        assert prepared_datasets(cache) == []
    data = load_images("sprites")
    assert len(data.train) == 130 and "prepared in" in data.report[0]


def test_damaged_cache_and_no_cache_are_survived(few, tmp_path, monkeypatch):
    first = load_images("sprites")
    for path in (tmp_path / "cache").rglob("*.array_record*"):
        path.write_bytes(path.read_bytes()[:1000])
    damaged = load_images("sprites")
    assert same(first, damaged) and "is damaged" in " ".join(damaged.report)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    in_memory = load_images("sprites")
    assert same(first, in_memory)
    if sys.platform == "linux":
        assert "sprites:1.0.0, made in memory" in in_memory.report


def test_drawing_imports_numpy_alone():
    code = "import sys\nfrom recipes.data import load_factor_grid as load\n"
    code += "load().images([[0] * 5])\n"
    code += "print({'keras', 'PIL', 'tensorflow_datasets'} & sys.modules.keys())"
    output = subprocess.check_output(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ, text=True
    )
    assert output.strip() == "set()"


# Other data sets with factors.


def rename(source, target, name, version):
    """A prepared data set as if another builder had prepared it."""
    shutil.copytree(source, target)
    info = json.loads((target / "dataset_info.json").read_text())
    info |= {"name": name, "version": version}
    (target / "dataset_info.json").write_text(json.dumps(info))
    for path in target.glob("sprites-*"):
        path.rename(target / path.name.replace("sprites", name))


def test_dsprites_go_through_the_same_code(prepared, tmp_path, monkeypatch):
    from recipes.data import tfds_source

    target = tmp_path / "tfds" / "dsprites" / "2.0.0"
    rename(prepared / "sprites" / "1.0.0", target, "dsprites", "2.0.0")
    for source in ("dsprites", target):
        data = load_images(source)
        assert data.factor_names == FACTOR_NAMES and data.factor_sizes == FACTOR_SIZES
        np.testing.assert_array_equal(data.train, GRID.images(data.train_factors))
        grid = load_factor_grid(source)
        assert grid.factor_names == FACTOR_NAMES
        assert grid.factor_sizes == (3, 6, 2, 2, 2)
        factors = grid.sample(40)
        expected = GRID.images(factors * [1, 1, 5, 9, 4])
        np.testing.assert_array_equal(grid.images(factors), expected)

    limited = tfds_source.from_tfds("dsprites", limit=50)
    assert any("50 of the 144 images of dsprites:2.0.0" in n for n in limited.notes)
    part = limited.read("train")
    assert part.images.shape == (50, 64, 64, 1) and part.factors.shape == (50, 5)
    assert len(np.unique(GRID.indices(part.factors))) == 50
    again = tfds_source.from_tfds("dsprites", limit=50).read("train")
    np.testing.assert_array_equal(part.factors, again.factors)


def test_sprites_prepared_elsewhere_are_read(prepared, tmp_path):
    data = load_images("sprites", data_dir=prepared)
    assert len(data.train) == 130 and not (tmp_path / "cache").exists()


def test_grid_of_what_has_no_factors_is_refused():
    for source in ("digits", np.zeros((20, 8, 8), np.uint8)):
        with pytest.raises(ValueError, match="does not say which factors"):
            load_factor_grid(source)
    with pytest.raises(FileNotFoundError, match="'dsprites' is not prepared"):
        load_factor_grid("dsprites")
