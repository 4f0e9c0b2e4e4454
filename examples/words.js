// What the service has in fields, in words.

import { idOf } from "./api.js";

const NAMES = {
  __proto__: null, // a provider may be called "constructor"
  external: "External system",
  facebook: "Facebook",
  github: "GitHub",
  google: "Google",
  linkedin: "LinkedIn",
  microsoft: "Microsoft",
  x: "X",
};

const DETAILS = {
  metadata: "metadata",
  profile_url: "profile address",
  show_in_profile: "visibility in the profile",
};

export const providerOf = ({ provider }) => NAMES[provider] ?? provider;
export const nameOf = (association) => `${providerOf(association)} account`;
export const count = (number, one, more = `${one}s`) => `${number} ${number === 1 ? one : more}`;

/** A paragraph of a class. */
export function line(name, ...content) {
  const element = document.createElement("p");
  element.className = name;
  element.append(...content);
  return element;
}

/** What somebody else chose, such as an id: its writing direction stays its own. */
export function foreign(text) {
  const element = document.createElement("bdi");
  element.textContent = text;
  return element;
}

/**
 * An event as a sentence without its full stop.
 * @param {object} event
 * @param {string} user in whose history it stands
 * @param {(actor: string | null) => string} by who did it, with a space in front, or nothing
 */
export function sentence(event, user, by) {
  const who = by(event.actor_id === null ? null : idOf(event.actor_id));
  switch (event.type) {
    case "association.created":
      return `${nameOf(event)} linked${who}`;
    case "association.deleted":
      return `${nameOf(event)} removed${who}`;
    case "association.changed": {
      const details = event.changed.map((name) => DETAILS[name] ?? name).join(", ");
      return `${nameOf(event)} changed${who}: ${details}`;
    }
    case "association.transferred": {
      const isHere = idOf(event.user_id) === user;
      const from = `here from user ${idOf(event.from_user_id)}`;
      return `${nameOf(event)} moved ${isHere ? from : `to user ${idOf(event.user_id)}`}${who}`;
    }
    case "user.erased":
      return `${count(event.deleted, "account")} and all earlier activity erased${who}`;
    default:
      // Of a later release.
      return event.type + who;
  }
}

/** A moment of the service's in the reader's own time, as an element. */
export function time(timestamp, style) {
  const element = document.createElement("time");
  element.dateTime = timestamp;
  const format = new Intl.DateTimeFormat(document.documentElement.lang, style);
  element.textContent = format.format(new Date(timestamp));
  return element;
}
