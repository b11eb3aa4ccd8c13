import { ask, askJson, download, follow, json, save, say } from "./api.js";
import { doubt, el, percent, remarks, svg } from "./dom.js";

const FORMATS = { text: "Text", page: "PAGE XML", alto: "ALTO", hocr: "hOCR", json: "JSON",
  pdf: "Searchable PDF" };

export function openRead(room, { drops, choices }) {
  const form = room.querySelector("form");
  const status = room.querySelector(".status");
  const result = room.querySelector(".result");
  const drop = drops.get(room.querySelector(".drop"));
  const model = form.elements.model;
  let fewest = 8;
  let saved = new Map(); // texts of fields as they were read or last saved
  const isUnsaved = () => [...saved].some(([input, text]) => input.value !== text);
  window.addEventListener("beforeunload", (event) => { if (isUnsaved()) event.preventDefault(); });

  const list = ({ readers, fewest_lines: least }, chosen = model.value) => {
    fewest = least;
    model.replaceChildren(...readers.map((name) => el("option", {}, name)));
    model.value = readers.includes(chosen) ? chosen : readers[0];
  };
  choices.then(list).catch((error) => say(status, error));

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!drop.files.length) {
      say(status, new Error("Choose an image or a PDF first."));
      return;
    }
    if (isUnsaved() && !window.confirm("Corrections that are not saved will be lost. Go on?")) return;
    const body = new FormData();
    body.append("layout", form.elements.layout.value);
    body.append("model", model.value);
    body.append("file", drop.files[0], drop.files[0].name);
    const options = { method: "POST", body };
    const job = await follow(status, "/api/read", options, event.submitter);
    if (job) show(job);
    else askJson("/api/models").then(list).catch(() => {}); // one may have gone with the server
  });

  function show(job) {
    const { pages, name } = job.result;
    const fields = [];
    const views = pages.map((page) => pageView(page, pages.length, fields));
    const count = fields.length;
    const lines = `${count} line${count === 1 ? "" : "s"} read`;
    saved = new Map(fields.map(({ input, text }) => [input, text]));
    status.replaceChildren(`${name}: ${lines}. Correct them in place.`);
    result.replaceChildren(
      ...remarks(job),
      el("div", { class: "pages" }, ...views),
      el("p", { class: "legend soft" }, el("span", { class: "d1" }, "doubtful"),
        el("span", { class: "d2" }, "very doubtful")),
      downloads(job, fields), learning(job, fields));
    result.hidden = false;
  }

  const changed = (fields) => fields.filter(({ input, text }) => input.value !== text)
    .map(({ input, page, line }) => ({ page, line, text: input.value }));

  function downloads(job, fields) {
    const buttons = Object.entries(FORMATS).map(([format, name]) =>
      el("button", { type: "button", onclick: async () => {
        const texts = fields.map(({ input }) => [input, input.value]);
        try {
          const body = json({ format, corrections: changed(fields) });
          await download(await ask(`${job.url}/export`, body), `read.${format}`);
        } catch (error) {
          say(status, error);
          if (error.status !== 404) return;
          save(new Blob([texts.map(([, text]) => `${text}\n`).join("")]), "read.txt");
          status.append("The server has no pages any more, so the lines are saved as text. Read the " +
            "file again for other formats.");
        }
        saved = new Map(texts);
      } }, name));
    return el("div", { class: "card" }, el("h3", {}, "Take it along"),
      el("div", { class: "downloads" }, ...buttons));
  }

  function learning(job, fields) {
    const news = el("div", { class: "status", role: "status" });
    const whole = el("input", { type: "checkbox" });
    const learn = async (event) => {
      const lines = whole.checked
        ? fields.map(({ input, page, line }) => ({ page, line, text: input.value }))
        : changed(fields);
      const body = { job: job.id, lines, model: job.result.model };
      const done = await follow(news, "/api/learn", json(body), event.currentTarget);
      if (!done) return;
      const { model: name, former, cer_before: before, cer_after: after } = done.result;
      const better = after < before;
      list(await askJson("/api/models"), better ? name : model.value);
      news.replaceChildren(...remarks(done), el("p", {}, `Learnt from ${done.result.learnt} lines. On ` +
        `${done.result.held_out} lines held out, the character error rate was ` +
        `${percent(before)} before and is ${percent(after)} now. ` +
        (better ? `${name} is chosen above; ` : `${former} stays chosen above; `) +
        "both models can be chosen."),
        el("a", { class: "button", href: `${done.result.file}?download` }, `Save ${name}`));
    };
    return el("div", { class: "card" }, el("h3", {}, "Learn from my corrections"),
      el("p", { class: "soft" }, `From ${fewest} lines on; better 20. A quarter is held out to ` +
        "measure what was learnt. The former model stays."),
      el("label", { class: "check" }, whole, "All lines are right as they stand now: learn from them, too"),
      el("div", { class: "row" }, el("button", { type: "button", onclick: learn }, "Learn")), news);
  }
}

/** A piece of a page, in which one line can be read on a small screen, too. */
function cutView(page, outline) {
  const [xs, ys] = [0, 1].map((axis) => outline.map((point) => point[axis]));
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [width, height] = [Math.max(...xs) - left, Math.max(...ys) - top];
  const more = Math.round(height / 4);
  return svg("svg", { class: "cut", "aria-hidden": "true", preserveAspectRatio: "xMinYMid meet",
    viewBox: [left - more, top - more, width + 2 * more, height + 2 * more].join(" ") },
  svg("image", { href: page.image, width: page.width, height: page.height }));
}

function pageView(page, count, fields) {
  let cut = null; // of the line that was chosen last; it goes when another is, so that no button moves
  const overlay = svg("svg", { viewBox: `0 0 ${page.width} ${page.height}`,
    "aria-hidden": "true", preserveAspectRatio: "none" });
  const items = page.lines.map((line, number) => {
    const label = `Line ${number + 1}` + (count > 1 ? ` of page ${page.number}` : "") +
      (line.confidence == null ? "" : `, confidence ${percent(line.confidence, 0)}`);
    const input = el("input", { type: "text", value: line.text, class: doubt(line.confidence),
      "aria-label": label, title: label, spellcheck: "false", autocomplete: "off" });
    const outline = line.polygon && polygon(line.polygon, "");
    if (outline) {
      overlay.append(outline, ...line.words.filter((word) => word.polygon)
        .map((word) => polygon(word.polygon, `w ${doubt(word.confidence)}`)));
      outline.addEventListener("click", () => input.focus());
      input.addEventListener("focus", () => {
        outline.classList.add("on");
        cut?.remove();
        cut = cutView(page, line.polygon);
        input.before(cut);
      });
      input.addEventListener("blur", () => outline.classList.remove("on"));
    }
    input.addEventListener("input", () =>
      input.classList.toggle("changed", input.value !== line.text));
    fields.push({ input, text: line.text, page: page.number, line: number });
    return el("li", {}, el("span", { class: "number" }, number + 1), input);
  });
  return el("div", { class: "page" },
    el("div", { class: "sheet" },
      el("img", { src: page.image, alt: `Page ${page.number} as it was read` }), overlay),
    el("div", { class: "card" }, el("h3", {}, count > 1 ? `Page ${page.number}` : "Lines"),
      items.length ? el("ol", { class: "lines" }, ...items)
        : el("p", {}, "No handwritten line was found.")));
}

function polygon(points, name) {
  return svg("polygon", { points: points.map((point) => point.join(",")).join(" "), class: name });
}
