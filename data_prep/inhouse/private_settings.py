"""Settings and split of an export for the dataset folder, without anything that identifies somebody."""

import dataclasses
from typing import Any

from data_prep.inhouse.matched_table import MatchedTable
from data_prep.inhouse.private_folder import PrivateFolder
from data_prep.inhouse.source_options import NAMES_OF_COLUMNS, InhouseOptions
from data_prep.splitter import Splitter
from data_prep.tables import file_sha256
from monai_mocoi.errors import DatasetError, RefusedError
from monai_mocoi.files.home_folder import expand_home

_SETTINGS = (
    *NAMES_OF_COLUMNS,
    *("patient_folder", "name", "size", "bits", "channels", "frames", "in_place", "modality", "body_part", "view"),
    *("keep_derived", "keep_secondary", "keep_burned_in", "rare", "part"),
)


def make_splitter(options: InhouseOptions, private: PrivateFolder) -> Splitter:
    """Return the splitter; what is wrong with a given table is said in the private log alone."""
    try:
        nothing_to_test = options.labels is None and options.test_fraction is None and options.split_csv is None
        own = dataclasses.replace(options, test_fraction=0.0) if nothing_to_test else options
        splitter = Splitter(own, without="without --split-csv")
    except RefusedError:
        raise
    except DatasetError as error:
        private.log(f"--split-csv: {error}")
        raise DatasetError("--split-csv cannot be used; private.log in --private says why.") from None
    if options.split_csv is not None:
        splitter.description = "given with --split-csv"
        # Without a key, whoever has such a table could show that it is this one, or try what may be in it.
        splitter.options["csv_hash"] = private.pseudonyms.setting(splitter.options.pop("csv_sha256"))
    elif options.part is not None:
        splitter.description = "drawn by join, over all parts; until then all is training"
    return splitter


def settings_of(options: InhouseOptions, table: MatchedTable | None, private: PrivateFolder) -> dict[str, Any]:
    """Return what decides which images are written and how; of a private setting, a keyed hash."""
    own = {name: getattr(options, name) for name in _SETTINGS}
    pseudonyms = private.pseudonyms
    if table is not None and options.labels is not None:
        own |= {"key_column": table.match.column, "key_is": table.match.key}
        try:
            own["labels_hash"] = pseudonyms.setting(file_sha256(expand_home(options.labels)))
        except DatasetError:  # names the file
            raise DatasetError("--labels was read, but cannot be read again.") from None
    own["test_site"] = [private.site(site) for site in options.test_site]
    own["test_from"] = None if options.test_from is None else pseudonyms.setting(options.test_from)
    return {**own, "key_fingerprint": pseudonyms.key_fingerprint}
