// Shows pictures of the service: by their URLs, or fetched with the API key if there is one.

import { baseName } from '../format.js';
import { fetchBlob } from './api.js';
import { hasKey } from './key.js';

// Milliseconds after which the browser has certainly started to save a file.
const SAVED_MS = 60_000;

// The address each element should show; a response that arrives after it changed is ignored.
const requested = new WeakMap();

/** Show a picture in an element; dispatch an `error` event on it if loading fails. */
export async function showPicture(image, address) {
  requested.set(image, address);
  if (!hasKey()) {
    image.src = address;
    return;
  }
  try {
    const blob = await fetchBlob(address);
    if (requested.get(image) === address) showBlob(image, blob);
  } catch {
    if (requested.get(image) === address) image.dispatchEvent(new Event('error'));
  }
}

function showBlob(image, blob) {
  const url = URL.createObjectURL(blob);
  const revoke = () => URL.revokeObjectURL(url);
  image.addEventListener('load', revoke, { once: true });
  image.addEventListener('error', revoke, { once: true });
  image.src = url;
}

/** Make a link open a picture; if an API key is required, it saves the picture instead. */
export function linkPicture(link, address, name, onProblem) {
  link.href = address;
  link.onclick = hasKey() ? (event) => save(event, address, name).catch(onProblem) : null;
}

/** Save the original of a picture. Throws a Problem. */
export function savePicture({ filename, links }) {
  return saveAs(baseName(filename), links.content);
}

async function save(event, address, name) {
  event.preventDefault();
  await saveAs(name, address);
}

async function saveAs(name, address) {
  const url = URL.createObjectURL(await fetchBlob(address));
  const link = document.createElement('a');
  link.href = url;
  // Save rather than open: a blob URL would run untrusted content in this page's origin.
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), SAVED_MS);
}
