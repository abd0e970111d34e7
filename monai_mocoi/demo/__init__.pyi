from .generate import generate_demo as generate_demo
from .generate import resolve_dataset_dir as resolve_dataset_dir
