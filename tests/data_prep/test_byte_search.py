from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import os
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from data_prep import byte_search
from data_prep.byte_search import ByteSearch, Finding

WORD = "Müllerström"


def _words(found):
    return {word for word, _ in found}


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16-le", "utf-16-be", "utf-16"])
@pytest.mark.parametrize("case", [str, str.lower, str.upper])
def test_a_word_in_an_encoding(encoding, case):
    content = b"\0\xff" + case(WORD).encode(encoding) + b"\0"
    assert _words(ByteSearch([WORD, "Brzezinski"]).in_bytes(content)) == {WORD}


@pytest.mark.parametrize(
    "text", [b"M\\u00fcllerstr\\u00f6m", b"M%C3%BCllerstr%C3%B6m", "Mu\u0308llerstro\u0308m".encode()]
)
def test_a_word_in_json_in_a_url_and_in_two_signs_a_letter(text):
    assert _words(ByteSearch([WORD]).in_bytes(b"x" + text)) == {WORD}


@pytest.mark.parametrize("before", range(6))
@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16-le"])
def test_a_word_anywhere_in_base64(before, after, encoding):
    inner = b"\xfa" * before + WORD.encode(encoding) + b"\xfb" * after
    search = ByteSearch([WORD])
    assert _words(search.in_bytes(base64.b64encode(inner))) == {WORD}
    assert _words(search.in_bytes(base64.urlsafe_b64encode(inner))) == {WORD}


@pytest.mark.parametrize("word", ["MRN0012345", "20200131", "1.2.826.0.1.3680043.8.498.1"])
def test_ids_dates_and_uids_and_nothing_like_them(word):
    search = ByteSearch([word])
    assert _words(search.in_bytes(f"({word})".encode())) == {word}
    assert not search.in_bytes(word[:-1].encode())
    assert not search.in_bytes(base64.b64encode(word[:-1].encode()))


def test_as_a_naive_search_does_in_random_bytes_with_words_across_chunks(monkeypatch):
    monkeypatch.setattr(byte_search, "_CHUNK", 64)
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("ab"), 5)) for _ in range(8)]
    for seed in range(20):
        content = bytes(np.random.default_rng(seed).choice(np.frombuffer(b"abAB", np.uint8), 300))
        naive = {word for word in words if word.encode() in content}
        assert _words(ByteSearch(words, as_written=words).in_bytes(content)) == naive


def test_nothing_is_found_in_a_million_random_bytes():
    content = np.random.default_rng(1).bytes(1_000_000)
    assert not ByteSearch([f"MRN{number:06d}" for number in range(500)]).in_bytes(content)


def test_words_too_short_are_counted():
    search = ByteSearch(["Z", "", WORD])
    assert search.too_short == 2
    assert ByteSearch(["Zoë"]).too_short == 0  # four bytes in UTF-8
    search = ByteSearch(["QZ7"])  # six bytes in UTF-16, where it is found
    assert search.too_short == 1
    assert _words(search.in_bytes("xQZ7y".encode("utf-16"))) == {"QZ7"}


def _png(text):
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", text, zip=True)
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def _zip(content, name="a", method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    "pack",
    [
        lambda word: gzip.compress(word.encode()),
        lambda word: bz2.compress(word.encode()),
        lambda word: lzma.compress(word.encode()),
        lambda word: _zip(lzma.compress(word.encode())),
        lambda word: _zip(word.encode() * 5),
        lambda word: _zip(_zip(word.encode() * 5)),
        lambda word: _zip(b"", name=word),
        lambda word: gzip.compress(_zip(word.encode() * 5)),
        lambda word: _png(word * 5),
        lambda word: _zip(_png(word * 5), method=zipfile.ZIP_STORED),
    ],
)
def test_what_is_packed_is_searched(tmp_path, pack):
    (tmp_path / "file").write_bytes(pack(WORD))
    assert {(found.word, found.where) for found in ByteSearch([WORD]).in_folder(tmp_path)} == {(WORD, "file")}


@pytest.mark.parametrize(
    "start", [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07\1\0", b"\x28\xb5\x2f\xfd", b"BZh91AY&SY", b"\xfd7zXZ\0"]
)
def test_what_cannot_be_unpacked_is_counted(tmp_path, start):
    (tmp_path / "file").write_bytes(start + bytes(30))
    search = ByteSearch([WORD])
    assert search.in_folder(tmp_path) == []
    assert search.not_searched == 1


def test_a_damaged_archive_is_counted(tmp_path):
    for name, pack in (("a.bz2", bz2.compress), ("a.xz", lzma.compress), ("a.gz", gzip.compress)):
        (tmp_path / name).write_bytes(pack(WORD.encode() * 50)[:-5])
    search = ByteSearch([WORD])
    search.in_folder(tmp_path)
    assert search.not_searched == 3


def test_pytorchs_files_are_searched(tmp_path):
    torch.save({"name": WORD, "weights": torch.zeros(3)}, tmp_path / "x.pt")
    assert _words((f.word, f.how) for f in ByteSearch([WORD]).in_folder(tmp_path)) == {WORD}


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\x1f\x8b", b"\x89PNG\r\n\x1a\n"])
def test_what_only_begins_like_an_archive_is_searched_as_it_is(tmp_path, start):
    (tmp_path / "file").write_bytes(start + b"....." + WORD.encode())
    assert len(ByteSearch([WORD]).in_folder(tmp_path)) >= 1


def test_names_of_files_and_links_tell_too(tmp_path):
    (tmp_path / "folder" / "Brzezinski").mkdir(parents=True)
    (tmp_path / "folder" / "Brzezinski" / f"{WORD}.png").touch()
    (tmp_path / "folder" / "link").symlink_to(f"/elsewhere/{WORD}")
    found = ByteSearch([WORD, "Brzezinski"]).in_folder(tmp_path / "folder")
    assert found == [
        Finding("Brzezinski", "Brzezinski", "name of a file or folder"),
        Finding(WORD, "link", "place that a link leads to"),
        Finding(WORD, f"Brzezinski/{WORD}.png", "name of a file or folder"),
    ]


def test_one_file(tmp_path):
    (tmp_path / "file").write_text(f"{WORD} {WORD}")
    assert ByteSearch([WORD]).in_folder(tmp_path / "file") == [Finding(WORD, "file", "UTF-8")]
    (tmp_path / f"{WORD}.csv").touch()
    named = ByteSearch([WORD]).in_folder(tmp_path / f"{WORD}.csv")
    assert named == [Finding(WORD, f"{WORD}.csv", "name of a file or folder")]


def test_small_and_empty_files(tmp_path):
    for number in range(4):
        (tmp_path / str(number)).write_bytes(b"x" * number)
    assert ByteSearch([WORD]).in_folder(tmp_path) == []


def test_what_a_link_leads_to_is_counted_and_what_is_closed_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_text("nothing")
    (tmp_path / "out").write_text("QVISTGAARD")
    (tmp_path / "in" / "b").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "c").symlink_to("a")
    search = ByteSearch(["QVISTGAARD"])
    assert search.in_folder(tmp_path / "in") == []
    assert search.links_out == 1

    def closed(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", closed)  # as root nothing is closed
    with pytest.raises(PermissionError):
        search.in_folder(tmp_path / "in")
