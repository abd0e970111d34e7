"""``data_prep inhouse``: a hospital's export as a dataset folder without identities."""
