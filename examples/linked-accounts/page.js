// The page. What the service says is shown as text, never as HTML, and the rules for a field are
// the service's alone: the page sends what was typed and shows each refusal beside its field.

import { Associations, Refusal, userOf } from "./api.js";

const NAMES = {
  external: "External system",
  facebook: "Facebook",
  github: "GitHub",
  google: "Google",
  linkedin: "LinkedIn",
  microsoft: "Microsoft",
  x: "X",
};

const find = (id) => document.getElementById(id);
const nameOf = (association) => NAMES[association.provider] ?? association.provider;

let associations = null;

function say(text) {
  // Cleared first, so that a screen reader also speaks the same sentence twice in a row.
  find("status").textContent = "";
  setTimeout(() => (find("status").textContent = text), 50);
}

// Errors beside their fields

function clearErrors(form) {
  for (const error of form.querySelectorAll(".error")) error.textContent = "";
  for (const input of form.elements) input.removeAttribute("aria-invalid");
}

/** Show each error at its field; what has no visible field goes below the form. */
function showErrors(form, refusal) {
  const rest = [...refusal.messages];
  for (const [field, message] of refusal.fields) {
    const input = form.elements[field];
    if (input && !input.closest("[hidden]")) {
      input.setAttribute("aria-invalid", "true");
      find(`${field}-error`).textContent = message;
    } else rest.push(`${field}: ${message}`);
  }
  form.querySelector(".form-error").textContent = rest.join(" ");
  form.querySelector("[aria-invalid]")?.focus();
}

/** Run one form's work: once at a time, its old errors gone, its new ones in place. */
async function submit(form, work) {
  const button = form.querySelector("[type=submit]");
  if (button.getAttribute("aria-disabled") === "true") return;
  // Not `disabled`, which would take the focus away from whoever pressed it.
  button.setAttribute("aria-disabled", "true");
  clearErrors(form);
  try {
    await work();
  } catch (error) {
    if (!handled(error)) showErrors(form, error);
  } finally {
    button.setAttribute("aria-disabled", "false");
  }
}

/** Whether the error needs no further showing; an error of this page itself goes on up. */
function handled(error) {
  if (error.name === "AbortError") return true;
  if (!(error instanceof Refusal)) throw error;
  if (error.status !== 401) return false;
  signOut();
  tokenError("The service doesn't accept this token: it may have expired.");
  return true;
}

// Signing in and out

function tokenError(message) {
  showErrors(find("sign-in-form"), { fields: new Map([["token", message]]), messages: [] });
}

async function signIn() {
  const form = find("sign-in-form");
  const token = form.elements.token.value.trim();
  const user = userOf(token);
  if (!user) return tokenError("This isn't an access token of the platform.");
  let opened;
  try {
    opened = new Associations(form.elements.api.value.trim(), user, token);
  } catch {
    const message = "This isn't a web address, such as https://api.example.com";
    return showErrors(form, { fields: new Map([["api", message]]), messages: [] });
  }
  const rows = await opened.list();
  associations = opened;
  form.elements.token.value = "";
  find("who").textContent = `User ${user}`;
  find("list").replaceChildren(...rows.map(accountItem));
  showSession(true);
  count();
  find("list-title").focus();
  say(`Signed in as user ${user}.`);
}

function signOut() {
  associations?.close();
  associations = null;
  find("confirm").close();
  find("list").replaceChildren();
  find("add-form").reset();
  clearErrors(find("add-form"));
  fitFields();
  showSession(false);
  find("token").focus();
}

function showSession(signedIn) {
  find("sign-in").hidden = signedIn;
  find("accounts").hidden = !signedIn;
  find("session").hidden = !signedIn;
}

// The list

function count() {
  const number = find("list").childElementCount;
  find("count").textContent = number || "";
  find("empty").hidden = number > 0;
}

function webAddress(text) {
  try {
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

function accountItem(association) {
  const item = find("account").content.cloneNode(true).firstElementChild;
  const part = (selector) => item.querySelector(selector);
  const symbol = `icon-${association.provider}`;
  item.dataset.provider = association.provider;
  item.dataset.extId = association.ext_id;
  part("use").setAttribute("href", find(symbol)?.localName === "symbol" ? `#${symbol}` : "#icon-link");
  part("h3").textContent = nameOf(association);
  part(".id bdi").textContent = association.ext_id;

  const url = webAddress(association.profile_url);
  if (url) {
    part("a").href = url.href;
    part("a bdi").textContent = url.href.replace(/^https?:\/\/|\/$/g, "");
  } else part(".profile").remove();

  if (association.metadata) part("pre").textContent = JSON.stringify(association.metadata, null, 2);
  else part("details").remove();

  const named = `${nameOf(association)} account ${association.ext_id}`;
  if ("show_in_profile" in association) {
    const box = part("[role=switch]");
    box.checked = association.show_in_profile;
    box.setAttribute("aria-label", `Show in profile: ${named}`);
    box.addEventListener("change", () => show(item, association, box));
  } else part(".switch").remove();
  part("button").setAttribute("aria-label", `Remove ${named}`);
  part("button").addEventListener("click", () => askToRemove(item, association));
  return item;
}

/** Run one account's work; a refusal is shown in its row and spoken. */
async function change(item, work) {
  const error = item.querySelector(".error");
  error.textContent = "";
  item.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (refusal) {
    if (handled(refusal)) return;
    error.textContent = [...refusal.fields.values(), ...refusal.messages].join(" ");
    say(error.textContent);
  } finally {
    item.removeAttribute("aria-busy");
  }
}

async function show(item, { provider, ext_id }, box) {
  const wanted = box.checked;
  // One press at a time. Not `disabled`, which would take the focus away.
  if (item.hasAttribute("aria-busy")) return (box.checked = !wanted);
  let stored = !wanted;
  await change(item, async () => {
    const changed = await associations.change({ provider, ext_id, show_in_profile: wanted });
    stored = changed.show_in_profile;
    say(`${nameOf(changed)} account ${ext_id} is ${stored ? "shown in" : "hidden from"} your profile.`);
  });
  box.checked = stored;
}

function askToRemove(item, association) {
  const dialog = find("confirm");
  find("confirm-text").textContent =
    `${nameOf(association)} account ${association.ext_id} will no longer be linked to you.`;
  dialog.returnValue = "cancel";
  dialog.onclose = () => dialog.returnValue === "remove" && remove(item, association);
  dialog.showModal();
}

async function remove(item, association) {
  await change(item, async () => {
    await associations.remove(association).catch((error) => {
      // Gone already, removed elsewhere: what was asked for holds.
      if (error.status !== 404) throw error;
    });
    item.remove();
    count();
    find("list-title").focus();
    say(`${nameOf(association)} account ${association.ext_id} is no longer linked.`);
  });
}

// Adding

/** Only the fields that the service takes for this provider are there to fill in. */
function fitFields() {
  const external = find("provider").value.trim() === "external";
  for (const field of find("add-form").querySelectorAll("[data-for]"))
    field.hidden = (field.dataset.for === "external") !== external;
}

async function add() {
  const { provider, ext_id, profile_url, show_in_profile, metadata } = find("add-form").elements;
  const association = {};
  // An empty field is one not given: the service then says `required` where it is.
  if (provider.value.trim()) association.provider = provider.value.trim();
  if (ext_id.value.trim()) association.ext_id = ext_id.value.trim();
  if (association.provider === "external") {
    if (metadata.value.trim()) association.metadata = metadata.value;
  } else {
    if (profile_url.value.trim()) association.profile_url = profile_url.value.trim();
    association.show_in_profile = show_in_profile.checked;
  }
  const created = await associations.create(association);

  const known = [...find("list").children].find(
    ({ dataset }) => dataset.provider === created.provider && dataset.extId === created.ext_id,
  );
  const item = accountItem(created);
  if (known) known.replaceWith(item);
  else find("list").append(item);
  count();
  find("add-form").reset();
  fitFields();
  find("provider").focus();
  say(`${nameOf(created)} account ${created.ext_id} is linked.`);
}

find("api").value =
  new URLSearchParams(location.search).get("api") ?? `http://${location.hostname}:8000`;
find("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  submit(event.target, signIn);
});
find("add-form").addEventListener("submit", (event) => {
  event.preventDefault();
  submit(event.target, add);
});
find("sign-out").addEventListener("click", () => {
  signOut();
  say("Signed out.");
});
find("provider").addEventListener("input", fitFields);
