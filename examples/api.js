// The service as a front end sees it: its operations by `fetch`, and one kind of refusal.

/** What the service, or the way to it, answered instead of doing it. */
export class Refusal extends Error {
  /**
   * @param {number} status of HTTP; 0 when nothing answered
   * @param {Array<object>} errors the `errors` list of the contract's error body
   * @param {string} detail said when `errors` holds nothing about the request as a whole
   */
  constructor(status, errors, detail) {
    super(detail);
    this.status = status;
    /** Field name to message. */
    this.fields = new Map();
    /** What is about the request as a whole. */
    this.messages = [];
    for (const { field, messages, message } of errors) {
      if (field) this.fields.set(field, messages[0].message);
      else this.messages.push(message);
    }
    if (!errors.length) this.messages.push(detail);
  }

  /** All of it, for a place that has no fields. */
  get text() {
    return [...this.fields.values(), ...this.messages].join(" ");
  }
}

/**
 * Read JSON in which an integer has up to 64 bits, where a number here has 53: larger ones come as
 * `JSON.rawJSON` gives them, which `JSON.stringify` writes as they were. Browsers from before 2025
 * round them.
 */
function read(text) {
  return JSON.parse(text, (name, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source)
      ? JSON.rawJSON(context.source)
      : value,
  );
}

/** A user's id as decimal text, from an answer or a token. */
export function idOf(value) {
  return String(value?.rawJSON ?? value);
}

/** The user whom a token names, as decimal text, or null where it names none. */
export function userOf(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const user = idOf(read(new TextDecoder().decode(bytes)).user_id);
    return /^[1-9][0-9]*$/.test(user) ? user : null;
  } catch {
    return null;
  }
}

/** The service, asked with one token. */
export class Api {
  #url;
  #token;
  #abort = new AbortController();

  /**
   * @param {string} base address of the service, such as `https://api.example.com`
   * @param {string} token
   * @throws {TypeError} when the base is not an http(s) address
   */
  constructor(base, token) {
    const url = new URL(base.endsWith("/") ? base : `${base}/`);
    if (!/^https?:$/.test(url.protocol)) throw new TypeError("not an http(s) address");
    this.#url = new URL("api/v2/user/", url);
    this.#token = token;
  }

  /** After this, what is under way is abandoned and rejects with an AbortError. */
  close() {
    this.#abort.abort();
  }

  /**
   * @param {string} method
   * @param {string} path below `/api/v2/user/`
   * @param {{query?: object, body?: object}} with_ parameters that are null or empty are left out
   */
  async send(method, path, { query = {}, body } = {}) {
    const url = new URL(path, this.#url);
    for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
    const headers = { Accept: "application/json", Authorization: `Bearer ${this.#token}` };
    if (body) headers["Content-Type"] = "application/json";
    let response, text;
    try {
      response = await fetch(url, {
        method,
        headers,
        body: body && JSON.stringify(body),
        credentials: "omit",
        redirect: "error",
        signal: this.#abort.signal,
      });
      text = await response.text();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal(0, [], `${url.origin} can't be reached, or doesn't allow this page.`);
    }
    let data = null;
    try {
      data = text ? read(text) : null;
    } catch {
      throw new Refusal(response.status, [], `${url.origin} answered something else than JSON.`);
    }
    if (response.ok) return data;
    const wait = response.headers.get("Retry-After");
    const detail = data?.detail ?? `The service answered ${response.status}.`;
    throw new Refusal(
      response.status,
      wait ? [] : (data?.errors ?? []),
      wait ? `The service is busy. Try again in ${wait} s.` : detail,
    );
  }
}

/** The associations of one user. */
export class Associations {
  #api;
  #path;

  /**
   * @param {Api} api
   * @param {string} user as decimal text
   */
  constructor(api, user) {
    this.user = user;
    this.#api = api;
    this.#path = `${user}/provider/`;
  }

  list() {
    return this.#api.send("GET", this.#path);
  }

  create(association) {
    return this.#api.send("POST", this.#path, { body: association });
  }

  /** Changes hold `provider` and `ext_id`, which name the association, and what to change. */
  change(changes) {
    return this.#api.send("PATCH", this.#path, { body: changes });
  }

  remove({ provider, ext_id }) {
    return this.#api.send("DELETE", this.#path, { body: { provider, ext_id } });
  }

  /** A page of what became of them: `{events, next_cursor}`, the newest first. */
  history({ limit, cursor }) {
    return this.#api.send("GET", `${this.#path}history/`, { query: { limit, cursor } });
  }

  /** Admins only. */
  transfer({ provider, ext_id }, to_user_id) {
    const body = { to_user_id, provider, ext_id };
    return this.#api.send("POST", `${this.#path}transfer/`, { body });
  }
}

/** The associations of everybody. Admins only. */
export class Everybody {
  #api;

  /** @param {Api} api */
  constructor(api) {
    this.#api = api;
  }

  /** @param {object} asked `{provider, ext_ids}` or `{user_ids}` */
  lookup(asked) {
    return this.#api.send("POST", "provider/lookup/", { body: asked });
  }

  /** A page: `{associations, next_cursor}`. */
  search({ provider, limit, cursor }) {
    return this.#api.send("GET", "provider/search/", { query: { provider, limit, cursor } });
  }
}
