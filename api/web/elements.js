// The page's own elements, found once by their ids.

/** Return an element that index.html has. */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element #${id}`);
  return element;
}

/** Return a fresh copy of what a template of index.html holds. */
export function fromTemplate(id) {
  return byId(id).content.firstElementChild.cloneNode(true);
}

/** Show an element or take it away, for eyes and screen readers alike. */
export function show(element, shown) {
  element.hidden = !shown;
}

/** Put text into an element, and leave it alone where it says so already: live regions listen. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
