"""What lies behind transparent pixels, and pictures of which nothing is seen before it."""

from pathlib import Path

import numpy as np
import pytest
from image_files import encoded, write_images
from loaded_images import load
from PIL import Image

from ganctl.experiment.sections import DatasetSection

pytestmark = pytest.mark.usefixtures("own_data_folders")

GREEN = (0, 128, 0)


def icon(colour: tuple[int, int, int]) -> Image.Image:
    """A square of a colour with soft edges in the middle of nothing."""
    alpha = np.zeros((16, 16), np.uint8)
    alpha[4:12, 4:12] = 128
    alpha[5:11, 5:11] = 255
    image = Image.new("RGB", (16, 16), colour)
    image.putalpha(Image.fromarray(alpha))
    return image


def write(folder: Path, *colours: tuple[int, int, int]) -> Path:
    folder.mkdir(exist_ok=True)
    for number, colour in enumerate(colours):
        (folder / f"{number}.png").write_bytes(encoded(icon(colour), "PNG"))
    return folder


@pytest.mark.parametrize(
    ("background", "behind"),
    [("white", (255, 255, 255)), ("black", (0, 0, 0)), ("green", GREEN), ("#102030", (16, 32, 48))],
)
def test_the_background_lies_behind_transparent_pixels(
    background: str, behind: tuple[int, int, int], tmp_path: Path
) -> None:
    found = load("image_folder", path=write(tmp_path, (200, 0, 0), (0, 0, 200)), image_size=16, background=background)
    image = icon((200, 0, 0))
    expected = Image.alpha_composite(Image.new("RGBA", image.size, behind), image).convert("RGB")
    np.testing.assert_allclose(found.images[0], np.asarray(expected, int), atol=1)
    grey = load("image_folder", path=tmp_path, image_size=16, channels=1, background=background).images[0, 0, 0, 0]
    assert grey == pytest.approx(np.dot(behind, (0.299, 0.587, 0.114)), abs=1)


def test_pictures_like_the_background_are_counted(tmp_path: Path) -> None:
    write(tmp_path, (255, 255, 255), (250, 250, 250), (255, 0, 0))
    write_images(tmp_path, 4)
    notes = load("image_folder", path=tmp_path, image_size=16).notes
    (warning,) = [note for note in notes if "show nothing" in note]
    assert warning.startswith("Warning: 2 of 7 images show nothing")
    assert warning.endswith("Set `dataset.background` to another colour, such as black.")
    black = load("image_folder", path=tmp_path, image_size=16, background="black")
    assert not any("show nothing" in note for note in black.notes)
    assert (black.images[0, 7, 7] == 255).all()


def test_blank_pictures_without_transparency_are_not_meant(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(encoded(Image.new("RGBA", (16, 16), "white"), "PNG"))
    (tmp_path / "empty.png").write_bytes(encoded(Image.new("RGBA", (16, 16), (0, 0, 0, 0)), "PNG"))
    assert not any("show nothing" in note for note in load("image_folder", path=tmp_path, image_size=16).notes)


@pytest.mark.parametrize("name", ["reddish", "#12", ""])
def test_what_is_no_colour_is_a_mistake(name: str) -> None:
    with pytest.raises(ValueError, match='give the name of a colour, such as black, or "#rrggbb"'):
        DatasetSection(name="npz", background=name)


@pytest.mark.parametrize(
    "name", ["#ffff", "#fff8", "#ffffffff", "#10203080", "rgba(1, 2, 3, 128)", "hsva(0, 0%, 0%, 9)"]
)
def test_a_background_with_transparency_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="give the name of a colour"):
        DatasetSection(name="npz", background=name)


@pytest.mark.parametrize("name", ["#0f0", "#00ff00", "rgb(0, 255, 0)", "hsl(120, 100%, 50%)", "lime"])
def test_every_way_to_write_an_opaque_colour_means_it(name: str) -> None:
    assert DatasetSection(name="npz", background=name).background_colour == (0, 255, 0)
