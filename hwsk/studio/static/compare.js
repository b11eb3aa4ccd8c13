import { follow, say } from "./api.js";
import { el, percent, remarks, svg, times } from "./dom.js";

export function openCompare(room, { drops }) {
  const form = room.querySelector("form");
  const status = room.querySelector(".status");
  const result = room.querySelector(".result");
  const [a, b] = [...room.querySelectorAll(".drop")].map((place) => drops.get(place));

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!a.files.length || !b.files.length) {
      say(status, new Error("Choose an image for both sides."));
      return;
    }
    const body = new FormData();
    body.append("kind", form.elements.kind.value);
    for (const file of a.files) body.append("a", file, file.name);
    for (const file of b.files) body.append("b", file, file.name);
    const options = { method: "POST", body };
    result.hidden = true; // a finding must not stand below other files, or below an error
    const job = await follow(status, "/api/compare", options, event.submitter);
    if (!job) return;
    const views = job.result.kind === "signature" ? signatureViews(job.result)
      : writingViews(job.result);
    const print = el("button", { type: "button", onclick: () => window.print() }, "Print");
    const reports = Object.entries(job.result.reports ?? {}).map(([kind, url]) =>
      el("a", { class: "button", href: `${url}?download` }, `Report (${kind.toUpperCase()})`));
    status.replaceChildren("Compared.");
    result.replaceChildren(...remarks(job), ...views, el("div", { class: "card noprint" },
      el("div", { class: "downloads" }, ...reports, print)));
    result.hidden = false;
  });
}

function finding(record) {
  if (record.doubts.length) {
    return [el("p", { class: "finding" }, "No ratio is given"),
      el("p", { role: "alert" }, `The calibration does not hold: ${record.doubts.join("; ")}.`)];
  }
  const same = record.log_likelihood_ratio > 0;
  return [
    el("p", { class: "finding" }, same ? "Rather the same writer" : "Rather different writers"),
    el("p", {}, `${times(record.log_likelihood_ratio)} likelier if ` +
      (same ? "the same writer wrote both than if different writers did"
        : "different writers wrote them than if the same writer did") +
      `: ${record.verbal}. Probability of the same writer at even odds: ` +
      `${percent(record.probability)}.`),
    gauge(record),
  ];
}

/** A scale from different writers to the same writer, with the likelihood ratio on it. */
function gauge({ log_likelihood_ratio: ratio }) {
  const decades = Math.max(-3, Math.min(3, ratio / Math.LN10));
  const x = 50 + (decades * 46) / 3;
  const label = (at, text, anchor) => svg("text", { x: `${at}%`, y: 34, "text-anchor": anchor }, text);
  return el("div", { class: "gauge", role: "img", "aria-label":
    `Decimal logarithm of the likelihood ratio: ${(ratio / Math.LN10).toFixed(2)}` },
    svg("svg", {}, svg("rect", { class: "bar", x: 0, y: 4, width: "100%", height: 12, rx: 6 }),
      svg("rect", { class: "half", x: "50%", y: 1, width: 1, height: 18 }),
      svg("circle", { cx: `${x}%`, cy: 10, r: 8 }),
      label(0, "different writers", "start"), label(50, "1 : 1", "middle"),
      label(100, "same writer", "end")));
}

function signatureViews(record) {
  const { pairs, questioned, limits, bound, model, references } = record;
  const all = references > 1 ? `all ${references} references` : "the reference";
  return [el("div", { class: "card" }, el("h3", {}, `${questioned} and ${all}`),
    ...finding(record), el("p", { class: "hint" }, `${limits} The ratio is kept within ` +
      `${Math.round(bound)}, the number of writers of the calibration of ${model}.`)),
    ...pairs.map((pair) => el("div", { class: "card" },
      el("h3", {}, `${pair.name} and ${questioned}`), matches(pair),
      el("p", { class: "hint" }, "Lines join places whose descriptors are nearest to each other " +
        `(${pair.matches.length} shown).`)))];
}

/** Both images, one above the other, with lines between matched places. */
function matches({ images, matches: found, name }) {
  const wide = 192, tall = 96, gap = 24;
  const place = ([x, y], below) => [x * wide, y * tall + (below ? tall + gap : 0)];
  const lines = found.map(({ first, second, similarity }) => {
    const [x1, y1] = place(first, false), [x2, y2] = place(second, true);
    const clear = Math.max(0.15, (similarity - 0.5) * 1.6).toFixed(2);
    return svg("g", { opacity: clear }, svg("line", { x1, y1, x2, y2 }),
      svg("circle", { cx: x1, cy: y1, r: 1 }), svg("circle", { cx: x2, cy: y2, r: 1 }));
  });
  return svg("svg", { class: "matches", viewBox: `0 0 ${wide} ${2 * tall + gap}`, role: "img",
    "aria-label": `${name} above, the questioned signature below, ${found.length} matched places` },
  svg("image", { href: images[0], width: wide, height: tall }),
  svg("image", { href: images[1], y: tall + gap, width: wide, height: tall }), ...lines);
}

function writingViews(record) {
  const side = (i, title) => el("div", {}, el("p", { class: "soft" }, title),
    el("div", { class: "evidence" }, ...record.images[i].map((src, n) =>
      el("img", { src, alt: record.names[i][n] }))));
  const rows = record.features.map((of) => el("tr", {}, el("td", {}, of.text),
    el("td", {}, of.agree ? "agree" : "differ"),
    el("td", { class: "n" }, `${times(of.log_likelihood_ratio)}, ` +
      (of.log_likelihood_ratio > 0 ? "same" : "different"))));
  return [
    el("div", { class: "card" }, ...finding(record),
      el("div", { class: "two" }, side(0, "Reference"), side(1, "Questioned")),
      el("p", { class: "hint" }, `${record.limits} The ratio is kept within ` +
        `${Math.round(record.bound)}, the number of writers of the calibration.`)),
    ...(rows.length ? [el("div", { class: "card" }, el("h3", {}, "Named features"),
      el("p", { class: "soft" }, "Each ratio is that of one feature alone: they must not be " +
        "multiplied."),
      el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "Feature"), el("th", {}, ""),
        el("th", { class: "n" }, "Likelier for"))), el("tbody", {}, ...rows)))] : []),
  ];
}
