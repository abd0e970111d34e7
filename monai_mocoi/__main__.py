"""``python -m monai_mocoi``: the command ``mocoi``; ``torchrun ... -m monai_mocoi run ...`` starts one a process."""

from monai_mocoi.cli.app import main

if __name__ == "__main__":
    main()
