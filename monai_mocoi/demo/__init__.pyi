from .dataset_dir import images_to_classify as images_to_classify
from .dataset_dir import resolve_dataset_dir as resolve_dataset_dir
from .generate import generate_demo as generate_demo
