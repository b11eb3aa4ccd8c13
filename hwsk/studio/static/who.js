import { follow, say } from "./api.js";
import { el, remarks } from "./dom.js";

export function openWho(room, { drops }) {
  const form = room.querySelector("form");
  const status = room.querySelector(".status");
  const result = room.querySelector(".result");
  const hint = room.querySelector("#who-writers");
  const [known, questioned] = [...room.querySelectorAll(".drop")].map((place) => drops.get(place));

  known.place.addEventListener("files", () => {
    const counts = new Map();
    for (const writer of writersOf(known.files)) counts.set(writer, (counts.get(writer) ?? 0) + 1);
    const shown = [...counts].slice(0, 12).map(([writer, count]) => `${writer} (${count})`);
    hint.textContent = `${counts.size} writers: ${shown.join(", ")}` +
      (counts.size > 12 ? ", …" : "");
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!known.files.length || !questioned.files.length) {
      say(status, new Error("Choose lines of known writers, and a questioned line."));
      return;
    }
    const body = new FormData();
    const writers = writersOf(known.files);
    known.files.forEach((file, i) => {
      body.append("known", file, file.name);
      body.append("writer", writers[i]);
    });
    body.append("questioned", questioned.files[0], questioned.files[0].name);
    const options = { method: "POST", body };
    result.hidden = true; // a ranking must not stand below other files, or below an error
    const job = await follow(status, "/api/identify", options, event.submitter);
    if (job) show(job);
  });

  function show(job) {
    const { ranking, questioned: asked, none_probability: none, limits } = job.result;
    const percent = (probability) => `${(100 * probability).toFixed(1)}%`;
    const bar = (name, probability) => [
      el("p", {}, `probability ${percent(probability)}`),
      el("meter", { min: 0, max: 1, value: probability, "aria-label": `Probability of ${name}` }),
    ];
    const items = ranking.map((of, rank) => el("li", { class: "card" },
      el("h3", {}, `${rank + 1}. ${of.writer}`),
      ...bar(of.writer, of.probability),
      el("p", { class: "soft" }, `${of.lines} line${of.lines === 1 ? "" : "s"}`),
      el("div", { class: "evidence" }, ...of.evidence.map((line) => el("figure", {},
        el("img", { src: line.image, alt: "" }),
        el("figcaption", {}, line.name))))));
    const [first] = ranking;
    status.replaceChildren(first.probability > none ?
      `Most likely: ${first.writer}, ${percent(first.probability)}.` :
      `Most likely none of these, ${percent(none)}; nearest: ${first.writer}.`);
    result.replaceChildren(
      ...remarks(job),
      el("div", { class: "card" }, el("h3", {}, "Questioned line"),
        el("div", { class: "evidence" }, el("img", { src: asked.image, alt: asked.name })),
        el("p", { class: "hint" }, limits)),
      el("ol", { class: "ranking" }, ...items),
      el("div", { class: "card" }, el("h3", {}, "None of these"), ...bar("none of these", none)));
    result.hidden = false;
  }
}

/**
 * The writers of files: the folder of each; its name up to the first "-" or "_" where it is in none,
 * or all are in one.
 */
function writersOf(files) {
  const folders = files.map((file) => file.webkitRelativePath.split("/").slice(0, -1).join("/"));
  const areSorted = new Set(folders).size > 1;
  return files.map((file, i) => (areSorted && folders[i].split("/").at(-1))
    || file.name.replace(/\.[^.]*$/, "").split(/[-_]/)[0]);
}
