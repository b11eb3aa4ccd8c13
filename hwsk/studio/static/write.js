import { follow, json, say } from "./api.js";
import { el, remarks } from "./dom.js";

const KINDS = { svg: "SVG", "animated.svg": "Animated SVG", png: "PNG", gif: "GIF", pdf: "PDF",
  "plotter.svg": "Plotter SVG", inkml: "InkML" };

export function openWrite(room, { inks, choices }) {
  const form = room.querySelector("form");
  const fields = form.elements;
  const status = room.querySelector(".status");
  const result = room.querySelector(".result");
  const mine = room.querySelector("#write-mine");
  const canvases = [...mine.querySelectorAll(".ink")].map((place) => inks.get(place));
  const samples = [...mine.querySelectorAll(".sample")].map((text) => text.textContent);

  const list = (hands) => fields.hand.replaceChildren(
    ...Array.from({ length: hands }, (_, i) => el("option", { value: i + 1 }, `Hand ${i + 1}`)),
    el("option", { value: "new" }, "A new hand"), el("option", { value: "mine" }, "My hand"));
  list(1);
  choices.then(({ hands }) => list(hands)).catch((error) => say(status, error));

  fields.hand.addEventListener("change", () => { mine.hidden = fields.hand.value !== "mine"; });
  fields.bias.addEventListener("input", () => { fields.shown.value = fields.bias.value; });
  room.querySelector("#write-again").addEventListener("click", () => {
    canvases.forEach((canvas) => canvas.clear());
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const drawn = fields.hand.value === "mine";
    if (drawn && !canvases.every((canvas) => canvas.strokes.length > 3)) {
      say(status, new Error("Write both lines first, so that there is a hand to write in."));
      return;
    }
    const letter = {
      text: fields.text.value,
      hand: /^\d+$/.test(fields.hand.value) ? Number(fields.hand.value) : null,
      drawn: drawn ? canvases.map(({ strokes }, i) => ({ text: samples[i], strokes })) : [],
      bias: Number(fields.bias.value),
      size: fields.size.value,
      ink: fields.ink.value,
      paper: fields.paper.value,
      checked: fields.checked.checked,
      seed: Number(fields.seed.value),
    };
    const job = await follow(status, "/api/write", json(letter), event.submitter);
    if (job) show(job);
  });

  function show(job) {
    const { sheets, files, unread } = job.result;
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const kind = still ? "svg" : "animated.svg";
    const names = Object.keys(files);
    const pictures = names.filter((name) => new RegExp(`^letter(-\\d+)?\\.${kind}$`).test(name));
    const show = (replay) => pictures.map((name, i) => el("img", {
      class: "written", src: `${files[name]}${replay ? `?again=${Date.now()}` : ""}`,
      alt: `Sheet ${i + 1} of ${sheets}: ${fields.text.value}` }));
    const place = el("div", {}, ...show(false));
    const again = el("button", { type: "button",
      onclick: () => place.replaceChildren(...show(true)) }, "Replay");
    const links = Object.entries(KINDS).flatMap(([end, label]) => names
      .filter((name) => new RegExp(`^letter(-\\d+)?\\.${end}$`).test(name))
      .map((name) => el("a", { class: "button", href: `${files[name]}?download` },
        `${label}${/-\d+\./.test(name) ? name.replace(/\D+/g, " ") : ""}`)));
    const doubts = unread.length
      ? `Not recognized in the end: ${unread.join(", ")}.` : "Done.";
    status.replaceChildren(doubts);
    result.replaceChildren(...remarks(job), el("div", { class: "card" }, place,
      el("div", { class: "downloads" }, still ? null : again, ...links)));
    result.hidden = false;
  }
}
