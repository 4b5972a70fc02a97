// What the API key permits: the page hides buttons that it does not permit.

// The header of every response to a known caller.
const HEADER = 'Glimpse-Scopes';

/** Note the scopes in a response; elements with `data-needs="write"` are hidden without that scope. */
export function noteScopes(headers) {
  const scopes = headers.get(HEADER);
  if (scopes !== null) document.body.classList.toggle('read-only', !scopes.split(' ').includes('write'));
}

/** Return whether pictures may be added and changed; true until the service has said otherwise. */
export function mayWrite() {
  return !document.body.classList.contains('read-only');
}
