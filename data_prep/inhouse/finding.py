"""From an export and its table to candidates. Every file goes on or is left out for a reason; no pixel is read."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from data_prep.candidates import Candidate, Found
from data_prep.inhouse.decided_splits import decide
from data_prep.inhouse.drafts import hand_on
from data_prep.inhouse.export_tree import ExportFile, list_tree
from data_prep.inhouse.header_filter import DERIVED
from data_prep.inhouse.matched_table import MatchedTable
from data_prep.inhouse.patients import NO_PATIENT
from data_prep.inhouse.private_folder import PrivateFolder
from data_prep.inhouse.sentences import few_classes, files_found, say
from data_prep.inhouse.source_options import InhouseOptions
from data_prep.inhouse.stations import Stations, choose_files, find_owners
from data_prep.inhouse.survey import survey

_AT_ONCE = 1000  # images in mapping.csv


class Finding(NamedTuple):
    """What was found."""

    found: Found  # for the preparation
    table: MatchedTable | None  # that the files were matched with
    places: dict[str, int]  # of the images in the order of their paths, by name
    meant: Callable[[str], str]  # returns the pseudonym that a line of a given split means


def find_images(options: InhouseOptions, private: PrivateFolder) -> Finding:
    """Look at every file; the private folder gets who is who, and what is left out."""

    def tell(file: ExportFile, reason: str) -> str:
        name = private.pseudonyms.image(file.key)
        private.exclude(file.path, reason, name)
        return name

    tree = list_tree(options.images)
    seen = survey(tree.files, options.workers)
    stations = Stations(len(seen), {reason: len(files) for reason, files in tree.left_out.items()})
    copies = choose_files(stations, seen, options, tell)
    owned = find_owners(stations, seen, copies, options, private.pseudonyms)
    drafts, table = owned.drafts, owned.table
    stations.add("Frames as images", len(drafts) - len(stations.left))
    left_out = {reason: [tell(file, reason) for file in files] for reason, files in tree.left_out.items()}
    for reason, places in stations.left_out.items():
        left_out.setdefault(reason, []).extend(tell(seen[p].file, reason) for p in places)
    columns = hand_on(drafts, options.covariates, private.site, options.rare)
    decided = decide(drafts, options, private, table is not None)
    drafts = decided.drafts
    for first in range(0, len(drafts), _AT_ONCE):
        private.add([row for draft in drafts[first : first + _AT_ONCE] for row in draft.mapping()])
    place_of = {draft.name: place for place, draft in enumerate(drafts)}
    # By pseudonym: written in the order of their paths, the lines of the record and the times of the files would be in
    # the order of an alphabetical list of patients.
    drafts.sort(key=lambda draft: draft.name)
    candidates = {own.name: own.candidate(columns.of_image[own.name], options.in_place) for own in drafts}
    coarser = columns.sentences(options.rare)
    unprotected = options.keep_burned_in or options.keep_secondary
    found = Found(
        title=options.name,
        labels=table.labels.names if table is not None else (),
        candidates=candidates,
        left_out={**left_out, **decided.left_out},
        columns=columns.columns,  # of all images, not of this part's alone: all parts have the same in one order
        lines=[files_found(seen, tree.left_out), *owned.lines, *decided.lines],
        flow=[*stations.steps, *decided.steps],
        splits={name: split for name, split in decided.splits.items() if name in candidates},
        decisions=[*columns.decisions, *_decisions(stations, table, candidates, options.rare)],
        identity=say("references") if options.in_place else say("protection", coarser, not unprotected),
        identified=options.in_place,
    )
    return Finding(found, table, place_of, owned.meant)


def _decisions(
    stations: Stations, table: MatchedTable | None, candidates: Mapping[str, Candidate], rare: int
) -> Iterator[str]:
    for reason, sentence in ((DERIVED, "derived"), (NO_PATIENT, "nobodys")):
        if count := len(stations.left_out.get(reason, ())):
            yield from say(sentence, count)
    if table is not None:
        yield from table.decisions
        yield from few_classes(table.labels, candidates.values(), rare)
        if table.match.key == "patient":
            yield from say("by_patient")
