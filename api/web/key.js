// The reader's key: asked for when the service wants one, and kept for this tab alone.

import { byId, say, show } from './elements.js';

// What the tab's own store keeps it under; it is gone when the tab is closed.
const NAME = 'glimpse-key';

let key = sessionStorage.getItem(NAME) ?? '';
let asking = null;
const heard = [];

/** Return the headers that a request shows the key with, if there is one. */
export function keyHeaders() {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Whether the reader has given a key. */
export function hasKey() {
  return key !== '';
}

/** Call back whenever the reader has given a key. */
export function onKey(callback) {
  heard.push(callback);
}

/**
 * Run a request, and again with a key of the reader's when the service wants another one.
 *
 * Throws the refusal where the reader gives none.
 */
export async function withKey(request) {
  for (;;) {
    const used = key;
    try {
      return await request();
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      // While this request was on its way the reader may have given one already.
      if (key === used) await ask(problem);
    }
  }
}

/** Ask the reader for a key, once for all requests that want one. */
function ask(problem) {
  asking ??= askNow(problem).finally(() => {
    asking = null;
  });
  return asking;
}

function askNow(problem) {
  const dialog = byId('sign-in');
  const line = byId('sign-in-problem');
  say(line, problem.detail);
  // The first time there is nothing wrong yet.
  show(line, hasKey());
  byId('key').value = '';
  dialog.showModal();
  return new Promise((resolve, reject) => {
    let given = '';
    byId('sign-in-form').onsubmit = (event) => {
      event.preventDefault();
      given = byId('key').value.trim();
      if (given) dialog.close();
    };
    dialog.onclose = () => {
      byId('key').value = '';
      if (!given) return reject(problem);
      keep(given);
      return resolve();
    };
  });
}

function keep(given) {
  // Characters that no header takes are in no key either.
  key = given.replace(/[^\x21-\x7e]/g, '');
  sessionStorage.setItem(NAME, key);
  showWhether();
  for (const callback of heard) callback();
}

function showWhether() {
  show(byId('sign-out'), hasKey());
}

byId('sign-out').addEventListener('click', () => {
  sessionStorage.removeItem(NAME);
  location.assign('/');
});
showWhether();
