import { el } from "./dom.js";

const TRIES = 20; // of asking for a job, two seconds apart: a machine may sleep meanwhile

/** What the server refused, in its own words; the status is null if there was no answer. */
export class Refused extends Error {
  constructor(message, status = null) {
    super(message);
    this.status = status;
  }
}

/** Ask the server; answers that are errors are thrown as `Refused`. */
export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The server does not answer. Is `hwsk serve` still running?");
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const { status } = response;
  throw new Refused(body.error?.message ?? `The server answers with ${status}.`, status);
}

export async function askJson(path, options) {
  return (await ask(path, options)).json();
}

export function json(body) {
  return {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
}

const shown = new Map(); // addresses of the jobs whose results are on the page, by live region

// The server forgets what was not asked for within the hour; pages may be corrected for longer.
setInterval(() => shown.forEach((url) => ask(url).catch(() => {})), 600_000);

/**
 * Start a job and follow it to its end; a live region shows how far it is and lets it be cancelled.
 * Returns the job, done, or null if it was cancelled or failed, which the region then says.
 */
export async function follow(region, path, options, button) {
  if (button) button.disabled = true;
  region.replaceChildren(); // an error of the former try is not one of this
  try {
    let job = await askJson(path, options);
    const cancel = el("button", { type: "button" }, "Cancel");
    cancel.addEventListener("click", () => ask(job.url, { method: "DELETE" }).catch(() => {}));
    const bar = el("progress", { "aria-label": "Progress" });
    const text = el("span");
    region.replaceChildren(bar, text, cancel);
    while (job.state === "queued" || job.state === "running") {
      const { done, total, what } = job.progress;
      const news = job.state === "queued" ? "waiting for other jobs" : what || "at work";
      if (text.textContent !== news) text.textContent = news; // read aloud when it changes
      if (total) { bar.max = total; bar.value = done; } else bar.removeAttribute("value");
      job = await askAgain(`${job.url}?wait=1`, text);
    }
    if (job.state === "done") {
      shown.set(region, job.url);
      region.replaceChildren();
      return job;
    }
    if (job.state === "cancelled") region.replaceChildren("Cancelled.");
    else throw new Refused(job.error.message);
  } catch (error) {
    say(region, error);
  } finally {
    if (button) button.disabled = false;
  }
  return null;
}

/** Ask for a job, again if the connection fails: the job goes on without it. */
async function askAgain(path, text) {
  for (let failed = 1; ; failed++) {
    try {
      return await askJson(path);
    } catch (error) {
      if (error.status !== null || failed === TRIES) throw error;
      text.textContent = "no answer; asking again";
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

/** Show an error in a live region. */
export function say(region, error) {
  if (!(error instanceof Refused)) console.error(error);
  region.replaceChildren(el("p", { class: "error" }, error.message));
}

/** Save an answer as a file. */
export async function download(response, name) {
  const said = response.headers.get("Content-Disposition") ?? "";
  const [, given] = /filename(?:="|\*=UTF-8'')([^";]+)/.exec(said) ?? [];
  save(await response.blob(), given ? decodeURIComponent(given) : name);
}

/** Save what the page holds as a file. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
