/** Make elements: el("a", {href: "#x", onclick: f, class: "c"}, "text", child). */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Make elements of SVG. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** How doubtful a confidence is: "" (sure), "d1" or "d2". */
export function doubt(confidence) {
  if (confidence == null || confidence >= 0.9) return "";
  return confidence >= 0.6 ? "d1" : "d2";
}

/** What the library warned of in a job. */
export function remarks(job) {
  return job.remarks.map((remark) => el("p", { class: "card remark", role: "alert" }, remark));
}

/** A probability or rate in percent. */
export function percent(value, digits = 1) {
  return `${(100 * value).toFixed(digits)}%`;
}

/** A likelihood ratio in words that anyone can read: "20 times". */
export function times(logRatio) {
  const ratio = Math.exp(Math.abs(logRatio));
  return `${ratio >= 10 ? Math.round(ratio).toLocaleString("en") : ratio.toFixed(1)} times`;
}
