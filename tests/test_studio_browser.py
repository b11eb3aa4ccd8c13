"""The page of the studio in a browser: each room end to end, with the shipped models."""

import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

import hwsk
from hwsk.datasets import make_handwriting, make_signatures

pytest.importorskip("starlette", reason="the studio's packages are not installed: hwsk[studio]")
playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install 'hwsk[browser]'"
)
CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("there is no chromium here: apt install chromium", allow_module_level=True)

pytestmark = pytest.mark.slow

LINES = ["thank you", "on the table", "and the house"]
SECONDS = 180_000  # milliseconds for a job, on a machine that is at work


@pytest.fixture(scope="module")
def address():
    from studio_server import serve_app

    from hwsk.studio._app import create_app, warm_up

    app = create_app()
    warm_up(app.state.studio)
    with serve_app(app) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(params=[1280, 390, 360])
def width(request):
    return request.param


@pytest.fixture
def page(browser, address):
    yield from open_page(browser, address, 1280)


def open_page(browser, address, width):
    """Open the page; nothing may be asked of another machine, and no script may fail."""
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    problems = []
    own = (address, "blob:", "data:")
    page.on("request", lambda r: problems.append(r.url) if not r.url.startswith(own) else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda said: (
            problems.append(said.text)
            if said.type == "error" and not re.search("status of 4|ERR_FAILED", said.text)
            else None
        ),
    )
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    yield page
    context.close()
    assert not problems


def open_room(page, room):
    page.click(f'nav a[href="#{room}"]')
    page.wait_for_selector(f"#{room}:not([hidden])")


def finish(page, room):
    """Press the room's button, and wait for its result; return the text of the result."""
    page.click(f"#{room} button.primary")
    page.wait_for_selector(f"#{room} .result:not([hidden]), #{room} .error", timeout=SECONDS)
    assert page.query_selector(f"#{room} .error") is None, page.text_content(f"#{room} .status")
    return page.text_content(f"#{room} .result")


def save(folder, name, image):
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(folder / name)
    return folder / name


@pytest.fixture(scope="module")
def written():
    """Strokes and text of a line that `ink-lines` reads right; the synthesizer knows IAM-OnDB."""
    texts = LINES * 3
    samples = hwsk.load("synthesizer").sample(texts=texts, bias=1.0, random_state=5)
    readings = hwsk.load("ink-lines").predict(samples)
    found = [pair for pair in zip(samples, texts, readings, strict=True) if pair[1] == pair[2]]
    assert found, list(readings)
    return found[0][:2]


def draw(page, canvas, strokes):
    """Draw strokes on a canvas by mouse."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    points = np.cumsum(strokes[:, :2], axis=0)
    points -= points.min(axis=0)
    scale = min((box["width"] - 40) / points[:, 0].max(), 70 / points[:, 1].max())
    places = points * scale + [box["x"] + 20, box["y"] + 20]
    is_down = False
    for (x, y), pen_up in zip(places.tolist(), strokes[:, 2].tolist(), strict=True):
        page.mouse.move(x, y)
        if not is_down:
            page.mouse.down()
        is_down = not pen_up
        if pen_up:
            page.mouse.up()


def test_rooms_fit_the_screen_and_are_reached_by_keyboard(browser, address, width):
    for page in open_page(browser, address, width):
        for room in ("read", "draw", "write", "compare", "who"):
            page.focus(f'nav a[href="#{room}"]')
            page.keyboard.press("Enter")
            page.wait_for_selector(f"#{room}:not([hidden])")
            assert page.evaluate("document.activeElement.id") == "main"
            assert page.get_attribute(f'nav a[href="#{room}"]', "aria-current") == "page"
            too_wide = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
            assert too_wide <= 0, f"{room} at {width} pixels"
            small = page.eval_on_selector_all(
                f"#{room} button, #{room} select, nav a",
                "all => all.filter(e => e.offsetParent && e.offsetHeight < 40).length",
            )
            assert small == 0, "what is pressed by a finger is 40 pixels high or more"


def test_every_control_and_picture_has_a_name(page):
    for room in ("read", "draw", "write", "compare", "who"):
        open_room(page, room)
        unnamed = page.eval_on_selector_all(
            f"#{room} input, #{room} select, #{room} textarea, #{room} canvas, #{room} button",
            """all => all.filter(e => !(e.ariaLabel || e.labels?.length || e.textContent.trim()))
                 .map(e => e.outerHTML)""",
        )
        assert unnamed == []
        assert page.get_attribute(f"#{room} .status", "role") == "status"
    assert page.eval_on_selector_all("img:not([alt])", "all => all.length") == 0


def wait_for_reading(page, text):
    page.wait_for_function(
        """text => [...document.querySelectorAll("#draw .reading .word > button")]
             .map(button => button.textContent).join(" ") === text""",
        arg=text,
        timeout=SECONDS,
    )


def reading(page):
    return " ".join(page.locator("#draw .reading .word > button").all_text_contents())


def ink_colours(page):
    """Colours of ink on the canvas: blue, and orange where it is marked."""
    return set(
        page.locator("#draw canvas").evaluate(
            """canvas => {
              const { data } = canvas.getContext("2d").getImageData(
                0, 0, canvas.width, canvas.height);
              const found = new Set();
              for (let i = 0; i < data.length; i += 4) {
                if (data[i + 3] < 255) continue;
                if (data[i] > 200 && data[i + 2] < 50) found.add("orange");
                if (data[i] < 60 && data[i + 2] > 80) found.add("blue");
              }
              return [...found];
            }"""
        )
    )


def test_a_line_is_drawn_and_read_while_drawing_and_kept(page, written):
    strokes, line = written
    open_room(page, "draw")
    with page.expect_request("**/api/draw*"):  # long before the last stroke
        draw(page, page.locator("#draw canvas"), strokes[: np.flatnonzero(strokes[:, 2])[0] + 1])
    page.click("#draw-clear")
    draw(page, page.locator("#draw canvas"), strokes)
    wait_for_reading(page, line)
    page.click("#draw-on")
    assert reading(page) == ""
    draw(page, page.locator("#draw canvas"), strokes)
    wait_for_reading(page, line)
    page.click("#draw-keep")
    assert page.input_value("#draw-text") == f"{line} {line}\n"


def test_a_word_shows_its_ink_and_other_readings_which_stay_chosen(page, written):
    strokes, line = written
    open_room(page, "draw")
    draw(page, page.locator("#draw canvas"), strokes)
    wait_for_reading(page, line)
    assert ink_colours(page) == {"blue"}
    button = page.locator("#draw .reading .word > button").first
    button.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    assert ink_colours(page) == {"blue", "orange"}
    characters = page.locator("#draw .menu .characters button")
    assert "".join(characters.all_text_contents()) == line.split()[0]
    other = page.locator("#draw .menu .others button").first
    chosen = other.text_content(timeout=SECONDS)
    other.click()
    assert reading(page) == " ".join([chosen, *line.split()[1:]])
    assert ink_colours(page) == {"blue"}
    button.press("Enter")
    page.keyboard.press("Escape")
    assert page.query_selector("#draw .menu") is None
    page.focus("#draw canvas")
    page.keyboard.press("Space")  # a dot, which is taken back
    page.keyboard.press("Space")
    page.keyboard.press("Control+z")
    wait_for_reading(page, " ".join([chosen, *line.split()[1:]]))


def test_other_readings_of_the_last_word_stay_on_a_small_screen(browser, address, written):
    strokes, line = written
    for page in open_page(browser, address, 360):
        open_room(page, "draw")
        draw(page, page.locator("#draw canvas"), strokes)
        wait_for_reading(page, line)
        page.locator("#draw .reading .word > button").last.click()
        page.wait_for_selector("#draw .menu .others button", timeout=SECONDS)
        menu = page.locator("#draw .menu").bounding_box()
        assert menu["x"] >= 0 and menu["x"] + menu["width"] <= 360
        assert page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0


def test_drawing_goes_on_while_the_server_does_not_answer(page, written):
    strokes, line = written
    held, let_through = [], []

    def hold(route):
        if let_through:
            route.continue_()
        else:
            held.append(route)

    page.route("**/api/draw*", hold)
    open_room(page, "draw")
    draw(page, page.locator("#draw canvas"), strokes)
    assert ink_colours(page) == {"blue"}
    assert len(held) == 1, "one request at a time"
    let_through.append(True)
    held[0].continue_()
    wait_for_reading(page, line)  # what was drawn meanwhile was sent after it


def test_a_second_finger_and_a_palm_beside_the_pen_do_not_write(page):
    open_room(page, "draw")
    counts = page.evaluate(
        """() => {
          const canvas = document.querySelector("#draw canvas");
          const box = canvas.getBoundingClientRect(), counts = [];
          const send = (kind, pointerId, pointerType, x, more = {}) =>
            canvas.dispatchEvent(new PointerEvent(kind, { pointerId, pointerType, bubbles: true,
              clientX: box.left + x, clientY: box.top + 60, ...more }));
          let lifted = 0;
          canvas.parentElement.addEventListener("ink", () => lifted++);
          send("pointerdown", 1, "touch", 40);
          send("pointerdown", 2, "touch", 90);
          send("pointermove", 2, "touch", 140);
          send("pointerup", 2, "touch", 140);
          counts.push(lifted);
          send("pointerup", 1, "touch", 60);
          counts.push(lifted);
          send("pointerdown", 3, "pen", 40, { pressure: 0.9 });
          send("pointerup", 3, "pen", 60);
          send("pointerdown", 4, "touch", 200);
          send("pointerup", 4, "touch", 200);
          counts.push(lifted);
          return counts;
        }"""
    )
    assert counts == [0, 1, 2]


def test_a_pen_that_is_pressed_draws_thicker(page):
    open_room(page, "draw")
    inked = page.evaluate(
        """() => [0.1, 0.9].map((pressure, row) => {
          const canvas = document.querySelector("#draw canvas");
          const box = canvas.getBoundingClientRect(), y = 30 + 60 * row;
          const send = (kind, x) => canvas.dispatchEvent(new PointerEvent(kind, { pointerId: 1,
            pointerType: "pen", pressure, clientX: box.left + x, clientY: box.top + y }));
          send("pointerdown", 40);
          send("pointermove", 140);
          send("pointerup", 140);
          const { data } = canvas.getContext("2d").getImageData(90, y - 15, 1, 30);
          return [...data].filter((value, i) => i % 4 === 3 && value > 100).length;
        })"""
    )
    assert inked[1] > inked[0] >= 1


def test_ink_is_drawn_by_keyboard(page):
    open_room(page, "draw")
    page.focus("#draw canvas")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    for _ in range(8):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    page.wait_for_selector("#draw .reading button", timeout=SECONDS)
    page.click("#draw-clear")
    wait_for_reading(page, "")


def test_a_page_is_read_corrected_and_saved(page, tmp_path):
    made = make_handwriting(3, texts=["thank you", "dear ada"], height=64, random_state=1)
    sheet = np.full((500, 900), 255, np.uint8)
    for row, image in enumerate(made.images):
        sheet[60 + 130 * row : 124 + 130 * row, 60 : 60 + image.shape[1]] = image
    open_room(page, "read")
    page.set_input_files("#read input[type=file]", save(tmp_path, "sheet.png", sheet))
    finish(page, "read")
    inputs = page.locator("#read .lines input")
    assert inputs.count() >= 2
    assert page.locator("#read svg polygon:not(.w)").count() == inputs.count()
    inputs.nth(0).fill("a correction")
    assert "on" in page.locator("#read svg polygon:not(.w)").nth(0).get_attribute("class")
    with page.expect_download() as saved:
        page.click("#read button:has-text('Text')")
    assert saved.value.suggested_filename == "sheet.txt"
    assert saved.value.path().read_text("utf-8").startswith("a correction\n")
    with page.expect_download() as saved:
        page.click("#read button:has-text('Searchable PDF')")
    assert saved.value.path().read_bytes().startswith(b"%PDF")
    page.click("#read button:text-is('Learn')")
    page.wait_for_selector("#read .result .error")
    assert "8 or more" in page.text_content("#read .result .error")


def open_line(page, tmp_path):
    line = make_handwriting(1, texts=["thank you"], height=64, random_state=3).images[0]
    open_room(page, "read")
    page.select_option("#read [name=layout]", "line")
    page.set_input_files("#read input[type=file]", save(tmp_path, "línea 1.png", line))
    finish(page, "read")
    return page.locator("#read .lines input")


def test_a_line_that_is_corrected_shows_its_ink_and_is_not_lost(page, tmp_path):
    field = open_line(page, tmp_path)
    assert "línea 1.png: 1 line read" in page.text_content("#read .status")
    assert page.locator("#read .lines .cut").count() == 0
    field.fill("thanks")
    assert page.locator("#read .lines .cut image").count() == 1
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.click("#read button.primary")
    assert "will be lost" in asked[0]
    assert field.input_value() == "thanks"
    with page.expect_download() as saved:
        page.click("#read button:has-text('PAGE')")
    assert saved.value.suggested_filename == "línea 1.page.xml"
    page.click("#read button.primary")  # what is saved can go: nothing is asked
    page.wait_for_selector("#read .lines input:not(.changed)", timeout=SECONDS)
    assert field.input_value() != "thanks"


def test_corrections_are_saved_though_the_server_has_forgotten_the_page(page, tmp_path):
    field = open_line(page, tmp_path)
    field.fill("thanks")
    gone = {"error": {"code": "no-job", "message": "the job is unknown"}}
    page.route("**/export", lambda route: route.fulfill(status=404, json=gone))
    with page.expect_download() as saved:
        page.click("#read button:has-text('ALTO')")
    assert saved.value.suggested_filename == "read.txt"
    assert saved.value.path().read_text("utf-8") == "thanks\n"
    assert "saved as text" in page.text_content("#read .status")


def test_a_job_is_followed_though_the_connection_fails_for_a_while(page, tmp_path):
    failed = []

    def fail(route):
        if len(failed) < 2:
            failed.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    page.route("**/api/jobs/*?wait=1", fail)
    open_line(page, tmp_path)
    assert len(failed) == 2


def test_a_model_that_has_gone_with_the_server_is_no_longer_offered(page, tmp_path):
    line = make_handwriting(1, texts=["thank you"], height=64, random_state=3).images[0]
    open_room(page, "read")
    page.set_input_files("#read input[type=file]", save(tmp_path, "line.png", line))
    chosen = "#read select[name=model]"
    page.eval_on_selector(chosen, "list => list.append(new Option('learnt-9'))")
    page.select_option(chosen, "learnt-9")
    page.click("#read button.primary")
    page.wait_for_selector("#read .error:has-text('learnt-9')")
    page.wait_for_selector(f"{chosen} option:nth-child(2):last-child", state="attached")
    assert page.input_value(chosen) == "english-pages"


def test_corrections_are_learnt_from_and_error_rates_are_shown(page, tmp_path):
    def shorten(route):
        route.continue_(post_data=json.dumps({**route.request.post_data_json, "epochs": 1}))

    page.route("**/api/learn*", shorten)
    made = make_handwriting(9, texts=LINES, n_writers=1, height=64, random_state=0)
    sheet = np.full((9 * 120 + 60, 900), 255, np.uint8)
    for row, image in enumerate(made.images):
        top = 60 + 120 * row
        sheet[top : top + image.shape[0], 60 : 60 + min(image.shape[1], 780)] = image[:, :780]
    open_room(page, "read")
    page.set_input_files("#read input[type=file]", save(tmp_path, "sheet.png", sheet))
    finish(page, "read")
    page.check("#read label:has-text('All lines are right') input")
    page.click("#read button:text-is('Learn')")
    page.wait_for_selector("#read .result a:has-text('Save learnt-')", timeout=2 * SECONDS)
    news = page.text_content("#read .result .status")
    assert re.search(r"was \d+\.\d% before and is \d+\.\d% now", news), news
    models = page.locator("#read select[name=model] option").all_text_contents()
    assert models[:2] == ["english-pages", "latin-lines"] and len(models) == 3


def test_a_broken_file_gets_a_message_that_is_read_aloud(page, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nno more")
    open_room(page, "read")
    page.set_input_files("#read input[type=file]", broken)
    page.click("#read button.primary")
    page.wait_for_selector("#read [role=status] .error")
    assert "broken.png" in page.text_content("#read .status")
    page.click("#read button.primary")  # the button works again


def test_a_text_is_written_and_what_is_written_can_be_read(page, address):
    open_room(page, "write")
    page.fill("#write-text", "thank you")
    finish(page, "write")
    assert "Not recognized" not in page.text_content("#write .status")
    image = page.locator("#write img.written")
    assert "thank you" in image.get_attribute("alt")
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100

    def fetch(kind):
        link = page.get_attribute(f"#write a:text-is('{kind}')", "href")
        return page.request.get(address.rstrip("/") + link).body()

    picture = np.asarray(Image.open(io.BytesIO(fetch("PNG"))).convert("L"))
    rows, columns = (np.flatnonzero((picture < 128).any(axis=axis)) for axis in (1, 0))
    line = picture[rows[0] - 6 : rows[-1] + 6, columns[0] - 6 : columns[-1] + 6]
    assert hwsk.load("iam-lines").predict([line])[0].lower() == "thank you"
    assert b"<path" in fetch("SVG")


def test_a_text_is_written_in_the_hand_that_was_drawn(page, written):
    open_room(page, "write")
    page.fill("#write-text", "you ß")
    page.select_option("#write [name=hand]", "mine")
    page.uncheck("#write [name=checked]")
    for number in (0, 1):
        draw(page, page.locator("#write-mine canvas").nth(number), written[0])
    finish(page, "write")
    assert page.locator("#write img.written").count() == 1
    assert "'ß'" in page.text_content("#write .result .remark")
    links = page.locator("#write .downloads a").all_text_contents()
    assert links == ["SVG", "Animated SVG", "PNG", "GIF", "PDF", "Plotter SVG", "InkML"]


def test_writing_is_cancelled(page):
    open_room(page, "write")
    page.fill("#write-text", "a long text " * 30)
    page.click("#write button.primary")
    page.click("#write button:text-is('Cancel')")
    page.wait_for_selector("#write .status:has-text('Cancelled')", timeout=SECONDS)
    assert page.is_enabled("#write button.primary")


def test_two_signatures_are_compared_with_lines_between_places(page, tmp_path):
    made = make_signatures(1, 2, 0, random_state=8)
    open_room(page, "compare")
    for side, image in zip("ab", made.images, strict=True):
        page.set_input_files(f"#compare input[name={side}]", save(tmp_path, f"{side}.png", image))
    text = finish(page, "compare")
    assert "Rather the same writer" in text
    assert "times likelier" in text
    assert page.locator("#compare .matches line").count() > 10
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nno more")
    page.set_input_files("#compare input[name=b]", broken)
    page.click("#compare button.primary")
    page.wait_for_selector("#compare .error")
    assert not page.is_visible("#compare .finding"), "no finding of other files"
    page.set_input_files("#compare input[name=b]", tmp_path / "b.png")
    finish(page, "compare")
    with page.expect_download() as saved:
        page.click("#compare a:has-text('HTML')")
    assert b"Matched places" in saved.value.path().read_bytes()
    page.emulate_media(media="print")  # the result alone is printed
    assert page.is_visible("#compare .finding") and page.is_visible("#compare .matches")
    assert not any(page.is_visible(part) for part in ("header", "footer", "#compare-form"))
    assert page.pdf().startswith(b"%PDF")


def test_words_are_compared_with_features_and_a_report(page, tmp_path):
    made = make_handwriting(2, texts=["and"], n_writers=2, height=64, random_state=0)
    open_room(page, "compare")
    page.check("#compare [value=and]")
    for side, image in zip("ab", made.images, strict=True):
        page.set_input_files(f"#compare input[name={side}]", save(tmp_path, f"{side}.png", image))
    finish(page, "compare")
    assert page.locator("#compare tbody tr").count() == 15
    with page.expect_download() as saved:
        page.click("#compare a:has-text('HTML')")
    assert b"Comparison of two samples" in saved.value.path().read_bytes()


def test_writers_of_a_folder_are_ranked(page, tmp_path):
    texts = ["thank you", "dear ada", "on friday"]
    made = make_handwriting(9, texts=texts, n_writers=3, height=64, random_state=0)
    for row in range(8):
        save(tmp_path / "known" / str(made.writer[row]), f"{row}.png", made.images[row])
    for name in ("Thumbs.db", ".DS_Store"):
        (tmp_path / "known" / str(made.writer[0]) / name).write_bytes(b"of the system")
    open_room(page, "who")
    page.set_input_files("#who input[webkitdirectory]", tmp_path / "known")
    assert "3 writers" in page.text_content("#who-writers")
    assert "(2 left out: no images)" in page.text_content("#who .drop")
    asked = save(tmp_path, "asked.png", made.images[8])
    page.set_input_files("#who input[name=questioned]", asked)
    finish(page, "who")
    assert page.text_content("#who .ranking h3").startswith(f"1. {made.writer[8]}")


def test_writers_of_a_folder_without_folders_have_the_names_of_their_files(page, tmp_path):
    (line,) = make_handwriting(1, texts=["thank you"], height=64, random_state=0).images
    for name in ("ada-1.png", "ada-2.png", "bob_1.png"):
        save(tmp_path / "known", name, line)
    open_room(page, "who")
    page.set_input_files("#who input[webkitdirectory]", tmp_path / "known")
    assert "2 writers: ada (2), bob (1)" in page.text_content("#who-writers")


def test_two_users_at_once_get_their_own_results(browser, address, tmp_path):
    pages = [next(views) for views in (open_page(browser, address, 800) for _ in range(2))]
    texts = ["thank you", "dear ada"]
    for page, text in zip(pages, texts, strict=True):
        image = make_handwriting(1, texts=[text], height=64, random_state=3).images[0]
        open_room(page, "read")
        page.select_option("#read [name=layout]", "line")
        page.set_input_files("#read input[type=file]", save(tmp_path, f"{text}.png", image))
    for page in pages:
        page.click("#read button.primary")
    sources = set()
    for page in pages:
        page.wait_for_selector("#read .result:not([hidden])", timeout=SECONDS)
        sources.add(page.get_attribute("#read .sheet img", "src"))
        assert page.locator("#read .lines input").count() == 1
    assert len(sources) == 2
