import { ask, Refused, json, say } from "./api.js";
import { doubt, el, percent } from "./dom.js";

export function openDraw(room, { inks }) {
  const ink = inks.get(room.querySelector(".ink"));
  const status = room.querySelector(".status");
  const reading = room.querySelector(".reading");
  const lines = room.querySelector("textarea");
  let words = [];
  let asking = false; // one request at a time: the newest strokes are sent when it is answered
  let stale = false;

  let line = 0; // counts lines: an answer that comes after its line was cleared is dropped

  async function read() {
    if (!ink.strokes.length) { line++; showWords([]); return; }
    if (asking) { stale = true; return; }
    asking = true;
    stale = false;
    const asked = line;
    try {
      const body = json({ strokes: ink.strokes });
      const job = await (await ask("/api/draw?wait=30", body)).json();
      if (job.state === "done") {
        status.replaceChildren();
        if (line === asked) showWords(job.result.words);
      } else if (job.state !== "cancelled") {
        throw new Refused("The server is busy; the line is read when the pen is next lifted.");
      }
    } catch (error) {
      say(status, error);
    } finally {
      asking = false;
      if (stale && ink.strokes.length) read();
    }
  }

  function showWords(found) {
    words = found.map((word) => word.text);
    reading.replaceChildren(...found.map((word, i) => wordView(word, i)));
  }

  function wordView(word, i) {
    const place = el("span", { class: "word" });
    const button = el("button", { type: "button", class: doubt(word.confidence),
      "aria-haspopup": "true", "aria-expanded": "false",
      title: `confidence ${percent(word.confidence, 0)}` }, word.text);
    let menu = null;
    const close = () => {
      const open = menu;
      menu = null; // first: removing it takes the focus, which closes it again
      open?.remove();
      button.setAttribute("aria-expanded", "false");
    };
    const choose = (text) => {
      words[i] = button.textContent = text;
      close();
      button.focus();
    };
    button.addEventListener("click", () => {
      if (menu) { close(); return; }
      const others = [word.text, ...word.alternatives].filter((text) => text !== words[i]);
      menu = el("div", { class: "menu", role: "group",
        "aria-label": `Other readings of ${words[i]}` }, ...others.map((text) =>
        el("button", { type: "button", onclick: () => choose(text) }, text)));
      if (!others.length) menu.append(el("span", { class: "soft" }, "no other reading"));
      place.append(menu);
      button.setAttribute("aria-expanded", "true");
      menu.querySelector("button")?.focus();
    });
    place.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { close(); button.focus(); }
    });
    place.addEventListener("focusout", (event) => {
      if (!place.contains(event.relatedTarget)) close();
    });
    place.append(button);
    return place;
  }

  ink.place.addEventListener("ink", read);
  room.querySelector("#draw-undo").addEventListener("click", () => ink.undo());
  room.querySelector("#draw-clear").addEventListener("click", () => ink.clear());
  room.querySelector("#draw-keep").addEventListener("click", () => {
    if (words.length) lines.value += `${lines.value && "\n"}${words.join(" ")}`;
    ink.clear();
    ink.canvas.focus();
  });
}
