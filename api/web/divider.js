// The divider in the grid between pictures that match the query and those that are probably noise.

/** Begin the part of a list for pictures that match less, unless it has begun. */
export function divide(list) {
  if (list.querySelector('.divider')) return;
  const divider = document.createElement('li');
  divider.className = 'divider';
  divider.textContent = list.childElementCount ? 'Less alike from here' : 'Nothing matches well; these come closest';
  list.append(divider);
}
