"""The pictures of README.md and of all presets: `make pictures` draws them anew.

Needs prepared MNIST (TFDS_DATA_DIR), what `make explorer` builds, and Chromium.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "recipes" / "documents" / "readme_pictures"
# file: (kind of plot, preset, options)
PLOTS = {
    "levels.png": ("levels", "hierarchical_vae_mnist", {}),
    "styles.png": ("styles", "conditional_vae_mnist", {"num_samples": 6}),
    "traversal.png": ("traversal", "beta_vae_sprites", {"num_samples": 6}),
}
EXPLORED = "conv_vae_mnist"


def main():
    import zoo
    from recipes import plots
    from recipes.common.presets import shipped_presets
    from recipes.documents.preset_pictures import write_samples

    for preset in shipped_presets():
        write_samples(preset.folder, zoo.from_preset(preset.name))
        print(preset.folder / "samples.png")

    for name, (kind, preset, options) in PLOTS.items():
        content = plots.render(kind, plots.open_subject(preset), **options)
        (PICTURES / name).write_bytes(content)
        print(PICTURES / name)
    with tempfile.TemporaryDirectory() as folder:
        show_explorer(Path(folder))


def show_explorer(folder):
    """What a browser shows of the explorer's page, below 700 pixels left out."""
    from playwright.sync_api import sync_playwright

    sys.path.insert(0, str(ROOT / "tests" / "export"))
    import explorer_pages

    import export
    import zoo
    from export import explorer

    export.export_model(zoo.from_preset(EXPLORED), folder / EXPLORED)
    page = folder / "page.html"
    importance = zoo.preset_info(EXPLORED)["metrics"]["kl_per_latent"]
    page.write_bytes(explorer.make_page(folder / EXPLORED, importance=importance))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=explorer_pages.find_chromium(),
            args=list(explorer_pages.FLAGS),
        )
        context = browser.new_context(viewport={"width": 1100, "height": 700})
        visit = explorer_pages.Visit(context, page)
        visit.page.wait_for_selector("#pad[aria-busy=false]")
        visit.settle()
        visit.page.screenshot(path=PICTURES / "explorer.png")
        browser.close()
    print(PICTURES / "explorer.png")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # tests/zoo must not be taken for zoo
    main()
