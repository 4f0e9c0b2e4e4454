// What was found, as a table that spreadsheets open and `flask associations import` takes.

const COLUMNS = [
  "user_id",
  "provider",
  "ext_id",
  "profile_url",
  "show_in_profile",
  "metadata",
  "created_at",
  "updated_at",
  "created_by",
];

/** A spreadsheet takes a cell that begins so for a formula. */
const FORMULA = /^[=+\-@\uff1d\uff0b\uff0d\uff20]/;

function text(value) {
  if (value === null || value === undefined) return "";
  // A large integer (see api.js); not metadata with a member of this name.
  if (JSON.isRawJSON?.(value)) return value.rawJSON;
  // Where spreadsheets part cells at semicolons, they do so inside of quotes that don't begin one.
  if (typeof value === "object") return JSON.stringify(value).replaceAll(";", "\\u003b");
  return String(value);
}

/**
 * An apostrophe makes what would be a formula text. That is another id then: the space at its end
 * has the import refuse it, rather than link it.
 */
function harmless(cell) {
  const parts = cell.split(";");
  const marked = parts.map((part) => (FORMULA.test(part.replace(/^[\s"]+/, "")) ? `'${part}` : part));
  const joined = marked.join(";");
  return joined === cell ? cell : `${joined} `;
}

const quoted = (cell) => `"${cell.replaceAll('"', '""')}"`;

/** @param {Array<object>} associations in the detailed form */
export function csv(associations) {
  const rows = associations.map((row) => COLUMNS.map((name) => harmless(text(row[name]))));
  // The mark at the start has spreadsheets read UTF-8.
  return `\ufeff${[COLUMNS, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n")}\r\n`;
}
