"""The server of the studio: what it answers, what it refuses, and how jobs are queued."""

import asyncio
import hashlib
import io
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette", reason="the studio's packages are not installed: hwsk[studio]")

from small_ink import ink_recognizer, ink_words, split_pen_ups
from starlette.testclient import TestClient
from studio_server import serve_app

import hwsk
from hwsk._warn import warn_caller
from hwsk.datasets import make_handwriting, make_signatures
from hwsk.studio._app import create_app
from hwsk.studio._errors import Refusal
from hwsk.studio._jobs import Cancelled, Jobs
from hwsk.studio._models import Models
from hwsk.studio._settings import Settings

HERE = "http://127.0.0.1:8000"
STROKES = [[[10, 40], [30, 10], [50, 40]], [[20, 28], [42, 28]]]


def make_client(models=None, **settings):
    return TestClient(create_app(Settings(**settings), models), base_url=HERE)


@pytest.fixture(scope="module")
def models():
    """Models that all tests share, so that each is loaded once; ink is read by a small one."""
    return Models({"ink-lines": ink_recognizer()})


@pytest.fixture
def client(models):
    with make_client(models) as client:
        yield client


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def as_points(strokes):
    """Strokes as a canvas sends them."""
    return [points.tolist() for points in split_pen_ups(strokes)]


def message(response, status):
    """The message of an error; every error has a code and one line."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"]
    assert "\n" not in error["message"]
    return error["message"]


# --- the page and its guard


def test_page_loads_nothing_from_elsewhere_and_runs_no_inline_script(client):
    page = client.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert '<script type="module" src="/static/app.js"></script>' in page.text
    assert page.text.count("<script") == 1
    assert "http" not in page.text
    assert " style=" not in page.text


def test_all_files_of_the_page_are_served_with_their_types(client):
    from importlib.resources import files

    names = [item.name for item in (files("hwsk.studio") / "static").iterdir()]
    assert {"app.js", "style.css", "index.html"} <= set(names)
    for name in names:
        response = client.get(f"/static/{name}")
        assert response.status_code == 200
        assert response.headers["x-content-type-options"] == "nosniff"
    assert client.get("/static/app.js").headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../_app.py",
        "/static/%2e%2e/_app.py",
        "/static//etc/passwd",
        "/etc/passwd",
        "/api/jobs/x/files/..%2f..%2fetc%2fpasswd",
    ],
)
def test_no_path_of_a_request_is_opened(client, path):
    assert message(client.get(path), 404)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\scans\\page 1.png", "page 1.png"),
        ("a\x01b\ufffe\u202egnp.exe", "a b  gnp.exe"),
        ("\u0645\u06cc\u200c\u062e\u0648.png", "\u0645\u06cc\u200c\u062e\u0648.png"),
        ("\x00", "file"),
        ("", "file"),
        ("x" * 300, "x" * 100),
    ],
)
def test_names_of_files_hold_no_path_and_nothing_that_xml_does_not_take(given, name):
    from hwsk.studio._uploads import _clean

    assert _clean(given) == name


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "a b"])
def test_a_host_of_another_name_is_refused(client, host):
    assert "Host" in message(client.get("/", headers={"Host": host}), 400)


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "192.168.0.7:80"])
def test_addresses_and_localhost_are_accepted(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_pages_of_other_sites_can_change_nothing(client, headers, method):
    path = "/api/draw" if method == "POST" else "/api/jobs/x"
    body = {"json": {"strokes": STROKES}} if method == "POST" else {}
    assert "page" in message(client.request(method, path, headers=headers, **body), 403)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("path", ["/api/draw", "/api/read"])
def test_other_content_types_are_refused(client, kind, path):
    response = client.post(path, content=b"{}", headers={"Content-Type": kind})
    assert "content type" in message(response, 415)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_a_client_that_goes_while_it_sends_leaves_no_traceback(models, kind):
    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    sent = []
    headers = {"host": "127.0.0.1", "content-type": kind, "content-length": "1000"}
    scope = {
        "type": "http", "method": "POST", "query_string": b"", "root_path": "",
        "path": "/api/draw" if "json" in kind else "/api/read",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    asyncio.run(create_app(models=models)(scope, receive, send))  # what is logged is raised, too
    assert sent[0]["status"] == 400


def test_json_is_not_taken_for_a_form_nor_a_form_for_json(client):
    assert message(client.post("/api/read", json={}), 415)
    assert message(client.post("/api/draw", files={"file": ("a.png", b"x")}), 415)


def test_with_a_token_nothing_is_answered_without_it():
    client = make_client(token="a-long-secret")
    for path in ("/", "/api/models", "/static/app.js", "/api/openapi.json", "/?token=wrong"):
        assert "token" in message(client.get(path), 401)
    assert message(client.post("/api/draw", json={"strokes": STROKES}), 401)
    right = {"Authorization": "Bearer a-long-secret"}
    assert client.get("/api/models", headers=right).status_code == 200
    wrong = {"Authorization": "Bearer a-long-secreT", "Cookie": "hwsk_token=x"}
    assert message(client.get("/api/models", headers=wrong), 401)


def test_the_address_with_the_token_sets_a_cookie_that_scripts_cannot_read():
    client = make_client(token="a-long-secret")
    response = client.get("/?token=a-long-secret", follow_redirects=False)
    assert response.status_code == 303
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert client.get("/api/models").status_code == 200  # with the cookie
    assert message(
        client.post("/api/draw", json={}, headers={"Origin": "http://evil.example"}), 403
    )


def test_cookies_of_other_pages_do_not_hide_the_token():
    client = make_client(token="a-long-secret")
    cookies = 'theme={"dark": true}; x y; hwsk_token=a-long-secret; b=c'
    assert client.get("/api/models", headers={"Cookie": cookies}).status_code == 200
    assert message(client.get("/api/models", headers={"Cookie": cookies[:-20]}), 401)


@pytest.mark.parametrize("host", ["studio.example.org", "Studio.Example.org:443", "127.0.0.1:8000"])
def test_a_proxy_leads_here_by_a_name_that_was_given(models, host):
    with make_client(models, names=("studio.example.org",)) as client:
        headers = {"Host": host, "Origin": "https://studio.example.org"}
        body = {"strokes": STROKES}
        assert client.post("/api/draw?wait=30", json=body, headers=headers).status_code == 200
        headers["Origin"] = "https://evil.example"
        assert message(client.post("/api/draw", json=body, headers=headers), 403)
        headers["Origin"] = "http://[evil"
        assert message(client.post("/api/draw", json=body, headers=headers), 403)
        assert "--name" in message(client.get("/", headers={"Host": "evil.example"}), 400)


# --- sizes


def test_requests_that_are_too_large_are_refused():
    client = make_client(upload_bytes=1000, json_bytes=500)
    assert "1,000 bytes" in message(client.post("/api/read", files={"file": b"x" * 2000}), 413)
    big = {"strokes": [[[0, 0]] * 200]}
    assert "500 bytes" in message(client.post("/api/draw", json=big), 413)


def test_a_body_without_length_is_counted_while_it_comes():
    client = make_client(json_bytes=500)

    def parts():
        for _ in range(10):
            yield b" " * 100

    headers = {"Content-Type": "application/json"}
    assert "500 bytes" in message(client.post("/api/draw", content=parts(), headers=headers), 413)


def test_images_of_too_many_pixels_or_pages_are_refused_before_they_are_decoded(models):
    client = make_client(models, pixels=10_000, pages=2)
    with client:
        wide = png(np.full((200, 100), 255, np.uint8))
        said = message(client.post("/api/read?wait=30", files={"file": ("wide.png", wide)}), 422)
        assert "wide.png: page 1 has 100 x 200 pixels, more than 10,000" in said
        tiff = io.BytesIO()
        frames = [Image.new("L", (20, 20), 255) for _ in range(3)]
        frames[0].save(tiff, "TIFF", save_all=True, append_images=frames[1:])
        said = message(client.post("/api/read?wait=30", files={"file": tiff.getvalue()}), 422)
        assert "more than 2 pages" in said


def test_a_decompression_bomb_of_a_png_is_refused(client):
    import struct
    import zlib

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")
    assert "pixels" in message(client.post("/api/read?wait=30", files={"file": bomb}), 422)


def test_several_images_are_limited_together(models):
    with make_client(models, all_pixels=10_000) as client:
        image = png(np.full((50, 100), 255, np.uint8))
        sides = [("a", ("a.png", image)), ("a", ("b.png", image)), ("b", ("c.png", image))]
        said = message(client.post("/api/compare?wait=30", files=sides), 422)
        assert "3 images have 15,000 pixels together, more than 10,000" in said
        files = [("known", image), ("known", image), ("questioned", image)]
        data = {"writer": ["Ada", "Bob"]}
        said = message(client.post("/api/identify?wait=30", files=files, data=data), 422)
        assert "15,000 pixels" in said


def write_pdf(*contents):
    """Make a PDF of one page whose content is that of the first stream; /F1 is the second, ..."""
    bodies = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"]
    bodies.append(
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 90 90]/Contents 4 0 R"
        b"/Resources<</XObject<</F1 5 0 R>>>>>>"
    )
    for number, content in enumerate(contents, 1):
        form = b"/Type/XObject/Subtype/Form/BBox[0 0 90 90]/Resources<</XObject<</F%d %d 0 R>>>>"
        bodies.append(
            b"<</Length %d%s>>stream\n%s\nendstream"
            % (len(content), form % (number, number + 4), content)
        )
    file = b"%PDF-1.4\n"
    for number, body in enumerate(bodies, 1):
        file += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    return file + b"trailer<</Size %d/Root 1 0 R>>\n%%%%EOF" % (len(bodies) + 1)


def endless_pdf():
    """Make a PDF of 3 kB that asks for some 10^12 rectangles."""
    calls = [b" ".join([b"/F%d Do" % depth] * 100) for depth in range(1, 7)]
    return write_pdf(*calls, b"0 0 90 90 re f")


def read_pdf(client, content, wait=30):
    return client.post(f"/api/read?wait={wait}", files={"file": ("small.pdf", content)})


def test_a_page_of_a_pdf_that_takes_too_long_is_named(models):
    # The file asks for half a GB more with each second: memory must not be the first to run out.
    with make_client(models, page_seconds=3, pdf_bytes=10**12) as client:
        said = message(read_pdf(client, endless_pdf()), 422)
        assert said.startswith("small.pdf: page 1 takes more than 3 seconds to draw")


def test_a_pdf_that_is_drawn_for_ever_is_cancelled_and_the_lane_goes_on(client):
    from multiprocessing import active_children

    job = read_pdf(client, endless_pdf(), wait=0).json()
    until = time.monotonic() + 60
    while not active_children() and time.monotonic() < until:
        time.sleep(0.02)
    (process,) = active_children()
    assert client.delete(job["url"]).json()["state"] == "cancelled"
    process.join(60)
    assert process.exitcode is not None
    assert read_pdf(client, write_pdf(b"")).json()["result"]["pages"][0]["width"] == 375


def test_a_pdf_that_asks_for_too_much_memory_is_named_and_the_server_goes_on(models):
    pytest.importorskip("resource", reason="this system does not limit memory")
    with make_client(models, pdf_bytes=20_000_000) as client:
        said = message(read_pdf(client, write_pdf(b"")), 422)
        assert said.startswith("small.pdf: page 1 can't be drawn: it asks for too much memory")
        assert client.get("/api/models").status_code == 200


def test_a_pdf_of_too_many_pixels_is_refused(models):
    with make_client(models, pixels=10_000) as client:
        said = message(read_pdf(client, write_pdf(b"")), 422)
        assert "small.pdf: page 1 has 375 x 375 pixels, more than 10,000" in said


# --- bodies that are wrong


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"strokes": []}, "strokes"),
        ({"strokes": [[]]}, "strokes.0"),
        ({"strokes": [[[1, "2"]]]}, "strokes.0.0.1"),
        ({"strokes": [[[1, 2, 3]]]}, "strokes.0.0"),
        ({"strokes": [[[1, 1e300]]]}, "strokes.0.0.1"),
        ({"strokes": STROKES, "path": "/etc/passwd"}, "path"),
        ([], "the body"),
    ],
)
def test_wrong_strokes_are_named_with_their_place(client, body, said):
    assert said in message(client.post("/api/draw", json=body), 422)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"null", b"\xff", b'{"strokes": [[[NaN, 1]]]}', b"[" * 5000]
)
def test_broken_json_is_refused(client, content):
    headers = {"Content-Type": "application/json"}
    assert message(client.post("/api/draw", content=content, headers=headers), 422)


@pytest.mark.parametrize("wait", ["-1", "31", "nan", "x", "inf"])
def test_a_wait_that_is_none_is_refused(client, wait):
    before = set(client.app.state.studio.jobs._jobs)
    assert "wait" in message(client.post(f"/api/draw?wait={wait}", json={"strokes": STROKES}), 422)
    assert set(client.app.state.studio.jobs._jobs) == before, "what is refused is not queued"


@pytest.mark.parametrize(
    ("letter", "said"),
    [
        ({"text": ""}, "text"),
        ({"text": "x" * 2001}, "text"),
        ({"text": "a", "ink": "url(http://evil)"}, "ink"),
        ({"text": "a", "hand": 99}, "hand"),
        ({"text": "a", "size": "/etc/passwd"}, "size"),
        ({"text": "a", "bias": "much"}, "bias"),
    ],
)
def test_wrong_letters_are_refused(client, letter, said):
    assert said in message(client.post("/api/write", json=letter), 422)


def test_forms_without_their_files_are_refused(client):
    assert "'file'" in message(client.post("/api/read", files={"other": b"x"}), 422)
    assert "'a'" in message(client.post("/api/compare", files={"b": b"x"}), 422)
    assert "layout" in message(
        client.post("/api/read", files={"file": b"x"}, data={"layout": "/etc/passwd"}), 422
    )
    assert "model" in message(
        client.post("/api/read", files={"file": b"x"}, data={"model": "/etc/passwd"}), 422
    )
    response = client.post(
        "/api/identify", files=[("known", b"x"), ("questioned", b"x")], data={"writer": ["a", "b"]}
    )
    assert "1 files in 'known' and 2 fields 'writer'" in message(response, 422)
    headers = {"Content-Type": "multipart/form-data"}
    assert message(client.post("/api/read", content=b"xx", headers=headers), 400)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "broken.png"),
        (b"no image", "broken.png is neither an image nor a PDF"),
        (b"%PDF-1.7 no", "broken.png is damaged"),
        (b"\x89PNG\r\n\x1a\n", "broken.png"),
    ],
)
def test_broken_files_get_the_message_of_the_library_without_a_path(client, content, said):
    upload = {"file": ("../../tmp/broken.png", content)}
    answer = message(client.post("/api/read?wait=30", files=upload), 422)
    assert said in answer
    assert "/tmp" not in answer


# --- jobs


def test_more_jobs_than_the_limit_are_refused_and_none_is_lost():
    jobs = Jobs(Settings(queued=2))
    release = threading.Event()
    accepted = [jobs.submit("test", "work", lambda job: release.wait(30)) for _ in range(3)]
    with pytest.raises(Refusal, match="3 jobs are queued") as refused:
        jobs.submit("test", "work", lambda job: None)
    assert refused.value.status_code == 429
    assert refused.value.headers["Retry-After"]
    other = jobs.submit("test", "ink", lambda job: "at once")  # another lane goes on
    other.future.result(10)
    release.set()
    for job in accepted:
        job.future.result(10)
    assert [job.state for job in (*accepted, other)] == ["done"] * 4
    jobs.submit("test", "work", lambda job: None).future.result(10)
    jobs.close()


def test_pictures_of_a_letter_are_not_refused_while_others_are_made():
    jobs = Jobs(Settings(queued=1, queued_files=5))
    go = threading.Event()
    made = [jobs.submit("file", "files", lambda job: go.wait(10)) for _ in range(6)]
    with pytest.raises(Refusal) as caught:
        jobs.submit("file", "files", lambda job: None)
    assert caught.value.status_code == 429
    go.set()
    assert all(job.future.result(10) is None for job in made)
    jobs.close()


def test_cancelled_jobs_are_not_begun_and_those_that_run_stop_at_their_next_step():
    jobs = Jobs(Settings())
    began, steps = threading.Event(), []

    def work(job):
        began.set()
        for step in range(2000):
            steps.append(step)
            job.reach(step, 2000, "at work")
            time.sleep(0.005)

    running = jobs.submit("test", "work", work)
    waiting = jobs.submit("test", "work", lambda job: steps.append("never"))
    assert began.wait(10)
    jobs.cancel(waiting.id)
    jobs.cancel(running.id)
    running.future.result(10)
    assert running.state == waiting.state == "cancelled"
    assert len(steps) < 2000
    assert "never" not in steps
    assert running.result is None
    jobs.submit("test", "work", lambda job: None).future.result(10)  # the lane is free again
    jobs.close()


def test_results_are_dropped_when_they_are_too_many_too_large_or_too_old():
    def keep(jobs, size):
        def work(job):
            job.size = size
            return "kept"

        job = jobs.submit("test", "work", work)
        job.future.result(10)
        return job

    for settings, expected in (
        (Settings(kept=2), 2),
        (Settings(kept_bytes=250), 2),
        (Settings(kept_seconds=0), 0),
    ):
        jobs = Jobs(settings)
        made = [keep(jobs, 100) for _ in range(5)]
        time.sleep(0.01)
        found = []
        for job in made:
            try:
                found.append(jobs.get(job.id))
            except Refusal as error:
                assert error.status_code == 404
        assert found == (made[-expected:] if expected else [])
        jobs.close()


def test_a_drawing_does_not_drive_out_pages_that_someone_corrects():
    jobs = Jobs(Settings(kept=2))
    pages = jobs.submit("read", "work", lambda job: "pages")
    pages.future.result(10)
    for _ in range(5):
        drawn = jobs.submit("draw", "ink", lambda job: "text")
        drawn.future.result(10)
    assert jobs.get(pages.id) is pages
    assert sum(job.kind == "draw" for job in jobs._jobs.values()) == 2
    jobs.close()


def test_a_result_that_is_asked_for_stays(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("hwsk.studio._jobs.time.monotonic", lambda: now[0])
    jobs = Jobs(Settings(kept_seconds=100))
    used, left = (jobs.submit("read", "work", lambda job: "pages") for _ in range(2))
    left.future.result(10)
    for now[0] in (90.0, 180.0, 270.0):
        assert jobs.get(used.id) is used
    with pytest.raises(Refusal, match="unknown"):
        jobs.get(left.id)
    jobs.close()


def test_a_fault_of_a_job_is_a_message_and_the_lane_goes_on():
    jobs = Jobs(Settings())
    job = jobs.submit("test", "work", lambda job: {}["missing"])
    job.future.result(10)
    assert job.state == "failed"
    assert job.error["code"] == "fault"
    assert "KeyError" in job.error["message"]
    jobs.submit("test", "work", lambda job: None).future.result(10)
    jobs.close()


def test_jobs_are_cancelled_over_the_api(client):
    job = client.post("/api/write", json={"text": "a long text " * 20}).json()
    assert job["state"] in ("queued", "running")
    assert client.delete(job["url"]).json()["state"] == "cancelled"
    assert client.get(job["url"]).json()["state"] == "cancelled"
    assert message(client.get(f"{job['url']}/files/letter.svg"), 404)
    assert message(client.post(f"{job['url']}/export", json={"format": "text"}), 409)


def test_unknown_jobs_and_methods_are_errors_of_json(client):
    assert message(client.get("/api/jobs/none"), 404)
    assert message(client.delete("/api/jobs/none"), 404)
    assert message(client.get("/api/draw"), 405)
    assert message(client.get("/nothing"), 404)


# --- the rooms, with the shipped models


def test_a_line_is_read_corrected_and_written_in_all_formats(client):
    from hwsk.documents import Page

    line = make_handwriting(1, texts=["thank you"], height=64, random_state=3).images[0]
    files = {"file": ("pages\\l\xednea 1.png", png(line))}
    job = client.post("/api/read?wait=30", files=files, data={"layout": "line"}).json()
    assert job["state"] == "done", job
    assert job["result"]["name"] == "l\xednea 1.png"
    (page,) = job["result"]["pages"]
    assert (page["width"], page["height"]) == line.shape[::-1]
    assert len(page["lines"]) == 1
    assert 0 <= page["lines"][0]["confidence"] <= 1
    jpeg = client.get(page["image"])
    assert jpeg.headers["content-type"] == "image/jpeg"
    assert "sandbox" in jpeg.headers["content-security-policy"]

    correction = [{"page": 1, "line": 0, "text": "thanks to you all"}]
    found = {}
    for layout in ("text", "json", "page", "alto", "hocr", "pdf"):
        body = {"format": layout, "corrections": correction}
        response = client.post(f"{job['url']}/export", json=body)
        assert response.status_code == 200, response.text
        end = {"text": "txt", "page": "page.xml", "alto": "alto.xml"}.get(layout, layout)
        saved = response.headers["content-disposition"]
        assert saved == f"attachment; filename*=UTF-8''l%C3%ADnea%201.{end}"
        found[layout] = response.content
    assert found["text"] == b"thanks to you all\n"
    for layout in ("json", "page", "alto"):
        assert Page.load(found[layout]).lines[0].text == "thanks to you all"
    assert b"thanks to you all" in found["hocr"]
    assert found["pdf"].startswith(b"%PDF")
    for wrong in ({"page": 2, "line": 0, "text": "x"}, {"page": 1, "line": 9, "text": "x"}):
        body = {"format": "text", "corrections": [wrong]}
        assert "there is no" in message(client.post(f"{job['url']}/export", json=body), 422)
    assert "8 or more" in message(
        client.post("/api/learn", json={"job": job["id"], "lines": correction}), 422
    )


@pytest.mark.slow
def test_corrections_are_learnt_from_and_both_models_stay(client, tmp_path):
    texts = ["thank you", "dear ada", "on friday", "see you", "the fox", "and on", "a dog", "jumps"]
    made = make_handwriting(len(texts), texts=texts, n_writers=1, height=64, random_state=0)
    page = np.full((len(texts) * 120 + 60, 900), 255, np.uint8)
    for row, image in enumerate(made.images):
        top = 60 + 120 * row
        page[top : top + image.shape[0], 60 : 60 + min(image.shape[1], 780)] = image[:, :780]
    files = {"file": ("page.png", png(page))}
    job = client.post("/api/read?wait=30", files=files, data={"layout": "page"}).json()
    count = len(job["result"]["pages"][0]["lines"])
    assert count >= 8, job["result"]
    lines = [{"page": 1, "line": row, "text": texts[row % len(texts)]} for row in range(count)]
    body = {"job": job["id"], "lines": lines, "epochs": 1}
    assert "twice" in message(client.post("/api/learn", json={**body, "lines": lines * 2}), 422)
    assert "model" in message(client.post("/api/learn", json={**body, "model": "x"}), 422)
    lesson = client.post("/api/learn?wait=30", json=body).json()
    while lesson["state"] in ("queued", "running"):
        lesson = client.get(f"{lesson['url']}?wait=30").json()
    assert lesson["state"] == "done", lesson
    result = lesson["result"]
    assert result["learnt"] + result["held_out"] == count
    assert result["cer_before"] >= 0 <= result["cer_after"]
    readers = client.get("/api/models").json()["readers"]
    assert readers[:2] == ["english-pages", "latin-lines"] and result["model"] in readers
    for model in ("english-pages", result["model"]):
        again = client.post("/api/read?wait=30", files=files, data={"model": model}).json()
        assert again["state"] == "done", again
        assert again["result"]["model"] == model
    saved = tmp_path / "learnt.hwsk"
    saved.write_bytes(client.get(result["file"]).content)
    assert len(hwsk.load(saved).predict(made.images[:2])) == 2


def test_a_line_that_is_hardly_read_is_remarked_on(client):
    noise = np.random.default_rng(0).integers(0, 2, (12, 100)).repeat(5, 0).repeat(5, 1)
    files = {"file": ("noise.png", png(255 * noise.astype(np.uint8)))}
    job = client.post("/api/read?wait=30", files=files, data={"layout": "line"}).json()
    assert job["state"] == "done", job
    assert "low mean confidence" in " ".join(job["remarks"])


def test_each_job_has_its_own_warnings_and_issues_none(recwarn):
    jobs = Jobs(Settings())
    both = threading.Barrier(2, timeout=10)

    def work(job):
        for _ in range(2):
            both.wait()
            warn_caller(f"of {job.kind}")

    at_once = [jobs.submit(kind, kind, work) for kind in ("ink", "work")]
    for job in at_once:
        job.future.result(10)
    assert [job.to_json()["remarks"] for job in at_once] == [["of ink"], ["of work"]]
    assert not recwarn.list
    jobs.close()


def test_letters_that_can_not_be_written_are_remarked_on(client):
    letter = {"text": "on é", "size": "card", "checked": False, "hand": None}
    job = client.post("/api/write?wait=30", json=letter).json()
    assert job["state"] == "done", job
    assert "'é'" in " ".join(job["remarks"])
    said = message(client.post("/api/write?wait=30", json={**letter, "text": "on 日"}), 422)
    assert "'日' (line 1, column 4)" in said
    assert "unsupported" not in said, "a way out that the studio has taken already"


def read_ink(client, strokes, **more):
    job = client.post("/api/draw?wait=30", json={"strokes": as_points(strokes), **more}).json()
    assert job["state"] == "done", job
    return job["result"]


def test_ink_is_read_as_by_the_recognizer_whole_and_in_part(client):
    for strokes in ink_words(1, 24).strokes[:6]:
        parts = as_points(strokes)
        for count in range(1, len(parts) + 1):
            points = np.concatenate(parts[:count])
            so_far = np.c_[np.diff(points, axis=0, prepend=points[:1]), strokes[: len(points), 2]]
            so_far[-1, 2] = 1
            (expected,) = ink_recognizer().predict_details([so_far.astype(np.float32)])
            found = client.post("/api/draw?wait=30", json={"strokes": parts[:count]}).json()
            assert found["result"]["text"] == expected["text"].strip()
            words = found["result"]["words"]
            assert [word["strokes"] for word in words] == [
                word["strokes"] for word in expected["words"]
            ]


def test_what_is_read_names_its_strokes_and_points(client):
    strokes = ink_words(1, 24).strokes[0]
    result = read_ink(client, strokes)
    (word,) = result["words"]
    assert word["strokes"] == list(range(int(strokes[:, 2].sum())))
    assert (word["start"], word["stop"]) == (0, len(strokes))
    assert "".join(character["text"] for character in word["characters"]) == word["text"]
    places = [character["start"] for character in word["characters"]]
    assert places == sorted(places)
    assert all(0 <= character["confidence"] <= 1 for character in word["characters"])


def test_other_readings_are_given_where_they_are_asked_for(client):
    strokes = ink_words(1, 24).strokes[0]
    (without,) = read_ink(client, strokes)["words"]
    (word,) = read_ink(client, strokes, alternatives=True)["words"]
    assert without["alternatives"] == []
    assert {**word, "alternatives": []} == without
    assert 1 <= len(word["alternatives"]) <= 5
    assert word["text"] not in word["alternatives"]


class NoLetters:
    """Recognizes nothing."""

    def predict_details(self, X):
        return [{"words": [], "characters": [], "mean": 0.0} for _ in X]


def test_ink_without_text_has_no_other_readings():
    with make_client(Models({"ink-lines": NoLetters()})) as client:
        body = {"strokes": STROKES, "alternatives": True}
        result = client.post("/api/draw?wait=30", json=body).json()["result"]
        assert result == {"text": "", "confidence": 0.0, "words": []}


class TwoLetters:
    """Gives fixed probabilities of the blank of CTC, "a", "b" and " ": "a b", and both doubtful."""

    alphabet_, decoder = "ab ", None

    def predict_log_proba(self, X):
        steps = [[0.1, 0.6, 0.3, 0], [1, 0, 0, 0], [0.1, 0, 0, 0.9], [0.1, 0.4, 0.5, 0]]
        with np.errstate(divide="ignore"):
            return [np.log(np.array(steps)) for _ in X]


def test_each_word_has_other_readings_of_its_own():
    from hwsk.studio._ink import _find_alternatives

    strokes = np.zeros((4, 3), np.float32)
    first, second = _find_alternatives(TwoLetters(), strokes, ["a", "b"])
    assert (first[0], second[0]) == ("b", "a")
    assert "a" not in first and "b" not in second
    assert _find_alternatives(TwoLetters(), strokes, ["ab"]) == [[]]


def test_signatures_are_compared_with_the_places_that_match(client):
    made = make_signatures(2, 2, 0, random_state=8)
    a, b, c = (png(made.images[i]) for i in (0, 1, 2))
    ratios = []
    for reference in (a, c):
        files = [("a", ("a.png", reference)), ("b", ("b.png", b))]
        job = client.post("/api/compare?wait=30", files=files).json()
        assert job["state"] == "done", job
        assert job["result"]["doubts"] == []
        ratios.append(job["result"]["log_likelihood_ratio"])
        assert abs(ratios[-1]) <= np.log(job["result"]["bound"]) + 1e-3
    assert ratios[0] > ratios[1]
    report = client.get(job["result"]["reports"]["html"])
    assert b"Matched places" in report.content and b"signature-comparer" in report.content
    copies = [("a", ("a.png", a)), ("b", ("b.png", a))]
    said = message(client.post("/api/compare?wait=30", files=copies), 422)
    assert "identical" in said and "a copy, not a comparison" in said
    files = [("a", ("a.png", a)), ("a", ("c.png", c)), ("b", ("b.png", png(255 - made.images[1])))]
    job = client.post("/api/compare?wait=30", files=files).json()
    assert job["result"]["log_likelihood_ratio"] == 0
    negative, apart = job["result"]["doubts"]
    assert negative.startswith("the questioned b.png: it is a negative")
    assert apart == "the reference a.png and the reference c.png look like those of two writers"
    same, other = job["result"]["pairs"]
    assert [same["name"], other["name"]] == ["a.png", "c.png"]
    assert same["matches"]
    for match in same["matches"]:
        assert all(0 <= value <= 1 for value in (*match["first"], *match["second"]))
    image = Image.open(io.BytesIO(client.get(same["images"][0]).content))
    assert image.width > image.height


def test_words_are_compared_with_features_and_a_report(client):
    made = make_handwriting(2, texts=["and"], n_writers=2, height=64, random_state=0)
    files = [
        (side, (f"<{side}> \xe5\u0628.png", png(made.images[i]))) for i, side in enumerate("ab")
    ]
    job = client.post("/api/compare?wait=30", files=files, data={"kind": "and"}).json()
    assert job["state"] == "done", job
    assert len(job["result"]["features"]) == 15
    assert client.get(job["result"]["reports"]["pdf"]).content.startswith(b"%PDF")
    report = client.get(job["result"]["reports"]["html"])
    assert "&lt;b&gt; \xe5\u0628.png" in report.text
    assert hashlib.sha256(files[1][1][1]).hexdigest() in report.text, "as sha256sum prints it"
    assert b"Comparison of two samples" in report.content
    assert "sandbox" in report.headers["content-security-policy"]
    same = [("a", ("a.png", png(made.images[0]))), ("b", ("b.png", png(made.images[0])))]
    said = message(client.post("/api/compare?wait=30", files=same, data={"kind": "and"}), 422)
    assert said.startswith("the reference a.png and the questioned b.png are identical")
    sheet = np.full((400, 300), 255, np.uint8)
    for row in range(4):
        sheet[20 + 90 * row : 84 + 90 * row, 20 : 20 + made.images[0].shape[1]] = made.images[0]
    files[1] = "b", ("sheet.png", png(sheet))
    job = client.post("/api/compare?wait=30", files=files, data={"kind": "and"}).json()
    (doubt,) = job["result"]["doubts"]
    assert doubt.startswith("the questioned sheet.png: ")
    assert job["remarks"] == [], "why no ratio is given is said once"


def test_lines_are_compared_with_a_report(client):
    made = make_handwriting(3, texts=["on friday"], n_writers=3, height=64, random_state=0)
    files = [
        (side, (f"{side}.png", png(image))) for side, image in zip("aab", made.images, strict=True)
    ]
    job = client.post("/api/compare?wait=30", files=files, data={"kind": "lines"}).json()
    assert job["state"] == "done", job
    assert job["result"]["model"] == "iam-comparer"
    assert job["result"]["features"] == []
    assert 0 < job["result"]["probability"] < 1
    assert [len(side) for side in job["result"]["images"]] == [2, 1]
    assert b"iam-comparer" in client.get(job["result"]["reports"]["html"]).content


def test_writers_are_ranked_with_evidence(client):
    made = make_handwriting(
        9, texts=["thank you", "dear ada", "on friday"], n_writers=3, height=64, random_state=0
    )
    files = [("known", (f"{i}.png", png(made.images[i]))) for i in range(8)]
    files.append(("questioned", ("asked.png", png(made.images[8]))))
    data = {"writer": [str(name) for name in made.writer[:8]]}
    job = client.post("/api/identify?wait=30", files=files, data=data).json()
    assert job["state"] == "done", job
    ranking = job["result"]["ranking"]
    assert {of["writer"] for of in ranking} == set(data["writer"])
    probabilities = [of["probability"] for of in ranking]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) + job["result"]["none_probability"] == pytest.approx(1, abs=1e-3)
    assert ranking[0]["writer"] == made.writer[8]
    for of in ranking:
        for line in of["evidence"]:
            assert client.get(line["image"]).headers["content-type"] == "image/png"
    files[-1] = ("questioned", ("asked.png", png(made.images[0])))
    said = message(client.post("/api/identify?wait=30", files=files, data=data), 422)
    assert "identical" in said and "a copy, not a comparison" in said


def test_a_text_is_written_in_all_formats(client):
    letter = {"text": "on", "size": "card", "checked": False, "hand": None, "seed": 1}
    job = client.post("/api/write?wait=30", json=letter).json()
    assert job["state"] == "done", job
    starts = {
        "svg": b"<?xml", "animated.svg": b"<?xml", "plotter.svg": b"<?xml",
        "png": b"\x89PNG", "gif": b"GIF8", "pdf": b"%PDF", "inkml": b"<?xml",
    }  # fmt: skip
    for kind, start in starts.items():
        response = client.get(job["result"]["files"][f"letter.{kind}"], params={"download": ""})
        assert response.content.startswith(start)
        assert response.headers["content-disposition"] == f'attachment; filename="letter.{kind}"'
    assert message(client.get(f"{job['url']}/files/letter.exe"), 404)


def test_words_that_are_written_are_counted_and_samples_are_drawn_in_parts():
    from hwsk.studio._jobs import Job
    from hwsk.studio._writing import _AT_ONCE, _Interruptible

    drawn = []

    class Echo:
        alphabet_, bias = "a", 0.5

        def sample(self, *, texts, prime, bias, tries, random_state):
            drawn.append(len(texts))
            return list(zip(texts, prime, strict=True))

    texts = ["a" * 60] * 30 + ["a"] * 100 + ["a" * (_AT_ONCE + 1)] * 2
    prime = list(range(len(texts)))
    job = Job("write")
    draw = _Interruptible(Echo(), job).sample
    samples = draw(texts=texts, prime=prime, bias=None, random_state=0)
    assert samples == list(zip(texts, prime, strict=True))
    assert drawn == [12, 12, 106, 1, 1]
    job._stop.set()
    with pytest.raises(Cancelled):
        draw(texts=texts, prime=prime, bias=None, random_state=0)
    assert len(drawn) == 5


def test_a_drawn_hand_is_brought_to_what_the_synthesizer_has_learnt():
    from hwsk.studio._ink import as_offsets
    from hwsk.studio._writing import DrawnLine, _drawn_hand

    made = make_handwriting(2, texts=["the fox", "and on"], n_writers=1, random_state=1)
    lines = [
        DrawnLine.model_validate_json(json.dumps({"text": text, "strokes": as_points(strokes)}))
        for strokes, text in zip(made.strokes, made.text, strict=True)
    ]
    strokes, text = _drawn_hand(lines)
    assert text == " ".join(made.text)
    assert strokes.dtype == np.float32
    x = np.cumsum(strokes[:, 0])
    first = len(_drawn_hand(lines[:1])[0])
    assert x[first:].min() > x[:first].max()  # the second line stands right of the first
    assert len(as_offsets(STROKES)) == 5
    with pytest.raises(ValueError, match="a drawn line"):
        _drawn_hand([DrawnLine(text="x", strokes=[[(0.0, 0.0)]])])


# --- the description, and the command


def test_openapi_describes_every_route_with_examples_that_are_valid(client):
    from pydantic import TypeAdapter

    from hwsk.studio._ink import Ink
    from hwsk.studio._learning import Lesson
    from hwsk.studio._reading import Export
    from hwsk.studio._writing import Letter

    document = client.get("/api/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    served = {
        route.path for route in client.app.routes
        if route.path.startswith("/api/") and route.path != "/api/openapi.json"
    }  # fmt: skip
    assert set(document["paths"]) == served
    bodies = {"Ink": Ink, "Letter": Letter, "Lesson": Lesson, "Export": Export}
    examples = 0
    for path in document["paths"].values():
        content = path.get("post", {}).get("requestBody", {}).get("content", {})
        if described := content.get("application/json"):
            kind = bodies[described["schema"]["$ref"].rpartition("/")[2]]
            TypeAdapter(kind).validate_json(json.dumps(described["example"]))
            examples += 1
    assert examples == len(bodies)


def test_without_its_packages_the_command_says_how_to_install_them():
    code = (
        "import sys; sys.modules['starlette'] = None; sys.modules['uvicorn'] = None\n"
        "from hwsk.cli import main; main(['serve'], prog_name='hwsk')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'hwsk[studio]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_elsewhere_than_on_loopback_a_token_is_made_up():
    from hwsk.studio._security import is_loopback

    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert is_loopback("localhost")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("192.168.1.4")
    assert not is_loopback("example.org")


def test_the_address_that_is_printed_can_be_opened():
    import socket

    from hwsk.studio._server import _address

    assert _address("127.0.0.1", 8000, None) == "http://127.0.0.1:8000/"
    assert (
        _address("::1", 8000, "a b+c&d#\xe4") == "http://[::1]:8000/?token=a%20b%2Bc%26d%23%C3%A4"
    )
    for every in ("0.0.0.0", "::", ""):
        assert _address(every, 80, None) == f"http://{socket.gethostname()}:80/"
    client = make_client(token="a b+c&d#\xe4")
    path = "/" + _address("::1", 8000, "a b+c&d#\xe4").partition("/?")[2]
    client.get(path.replace("/token", "/?token"))
    assert client.get("/api/models").status_code == 200


def test_a_name_of_this_server_has_no_scheme_and_no_port():
    from click.testing import CliRunner

    from hwsk.cli import main

    for name in ("https://studio.example.org", "studio.example.org:443", ""):
        result = CliRunner().invoke(main, ["serve", "--name", name])
        assert result.exit_code == 2
        assert "without scheme and port" in result.output


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C is sent as a signal")
def test_the_address_answers_once_it_is_printed_and_ctrl_c_is_no_error():
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from hwsk.studio import _server; _server.warm_up = lambda studio: None\n"
        "from hwsk.cli import main; main(['serve', '--port', '0'])"
    )
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            address = process.stdout.readline().split()[2]
            with urlopen(address) as page:
                assert page.status == 200
            process.send_signal(signal.SIGINT)
            errors = process.communicate()[1]
        finally:
            process.kill()
    assert process.returncode == 0 and "Aborted" not in errors


# --- under load


@pytest.mark.slow
def test_under_load_each_request_is_answered_or_refused_and_memory_is_flat(models):
    resource = pytest.importorskip("resource")

    def ask(client, number):
        moved = [[[x + number % 5, y] for x, y in stroke] for stroke in STROKES]
        return client.post("/api/draw?wait=30", json={"strokes": moved})

    def run(client, count):
        with ThreadPoolExecutor(8) as users:
            return list(users.map(partial(ask, client), range(count)))

    with make_client(models, kept=8) as client:  # eight users fit into the queue
        run(client, 16)  # what is loaded and cached once
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answers = run(client, 100)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        assert [answer.status_code for answer in answers] == [200] * 100
        assert all(answer.json()["state"] == "done" for answer in answers)
        assert grown < 60, f"{grown:.0f} MB more"
        assert len(client.app.state.studio.jobs._jobs) <= 8 + 9  # kept, and at work or queued
    with make_client(models, queued=2) as client:  # eight users do not
        answers = run(client, 100)
        counts = Counter(answer.status_code for answer in answers)
        assert set(counts) == {200, 429}
        assert sum(counts.values()) == 100
        for answer in answers:
            if answer.status_code == 429:
                assert answer.headers["retry-after"]
                assert "try again" in message(answer, 429)


class Idle:
    """A lane that takes jobs, and never begins one; who waits for it does not wait long."""

    def submit(self, *args):
        future = Future()
        future.set_result(None)
        return future

    def shutdown(self, **kwargs):
        pass


@pytest.mark.slow
def test_schemathesis_finds_no_server_error_and_no_answer_that_is_not_described(models):
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from hypothesis import HealthCheck, given, settings
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    app = create_app(Settings(queued=10_000), models)
    lanes = app.state.studio.jobs._lanes
    for lane in ("work", "learning"):  # requests are judged here, not hours of work
        lanes[lane] = Idle()
    with serve_app(app) as address:
        schema = schemathesis.openapi.from_url(f"{address}api/openapi.json")
        seen = Counter()
        for operation in schema.get_all_operations():

            @settings(
                max_examples=20,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                derandomize=True,
            )
            @given(case=operation.ok().as_strategy())
            def judge(case):
                response = case.call()
                seen[case.operation.label, response.status_code] += 1
                case.validate_response(
                    response,
                    checks=[
                        not_a_server_error,
                        status_code_conformance,
                        content_type_conformance,
                        response_schema_conformance,
                    ],
                )

            judge()
    assert {label for label, _ in seen} >= {"POST /api/read", "POST /api/draw", "POST /api/write"}
    assert any(status == 200 for _, status in seen)
    assert any(status == 422 for _, status in seen)
