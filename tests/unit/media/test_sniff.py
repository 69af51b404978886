"""U-10: what a file is, by its content."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.media.sniff import ENOUGH, sniff
from tests import media_samples as samples

VIDEO_CONTAINERS = {"webm", "mkv", "avi", "mov", "wma"}
"""These may hold pictures; only the decoder looks."""


@pytest.mark.parametrize("extension", sorted(samples.KINDS))
def test_every_accepted_container_is_told_by_its_content(extension: str, tmp_path: Path) -> None:
    path = samples.recording(tmp_path / f"talk.{extension}", seconds=0.3)
    assert sniff(samples.head(path)).kind == ("video" if extension in VIDEO_CONTAINERS else "audio")


def test_a_video_is_a_video(tmp_path: Path) -> None:
    assert sniff(samples.head(samples.video(tmp_path / "v.mp4", sound=True))).mime == "video/mp4"


def test_a_zip_named_mp3_is_neither(tmp_path: Path) -> None:
    assert sniff(samples.head(samples.zipped(tmp_path / "talk.mp3"))).mime == "application/zip"


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n", "application/pdf"),
        (b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff", "application/x-msdownload"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "image/jpeg"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heicmif1", "image/heic"),
    ],
)
def test_documents_programs_and_pictures_are_neither(head: bytes, mime: str) -> None:
    found = sniff(head)
    assert found.kind == "other"
    assert mime in ("application/x-msdownload", found.mime)


def test_a_text_named_wav_is_text(tmp_path: Path) -> None:
    assert sniff(samples.head(samples.text(tmp_path / "talk.wav"))).kind == "text"


def test_a_text_cut_within_a_character_is_text() -> None:
    assert sniff(("a" + "音" * ENOUGH).encode()[:ENOUGH]).kind == "text"


def test_a_short_file_that_ends_within_a_character_is_not_text() -> None:
    assert sniff("音".encode()[:2]).kind == "unknown"


@pytest.mark.parametrize(
    "start", ["BMW is a car. ", "MZ, he said. ", "ID3 is a tag. ", "OggS are eggs. ", "RIFF is a word. "]
)
def test_a_text_that_begins_like_a_file_header_is_text(start: str) -> None:
    assert sniff((start * 20).encode()).kind == "text"


@pytest.mark.parametrize(
    "manifest",
    [
        samples.dash_manifest("http://127.0.0.1/a.mp4"),
        samples.hls_playlist("http://127.0.0.1/a.ts"),
        samples.ffconcat("a.wav"),
        samples.session_description(5004),
        b"\xef\xbb\xbf" + samples.hls_playlist("file:///etc/passwd"),
    ],
    ids=["dash", "hls", "ffconcat", "sdp", "hls with a mark"],
)
def test_playlists_and_manifests_are_never_media(manifest: bytes) -> None:
    """U-11"""
    assert sniff(manifest).kind in ("text", "other")


def test_an_empty_file_is_unknown() -> None:
    assert sniff(b"").kind == "unknown"


def test_random_bytes_and_zeros_are_left_to_the_decoder(tmp_path: Path) -> None:
    assert sniff(samples.head(samples.noise_bytes(tmp_path / "noise.wav"))).kind == "unknown"
    assert sniff(bytes(ENOUGH)).kind == "unknown"


def test_mpeg_audio_without_a_tag_is_told_by_two_frames() -> None:
    """Version 2.5, layer III, 8 kbit/s at 8 kHz: 72 bytes a frame, which a single header would not prove."""
    frame = b"\xff\xe3\x18\xc4" + bytes(68)
    assert sniff(frame * 3).kind == "audio"
    assert sniff(frame[:40] + b"\x80" * 100).kind != "audio"


@given(st.text())
def test_any_text_without_controls_is_text(text: str) -> None:
    clean = "".join(c for c in text if c.isprintable())
    if clean:
        assert sniff(clean.encode()).kind == "text"


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(head: bytes) -> None:
    assert sniff(head).kind in ("audio", "video", "text", "other", "unknown")
