// From the sign-in to the sign-out, on each page. The token is in memory and nowhere else.

import { Api, Refusal, userOf } from "./api.js";
import { clearErrors, find, say, showError, showErrors } from "./forms.js";

let page = null;
let api = null;

/**
 * Run the page.
 * @param {object} parts `id`: of the element that only who is signed in sees. `open(api, user)`
 *   loads what stands in it first and gives the function that shows it. `close()` empties it.
 */
export function start(parts) {
  page = parts;
  onSubmit("sign-in-form", signIn);
  find("sign-out").addEventListener("click", () => {
    signOut();
    say("Signed out.");
  });
}

/** Run the work that a button stands for, once at a time; `refused` shows a refusal. */
export async function run(button, work, refused) {
  if (button.getAttribute("aria-disabled") === "true") return;
  // Not `disabled`, which would take the focus away from whoever pressed it.
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } catch (error) {
    if (!handled(error)) refused(error);
  } finally {
    button.setAttribute("aria-disabled", "false");
  }
}

/** Have a form's work run when it is sent: its old errors gone, its new ones in place. */
export function onSubmit(id, work) {
  const form = find(id);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const afresh = () => {
      clearErrors(form);
      find("status").textContent = "";
      return work();
    };
    run(form.querySelector("[type=submit]"), afresh, (refusal) => showErrors(form, refusal));
  });
}

/** Run the work of one row of a list; a refusal is shown in its `.error` and spoken. */
export async function runInRow(item, work) {
  const error = item.querySelector(".error");
  error.textContent = "";
  item.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (refusal) {
    if (handled(refusal)) return;
    error.textContent = refusal.text;
    say(error.textContent);
  } finally {
    item.removeAttribute("aria-busy");
  }
}

/** Whether the error needs no further showing; an error of the page itself goes on up. */
export function handled(error) {
  if (error.name === "AbortError") return true;
  if (!(error instanceof Refusal)) throw error;
  if (error.status !== 401) return false;
  signOut();
  const text = "The service doesn't accept this token: it may have expired.";
  showError(find("sign-in-form"), "token", text);
  return true;
}

async function signIn() {
  const form = find("sign-in-form");
  const token = form.elements.token.value.trim();
  const user = userOf(token);
  if (!user) return showError(form, "token", "This isn't an access token of the platform.");
  let opened;
  try {
    opened = new Api(form.elements.api.value.trim(), token);
  } catch {
    return showError(form, "api", "This isn't a web address, such as https://api.example.com");
  }
  const show = await page.open(opened, user);
  api = opened;
  form.elements.token.value = "";
  find("who").textContent = `User ${user}`;
  showSession(true);
  show();
  say(`Signed in as user ${user}.`);
}

function signOut() {
  api?.close();
  api = null;
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  page.close();
  showSession(false);
  find("token").focus();
}

function showSession(signedIn) {
  find("sign-in").hidden = signedIn;
  find(page.id).hidden = !signedIn;
  find("session").hidden = !signedIn;
}
