// The divider in the grid between pictures that match the query and those that are probably noise.

/** Return the divider that stands after `before` pictures. */
export function dividerOf(before) {
  const divider = document.createElement('li');
  divider.className = 'divider';
  divider.textContent = before ? 'Less alike from here' : 'Nothing matches well; these come closest';
  return divider;
}
