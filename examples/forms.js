// What the pages do with their elements: a live region that speaks, errors beside their fields.

export const find = (id) => document.getElementById(id);

/** Say it in the live region, which is seen and spoken. */
export function say(text) {
  // Cleared first, so that a screen reader also speaks the same sentence twice in a row.
  find("status").textContent = "";
  setTimeout(() => (find("status").textContent = text), 50);
}

export function clearErrors(form) {
  for (const error of form.querySelectorAll(".error")) error.textContent = "";
  for (const input of form.elements) input.removeAttribute("aria-invalid");
}

/** Show each error at its field; what has no visible field goes below the form. */
export function showErrors(form, { fields, messages }) {
  const rest = [...messages];
  for (const [field, message] of fields) {
    const input = form.elements[field];
    if (input && !input.closest("[hidden]")) {
      input.setAttribute("aria-invalid", "true");
      find(`${field}-error`).textContent = message;
    } else rest.push(`${field}: ${message}`);
  }
  form.querySelector(".form-error").textContent = rest.join(" ");
  form.querySelector("[aria-invalid]")?.focus();
}

/** Show an error of one field. */
export function showError(form, field, message) {
  showErrors(form, { fields: new Map([[field, message]]), messages: [] });
}
