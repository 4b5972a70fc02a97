// Access to the elements of index.html.

/** Return an element of index.html by its id. */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element #${id}`);
  return element;
}

/** Return a copy of the content of a template in index.html. */
export function fromTemplate(id) {
  return byId(id).content.firstElementChild.cloneNode(true);
}

/** Show or hide an element, visually and for screen readers. */
export function show(element, shown) {
  element.hidden = !shown;
}

/** Return whether a key event asks for a deletion: not a shortcut of the browser, nor an edit of a field. */
export function isDelete(event) {
  const hasModifier = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
  return event.key === 'Delete' && !hasModifier && !event.repeat && !event.target.closest('input:not(.tile-check), select, textarea');
}

/** Set an element's text unless it is unchanged: a live region would announce it again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
