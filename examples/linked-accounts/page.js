// The page. What the service says is shown as text, never as HTML, and the rules for a field are
// the service's alone: the page sends what was typed and shows each refusal beside its field.

import { accountRow } from "../account.js";
import { Activity } from "../activity.js";
import { Associations } from "../api.js";
import { clearErrors, find, say } from "../forms.js";
import { onSubmit, runInRow, start } from "../session.js";
import { foreign, line, nameOf, providerOf, sentence, time } from "../words.js";

let associations = null;

async function open(api, user) {
  const opened = new Associations(api, user);
  const rows = await opened.list();
  return () => {
    associations = opened;
    find("list").replaceChildren(...rows.map(accountItem));
    count();
    find("list-title").focus();
    activity.show(associations);
  };
}

function close() {
  associations = null;
  activity.clear();
  find("list").replaceChildren();
  find("add-form").reset();
  clearErrors(find("add-form"));
  fitFields();
}

// The list

function count() {
  const number = find("list").childElementCount;
  find("count").textContent = number || "";
  find("empty").hidden = number > 0;
}

function accountItem(association) {
  const item = accountRow(association, providerOf(association));
  const part = (selector) => item.querySelector(selector);
  const symbol = `icon-${association.provider}`;
  part("use").setAttribute("href", find(symbol)?.localName === "symbol" ? `#${symbol}` : "#icon-link");

  const named = `${nameOf(association)} ${association.ext_id}`;
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

async function show(item, { provider, ext_id }, box) {
  const wanted = box.checked;
  // One press at a time. Not `disabled`, which would take the focus away.
  if (item.hasAttribute("aria-busy")) return (box.checked = !wanted);
  let stored = !wanted;
  await runInRow(item, async () => {
    const changed = await associations.change({ provider, ext_id, show_in_profile: wanted });
    stored = changed.show_in_profile;
    activity.show(associations);
    say(`${nameOf(changed)} ${ext_id} is ${stored ? "shown in" : "hidden from"} your profile.`);
  });
  box.checked = stored;
}

function askToRemove(item, association) {
  const dialog = find("confirm");
  find("confirm-text").textContent =
    `${nameOf(association)} ${association.ext_id} will no longer be linked to you.`;
  dialog.returnValue = "cancel";
  dialog.onclose = () => dialog.returnValue === "remove" && remove(item, association);
  dialog.showModal();
}

async function remove(item, association) {
  await runInRow(item, async () => {
    await associations.remove(association).catch((error) => {
      // Gone already, removed elsewhere: what was asked for holds.
      if (error.status !== 404) throw error;
    });
    item.remove();
    count();
    activity.show(associations);
    find("list-title").focus();
    say(`${nameOf(association)} ${association.ext_id} is no longer linked.`);
  });
}

// What became of them

function by(user) {
  return (actor) => {
    if (actor === null) return " by the platform";
    return actor === user ? "" : " by an administrator";
  };
}

const activity = new Activity(find("activity"), (event, user) => [
  line("what", sentence(event, user, by(user))),
  ...(event.ext_id ? [line("id", foreign(event.ext_id))] : []),
  line("when", time(event.occurred_at, { dateStyle: "medium", timeStyle: "short" })),
]);

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
  activity.show(associations);
  find("provider").focus();
  say(`${nameOf(created)} ${created.ext_id} is linked.`);
}

find("api").value =
  new URLSearchParams(location.search).get("api") ?? `http://${location.hostname}:8000`;
onSubmit("add-form", add);
find("provider").addEventListener("input", fitFields);
start({ id: "accounts", open, close });
