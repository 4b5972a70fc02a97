// The user's API key: requested when the service requires one, and stored for this tab only.

import { byId, setText, show } from '../elements.js';
import { ROOT } from './root.js';

// Its name in sessionStorage, which the browser clears when the tab closes.
const NAME = 'glimpse-key';

let key = sessionStorage.getItem(NAME) ?? '';
let pending = null;
const listeners = [];

/** Return the headers that authenticate a request, if a key is stored. */
export function keyHeaders() {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Return whether a key is stored. */
export function hasKey() {
  return key !== '';
}

/** Call `callback` whenever the user enters a key. */
export function onKey(callback) {
  listeners.push(callback);
}

/**
 * Run a request. If the service rejects the key (401), ask the user for one and run it again.
 *
 * Throws the 401 problem if the user enters no key.
 */
export async function withKey(request) {
  for (;;) {
    const used = key;
    try {
      return await request();
    } catch (problem) {
      if (problem.status !== 401 || problem.signedOut) throw problem;
      // The user may have entered a key while this request was in flight.
      if (key === used) await requestKey(problem);
    }
  }
}

/** Ask the user for a key; concurrent requests share one dialog. */
function requestKey(problem) {
  pending ??= openSignIn(problem).finally(() => {
    pending = null;
  });
  return pending;
}

function openSignIn(problem) {
  const dialog = byId('sign-in');
  const line = byId('sign-in-problem');
  setText(line, problem.detail);
  // Before a first attempt there is no error to show.
  show(line, hasKey());
  byId('key').value = '';
  dialog.showModal();
  return new Promise((resolve, reject) => {
    let entered = '';
    byId('sign-in-form').onsubmit = (event) => {
      event.preventDefault();
      entered = byId('key').value.trim();
      if (entered) dialog.close();
    };
    dialog.onclose = () => {
      byId('key').value = '';
      if (!entered) return reject(problem);
      storeKey(entered);
      return resolve();
    };
  });
}

function storeKey(entered) {
  // Remove characters that are invalid in a header; no key contains them.
  key = entered.replace(/[^\x21-\x7e]/g, '');
  sessionStorage.setItem(NAME, key);
  showSignOut();
  for (const callback of listeners) callback();
}

function showSignOut() {
  show(byId('sign-out'), hasKey());
}

/** Forget the key and load the page again, which then asks for another one. */
export function forgetKey() {
  sessionStorage.removeItem(NAME);
  location.reload();
}

byId('sign-out').addEventListener('click', () => {
  sessionStorage.removeItem(NAME);
  location.assign(`${ROOT}/`);
});
showSignOut();
