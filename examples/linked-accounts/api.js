// The service as a front end sees it: four calls and one kind of refusal.

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
}

/** The user whom a token names, as decimal text, or null where it names none. */
export function userOf(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    // A user id has up to 63 bits, a number here 53: newer browsers hand over the source text.
    const claims = JSON.parse(new TextDecoder().decode(bytes), (name, value, context) =>
      name === "user_id" ? String(context?.source ?? value).replaceAll('"', "") : value,
    );
    return /^[1-9][0-9]*$/.test(claims.user_id) ? claims.user_id : null;
  } catch {
    return null;
  }
}

/** The associations of the user whom the token names. */
export class Associations {
  #url;
  #token;
  #abort = new AbortController();

  /**
   * @param {string} base address of the service, such as `https://api.example.com`
   * @param {string} user as `userOf` gives it
   * @param {string} token
   * @throws {TypeError} when the base is not an http(s) address
   */
  constructor(base, user, token) {
    const url = new URL(base.endsWith("/") ? base : `${base}/`);
    if (!/^https?:$/.test(url.protocol)) throw new TypeError("not an http(s) address");
    this.#url = new URL(`api/v2/user/${user}/provider/`, url);
    this.#token = token;
  }

  list() {
    return this.#send("GET");
  }

  create(association) {
    return this.#send("POST", association);
  }

  /** Changes hold `provider` and `ext_id`, which name the association, and what to change. */
  change(changes) {
    return this.#send("PATCH", changes);
  }

  remove({ provider, ext_id }) {
    return this.#send("DELETE", { provider, ext_id });
  }

  /** After this, what is under way is abandoned and rejects with an AbortError. */
  close() {
    this.#abort.abort();
  }

  async #send(method, body) {
    const headers = { Accept: "application/json", Authorization: `Bearer ${this.#token}` };
    if (body) headers["Content-Type"] = "application/json";
    let response, text;
    try {
      response = await fetch(this.#url, {
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
      throw new Refusal(0, [], `${this.#url.origin} can't be reached, or doesn't allow this page.`);
    }
    let data = null;
    try {
      data = text ? JSON.parse(text) : null;
    } catch {
      throw new Refusal(response.status, [], `${this.#url.origin} answered something else than JSON.`);
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
