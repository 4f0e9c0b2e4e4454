// A user's history, page by page.

import { say } from "./forms.js";
import { handled } from "./session.js";
import { count } from "./words.js";

const PAGE = 10;

/** Fills a section that has a heading, `.events`, `.empty`, `.error` and a button `.more`. */
export class Activity {
  #part;
  #write;
  #associations = null;
  #cursor = null;
  // The answer to an earlier question than the last is dropped.
  #turn = 0;

  /**
   * @param {HTMLElement} section
   * @param {(event: object, user: string) => Array<Node>} write an event's lines
   */
  constructor(section, write) {
    this.#part = (selector) => section.querySelector(selector);
    this.#write = write;
    this.#part(".more").addEventListener("click", () => this.#load());
  }

  /** Show the newest of what became of a user's associations. */
  show(associations) {
    this.#associations = associations;
    this.#cursor = null;
    return this.#load();
  }

  clear() {
    this.#turn++;
    this.#part(".events").replaceChildren();
    this.#part(".error").textContent = "";
    this.#part(".empty").hidden = this.#part(".more").hidden = true;
  }

  async #load() {
    const turn = ++this.#turn;
    const [list, more, error] = [".events", ".more", ".error"].map(this.#part);
    const { user } = this.#associations;
    let page;
    try {
      page = await this.#associations.history({ limit: PAGE, cursor: this.#cursor });
    } catch (refusal) {
      if (turn !== this.#turn || handled(refusal)) return;
      error.textContent = refusal.text;
      more.textContent = "Try again";
      more.hidden = false;
      return;
    }
    if (turn !== this.#turn) return;
    const items = page.events.map((event) => item(this.#write(event, user)));
    const pressed = document.activeElement === more;
    if (this.#cursor) {
      list.append(...items);
      say(`${count(items.length, "entry", "entries")} more.`);
    } else list.replaceChildren(...items);
    this.#cursor = page.next_cursor;
    error.textContent = "";
    more.textContent = "Show more";
    more.hidden = !this.#cursor;
    this.#part(".empty").hidden = list.childElementCount > 0;
    // The focus must not go with the button.
    if (pressed && more.hidden) (items[0] ?? this.#part("h2")).focus();
  }
}

function item(lines) {
  const element = document.createElement("li");
  element.tabIndex = -1;
  element.append(...lines);
  return element;
}
