import { ask, Refused, json, say } from "./api.js";
import { doubt, el, percent } from "./dom.js";

export function openDraw(room, { inks }) {
  const ink = inks.get(room.querySelector(".ink"));
  const status = room.querySelector(".status");
  const reading = room.querySelector(".reading");
  const lines = room.querySelector("textarea");
  const choices = new Map(); // what was chosen in place of a reading, by the strokes of the word
  let words = [];
  let asking = false; // one request at a time: the newest strokes are sent when it is answered
  let stale = false;
  let line = 0; // counts lines: an answer that comes after its line was cleared is dropped

  async function recognize(alternatives) {
    const body = json({ strokes: ink.strokes, alternatives });
    const job = await (await ask("/api/draw?wait=30", body)).json();
    if (job.state === "done") return job.result;
    if (job.state === "cancelled") return null;
    throw new Refused("The server is busy; the line is read when the pen is next lifted.");
  }

  async function read() {
    ink.highlight(null);
    if (!ink.strokes.length) { line++; choices.clear(); showWords([]); return; }
    if (asking) { stale = true; return; }
    asking = true;
    stale = false;
    const asked = line;
    try {
      const result = await recognize(false);
      if (result && line === asked) {
        status.replaceChildren(result.words.length ? "" : "No text is recognized yet.");
        showWords(result.words);
      }
    } catch (error) {
      say(status, error);
    } finally {
      asking = false;
      if (stale && ink.strokes.length) read();
    }
  }

  const key = (word) => word.strokes.join();

  function showWords(found) {
    words = found.map((word) => choices.get(key(word)) ?? word.text);
    reading.replaceChildren(...found.map((word, i) => wordView(word, i)));
  }

  function wordView(word, i) {
    const place = el("span", { class: "word" });
    const button = el("button", { type: "button", class: doubt(word.confidence),
      "aria-haspopup": "true", "aria-expanded": "false",
      title: `confidence ${percent(word.confidence, 0)}` }, words[i]);
    let menu = null;
    const close = () => {
      const open = menu;
      menu = null; // first: removing it takes the focus, which closes it again
      open?.remove();
      ink.highlight(null);
      button.setAttribute("aria-expanded", "false");
    };
    const choose = (text) => {
      if (text === word.text) choices.delete(key(word)); else choices.set(key(word), text);
      words[i] = button.textContent = text;
      close();
      button.focus();
    };
    const open = async () => {
      const others = el("div", { class: "others", role: "status" }, "looking for others …");
      menu = el("div", { class: "menu", role: "group",
        "aria-label": `The word ${words[i]}` }, charactersView(word), others);
      place.append(menu);
      keepOnScreen(menu);
      button.setAttribute("aria-expanded", "true");
      ink.highlight(word);
      let found;
      try {
        const asked = line;
        const result = await recognize(true);
        const same = result?.words.find((other) => key(other) === key(word));
        found = same && line === asked ? [word.text, ...same.alternatives] : [];
      } catch (error) {
        say(status, error);
        found = [];
      }
      found = found.filter((text) => text !== words[i]);
      others.replaceChildren(...found.map((text) =>
        el("button", { type: "button", onclick: () => choose(text) }, text)));
      if (menu) keepOnScreen(menu);
      if (!found.length) others.append("no other reading");
      else if (place.contains(document.activeElement)) others.querySelector("button").focus();
    };
    button.addEventListener("click", () => (menu ? close() : open()));
    place.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && menu) { close(); button.focus(); }
    });
    place.addEventListener("focusout", (event) => {
      if (!place.contains(event.relatedTarget)) close();
    });
    place.append(button);
    return place;
  }

  /** Move a menu to the left as far as it would leave the screen. */
  function keepOnScreen(menu) {
    menu.style.left = "0";
    const excess = menu.getBoundingClientRect().right - document.documentElement.clientWidth + 8;
    if (excess > 0) menu.style.left = `${-excess}px`;
  }

  /** The characters of a word; choosing one shows where it was written. */
  function charactersView(word) {
    return el("div", { class: "characters" }, ...word.characters.map((character) => {
      const show = () => ink.highlight(character);
      const label = `${character.text}, confidence ${percent(character.confidence, 0)}`;
      return el("button", { type: "button", class: doubt(character.confidence), title: label,
        "aria-label": label, onclick: show, onfocus: show, onpointerenter: show },
      character.text);
    }));
  }

  function keep(after) {
    if (words.length) lines.value += words.join(" ") + after;
    ink.clear();
    ink.canvas.focus({ preventScroll: true });
  }

  ink.place.addEventListener("ink", read);
  room.querySelector("#draw-undo").addEventListener("click", () => ink.undo());
  room.querySelector("#draw-clear").addEventListener("click", () => ink.clear());
  room.querySelector("#draw-on").addEventListener("click", () => keep(" "));
  room.querySelector("#draw-keep").addEventListener("click", () => keep("\n"));
}
