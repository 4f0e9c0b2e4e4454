// The row of a linked account, as far as all pages show the same.

import { find } from "./forms.js";

/** A copy of the template `account` with this association in it; `name` is its heading. */
export function accountRow(association, name) {
  const row = find("account").content.cloneNode(true).firstElementChild;
  const part = (selector) => row.querySelector(selector);
  row.dataset.provider = association.provider;
  row.dataset.extId = association.ext_id;
  part("h3").textContent = name;
  part(".id bdi").textContent = association.ext_id;

  const url = webAddress(association.profile_url);
  if (url) {
    part("a").href = url.href;
    part("a bdi").textContent = url.href.replace(/^https?:\/\/|\/$/g, "");
  } else part(".profile").remove();

  if (association.metadata) part("pre").textContent = JSON.stringify(association.metadata, null, 2);
  else part("details").remove();
  return row;
}

/** The text as a web address, or null: anything else must not become a link. */
function webAddress(text) {
  try {
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) ? url : null;
  } catch {
    return null;
  }
}
