import { askJson } from "./api.js";
import { Drop } from "./drop.js";
import { Ink } from "./ink.js";
import { openRead } from "./read.js";
import { openDraw } from "./draw.js";
import { openWrite } from "./write.js";
import { openCompare } from "./compare.js";
import { openWho } from "./who.js";

const ROOMS = { read: openRead, draw: openDraw, write: openWrite, compare: openCompare,
  who: openWho };

function show(moveFocus) {
  const asked = location.hash.slice(1);
  const name = asked in ROOMS ? asked : "read";
  for (const room of Object.keys(ROOMS)) document.getElementById(room).hidden = room !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${name[0].toUpperCase()}${name.slice(1)} · hwsk studio`;
  if (moveFocus) {
    window.scrollTo(0, 0);
    document.getElementById("main").focus({ preventScroll: true });
  }
  window.dispatchEvent(new Event("room"));
}

const drops = new Map([...document.querySelectorAll(".drop")].map((p) => [p, new Drop(p)]));
const inks = new Map([...document.querySelectorAll(".ink")].map((p) => [p, new Ink(p)]));
const choices = askJson("/api/models");
for (const [name, open] of Object.entries(ROOMS)) {
  open(document.getElementById(name), { drops, inks, choices });
}
window.addEventListener("hashchange", () => show(true));
show(false);
document.documentElement.dataset.ready = "yes";
