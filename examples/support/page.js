// An administrator's desk. The service decides who may do what, and what a field may hold.

import { accountRow } from "../account.js";
import { Activity } from "../activity.js";
import { Associations, Everybody, Refusal, idOf } from "../api.js";
import { clearErrors, find, say } from "../forms.js";
import { onSubmit, run, runInRow, start } from "../session.js";
import { count, foreign, line, nameOf, sentence, time } from "../words.js";
import { csv } from "./csv.js";
import { askToTransfer } from "./transfer.js";

const PAGE = 50;
const EXACT = { dateStyle: "medium", timeStyle: "long" };

let api = null;
let everybody = null;

async function open(opened) {
  const asked = new Everybody(opened);
  try {
    await asked.search({ limit: 1 });
  } catch (refusal) {
    if (refusal.status !== 403) throw refusal;
    const message = "This token isn't an administrator's.";
    throw new Refusal(403, [{ field: "token", messages: [{ message }] }], message);
  }
  return () => {
    api = opened;
    everybody = asked;
    find("user_ids").focus();
  };
}

function close() {
  api = everybody = null;
  closeHistory();
  fill({ associations: [] });
  find("results").hidden = true;
  for (const id of ["by-user-form", "by-account-form"]) {
    find(id).reset();
    clearErrors(find(id));
  }
}

// Finding

async function findByUser() {
  const user_ids = find("user_ids").value.split(/[\s,;]+/).filter(Boolean);
  await show(everybody.lookup({ user_ids }), (id) => userMissing(idOf(id)));
}

async function findByAccount() {
  const asked = {};
  const provider = find("provider").value.trim();
  const ids = find("ext_ids").value.split("\n").map((id) => id.trim());
  if (provider) asked.provider = provider;
  asked.ext_ids = ids.filter(Boolean);
  if (asked.ext_ids.length)
    await show(everybody.lookup(asked), (id) => [foreign(id), " is linked to nobody."]);
  else await show(everybody.search({ provider, limit: PAGE }), null, { provider, limit: PAGE });
}

function userMissing(user) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "History";
  button.setAttribute("aria-label", `History of user ${user}`);
  button.addEventListener("click", () => showHistory(user, button));
  return [`User ${user} has no accounts.`, button];
}

/** What was looked for last, of both forms. */
let latest = null;

/** Show what is found; of a search also what was asked, for its next page. */
async function show(looking, missing, asked) {
  latest = looking;
  const page = await looking;
  if (looking !== latest) return;
  fill(page, missing, asked);
  find("results").hidden = false;
  find("results-title").focus();
  say(`${count(page.associations.length, "account")} found.`);
}

/** What a search goes on with, if it does. */
let following = null;

function follow(asked, cursor) {
  following = cursor ? { ...asked, cursor } : null;
  find("more").hidden = !following;
}

function fill({ associations, not_found = [], next_cursor = null }, missing, asked) {
  find("list").replaceChildren(...associations.map(accountItem));
  find("missing").replaceChildren(
    ...not_found.map((id) => {
      const item = document.createElement("li");
      item.append(...missing(id));
      return item;
    }),
  );
  find("more-error").textContent = "";
  follow(asked, next_cursor);
  recount();
}

async function showMore() {
  const asked = following;
  find("more-error").textContent = "";
  const page = await everybody.search(asked);
  // Something else may have been looked for meanwhile.
  if (asked !== following) return;
  const items = page.associations.map(accountItem);
  find("list").append(...items);
  follow(asked, page.next_cursor);
  recount();
  say(`${count(items.length, "account")} more.`);
  // The focus must not go with the button.
  if (!following) (items[0] ?? find("results-title")).focus();
}

function recount() {
  const number = find("list").childElementCount;
  find("count").textContent = number;
  find("export").hidden = number === 0;
}

/** The association that each row shows. */
const shown = new WeakMap();

function accountItem(association) {
  const item = accountRow(association, nameOf(association));
  const part = (selector) => item.querySelector(selector);
  const user = idOf(association.user_id);
  shown.set(item, association);

  const { created_at, updated_at } = association;
  const maker = idOf(association.created_by);
  part("dl").append(
    ...fact("User", user),
    ...fact("Linked", time(created_at, EXACT), ` by ${maker === user ? "the user" : `user ${maker}`}`),
    ...(updated_at === created_at ? [] : fact("Changed", time(updated_at, EXACT))),
  );
  if ("show_in_profile" in association)
    part("dl").append(...fact("In profile", association.show_in_profile ? "shown" : "hidden"));

  const named = `${nameOf(association)} ${association.ext_id} of user ${user}`;
  const button = (name, label, work) => {
    part(`[data-do=${name}]`).setAttribute("aria-label", label);
    part(`[data-do=${name}]`).addEventListener("click", work);
  };
  button("history", `History of user ${user}`, (event) => showHistory(user, event.target));
  button("transfer", `Transfer ${named}`, () => transfer(item, association, user));
  button("unlink", `Unlink ${named}`, () => askToUnlink(item, association, user));
  return item;
}

function fact(name, ...content) {
  const [term, definition] = ["dt", "dd"].map((tag) => document.createElement(tag));
  term.textContent = name;
  definition.append(...content);
  return [term, definition];
}

// What became of a user's associations

const by = (actor) => (actor === null ? " by a command" : ` by user ${actor}`);

const activity = new Activity(find("activity"), (event, user) => [
  line("what", sentence(event, user, by)),
  ...(event.ext_id ? [line("id", foreign(event.ext_id))] : []),
  line("when", time(event.occurred_at, EXACT)),
  ...(event.request_id ? [line("when", "Request ", foreign(event.request_id))] : []),
]);

/** Whose history is open, and which button opened it. */
let history = null;

function showHistory(user, opener) {
  history = { user, opener };
  find("activity").hidden = false;
  find("activity-title").textContent = `History of user ${user}`;
  find("activity-title").focus();
  activity.clear();
  activity.show(new Associations(api, user));
}

function closeHistory() {
  const opener = history?.opener;
  history = null;
  find("activity").hidden = true;
  activity.clear();
  (opener?.isConnected ? opener : find("results-title")).focus();
}

/** Have an open history show what was done just now. */
function refreshHistory(...users) {
  if (history && users.includes(history.user)) activity.show(new Associations(api, history.user));
}

// Unlinking

function askToUnlink(item, association, user) {
  const dialog = find("unlink");
  find("unlink-text").textContent =
    `${nameOf(association)} ${association.ext_id} will no longer be linked to user ${user}.`;
  dialog.returnValue = "cancel";
  dialog.onclose = () => dialog.returnValue === "unlink" && unlink(item, association, user);
  dialog.showModal();
}

function unlink(item, association, user) {
  return runInRow(item, async () => {
    await new Associations(api, user).remove(association);
    item.remove();
    recount();
    refreshHistory(user);
    find("results-title").focus();
    say(`${nameOf(association)} ${association.ext_id} is no longer linked to user ${user}.`);
  });
}

// Transferring

function transfer(item, association, user) {
  const { provider, ext_id } = association;
  const named = `${nameOf(association)} ${ext_id}`;
  askToTransfer(named, user, async (to) => {
    const [moved] = await new Associations(api, user).transfer(association, to);
    // It is done; when it was changed is shown as the service has it, if it can be asked.
    const found = await everybody.lookup({ provider, ext_ids: [ext_id] }).catch((refusal) => {
      if (!(refusal instanceof Refusal)) throw refusal;
    });
    return () => {
      const now = accountItem(found?.associations[0] ?? { ...association, ...moved });
      item.replaceWith(now);
      now.querySelector("[data-do=transfer]").focus();
      refreshHistory(user, to);
      say(`${named} went from user ${user} to user ${to}.`);
    };
  });
}

// Taking it along

function download() {
  const rows = [...find("list").children].map((item) => shown.get(item));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv(rows)], { type: "text/csv" }));
  link.download = "associations.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  const rest = following ? " There are more to show first." : "";
  say(`${count(rows.length, "account")} exported.${rest}`);
}

// The address is not taken from the page's own: a link must not choose who gets the token.
find("api").value = `http://${location.hostname}:8000`;
onSubmit("by-user-form", findByUser);
onSubmit("by-account-form", findByAccount);
find("more").addEventListener("click", ({ target }) =>
  run(target, showMore, (refusal) => (find("more-error").textContent = refusal.text)),
);
find("activity-close").addEventListener("click", closeHistory);
find("export").addEventListener("click", download);
start({ id: "desk", open, close });
