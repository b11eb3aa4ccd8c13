import { el } from "./dom.js";

const IMAGE = /^[^.].*\.(png|jpe?g|tiff?|bmp|webp|gif|pdf)$/i;

/** A place to drop files on, or to choose them: `files` holds what was given. */
export class Drop {
  constructor(place) {
    this.place = place;
    this.files = [];
    const { field, accept, label, multiple, folder } = place.dataset;
    this.several = multiple !== undefined || folder !== undefined;
    this.previews = el("div", { class: "previews" });
    this.names = el("span", { class: "soft" }, "or drop it here");
    const take = (event) => this.set([...event.target.files]);
    const attributes = { type: "file", name: field, accept, multiple: this.several };
    this.input = el("input", { ...attributes, onchange: take });
    place.append(el("label", {}, label, this.input,
      el("span", { class: "choose" }, this.several ? "Choose files" : "Choose a file")));
    if (folder !== undefined) {
      const whole = el("input", { type: "file", webkitdirectory: true, onchange: take });
      place.append(el("label", {}, whole, el("span", { class: "choose" }, "Choose a folder")));
    }
    place.append(this.names, this.previews);
    place.addEventListener("dragover", (event) => {
      event.preventDefault();
      place.classList.add("over");
    });
    place.addEventListener("dragleave", () => place.classList.remove("over"));
    place.addEventListener("drop", async (event) => {
      event.preventDefault();
      place.classList.remove("over");
      this.set(await droppedFiles(event.dataTransfer));
    });
  }

  set(files) {
    // Folders hold other things, too, such as Thumbs.db; of a single file, the server says so.
    const usable = files.filter((file) => files.length === 1 || IMAGE.test(file.name));
    this.files = this.several ? usable : usable.slice(0, 1);
    const names = this.files.map((file) => file.name);
    const others = files.length - this.files.length;
    this.names.textContent = (names.length > 4 ? `${names.length} files` : names.join(", ")) +
      (others ? ` (${others} left out: ${this.several ? "no images" : "one file is taken"})` : "");
    this.previews.querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.src));
    this.previews.replaceChildren(...this.files
      .filter((file) => /^image\/(png|jpeg|webp|gif|bmp)$/.test(file.type)).slice(0, 6)
      .map((file) => el("img", { src: URL.createObjectURL(file), alt: file.name })));
    this.place.dispatchEvent(new Event("files"));
  }
}

/** All files that were dropped, those in folders with their paths. */
async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const found = [];
  const walk = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      Object.defineProperty(file, "webkitRelativePath", { value: entry.fullPath.slice(1) });
      found.push(file);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!part.length) break;
      for (const child of part) await walk(child);
    }
  };
  for (const entry of entries) await walk(entry);
  return found;
}
