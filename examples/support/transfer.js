// The dialog of a transfer, in two steps: to whom, and whether that is meant.

import { clearErrors, find, say, showError } from "../forms.js";
import { handled, onSubmit } from "../session.js";

let asked = null;

/**
 * Ask, and have it done.
 * @param {string} named what is to be transferred
 * @param {string} user who has it
 * @param {(to: string) => Promise<() => void>} work gives what is to be shown once the dialog is
 *   closed; a refusal is shown in the dialog, if it is still there
 */
export function askToTransfer(named, user, work) {
  asked = { named, user, work, to: null };
  find("transfer-form").reset();
  clearErrors(find("transfer-form"));
  find("transfer").showModal();
  ask(null);
}

/** Ask whether it is to go to this user; to whom at all, where it is null. */
function ask(to) {
  const { named, user } = asked;
  asked.to = to;
  find("transfer-to").hidden = to !== null;
  find("transfer-text").textContent = to
    ? `${named} will be taken from user ${user} and given to user ${to}.`
    : `${named} is linked to user ${user}.`;
  find("transfer-go").textContent = to ? `Transfer from user ${user} to user ${to}` : "Continue";
  // Not the button itself, the second time: a key that is pressed twice must not carry it out.
  find(to ? "transfer-cancel" : "to_user_id").focus();
}

async function goOn() {
  if (asked.to) return carryOut(asked);
  const to = find("to_user_id").value.trim();
  if (/^[1-9][0-9]*$/.test(to)) return ask(to);
  showError(find("transfer-form"), "to_user_id", "Name the user by the ID, a whole number.");
}

async function carryOut(transfer) {
  // Who cancels now is too late: the request is sent. The dialog may be about another one then.
  const isThere = () => transfer === asked && find("transfer").open;
  let show;
  try {
    show = await transfer.work(transfer.to);
  } catch (error) {
    if (isThere()) {
      ask(null);
      throw error;
    }
    if (!handled(error)) say(`${transfer.named} was not transferred: ${error.text}`);
    return;
  }
  if (isThere()) find("transfer").close();
  show();
}

onSubmit("transfer-form", goOn);
find("transfer-cancel").addEventListener("click", () => find("transfer").close());
