"""A file above 100 MiB, in parts, through the edge and the bucket."""

from __future__ import annotations

import time

import httpx

from infra.local.person import Person

SIZE = 100 * 1024 * 1024 + 3


def test_a_large_file_comes_in_parts_and_goes_on_after_an_interruption(person: Person) -> None:
    """U-05"""
    wanted = {"filename": "film.mp4", "content_type": "video/mp4", "size": SIZE, "purpose": "chat"}
    upload = person.post("/v1/uploads", wanted).json()
    assert (upload["method"], len(upload["parts"]), upload["received"]) == ("MULTIPART", 4, [])
    last = upload["parts"].pop()
    with httpx.Client(timeout=60, trust_env=False) as bucket:
        for part in upload["parts"]:
            assert bucket.put(part["url"], content=bytes(upload["part_size"])).status_code == 200
        place = httpx.URL(upload["complete_url"]).raw_path.decode()
        early = person.post(place)
        assert (early.status_code, early.json()["code"]) == (422, "upload_incomplete")
        again = person.get(place.replace("/complete", "")).json()
        assert again["received"] == [1, 2, 3]
        put = bucket.put(again["parts"][3]["url"], content=bytes(SIZE - 3 * upload["part_size"]))
        assert put.status_code == 200
        assert bucket.put(last["url"], content=b"x" * (SIZE - 3 * upload["part_size"])).status_code == 200
    stranger = Person.register(person.http)
    assert stranger.post(place).status_code == 404
    assert person.post(place).json() == {"id": upload["id"], "status": "complete"}
    assert person.post(place).status_code == 200
    deadline = time.monotonic() + 60
    while (media := person.get(f"/v1/media/{upload['id']}").json())["status"] == "awaiting_upload":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert (media["status"], media["size"]) == ("ready", SIZE)
